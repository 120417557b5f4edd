"""What energy costs, and when."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSlot:
    """One price for one half-open span of time [start, end).

    Attributes:
        import_price: what the owner pays per kWh, all components included.
        export_price: what the owner gets per kWh fed to the grid, or None where it is not known.
    """

    start: datetime
    end: datetime
    import_price: Decimal
    export_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A gap-tolerant series of prices, ascending and without overlaps.

    Attributes:
        source: who said so, for instance the program name.
        currency: ISO 4217.
        received_at: when the hub got it (hub clock, UTC).
    """

    source: str
    currency: str
    received_at: datetime
    slots: tuple[PriceSlot, ...]

    def at(self, instant: datetime) -> PriceSlot | None:
        """The slot that holds at ``instant``, or None where nothing is known."""
        return next((slot for slot in self.slots if slot.start <= instant < slot.end), None)

    @property
    def known_until(self) -> datetime | None:
        """The end of the last known slot, or None for an empty tariff."""
        return self.slots[-1].end if self.slots else None
