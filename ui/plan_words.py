"""The plan in words: modes, promises, days, and what is gained."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from homeapp.model.plan import (
    AtDeadline,
    ChargingMode,
    Departure,
    FeedUse,
    Plan,
    Schedule,
    SlotReason,
    WeeklyDeparture,
)
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import View

MODE_ICONS = {
    ChargingMode.READY_BY: "calendar-time",
    ChargingMode.CHEAPEST: "coin",
    ChargingMode.SOLAR: "sun",
    ChargingMode.NOW: "bolt",
    ChargingMode.PAUSE: "player-pause",
    ChargingMode.POWER_FEED: "arrow-back-up",
}


def mode_caption(mode: ChargingMode) -> str:
    """What a mode does, and when to choose it."""
    return {
        ChargingMode.READY_BY: tr("Charged in time for your departure, in the cheapest hours before it."),
        ChargingMode.CHEAPEST: tr("No departure: your reserve at once, the rest only when energy is cheap."),
        ChargingMode.SOLAR: tr("Your reserve at once, the rest only from what your roof leaves over."),
        ChargingMode.NOW: tr("As fast as your home allows, whatever it costs."),
        ChargingMode.PAUSE: tr("Nothing is charged until you choose something else."),
        ChargingMode.POWER_FEED: tr("As Ready by, and your car gives power back where that pays."),
    }[mode]


def reason_tone(reason: SlotReason) -> Tone:
    """The colour of a slot of the plan."""
    match reason:
        case SlotReason.FEED_OFFER | SlotReason.FEED_LESS | SlotReason.FEED_PLAN:
            return Tone.VIOLET
        case (
            SlotReason.NEEDED
            | SlotReason.GUARANTEE
            | SlotReason.FLOOR
            | SlotReason.AFTER_DEADLINE
            | SlotReason.NO_PRICE
        ):
            return Tone.AMBER
        case SlotReason.REDUCED_BY_OFFER | SlotReason.REDUCED_BY_GRID:
            return Tone.BLUE
        case _:
            return Tone.GREEN


def tones(plan: Plan | None) -> tuple[Tone, ...]:
    """The colours in a plan, each once."""
    found = [reason_tone(slot.reason) for slot in plan.slots if slot.power_w != 0] if plan else []
    return tuple(dict.fromkeys(found))


def tone_words(tone: Tone) -> str:
    """What that colour means."""
    return {
        Tone.GREEN: tr("Cheap"),
        Tone.AMBER: tr("Needed"),
        Tone.BLUE: tr("Limited"),
        Tone.VIOLET: tr("Power feed"),
    }[tone]


def summary(plan: Plan | None, departure: datetime | None, view: View) -> str:
    """When the car has how much."""
    if view.snapshot is None or departure is None:
        return tr("Connecting to the hub…")
    if plan is None:
        return tr("The plan starts when a car is plugged in")
    ready = formats.moment(departure, view.now, view.zone)
    reaches = formats.percent(plan.reaches_pct)
    if view.snapshot.mode in (ChargingMode.CHEAPEST, ChargingMode.SOLAR):
        return tr("{reaches} expected at the end of the plan", reaches=reaches)
    return tr("{reaches} expected at {ready}", reaches=reaches, ready=ready)


def advice(plan: Plan | None) -> tuple[str, Tone]:
    """The one sentence that matters most about a plan, and its colour; empty where all is well."""
    if plan is None:
        return "", Tone.TEXT2
    if plan.broken:
        return plan.broken[0].sentence, Tone.AMBER
    if plan.feed_refused:
        return plan.feed_refused, Tone.TEXT2
    if plan.forecast is not None:
        return plan.forecast.sentence, Tone.TEXT2
    return "", Tone.TEXT2


def saving(plan: Plan | None) -> Decimal | None:
    """What the plan costs less than charging at once; None where that is not known."""
    if plan is None or plan.cost is None or plan.cost_uncontrolled is None:
        return None
    return plan.cost_uncontrolled - plan.cost


def departure_words(departure: Departure, now: datetime, zone: ZoneInfo) -> str:
    """A single departure."""
    return tr(
        "{when}: {target}",
        when=formats.moment(departure.at, now, zone),
        target=formats.percent(departure.target_pct),
    )


def weekly_words(entry: WeeklyDeparture) -> str:
    """A departure of every week."""
    return tr(
        "{days} {time}: {target}",
        days=days_words(entry.weekdays),
        time=entry.time,
        target=formats.percent(entry.target_pct),
    )


def days_words(weekdays: tuple[int, ...]) -> str:
    """ISO weekdays, runs of three and more joined: ``Mon–Fri, Sun``."""
    runs: list[list[int]] = []
    for day in sorted(set(weekdays)):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        f"{formats.day_name(run[0])}–{formats.day_name(run[-1])}"
        if len(run) > 2
        else ", ".join(formats.day_name(day) for day in run)
        for run in runs
    )


def days_button(schedule: Schedule | None) -> str:
    """What the button to the days says."""
    count = len(schedule.weekly) + len(schedule.once) if schedule else 0
    return tr("Days ({count})", count=count) if count else tr("Days")


def deadline_words(choice: AtDeadline) -> str:
    """What happens when the car is not ready in time."""
    return {
        AtDeadline.KEEP_CHARGING: tr("If it is late: keep charging while the car is there"),
        AtDeadline.STOP: tr("If it is late: stop, and plan for the next departure"),
    }[choice]


def feed_use_words(use: FeedUse | None) -> str:
    """What the car has given so far."""
    if use is None:
        return tr("What your car has given so far is not known yet.")
    return tr(
        "Given today {today} kWh ({cycles_today} cycles), this year {year} kWh ({cycles_year} cycles).",
        today=f"{use.kwh_today:.1f}",
        cycles_today=f"{use.cycles_today:.2f}",
        year=f"{use.kwh_year:.0f}",
        cycles_year=f"{use.cycles_year:.1f}",
    )
