"""What an event asks to be told: that it came, and figures of the home."""

import pytest

from homeapp.model.grid_report import GridFigure
from kit.announced_events import Scene, asking, play, request


def test_an_event_that_asks_for_it_is_acknowledged_once() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(**asking("ACK")), request("quiet")]}
        await scene.poll()
        await scene.poll()
        (report,) = scene.vtn.added
        assert (report["eventID"], report["clientName"]) == ("e", "homeapp")
        assert report["resources"] == [
            {
                "resourceName": "AGGREGATED_REPORT",
                "intervals": [{"id": 0, "payloads": [{"type": "ACK", "values": [True]}]}],
            }
        ]
        scene.restart()
        scene.vtn.made_before = {report["reportName"]}
        await scene.poll()
        assert len(scene.vtn.added) == 1
        scene.vtn.published = {"flex": [request(changed_s=5, **asking("ACK"))]}
        await scene.poll()
        assert [item["reportName"] != report["reportName"] for item in scene.vtn.added] == [False, True]

    play(act)


@pytest.mark.parametrize(("status", "tries"), [(503, 2), (403, 2), (400, 1)])
def test_an_acknowledgement_that_is_not_taken_stops_nothing(status: int, tries: int) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.report_status = status
        scene.vtn.published = {"flex": [request(**asking("ACK"))]}
        assert await scene.poll() == [("offer", "e/0")]
        await scene.poll()
        assert len(scene.vtn.added) == tries

    play(act)


def test_what_is_to_be_told_is_told_when_it_changes() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [request(**asking("OPERATING_STATE", "SOMETHING_ELSE"))]}
        await scene.poll()
        (wish,) = scene.wishes
        assert (wish.event_id, wish.figures) == ("e", frozenset({GridFigure.OPERATING_STATE}))
        await scene.poll()
        assert scene.heard.wishes is None
        scene.vtn.published = {}
        await scene.poll()
        assert scene.wishes == ()

    play(act)
