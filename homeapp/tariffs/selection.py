"""Which prices hold when: the provider's where it has said something, then what was imported, then the contract's.

A contract with prices of its own (fixed, time of use) holds everywhere. Where a dynamic contract names a price too,
that one stands in for what is missing, marked as a forecast.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from homeapp.model.tariff import PriceSlot, SourceKind, Tariff
from homeapp.tariffs.compose import composed
from homeapp.tariffs.contract import Contract, ContractKind, ExportRule, PriceBasis
from homeapp.tariffs.local_days import day_start, local_day
from homeapp.tariffs.price_series import spliced
from homeapp.tariffs.time_of_use import contract_slots

CONTRACT_NAME = "Your contract"
DAYS_BACK = 1
DAYS = 4
"""Local days that the contract's own prices are made for: yesterday to the day after tomorrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Prices as one source has told them.

    Attributes:
        basis: what they are.
    """

    kind: SourceKind
    basis: PriceBasis
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class _Layer:
    source: str
    slots: tuple[PriceSlot, ...]


def selected(announced: Sequence[Announced], contract: Contract, zone: ZoneInfo, now: datetime) -> Tariff | None:
    """One tariff for planner and screen; None where nothing is known at all.

    Those of ``announced`` that count first come first; those in another currency than the leading one are left out.
    """
    currency = leading_currency(announced, contract)
    usable = [item for item in announced if item.tariff.currency == currency]
    told = [_Layer(item.tariff.source, composed(item.tariff.slots, item.basis, contract, zone)) for item in usable]
    dynamic = contract.kind is ContractKind.DYNAMIC
    first_day = local_day(now, zone) - timedelta(days=DAYS_BACK)
    own = contract_slots(contract, zone, first_day, DAYS, stands_in=dynamic) if currency else ()
    if dynamic:
        layers = [*told, _Layer(CONTRACT_NAME, own)]
    else:
        layers = [_Layer(CONTRACT_NAME, _with_announced_export(own, told, contract))]
    slots = spliced([layer.slots for layer in layers])
    if not slots:
        return None
    return Tariff(
        source=_source_at(now, layers),
        currency=currency,
        received_at=max((item.tariff.received_at for item in usable), default=day_start(first_day, zone)),
        slots=slots,
        ghg=next((item.tariff.ghg for item in usable if item.tariff.ghg), ()),
    )


def leading_currency(announced: Sequence[Announced], contract: Contract) -> str:
    """The one in which the owner pays; empty where nobody has said."""
    return contract.currency or next((item.tariff.currency for item in announced), "")


def _source_at(now: datetime, layers: Sequence[_Layer]) -> str:
    """Who has said the price that holds now, else who has said any."""
    holding = (layer.source for layer in layers if any(slot.start <= now < slot.end for slot in layer.slots))
    return next(chain(holding, (layer.source for layer in layers if layer.slots)))


def _with_announced_export(
    own: tuple[PriceSlot, ...], told: Sequence[_Layer], contract: Contract
) -> tuple[PriceSlot, ...]:
    """The contract's own quarter hours with the market price and, where the contract follows it, the export price."""
    announced = spliced([layer.slots for layer in told])
    starts = [slot.start for slot in announced]
    follows = contract.export in (ExportRule.ANNOUNCED, ExportRule.MARKET)
    slots: list[PriceSlot] = []
    for slot in own:
        place = bisect_right(starts, slot.start) - 1
        held = announced[place] if place >= 0 and announced[place].end > slot.start else None
        if held is not None:
            export = held.export_price if follows else slot.export_price
            slot = replace(slot, market_price=held.market_price, export_price=export)  # noqa: PLW2901 - completed
        slots.append(slot)
    return tuple(slots)
