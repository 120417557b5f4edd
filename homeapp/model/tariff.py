"""What energy costs, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class ComponentKind(StrEnum):
    """What a price per kWh is made of."""

    MARKET = "market"
    SUPPLIER = "supplier"
    TAX = "tax"
    GRID_FEE = "grid_fee"
    VAT = "vat"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """One part of an import price, money per kWh; it may be below zero."""

    kind: ComponentKind
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSlot:
    """One price for one half-open span of time [start, end).

    Attributes:
        import_price: what the owner pays per kWh, all components included.
        export_price: what the owner gets per kWh fed to the grid, or None where it is not known.
        components: what the import price is the exact sum of; empty where nobody has said.
        forecast: nobody has promised this price: it is expected, or stands in for one that is missing.
        market_price: the wholesale price that it follows, per kWh without any addition, or None.
    """

    start: datetime
    end: datetime
    import_price: Decimal
    export_price: Decimal | None = None
    components: tuple[PriceComponent, ...] = ()
    forecast: bool = False
    market_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GhgSlot:
    """What the electricity of [start, end) emits, grams of CO2 equivalent per kWh."""

    start: datetime
    end: datetime
    g_per_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A gap-tolerant series of prices, ascending and without overlaps; its slots may be of any length.

    Attributes:
        source: who said so, for instance the program name.
        currency: ISO 4217.
        received_at: when the hub got it (hub clock, UTC).
        ghg: ascending and without overlaps; empty where nobody has said.
    """

    source: str
    currency: str
    received_at: datetime
    slots: tuple[PriceSlot, ...]
    ghg: tuple[GhgSlot, ...] = ()

    def at(self, instant: datetime) -> PriceSlot | None:
        """The slot that holds at ``instant``, or None where nothing is known."""
        return next((slot for slot in self.slots if slot.start <= instant < slot.end), None)

    @property
    def known_until(self) -> datetime | None:
        """The end of the last slot that is no forecast, or None where there is none."""
        return _last_end(slot for slot in reversed(self.slots) if not slot.forecast)

    @property
    def priced_until(self) -> datetime | None:
        """The end of the last slot, forecasts included, or None for an empty tariff."""
        return _last_end(reversed(self.slots))


class SourceKind(StrEnum):
    """Where prices come from."""

    PROVIDER = "provider"
    IMPORT = "import"
    """from a file that the owner has imported"""
    CONTRACT = "contract"
    """the owner's own contract"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSource:
    """One source of prices and how it stands.

    Attributes:
        received_at: when its newest prices came; None for the contract.
        known_until: the end of what it has told; None for the contract, which has no end.
        stale_since: since when it is not to be reached or its prices are over; None while all is well.
        used: its import prices take part in the tariff.
    """

    name: str
    kind: SourceKind
    received_at: datetime | None = None
    known_until: datetime | None = None
    stale_since: datetime | None = None
    used: bool = True


def _last_end(latest_first: Iterable[PriceSlot]) -> datetime | None:
    return next((slot.end for slot in latest_first), None)
