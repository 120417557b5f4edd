"""A station's report of its profiles, in parts and from stations that report what nobody has asked for."""

import asyncio

import pytest

from devices.evce import foreign_profiles
from devices.evce.foreign_profiles import ProfileReport


def told(*parts: tuple[int, list[int], bool]) -> list[int]:
    """What is known after parts with an offset to the request's id, their ids and whether more follows."""

    async def main() -> list[int]:
        report = ProfileReport()
        request_id = report.expect()
        for offset, ids, more in parts:
            report.told(request_id + offset, ids, more=more)
        return await report.ids()

    return asyncio.run(main())


def test_parts_are_put_together_until_no_more_follows() -> None:
    assert told((0, [1, 2], True), (0, [2, 3], False), (0, [4], False)) == [1, 2, 3]


def test_what_was_not_asked_for_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_profiles, "REPORT_S", 0.01)
    assert told((1, [1], False)) == []
    report = ProfileReport()
    report.told(0, [1], more=False)
    assert asyncio.run(report.ids()) == []


def test_a_report_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_profiles, "REPORT_S", 0.01)
    assert told(*((0, list(range(number * 50, number * 50 + 50)), True) for number in range(9))) == list(range(64))
