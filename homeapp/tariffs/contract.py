"""The owner's contract with the supplier: what is added to a price, and what holds where nobody announces one."""

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum

EVERY_DAY = frozenset(range(7))


class ContractKind(StrEnum):
    """How the price of energy is agreed."""

    FIXED = "fixed"
    TIME_OF_USE = "time_of_use"
    """by day of the week and time of day"""
    DYNAMIC = "dynamic"
    """as it is announced, day by day"""


class PriceBasis(StrEnum):
    """What an announced price is."""

    RETAIL = "retail"
    """all that the owner pays; nothing is added"""
    MARKET = "market"
    """the wholesale price; the contract adds mark-up, tax, grid fee and VAT"""


class ExportRule(StrEnum):
    """What the owner gets for energy fed to the grid."""

    ANNOUNCED = "announced"
    """what the provider announces; unknown where it announces none"""
    FIXED = "fixed"
    MARKET = "market"
    """the wholesale price times a factor"""
    NET_METERING = "net_metering"
    """what the same energy costs at that time"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A price per kWh at certain local times of certain days.

    Attributes:
        weekdays: Monday is 0; of the local day on which the time lies.
        start, end: local wall times; it holds in [start, end), over midnight where ``end`` is not after ``start``.
    """

    price: Decimal
    start: time
    end: time
    weekdays: frozenset[int] = EVERY_DAY

    def holds_at(self, local: datetime) -> bool:
        """Whether the band holds at a local wall time."""
        clock = local.time()
        begun, over = clock >= self.start, clock >= self.end
        within = begun and not over if self.start < self.end else begun or not over
        return within and local.weekday() in self.weekdays


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """All prices are per kWh, without VAT, in ``currency``.

    Attributes:
        currency: ISO 4217; empty for that of the announced prices.
        energy: the supplier's price where no band of ``energy_bands`` holds; None where none is agreed. In a dynamic
            contract it stands in for prices that are missing.
        energy_bands: the first one that holds counts.
        markup: of the supplier, on top of a market price.
        grid_fee: where no band of ``grid_fee_bands`` holds.
        vat_pct: on everything, percent.
        provider_prices: what the prices of the grid operator's VTN are.
        export_price: for ``ExportRule.FIXED``.
        export_factor: for ``ExportRule.MARKET``.
    """

    kind: ContractKind = ContractKind.DYNAMIC
    currency: str = ""
    energy: Decimal | None = None
    energy_bands: tuple[Band, ...] = ()
    markup: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    grid_fee: Decimal = Decimal(0)
    grid_fee_bands: tuple[Band, ...] = ()
    vat_pct: Decimal = Decimal(0)
    provider_prices: PriceBasis = PriceBasis.RETAIL
    export: ExportRule = ExportRule.ANNOUNCED
    export_price: Decimal = Decimal(0)
    export_factor: Decimal = Decimal(1)

    def energy_at(self, local: datetime) -> Decimal | None:
        """The supplier's own price at a local wall time, or None where none is agreed."""
        return _banded(self.energy_bands, local, self.energy)

    def grid_fee_at(self, local: datetime) -> Decimal:
        """The grid fee at a local wall time."""
        return _banded(self.grid_fee_bands, local, self.grid_fee) or Decimal(0)


def _banded(bands: tuple[Band, ...], local: datetime, otherwise: Decimal | None) -> Decimal | None:
    return next((band.price for band in bands if band.holds_at(local)), otherwise)
