"""Energy per quarter hour for the grid operator: from the meter's registers, or else from measurements of power."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from homeapp.model.period import Quality
from homeapp.model.readings import MeterReading
from homeapp.model.record import Value
from homeapp.ports import Clock
from homeapp.store.ledger import Ledger
from homeapp.store.quarters import QuarterEnergy, Quarters

QUARTER = timedelta(minutes=15)
LATEST = timedelta(seconds=60)
"""A register read this long after a boundary still stands for it; what flowed between counts a quarter later."""
LEAST_COVERED = 0.5
SETTLED_AFTER = timedelta(seconds=75)
"""A quarter hour is told once the meter has surely been read after it."""
OLDEST = timedelta(days=7)
_REMEMBERED = 8
_TOLD_UNTIL = "reporting.quarter"

Send = Callable[[Mapping[str, Value]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Registers:
    """A meter's registers at one instant, Wh."""

    device_id: str
    import_wh: int
    export_wh: int


class BoundaryRegisters:
    """The meter's registers at the boundaries of the last two hours' quarters."""

    def __init__(self) -> None:
        self._at: OrderedDict[datetime, Registers] = OrderedDict()

    def take(self, reading: MeterReading) -> None:
        """The first reading after a boundary stands for it."""
        boundary = quarter_of(reading.received_at)
        if reading.import_wh is None or boundary in self._at or reading.received_at - boundary > LATEST:
            return
        # A meter without an export register has no export to count.
        self._at[boundary] = Registers(reading.device_id, reading.import_wh, reading.export_wh or 0)
        while len(self._at) > _REMEMBERED:
            self._at.popitem(last=False)

    def between(self, start: datetime, end: datetime) -> tuple[int, int] | None:
        """Imported and exported Wh, or None where that is not known."""
        before, after = self._at.get(start), self._at.get(end)
        if before is None or after is None or before.device_id != after.device_id:
            return None
        imported, exported = after.import_wh - before.import_wh, after.export_wh - before.export_wh
        return (imported, exported) if imported >= 0 and exported >= 0 else None


class QuarterHours:
    """Which quarter hours have been told, kept over restarts; those that the hub slept through are told as missing.

    Args:
        quarters: the energy from measurements of power.
        ledger: keeps how far it has come.
        clock: hub time.
    """

    def __init__(self, quarters: Quarters, ledger: Ledger, clock: Clock) -> None:
        self._quarters = quarters
        self._ledger = ledger
        self._clock = clock
        self._registers = BoundaryRegisters()
        self._next: datetime | None = None

    def meter_read(self, reading: MeterReading) -> None:
        """The meter's newest reading."""
        self._registers.take(reading)

    async def tell(self, *, allowed: bool, send: Send) -> None:
        """Send each quarter hour that is over, once; without consent it counts as told.

        Raises:
            StoreUnavailable: it could not be kept how far this has come.
        """
        until = quarter_of(self._clock.now() - SETTLED_AFTER)
        start = await self._told_until()
        while start < until:
            if allowed:
                metered = self._registers.between(start, start + QUARTER)
                await send(quarter_body(start, metered, await self._quarters.energy(start)))
                start += QUARTER
            else:
                # What was measured before the owner agreed stays at home.
                start = until
            await self._ledger.keep_mark(_TOLD_UNTIL, start.isoformat())
            self._next = start

    async def _told_until(self) -> datetime:
        if self._next is None:
            kept, here = await self._ledger.value(_TOLD_UNTIL), quarter_of(self._clock.now())
            told_until = here if kept is None else datetime.fromisoformat(kept)
            # Within these bounds also where the clock was wrong.
            self._next = min(max(told_until, here - OLDEST), here)
        return self._next


def quarter_of(instant: datetime) -> datetime:
    """The begin of the quarter hour that ``instant`` falls in, UTC."""
    seconds = int(instant.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(QUARTER.total_seconds()), UTC)


def quarter_body(start: datetime, metered: tuple[int, int] | None, energy: QuarterEnergy) -> Mapping[str, Value]:
    """The fields of a quarter hour; those that are not known are left out."""
    body: dict[str, Value] = {"start": start.isoformat(), "end": (start + QUARTER).isoformat()}
    if energy.charged_wh is not None and energy.fed_wh is not None:
        body |= {"evce_charged_wh": round(energy.charged_wh, 1), "evce_fed_wh": round(energy.fed_wh, 1)}
    if metered is not None:
        return body | {"import_wh": metered[0], "export_wh": metered[1], "quality": Quality.OK.value}
    if energy.covered < LEAST_COVERED:
        return body | {"quality": Quality.MISSING.value}
    return body | {
        "import_wh": round(energy.import_wh / energy.covered, 1),
        "export_wh": round(energy.export_wh / energy.covered, 1),
        "quality": Quality.ESTIMATED.value,
    }
