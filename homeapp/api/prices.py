"""Calls about prices besides ``GetTariff``: where they come from, and prices from a file."""

from dataclasses import dataclass
from enum import StrEnum

from homeapp.api.base import Call, Role
from homeapp.model.tariff import PriceSource


class PriceFormat(StrEnum):
    """What a file with prices is."""

    CSV_RETAIL = "csv_retail"
    """CSV with what the owner pays"""
    CSV_MARKET = "csv_market"
    """CSV with wholesale prices, to which the contract adds the rest"""
    ENTSOE = "entsoe"
    """ENTSO-E document A44, wholesale prices"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPriceSources(Call[tuple[PriceSource, ...]]):
    """Who has told prices and how each stands, those that count first first."""

    method = "tariff.sources"
    role = Role.GUEST
    answer = tuple[PriceSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPrices(Call[PriceSource]):
    """Take in the prices of a file; where they overlap earlier imports of the same kind, the new ones hold.

    Attributes:
        content: the text of the file.

    Raises:
        FileRefused: it cannot be used, and why; nothing of it was taken.
    """

    format: PriceFormat
    content: str

    method = "tariff.import"
    role = Role.OWNER
    answer = PriceSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPrices(Call[None]):
    """Forget all imported prices.

    Raises:
        NotFound: there are none.
    """

    method = "tariff.forget"
    role = Role.OWNER
    answer = None
