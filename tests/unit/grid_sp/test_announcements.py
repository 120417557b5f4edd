"""Only news is passed on, and nothing is concluded from what could not be read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from homeapp.errors import ProviderUnreachable
from homeapp.providers.grid_sp.announcements import MOST_PROGRAMS
from kit.announced_events import FLEX, TARIFF, Scene, play, prices, receipt, request


def test_what_has_not_changed_is_passed_on_once() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {
            "flex": [request(), receipt(DECISION_ID="d", DECISION_STATUS="CONFIRMED")],
            "tariff": [prices(), prices("bad", value="abc")],
        }
        assert sorted(await scene.poll()) == [
            ("offer", "e/0"),
            ("receipt", "d"),
            ("rejected", "value"),
            ("tariff", "1"),
        ]
        assert await scene.poll() == []

    play(act)


def test_of_two_events_with_the_same_id_the_first_counts() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(changed_s=9), request(changed_s=5)]}
        assert await scene.poll() == [("offer", "e/9")]
        assert await scene.poll() == []

    play(act)


def test_what_was_deleted_while_the_hub_was_off_is_withdrawn() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        assert sorted(await scene.poll("e", "gone")) == [("offer", "e/0"), ("withdrawn", "gone")]

    play(act)


def test_a_changed_event_is_passed_on_again() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()], "tariff": [prices()]}
        await scene.poll()
        scene.vtn.published = {"flex": [request(changed_s=60)], "tariff": [prices(value=0.3)]}
        assert await scene.poll() == [("offer", "e/60"), ("tariff", "1")]

    play(act)


def test_a_problem_that_comes_back_is_told_again() -> None:
    async def act(scene: Scene) -> None:
        for value, heard in (("abc", "rejected"), (0.2, "tariff"), ("abc", "rejected")):
            scene.vtn.published = {"tariff": [prices(value=value)]}
            assert [word for word, _ in await scene.poll()] == [heard]

    play(act)


@pytest.mark.parametrize("gone", ["event", "program"])
def test_what_is_gone_before_its_end_is_withdrawn_once(gone: str) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        await scene.poll()
        if gone == "event":
            scene.vtn.published = {}
        else:
            scene.vtn.listed = [TARIFF]
        assert await scene.poll() == [("withdrawn", "e")]
        assert await scene.poll() == []

    play(act)


def test_what_is_over_is_not_withdrawn_and_not_announced() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(), request("past", hours=-2)]}
        assert await scene.poll() == [("offer", "e/0")]
        scene.clock.at += timedelta(hours=3)
        scene.vtn.published = {}
        assert await scene.poll() == []

    play(act)


def test_a_known_request_that_is_moved_into_the_past_is_told() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        await scene.poll()
        scene.vtn.published = {"flex": [request(changed_s=5, hours=-3)]}
        assert await scene.poll() == [("offer", "e/5")]

    play(act)


def test_a_cancellation_without_delete_is_told_even_right_after_a_restart() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(duration="PT0S")]}
        assert await scene.poll() == [("withdrawn", "e")]
        assert await scene.poll() == []
        scene.vtn.published = {}
        assert await scene.poll() == []

    play(act)


def unreadable_program(scene: Scene) -> None:
    scene.vtn.listed = [FLEX | {"id": None}, TARIFF]


def too_many_programs(scene: Scene) -> None:
    scene.vtn.listed = [TARIFF | {"id": f"t{index}"} for index in range(MOST_PROGRAMS)] + [FLEX]


def unreadable_event(scene: Scene) -> None:
    scene.vtn.published = {"flex": [request(intervals="none")]}


@pytest.mark.parametrize("happens", [unreadable_program, too_many_programs, unreadable_event])
def test_what_cannot_be_read_is_not_taken_for_withdrawn(happens: Callable[[Scene], None]) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()]}
        await scene.poll()
        happens(scene)
        assert "withdrawn" not in dict(await scene.poll())

    play(act)


def test_a_poll_that_fails_concludes_nothing() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request()], "tariff": [prices()]}
        await scene.poll()
        scene.vtn.broken = True
        with pytest.raises(ProviderUnreachable):
            await scene.poll()
        scene.vtn.broken = False
        assert await scene.poll() == []

    play(act)


@pytest.mark.parametrize(("name", "heard"), [("decision-d7", ("receipt", "d7")), ("usage", ("rejected", "schema"))])
def test_a_receipt_that_names_only_the_report(name: str, heard: tuple[str, str]) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [receipt(REPORT_ID="report-1", DECISION_STATUS="CONFIRMED")]}
        scene.vtn.reports = {"/reports/report-1": {"reportName": name}}
        assert await scene.poll() == [heard]
        assert await scene.poll() == []

    play(act)


def test_a_program_of_no_profile_may_ask_too() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.listed = [FLEX | {"attributes": []}]
        scene.vtn.published = {"flex": [request()]}
        assert await scene.poll() == [("offer", "e/0")]

    play(act)


def test_what_is_not_understood_at_all_is_told_once() -> None:
    async def act(scene: Scene) -> None:
        curve = [{"id": 0, "payloads": [{"type": "CURVE", "values": [{"x": 1, "y": 2}]}]}]
        scene.vtn.published = {"flex": [request(intervals=curve)]}
        assert await scene.poll() == [("rejected", "unsupported")]
        assert await scene.poll() == []

    play(act)


def test_events_for_other_vens_by_name_are_none_of_this_homes_business() -> None:
    def to(kind: str, *values: str) -> dict[str, Any]:
        return {"targets": [{"type": kind, "values": list(values)}]}

    async def act(scene: Scene) -> None:
        scene.vtn.published = {
            "flex": [
                request("mine", **to("VEN_NAME", "other", "homeapp")),
                request("car", **to("RESOURCE_NAME", "ev")),
                request("group", **to("GROUP", "street-7")),
                request("tagged", targets=["street-7"]),
                request("other", **to("VEN_NAME", "other")),
            ]
        }
        assert sorted(await scene.poll()) == [("offer", f"{name}/0") for name in ("car", "group", "mine", "tagged")]

    play(act)


def test_a_change_that_the_server_does_not_date_is_noticed_and_a_restart_is_no_change() -> None:
    undated = {"modificationDateTime": "08:59:24"}

    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(**undated)]}
        first = await scene.poll()
        assert await scene.poll() == []
        scene.vtn.published = {"flex": [request(duration="PT2H", **undated)]}
        scene.clock.at += timedelta(minutes=1)
        assert await scene.poll() == [("offer", "e/60")]
        assert await scene.poll() == []
        scene.restart()
        assert await scene.poll() == first

    play(act)
