"""Alerts of the grid operator, and how many of them are too many."""

from datetime import timedelta
from typing import Any

import pytest

from homeapp.model.offer import Binding, OfferKind
from homeapp.providers.grid_sp.announcements import MOST_ALERTS
from kit.announced_events import NOON, Scene, play, request


def alert(text: object, event_id: str = "a", *, kind: str = "ALERT_POSSIBLE_OUTAGE", **parts: Any) -> Any:
    return request(event_id, intervals=[{"id": 0, "payloads": [{"type": kind, "values": [text]}]}], **parts)


@pytest.mark.usecase("T1")
def test_an_alert_is_something_to_know_for_as_long_as_it_holds() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [alert("<b>The line\nis down.</b>")]}
        assert await scene.poll() == [("offer", "a/0")]
        (told,) = scene.heard.offers
        assert (told.kind, told.binding) == (OfferKind.ALERT, Binding.MANDATORY)
        assert (told.title, told.description) == ("The power may fail", "<b>The line is down.</b>")
        assert [(item.setpoint_w, item.max_w, item.max_feed_w) for item in told.intervals] == [(None, None, None)]
        assert (told.start - NOON, told.end - NOON) == (timedelta(hours=1), timedelta(hours=2))
        scene.vtn.published = {}
        assert await scene.poll() == [("withdrawn", "a")]

    play(act)


@pytest.mark.parametrize("text", [7, None, {"say": "hello"}])
def test_an_alert_without_a_text_says_at_least_what_it_is(text: object) -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [alert(text, kind="ALERT_NEW_KIND")]}
        await scene.poll()
        assert [(offer.title, offer.description) for offer in scene.heard.offers] == [
            ("Notice of the grid operator", "")
        ]

    play(act)


def test_a_flood_of_alerts_is_cut_off() -> None:
    async def act(scene: Scene) -> None:
        scene.vtn.published = {"flex": [alert("x", f"a{index}") for index in range(MOST_ALERTS + 2)]}
        words = await scene.poll()
        assert (words.count(("rejected", "too_many")), len(scene.heard.offers)) == (2, MOST_ALERTS)

    play(act)
