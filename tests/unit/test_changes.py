"""What a change in one part of the hub sets off in the others."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from homeapp import api
from homeapp.changes import Changes, Reached
from homeapp.errors import DeviceUnreachable
from homeapp.model.readings import EvceState, EvceStatus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVCE = EvceState(
    device_id="ocpp:a", received_at=NOON, status=EvceStatus.CHARGING, connected=True, soc_pct=50.2, granted_w=4140.0
)


class Parts:
    """Notes what it is told, in order; a live picture that knows the charger."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.evces = {EVCE.device_id: EVCE}
        self.evce, self.meter = EVCE, None
        self.notices: dict[str, str] = {}

    def evce_changed(self, state: EvceState) -> None:
        self.evces[state.device_id] = state

    def chargers_are(self, _names: dict[str, str]) -> None:
        return

    def notice(self, code: str, sentence: str) -> None:
        self.notices[code] = sentence

    def note(self, word: str) -> Any:
        return lambda *_: self.heard.append(word)


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def changes(parts: Parts) -> Changes:
    told = Changes()
    note = parts.note
    reached = SimpleNamespace(
        live=parts,
        control=SimpleNamespace(act=note("act"), limited=note("limited")),
        reporter=SimpleNamespace(evce_changed=lambda _: None, car_changed=lambda _: None),
        sessions=SimpleNamespace(adopted=(), chargers=()),
        replan=note("replan"),
        devices_changed=note("commissioning"),
        upstreams=None,
        publish=lambda topic: parts.heard.append(topic.value),
        name_of=lambda sp_id: {"evc_sp": "EVC provider"}.get(sp_id, sp_id),
    )
    told.reach(cast(Reached, reached))
    return told


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        ({"power_w": 4000.0}, []),
        ({"soc_pct": 50.4}, []),
        ({"soc_pct": 50.6}, ["replan"]),
        ({"soc_pct": None}, ["replan"]),
        ({"status": EvceStatus.SUSPENDED_EV}, ["act", "snapshot"]),
        ({"status": EvceStatus.AVAILABLE}, ["replan", "act", "snapshot"]),
        ({"connected": False}, ["act", "snapshot"]),
        ({"provider_limit_w": 2000.0}, ["act", "devices"]),
    ],
)
def test_only_what_bears_on_others_is_passed_on(
    changes: Changes, parts: Parts, change: dict[str, Any], heard: list[str]
) -> None:
    changes.evce_changed(replace(EVCE, **change))
    assert parts.heard == heard


def test_what_has_left_is_told_after_what_may_leave(changes: Changes, parts: Parts) -> None:
    changes.sharing_changed()
    assert parts.heard == [api.Topic.SHARING.value, api.Topic.UPLINK.value]


def test_a_limit_reaches_the_chargers_before_the_plan(changes: Changes, parts: Parts) -> None:
    changes.limited()
    assert parts.heard == ["limited", "replan"]


def test_the_owner_reads_a_sentence_of_a_part_that_failed(changes: Changes, parts: Parts) -> None:
    changes.part_failed("evc_sp", DeviceUnreachable("It does not answer."))
    changes.part_failed("recorder", ZeroDivisionError())
    assert parts.notices == {
        "part_failed.evc_sp": "EVC provider: It does not answer.",
        "part_failed.recorder": (
            "A part of the hub (recorder) failed and was started again. If it happens often, get help."
        ),
    }
