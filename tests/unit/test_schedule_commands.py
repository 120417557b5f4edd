"""``homeapp schedule`` as it is typed."""

import argparse
import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeapp import api
from homeapp.commands.schedule_commands import add_commands
from homeapp.errors import WrongState
from homeapp.model.plan import (
    AtDeadline,
    BrokenPromise,
    ChargingMode,
    Departure,
    FeedBudget,
    FeedUse,
    Goal,
    Plan,
    PlanSlot,
    Promise,
    Schedule,
    SlotReason,
    WeeklyDeparture,
)
from homeapp.model.site import Site

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
PLAN = Plan(
    made_at=NOON,
    slots=(
        PlanSlot(
            start=NOON,
            end=NOON + timedelta(minutes=15),
            power_w=-5000,
            reason=SlotReason.FEED_PLAN,
            price=Decimal("0.41"),
            price_known=False,
            soc_pct=61.2,
        ),
        PlanSlot(start=NOON, end=NOON, power_w=0, reason=SlotReason.IDLE),
    ),
    reaches_pct=71.0,
    shortfall_wh=4500,
    cost=Decimal("1.20"),
    cost_uncontrolled=Decimal("3.10"),
    broken=(BrokenPromise(kind=Promise.DEPARTURE, at=NOON, by_wh=4500, sentence="It will be late."),),
    feed_gain=Decimal("0.90"),
    cycles=0.1,
)


class FakeClient:
    def __init__(self) -> None:
        self.asked: list[api.Call[Any]] = []
        self.schedule = Schedule()

    async def call(self, call: api.Call[Any]) -> object:
        match call:
            case api.GetSchedule():
                return self.schedule
            case api.SayHello():
                return api.Hello(version="1", protocol=1, now=NOON, clock_speed=1, role=api.Role.OWNER, site=Site())
            case api.SetSchedule():
                self.asked.append(call)
                return call.schedule
            case api.SetMode():
                return Goal(mode=call.mode, target_pct=80, ready_by=NOON, floor_pct=50, capacity_wh=60_000)
            case api.GetPlan():
                return PLAN
        raise AssertionError(call)


def typed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(dest="what"), argparse.ArgumentParser(add_help=False))
    return parser.parse_args(words)


def run(*words: str, schedule: Schedule | None = None) -> tuple[list[api.Call[Any]], list[str]]:
    arguments, client = typed("schedule", *words), FakeClient()
    client.schedule = schedule or client.schedule
    result = asyncio.run(arguments.command(client, arguments))
    return client.asked, arguments.lines(result, ZoneInfo("Europe/Amsterdam"))


def set_to(*words: str, schedule: Schedule | None = None) -> Schedule:
    (call,) = run("set", *words, schedule=schedule)[0]
    assert isinstance(call, api.SetSchedule)
    assert call.feed is (call.schedule.feed != (schedule or Schedule()).feed)
    return call.schedule


def test_only_what_is_named_changes() -> None:
    assert set_to("--target", "90") == replace(Schedule(), target_pct=90.0)
    assert set_to("--ready-by", "none", "--floor", "35") == replace(Schedule(), ready_by="", floor_pct=35.0)
    assert set_to("--at-deadline", "stop").at_deadline is AtDeadline.STOP
    changed = set_to("--cycles-per-day", "0.5", "--cycles-per-year", "none", "--kwh-per-day", "8", "--wear", "0.07")
    assert changed.feed == FeedBudget(
        cycles_per_day=0.5, cycles_per_year=None, kwh_per_day=8.0, wear_per_kwh=Decimal("0.07")
    )


def test_departures_of_the_week_and_single_ones() -> None:
    changed = set_to("--weekly", "mon,Tuesday=06:30@90", "--weekly", "sun=10:00", "--once", "2026-01-20T05:45@100")
    assert changed.weekly == (
        WeeklyDeparture(weekdays=(1, 2), time="06:30", target_pct=90.0),
        WeeklyDeparture(weekdays=(7,), time="10:00", target_pct=80.0),
    )
    (once,) = changed.once
    assert (once.at.astimezone(UTC), once.target_pct) == (datetime(2026, 1, 20, 4, 45, tzinfo=UTC), 100.0)
    assert set_to("--weekly", "none", "--once", "none", schedule=changed) == Schedule()


@pytest.mark.parametrize(
    "words",
    [("--weekly", "someday=06:30"), ("--once", "soon"), ("--weekly", "mon=06:30@much"), ("--cycles-per-day", "few")],
)
def test_what_cannot_be_read_is_a_sentence(words: tuple[str, str]) -> None:
    with pytest.raises(WrongState, match=r"Write it like|is no number"):
        run("set", *words)


def test_the_schedule_is_shown_in_words() -> None:
    schedule = Schedule(
        weekly=(WeeklyDeparture(weekdays=(6, 7), time="10:00", target_pct=60.0),),
        once=(Departure(at=NOON, target_pct=100.0),),
        feed=FeedBudget(cycles_per_day=None),
    )
    assert run("show", schedule=schedule)[1] == [
        "never feeds below 50 %",
        "every day 07:00  80 %",
        "sat,sun 10:00  60 %",
        "once Thu 2026-01-15 13:00  100 %",
        "where it is late: charges on",
        "feeds at most any number of cycles a day, 100 a year; any number of kWh a day, any number of a year",
        "wear 0.05 per kWh fed; does not feed for less than 0.20",
    ]


def test_the_plan_is_shown_with_reasons_and_what_cannot_be_kept() -> None:
    assert run("plan")[1] == [
        "reaches 71 %",
        "cannot be kept: It will be late.",
        "costs 1.20; as fast as possible it would cost 3.10",
        "gains 0.90 by feeding 0.10 of a full cycle",
        "Thu 2026-01-15 13:00    -5000 W  61 %  0.41 expected  feed_plan",
        "Thu 2026-01-15 13:00       +0 W  no price  idle",
    ]
    lines = typed("schedule", "plan").lines
    assert lines(None, ZoneInfo("UTC")) == ["There is no plan yet."]
    refused = replace(PLAN, feed_refused="It does not pay.")
    assert "does not feed: It does not pay." in lines(refused, ZoneInfo("UTC"))


def test_the_mode_is_set_by_its_name() -> None:
    assert run("mode", "solar")[1] == [f"{ChargingMode.SOLAR}  80 % by Thu 2026-01-15 13:00"]


def test_what_was_fed_is_shown_against_the_budget() -> None:
    use = FeedUse(cycles_today=0.1, cycles_year=3.0, kwh_today=6.0, kwh_year=180.0, budget=FeedBudget(), left_wh=54_000)
    assert typed("schedule", "feed").lines(use, ZoneInfo("UTC")) == [
        "today 0.10 of 1 cycles, 6.0 of any number of kWh",
        "this year 3.00 of 100 cycles, 180.0 of any number of kWh",
        "54.0 kWh may still be fed today",
    ]
