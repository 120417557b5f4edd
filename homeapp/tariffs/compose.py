"""What the owner pays and gets: a market price and the contract make a retail price, exact to the last digit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from homeapp.model.tariff import ComponentKind, PriceComponent, PriceSlot
from homeapp.tariffs.contract import Contract, ExportRule, PriceBasis
from homeapp.tariffs.local_days import next_quarter

_PERCENT = Decimal(100)


def composed(
    slots: tuple[PriceSlot, ...], basis: PriceBasis, contract: Contract, zone: ZoneInfo
) -> tuple[PriceSlot, ...]:
    """Announced prices as the contract makes them; a slot in which the grid fee changes becomes several."""
    if basis is PriceBasis.RETAIL:
        return tuple(_with_export(slot, contract) for slot in slots)
    return tuple(
        _with_export(_from_market(part, contract, zone), contract)
        for slot in slots
        for part in _by_grid_fee(slot, contract, zone)
    )


def agreed(start: datetime, end: datetime, contract: Contract, zone: ZoneInfo, *, stands_in: bool) -> PriceSlot | None:
    """The contract's own price in [start, end), within which nothing may change; None where none is agreed.

    With ``stands_in`` it only takes the place of a price that is missing.
    """
    local = start.astimezone(zone)
    energy = contract.energy_at(local)
    if energy is None:
        return None
    components = _components(ComponentKind.SUPPLIER, energy, contract, local)
    slot = PriceSlot(start=start, end=end, import_price=_sum(components), components=components, forecast=stands_in)
    return _with_export(slot, contract)


def _from_market(slot: PriceSlot, contract: Contract, zone: ZoneInfo) -> PriceSlot:
    market = slot.import_price
    components = _components(ComponentKind.MARKET, market, contract, slot.start.astimezone(zone))
    return replace(slot, import_price=_sum(components), components=components, market_price=market)


def _components(
    kind: ComponentKind, energy: Decimal, contract: Contract, local: datetime
) -> tuple[PriceComponent, ...]:
    """Energy first, VAT last; what adds nothing is left out."""
    added = [(ComponentKind.TAX, contract.tax), (ComponentKind.GRID_FEE, contract.grid_fee_at(local))]
    if kind is ComponentKind.MARKET:
        added.insert(0, (ComponentKind.SUPPLIER, contract.markup))
    net = energy + sum((amount for _, amount in added), Decimal(0))
    added.append((ComponentKind.VAT, net * contract.vat_pct / _PERCENT))
    parts = [(kind, energy), *((part, amount) for part, amount in added if amount)]
    return tuple(PriceComponent(kind=part, amount=amount) for part, amount in parts)


def _sum(components: tuple[PriceComponent, ...]) -> Decimal:
    return sum((component.amount for component in components), Decimal(0))


def _with_export(slot: PriceSlot, contract: Contract) -> PriceSlot:
    match contract.export:
        case ExportRule.FIXED:
            return replace(slot, export_price=contract.export_price)
        case ExportRule.NET_METERING:
            return replace(slot, export_price=slot.import_price)
        case ExportRule.MARKET if slot.market_price is not None:
            return replace(slot, export_price=slot.market_price * contract.export_factor)
        case _:
            return slot


def _by_grid_fee(slot: PriceSlot, contract: Contract, zone: ZoneInfo) -> Iterator[PriceSlot]:
    """``slot``, cut where a band of the grid fee begins or ends."""
    if not contract.grid_fee_bands:
        yield slot
        return
    edges = [slot.start]
    while (following := next_quarter(edges[-1])) < slot.end:
        edges.append(following)
    same = [list(group) for _, group in groupby(edges, lambda edge: contract.grid_fee_at(edge.astimezone(zone)))]
    ends = [group[0] for group in same[1:]] + [slot.end]
    for group, end in zip(same, ends, strict=True):
        yield replace(slot, start=group[0], end=end)
