"""Figures that the grid operator's events ask for: each once, only with consent, only what is known."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from homeapp.model.consent import DataClass
from homeapp.model.grid_report import GridFigure, OperatingState, ReportWish, Stance
from homeapp.model.readings import EvceCapabilities, EvceStatus
from homeapp.model.record import RecordKind, Value
from homeapp.reporting.grid_reports import operating_state
from homeapp.sharing.allow_list import faults
from homeapp.sharing.consent_texts import terms
from kit.reporting_home import CHARGING, HOME, IDLE, NOON, PLUGGED, Home, home, living

QUARTER = timedelta(minutes=15)
EVERYTHING = frozenset(GridFigure)
WISH = ReportWish(
    event_id="event-1", figures=EVERYTHING, start=NOON, end=NOON + timedelta(hours=1), every=QUARTER, at_will=False
)


def told(ours: Home) -> list[dict[str, Value]]:
    return [dict(record.body) for record in ours.told("grid_sp", RecordKind.GRID_REPORT)]


async def pass_minutes(ours: Home, minutes: int) -> None:
    for _ in range(minutes * 2):
        await ours.reporter.report()
        ours.clock.at += timedelta(seconds=30)


@pytest.mark.usecase("A1", "T1")
def test_each_quarter_hour_from_start_to_end_once(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.wishes = (WISH,)
        ours.evce(CHARGING)
        await pass_minutes(ours, 90)
        assert [entry["at"] for entry in told(ours)] == [(NOON + count * QUARTER).isoformat() for count in range(5)]
        assert told(ours)[0] == {
            "event_id": "event-1",
            "at": NOON.isoformat(),
            "operating_state": "RUNNING_NORMAL",
            "soc_pct": 55.0,
            "capacity_wh": 60_000,
            "max_charge_w": 11_000.0,
            "max_feed_w": 6000.0,
        }

    living(tmp_path, body)


def test_one_at_the_end_where_no_more_are_asked_for(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.wishes = (replace(WISH, every=None),)
        ours.evce(CHARGING)
        await pass_minutes(ours, 70)
        assert [entry["at"] for entry in told(ours)] == [WISH.end.isoformat()]

    living(tmp_path, body)


def test_a_restart_tells_nothing_twice_and_nothing_late(tmp_path: Path) -> None:
    async def main() -> None:
        async with home(tmp_path) as ours:
            ours.wishes = (WISH,)
            ours.evce(PLUGGED)
            await pass_minutes(ours, 2)
            clock, sent = ours.clock, list(ours.sent)
        async with home(tmp_path, clock) as again:
            again.wishes = (WISH,)
            again.evce(PLUGGED)
            await pass_minutes(again, 2)
            assert told(again) == []
            # Off over the next one, and back too late for it.
            clock.at = NOON + QUARTER + timedelta(minutes=6)
            await pass_minutes(again, 2)
            assert told(again) == []
            clock.at = NOON + 2 * QUARTER
            await pass_minutes(again, 1)
            assert [entry["at"] for entry in told(again)] == [(NOON + 2 * QUARTER).isoformat()]
        assert len(sent) > 0

    asyncio.run(main())


@pytest.mark.usecase("W5", "W6")
def test_without_consent_to_charging_nothing_is_made(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.wishes = (WISH,)
        ours.evce(CHARGING)
        await pass_minutes(ours, 25)
        assert told(ours) == []
        ours.agreed.add(("grid_sp", DataClass.CHARGING))
        await pass_minutes(ours, 15)
        assert [entry["at"] for entry in told(ours)] == [(NOON + 2 * QUARTER).isoformat()]

    living(tmp_path, body, agreed=[("grid_sp", DataClass.METERING), ("grid_sp", DataClass.IDENTITY)])


def test_only_what_is_asked_for_and_known(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        car = replace(WISH, figures=EVERYTHING - {GridFigure.OPERATING_STATE})
        ours.wishes = (replace(WISH, figures=frozenset({GridFigure.STORAGE_CHARGE_LEVEL})), replace(car, event_id="e2"))
        ours.evce(IDLE)
        await pass_minutes(ours, 1)
        assert told(ours) == []
        ours.clock.at = NOON + QUARTER
        ours.evce(replace(PLUGGED, soc_pct=None))
        await pass_minutes(ours, 1)
        assert [set(entry) for entry in told(ours)] == [{"event_id", "at", "capacity_wh", "max_charge_w", "max_feed_w"}]
        ours.clock.at = NOON + 2 * QUARTER
        ours.evce(replace(PLUGGED, capabilities=EvceCapabilities(protocol="ocpp1.6", max_feed_w=6000.0)))
        await pass_minutes(ours, 1)
        assert [entry.get("max_feed_w") for entry in told(ours)[1:]] == [None, 0.0]

    living(tmp_path, body)


def test_news_at_will_is_told_in_between_but_not_in_a_hurry(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.wishes = (replace(WISH, at_will=True),)
        ours.evce(PLUGGED)
        await pass_minutes(ours, 3)
        ours.evce(CHARGING)
        await pass_minutes(ours, 2)
        assert [entry["operating_state"] for entry in told(ours)] == ["IDLE_NORMAL", "RUNNING_NORMAL"]
        for state in (PLUGGED, CHARGING, PLUGGED, CHARGING):
            ours.evce(state)
            await ours.reporter.report()
            ours.clock.at += timedelta(seconds=5)
        assert len(told(ours)) <= 3

    living(tmp_path, body)


@pytest.mark.parametrize(
    ("status", "stance", "state"),
    [
        (EvceStatus.CHARGING, Stance.NONE, OperatingState.RUNNING_NORMAL),
        (EvceStatus.FEEDING, Stance.TAKES_PART, OperatingState.RUNNING_CURTAILED),
        (EvceStatus.CHARGING, Stance.OPTED_OUT, OperatingState.RUNNING_OPTED_OUT),
        (EvceStatus.PLUGGED, Stance.OPTED_OUT, OperatingState.IDLE_OPTED_OUT),
        (EvceStatus.AVAILABLE, Stance.TAKES_PART, OperatingState.IDLE_CURTAILED),
        (EvceStatus.AVAILABLE, Stance.NONE, OperatingState.IDLE_NORMAL),
        (EvceStatus.FAULTED, Stance.TAKES_PART, OperatingState.ERROR),
        (EvceStatus.OFFLINE, Stance.OPTED_OUT, OperatingState.ERROR),
    ],
)
def test_the_operating_state_says_whether_the_home_follows(
    status: EvceStatus, stance: Stance, state: OperatingState
) -> None:
    assert operating_state(replace(PLUGGED, status=status), stance) is state
    assert operating_state(None, stance) is OperatingState.ERROR


@pytest.mark.usecase("W5")
def test_every_field_is_on_the_list_that_the_owner_agrees_to(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.wishes = (WISH,)
        ours.evce(CHARGING)
        await pass_minutes(ours, 1)
        (record,) = ours.told("grid_sp", RecordKind.GRID_REPORT)
        agreed = terms("grid_sp", record.data_class)
        assert agreed is not None
        assert list(faults(record.body, agreed.records[RecordKind.GRID_REPORT])) == []
        assert HOME not in str(record.body)

    living(tmp_path, body)
