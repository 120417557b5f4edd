"""Retail electricity prices of the demo street, made up but always the same for the same day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from zoneinfo import ZoneInfo

SLOT = timedelta(minutes=15)

# ct/kWh at each full local hour; the quarters between lie on a straight line.
_NORMAL = (16, 16, 15, 15, 15, 16, 18, 21, 23.5, 21, 16, 13.4, 12, 11.2, 11.5, 15, 20, 26, 31, 33, 28, 22, 19, 17)
_TAX_CT = 5.0
_VAT = 1.21
_JITTER_CT = 0.4
# What makes power dear, gas for the last of it, also makes it dirty.
_MEAN_CT, _EMISSIONS_G, _EMISSIONS_G_PER_CT, _LEAST_G = 19.0, 260.0, 14.0, 35
_DIGITS = Decimal("0.0001")


class PriceKind(StrEnum):
    """What kind of day it is."""

    NORMAL = "normal"
    """cheap at night and at noon, dear in the evening"""
    NEGATIVE = "negative"
    """so much sun that those who use power at noon are paid for it"""
    SCARCITY = "scarcity"
    """an evening at several times the usual price"""


@dataclass(frozen=True, slots=True)
class QuarterPrice:
    """Prices in EUR/kWh, four digits, in [start, end), UTC.

    Attributes:
        import_price: what the household pays, taxes included.
        export_price: what it gets, less than it pays.
        emissions_g: g of greenhouse gases per kWh of power from the grid.
    """

    start: datetime
    end: datetime
    import_price: Decimal
    export_price: Decimal
    emissions_g: int


@dataclass(frozen=True, slots=True)
class PriceCurve:
    """Prices for any local day.

    Attributes:
        zone: IANA name; days are local, with 92, 96 or 100 quarters.
    """

    kind: PriceKind = PriceKind.NORMAL
    zone: str = "Europe/Amsterdam"

    def local_day(self, instant: datetime) -> date:
        """The day that ``instant`` belongs to."""
        return instant.astimezone(ZoneInfo(self.zone)).date()

    def day(self, day: date) -> tuple[QuarterPrice, ...]:
        """All quarters of a local day, ascending."""
        chance = Random(f"{self.kind} {day.isoformat()}")
        return tuple(self._quarter(start, chance) for start in self._starts(day))

    def _starts(self, day: date) -> Iterator[datetime]:
        start, end = (self._midnight(day + timedelta(days=ahead)) for ahead in (0, 1))
        while start < end:
            yield start
            start += SLOT

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)

    def _quarter(self, start: datetime, chance: Random) -> QuarterPrice:
        local = start.astimezone(ZoneInfo(self.zone))
        hour = local.hour + local.minute / 60
        paid = _usual_ct(hour) + self._extra_ct(hour) + chance.uniform(-_JITTER_CT, _JITTER_CT)
        emissions = round(_EMISSIONS_G + _EMISSIONS_G_PER_CT * (paid - _MEAN_CT))
        return QuarterPrice(
            start, start + SLOT, _euros(paid), _euros((paid - _TAX_CT) / _VAT), max(_LEAST_G, emissions)
        )

    def _extra_ct(self, hour: float) -> float:
        match self.kind:
            case PriceKind.NEGATIVE:
                return -18 * _bump(hour, 13, 4)
            case PriceKind.SCARCITY:
                return 45 * _bump(hour, 18.5, 3)
            case _:
                return 0.0


def _usual_ct(hour: float) -> float:
    before, rest = int(hour), hour % 1
    return _NORMAL[before] * (1 - rest) + _NORMAL[(before + 1) % 24] * rest


def _bump(hour: float, middle: float, width: float) -> float:
    """1 at the middle, falling to 0 at ``width`` hours from it."""
    return max(0.0, 1 - (abs(hour - middle) / width) ** 2)


def _euros(cents: float) -> Decimal:
    return Decimal(cents / 100).quantize(_DIGITS)
