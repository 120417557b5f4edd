"""What a station says makes the hub look again at the provider's profiles only where that may change something."""

from datetime import timedelta

import pytest

from devices.evce.frames import Frame, MessageType
from devices.evce.provider import station_shelf
from devices.evce.provider.evaluation import Permitted
from kit.in_loop import in_loop
from kit.provider_bench import NOW, Bench

METERED = Frame(MessageType.CALL, "9", "MeterValues", {})


@in_loop
async def test_what_changes_nothing_is_not_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, evaluate = Bench(), station_shelf.evaluate
    looked: list[Permitted] = []

    def noting(*arguments: object) -> Permitted:
        looked.append(evaluate(*arguments))  # type: ignore[arg-type]
        return looked[-1]

    assert await bench.set(1, "TxDefaultProfile", 5000.0) == "Accepted "
    bench.begin()
    monkeypatch.setattr(station_shelf, "evaluate", noting)
    for _ in range(100):
        bench.profiles.heard(METERED, bench.version)
    assert looked == []
    bench.end()
    assert len(looked) == 1


@in_loop
async def test_a_profile_that_is_over_does_not_outlive_the_next_message() -> None:
    bench = Bench()
    assert await bench.set(1, "TxDefaultProfile", 5000.0, start=NOW - timedelta(hours=1), duration=3602) == "Accepted "
    bench.profiles.heard(METERED, bench.version)
    assert bench.facts.permitted[0] == 5000
    bench.clock.at += timedelta(seconds=3)
    bench.profiles.heard(METERED, bench.version)
    assert bench.facts.permitted[0] is None


@pytest.mark.parametrize("set_by", [timedelta(hours=-2), timedelta(hours=2)])
@in_loop
async def test_a_clock_that_is_set_counts_with_the_next_message(set_by: timedelta) -> None:
    bench = Bench()
    assert await bench.set(1, "TxDefaultProfile", 5000.0, start=NOW - timedelta(hours=1), duration=7200) == "Accepted "
    assert bench.facts.permitted[0] == 5000
    bench.clock.at += set_by
    bench.profiles.heard(METERED, bench.version)
    assert bench.facts.permitted[0] is None


@in_loop
async def test_the_owner_and_another_station_object_count_with_the_next_message() -> None:
    bench = Bench()
    assert await bench.set(1, "TxDefaultProfile", 5000.0) == "Accepted "
    bench.owner.holds = True
    bench.profiles.heard(METERED, bench.version)
    assert bench.facts.permitted == (5000, None, False)
    again = Bench().facts
    bench.stations.profiles(again)
    bench.profiles.heard(METERED, bench.version)
    assert again.permitted == (5000, None, False)
