"""What the price chart draws, worked out without Qt: bars in UTC, labels in local time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.plan import Plan, PlanSlot, SlotReason
from homeapp.model.tariff import PriceSlot, Tariff
from ui import formats, plan_words, words
from ui.theme import Tone
from ui.tr import tr

PAST, AHEAD = timedelta(hours=4), timedelta(hours=36)
_LEAST_AHEAD = timedelta(hours=8)
_NOTICEABLE_WH = 5.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One price.

    Attributes:
        start, end: seconds since the epoch.
        height: hundredths of the currency per kWh; may be negative.
        power_w: mean power planned in it.
        forecast: nobody has promised this price.
        reason: why the plan charges or feeds in it; None where it does neither.
    """

    start: float
    end: float
    height: float
    power_w: float
    forecast: bool = False
    reason: SlotReason | None = None

    def tone(self, now: float) -> Tone:
        """Its colour: what is planned in it, else whether it is over."""
        if self.end <= now:
            return Tone.BAR_PAST
        if abs(self.power_w) * (self.end - self.start) / 3600 < _NOTICEABLE_WH:
            return Tone.BAR_IDLE
        return Tone.GREEN if self.power_w > 0 else Tone.VIOLET

    def plan_tone(self, now: float) -> Tone:
        """The same with the colour of the reason."""
        tone = self.tone(now)
        if tone in (Tone.BAR_PAST, Tone.BAR_IDLE) or self.reason is None:
            return tone
        return plan_words.reason_tone(self.reason)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis; ``midnight`` is drawn as a line."""

    at: float
    words: str
    midnight: bool


def bars(tariff: Tariff, plan: Plan | None, now: datetime) -> list[Bar]:
    """The prices from four hours ago to 36 hours ahead."""
    shown = [slot for slot in tariff.slots if slot.end > now - PAST and slot.start < now + AHEAD]
    return [
        Bar(
            slot.start.timestamp(),
            slot.end.timestamp(),
            formats.price_number(slot.import_price),
            _planned(slot, plan),
            forecast=slot.forecast,
            reason=_reason(slot, plan),
        )
        for slot in shown
    ]


def span(shown: list[Bar], now: datetime) -> tuple[float, float]:
    """The stretch of time on the chart: what is known, but never less than some hours ahead."""
    if not shown:
        return (now - PAST).timestamp(), (now + _LEAST_AHEAD).timestamp()
    first = max(shown[0].start, (now - PAST).timestamp())
    last = min(shown[-1].end, (now + AHEAD).timestamp())
    return first, max(last, (now + _LEAST_AHEAD).timestamp())


def ticks(start: float, end: float, zone: ZoneInfo, every_h: int) -> list[Tick]:
    """Marks at whole local hours divisible by ``every_h``; right on the days the clocks change."""
    result: list[Tick] = []
    at = datetime.fromtimestamp(start, UTC).replace(minute=0, second=0, microsecond=0)
    while (stamp := at.timestamp()) <= end:
        local = at.astimezone(zone)
        if stamp >= start and local.minute == 0 and local.hour % every_h == 0:
            words = formats.weekday(local) if local.hour == 0 else f"{local.hour:02d}"
            result.append(Tick(stamp, words, midnight=local.hour == 0))
        at += timedelta(minutes=15)
    return [tick for index, tick in enumerate(result) if not index or tick.words != result[index - 1].words]


def scale(shown: list[Bar]) -> tuple[float, float, float]:
    """Lowest value, highest value and step of the price axis, in hundredths."""
    top = max([bar.height for bar in shown], default=10.0)
    bottom = min([0.0, *(bar.height for bar in shown)])
    step = next((size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500) if (top - bottom) / size <= 5), 1000)
    return (bottom // step) * step if bottom < 0 else 0.0, max(top, step), float(step)


def read(bar: Bar, currency: str, now: datetime, zone: ZoneInfo) -> str:
    """One bar in words."""
    start, end = (datetime.fromtimestamp(stamp, UTC) for stamp in (bar.start, bar.end))
    height = f"{bar.height:.1f}".replace("-", "−")
    told = f"{formats.window(start, end, now, zone)} · {height} {formats.price_unit(currency)}"
    if bar.forecast:
        told = tr("{words}, expected", words=told)
    if abs(bar.power_w) * (bar.end - bar.start) / 3600 < _NOTICEABLE_WH:
        return told
    power = formats.kilowatts(bar.power_w)
    doing = tr("charging {power}", power=power) if bar.power_w > 0 else tr("feeding {power}", power=power)
    why = f" ({words.reason_words(bar.reason)})" if bar.reason else ""
    return f"{told} · {doing}{why}"


def spans(plan: Plan | None) -> list[tuple[float, float, Tone]]:
    """When a plan charges and feeds, and in which colour: seconds since the epoch."""
    joined: list[tuple[float, float, Tone]] = []
    for slot in plan.slots if plan else ():
        if not _is_active(slot):
            continue
        start, end, tone = slot.start.timestamp(), slot.end.timestamp(), plan_words.reason_tone(slot.reason)
        if joined and joined[-1][1:] == (start, tone):
            start = joined.pop()[0]
        joined.append((start, end, tone))
    return joined


def charge_line(plan: Plan | None) -> list[tuple[float, float]]:
    """State of charge over time, percent; empty where it is not known."""
    slots = plan.slots if plan else ()
    return [(slot.end.timestamp(), slot.soc_pct) for slot in slots if slot.soc_pct is not None]


def _is_active(slot: PlanSlot) -> bool:
    return abs(slot.power_w) * (slot.end - slot.start).total_seconds() / 3600 >= _NOTICEABLE_WH


def _reason(slot: PriceSlot, plan: Plan | None) -> SlotReason | None:
    """The reason of most of the energy in it."""
    energy: dict[SlotReason, float] = {}
    for planned in plan.slots if plan else ():
        overlap = (min(slot.end, planned.end) - max(slot.start, planned.start)).total_seconds()
        if overlap > 0 and planned.power_w != 0:
            energy[planned.reason] = energy.get(planned.reason, 0.0) + abs(planned.power_w) * overlap
    return max(energy, key=lambda reason: energy[reason], default=None)


def _planned(slot: PriceSlot, plan: Plan | None) -> float:
    if plan is None:
        return 0.0
    energy = 0.0
    for planned in plan.slots:
        overlap = (min(slot.end, planned.end) - max(slot.start, planned.start)).total_seconds()
        if overlap > 0:
            energy += planned.power_w * overlap
    return energy / (slot.end - slot.start).total_seconds()
