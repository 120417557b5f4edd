"""``homeapp schedule``: what the owner wants of the car, and the plan made of it."""

import argparse
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.errors import WrongState
from homeapp.model.plan import (
    AtDeadline,
    ChargingMode,
    Departure,
    FeedBudget,
    FeedUse,
    Goal,
    Plan,
    PlanSlot,
    Schedule,
    WeeklyDeparture,
)

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NONE = "none"


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``schedule`` with its verbs."""
    schedule = commands.add_parser("schedule", help="when the car is to be ready, and how it charges", parents=[common])
    verbs = schedule.add_subparsers(dest="verb", required=True)
    verbs.add_parser("show", parents=[common]).set_defaults(command=_show, lines=_schedule_lines)
    _add_set(verbs.add_parser("set", parents=[common], help="change what is named, leave the rest"))
    mode = verbs.add_parser("mode", parents=[common])
    mode.add_argument("mode", choices=[mode.value for mode in ChargingMode])
    mode.set_defaults(command=_mode, lines=_goal_lines)
    verbs.add_parser("plan", parents=[common], help="the plan, slot by slot").set_defaults(
        command=_plan, lines=_plan_lines
    )
    verbs.add_parser("feed", parents=[common], help="what the car has fed, and may still").set_defaults(
        command=_feed, lines=_feed_lines
    )
    preview = verbs.add_parser("preview", parents=[common], help="what a request would change")
    preview.add_argument("key", help="as 'offers list' shows it, for instance evc_sp/1234")
    preview.set_defaults(command=_preview, lines=lambda preview, _zone: [preview.sentence])


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", type=float, metavar="PERCENT", help="state of charge at the departure")
    parser.add_argument("--floor", type=float, metavar="PERCENT", help="never feed below this")
    parser.add_argument("--ready-by", metavar="HH:MM", help=f"every day without a departure of its own, or {_NONE!r}")
    parser.add_argument(
        "--weekly", action="append", metavar="DAYS=HH:MM[@PERCENT]", help="like mon,tue=06:30@90; 'none' removes all"
    )
    parser.add_argument(
        "--once", action="append", metavar="TIME[@PERCENT]", help="like 2026-01-15T06:30@100; 'none' removes all"
    )
    parser.add_argument("--at-deadline", choices=[choice.value for choice in AtDeadline])
    for name in ("cycles-per-day", "cycles-per-year", "kwh-per-day", "kwh-per-year"):
        parser.add_argument(f"--{name}", metavar="NUMBER", help=f"most to feed, or {_NONE!r}")
    parser.add_argument("--wear", metavar="MONEY", help="what a kWh fed costs in wear of the battery")
    parser.add_argument("--least-gain", metavar="MONEY", help="a plan that gains less does not feed")
    parser.set_defaults(command=_set, lines=_schedule_lines)


async def _show(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.GetSchedule())


async def _set(client: Client, arguments: argparse.Namespace) -> object:
    schedule = await client.call(api.GetSchedule())
    zone = ZoneInfo((await client.call(api.SayHello())).site.time_zone)
    changed = replace(
        schedule,
        target_pct=schedule.target_pct if arguments.target is None else arguments.target,
        floor_pct=schedule.floor_pct if arguments.floor is None else arguments.floor,
        at_deadline=AtDeadline(arguments.at_deadline or schedule.at_deadline),
        feed=_feed_budget(schedule.feed, arguments),
    )
    if arguments.ready_by is not None:
        changed = replace(changed, ready_by="" if arguments.ready_by == _NONE else arguments.ready_by)
    if arguments.weekly:
        changed = replace(changed, weekly=tuple(_weekly(text, changed) for text in arguments.weekly if text != _NONE))
    if arguments.once:
        changed = replace(changed, once=tuple(_once(text, changed, zone) for text in arguments.once if text != _NONE))
    return await client.call(api.SetSchedule(schedule=changed, feed=changed.feed != schedule.feed))


async def _mode(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.SetMode(mode=ChargingMode(arguments.mode)))


async def _plan(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.GetPlan())


async def _feed(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.GetFeedBudget())


async def _preview(client: Client, arguments: argparse.Namespace) -> object:
    case = await client.call(api.ShowOffer(key=arguments.key))
    return await client.call(api.PreviewOffer(key=arguments.key, digest=case.digest))


def _feed_budget(budget: FeedBudget, arguments: argparse.Namespace) -> FeedBudget:
    def limit(name: str) -> float | None:
        text: str | None = getattr(arguments, name)
        kept: float | None = getattr(budget, name)
        return kept if text is None else None if text == _NONE else _number(text)

    def amount(text: str | None, kept: Decimal) -> Decimal:
        return kept if text is None else Decimal(repr(_number(text)))

    return FeedBudget(
        cycles_per_day=limit("cycles_per_day"),
        cycles_per_year=limit("cycles_per_year"),
        kwh_per_day=limit("kwh_per_day"),
        kwh_per_year=limit("kwh_per_year"),
        wear_per_kwh=amount(arguments.wear, budget.wear_per_kwh),
        least_gain=amount(arguments.least_gain, budget.least_gain),
    )


def _weekly(text: str, schedule: Schedule) -> WeeklyDeparture:
    days, _, rest = text.partition("=")
    time, _, share = rest.partition("@")
    try:
        weekdays = tuple(_DAYS.index(day.strip().lower()[:3]) + 1 for day in days.split(","))
    except ValueError as error:
        raise WrongState(f"{text!r} names no weekdays. Write it like mon,tue=06:30@90.") from error
    target_pct = _number(share) if share else schedule.target_pct
    return WeeklyDeparture(weekdays=weekdays, time=time, target_pct=target_pct)


def _once(text: str, schedule: Schedule, zone: ZoneInfo) -> Departure:
    time, _, share = text.partition("@")
    try:
        at = datetime.fromisoformat(time)
    except ValueError as error:
        raise WrongState(f"{time!r} is no date and time. Write it like 2026-01-15T06:30.") from error
    return Departure(
        at=at if at.tzinfo else at.replace(tzinfo=zone),
        target_pct=_number(share) if share else schedule.target_pct,
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise WrongState(f"{text!r} is no number.") from error


def _schedule_lines(schedule: Schedule, zone: ZoneInfo) -> list[str]:
    lines = [f"never feeds below {schedule.floor_pct:.0f} %"]
    if schedule.ready_by:
        lines.append(f"every day {schedule.ready_by}  {schedule.target_pct:.0f} %")
    for entry in schedule.weekly:
        days = ",".join(_DAYS[day - 1] for day in sorted(entry.weekdays))
        lines.append(f"{days} {entry.time}  {entry.target_pct:.0f} %")
    lines += [f"once {_moment(item.at, zone)}  {item.target_pct:.0f} %" for item in schedule.once]
    late = "charges on" if schedule.at_deadline is AtDeadline.KEEP_CHARGING else "stops"
    feed = schedule.feed
    return [
        *lines,
        f"where it is late: {late}",
        f"feeds at most {_limit(feed.cycles_per_day)} cycles a day, {_limit(feed.cycles_per_year)} a year; "
        f"{_limit(feed.kwh_per_day)} kWh a day, {_limit(feed.kwh_per_year)} a year",
        f"wear {feed.wear_per_kwh} per kWh fed; does not feed for less than {feed.least_gain}",
    ]


def _goal_lines(goal: Goal, zone: ZoneInfo) -> list[str]:
    return [f"{goal.mode}  {goal.target_pct:.0f} % by {_moment(goal.ready_by, zone)}"]


def _plan_lines(plan: Plan | None, zone: ZoneInfo) -> list[str]:
    if plan is None:
        return ["There is no plan yet."]
    lines = [f"reaches {plan.reaches_pct:.0f} %", *(f"cannot be kept: {one.sentence}" for one in plan.broken)]
    if plan.cost is not None:
        lines.append(f"costs {plan.cost}; as fast as possible it would cost {plan.cost_uncontrolled}")
    if plan.feed_refused is not None:
        lines.append(f"does not feed: {plan.feed_refused}")
    elif plan.feed_gain is not None:
        lines.append(f"gains {plan.feed_gain} by feeding {plan.cycles:.2f} of a full cycle")
    return [*lines, *(_slot_line(slot, zone) for slot in plan.slots)]


def _slot_line(slot: PlanSlot, zone: ZoneInfo) -> str:
    price = "no price" if slot.price is None else f"{slot.price}{'' if slot.price_known else ' expected'}"
    soc = "" if slot.soc_pct is None else f"  {slot.soc_pct:.0f} %"
    return f"{_moment(slot.start, zone)}  {slot.power_w:+7.0f} W{soc}  {price}  {slot.reason}"


def _feed_lines(use: FeedUse, _zone: ZoneInfo) -> list[str]:
    budget = use.budget
    left = "no limit" if use.left_wh is None else f"{use.left_wh / 1000:.1f} kWh may still be fed today"
    return [
        f"today {use.cycles_today:.2f} of {_limit(budget.cycles_per_day)} cycles, {use.kwh_today:.1f} of "
        f"{_limit(budget.kwh_per_day)} kWh",
        f"this year {use.cycles_year:.2f} of {_limit(budget.cycles_per_year)} cycles, {use.kwh_year:.1f} of "
        f"{_limit(budget.kwh_per_year)} kWh",
        left,
    ]


def _limit(limit: float | None) -> str:
    return "any number of" if limit is None else f"{limit:g}"


def _moment(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M}"
