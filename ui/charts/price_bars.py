"""What the price chart draws, worked out without Qt: bars in UTC, labels in local time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.plan import Plan
from homeapp.model.tariff import PriceSlot, Tariff
from ui import formats
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
    """

    start: float
    end: float
    height: float
    power_w: float
    forecast: bool = False

    def tone(self, now: float) -> Tone:
        """Its colour: what is planned in it, else whether it is over."""
        if self.end <= now:
            return Tone.BAR_PAST
        if abs(self.power_w) * (self.end - self.start) / 3600 < _NOTICEABLE_WH:
            return Tone.BAR_IDLE
        return Tone.GREEN if self.power_w > 0 else Tone.VIOLET


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
    words = f"{formats.window(start, end, now, zone)} · {height} {formats.price_unit(currency)}"
    if bar.forecast:
        words = tr("{words}, expected", words=words)
    if abs(bar.power_w) * (bar.end - bar.start) / 3600 < _NOTICEABLE_WH:
        return words
    power = formats.kilowatts(bar.power_w)
    doing = tr("charging {power}", power=power) if bar.power_w > 0 else tr("feeding {power}", power=power)
    return f"{words} · {doing}"


def _planned(slot: PriceSlot, plan: Plan | None) -> float:
    if plan is None:
        return 0.0
    energy = 0.0
    for planned in plan.slots:
        overlap = (min(slot.end, planned.end) - max(slot.start, planned.start)).total_seconds()
        if overlap > 0:
            energy += planned.power_w * overlap
    return energy / (slot.end - slot.start).total_seconds()
