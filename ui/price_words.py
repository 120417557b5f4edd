"""Prices in words."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from homeapp.model.tariff import ComponentKind, PriceSlot, Tariff
from ui import formats
from ui.tr import tr
from ui.view import View


def component_words(kind: ComponentKind) -> str:
    """What a part of the price is."""
    return {
        ComponentKind.MARKET: tr("Market"),
        ComponentKind.SUPPLIER: tr("Supplier"),
        ComponentKind.TAX: tr("Energy tax"),
        ComponentKind.GRID_FEE: tr("Grid fee"),
        ComponentKind.VAT: tr("VAT"),
    }[kind]


def known_words(view: View) -> str:
    """How far the prices reach, and how fresh they are."""
    tariff = view.tariff
    if tariff is None or not tariff.slots:
        return tr("No prices yet")
    known, priced = tariff.known_until, tariff.priced_until
    if known is None or known <= view.now:
        if priced is not None and priced > view.now:
            return tr("Only expected prices – the provider has sent none for now")
        return tr("No prices for now – the last ones came {age}", age=_age(tariff.received_at, view))
    until = formats.moment(known, view.now, view.zone)
    if priced is not None and priced > known:
        return tr("Known until {until}, expected after that", until=until)
    return tr("Known until {until} – what follows comes later", until=until)


def slot_title(slot: PriceSlot, view: View) -> str:
    """When a price holds, and whether anybody has promised it."""
    when = formats.window(slot.start, slot.end, view.now, view.zone)
    if slot.forecast:
        return tr("{when} · expected", when=when)
    return tr("Now · {when}", when=when) if slot.start <= view.now < slot.end else when


def extremes(tariff: Tariff, view: View) -> tuple[PriceSlot, PriceSlot] | None:
    """The cheapest and the dearest price that lie ahead; None where there is none."""
    ahead = [slot for slot in tariff.slots if slot.end > view.now]
    if not ahead:
        return None
    return min(ahead, key=lambda slot: slot.import_price), max(ahead, key=lambda slot: slot.import_price)


def mean_ahead(slots: Sequence[PriceSlot], now: datetime) -> Decimal | None:
    """The mean price of the time that lies ahead; None where there is none."""
    ahead = [(slot.import_price, Decimal((slot.end - max(slot.start, now)).total_seconds())) for slot in slots]
    ahead = [(price, seconds) for price, seconds in ahead if seconds > 0]
    total = sum((seconds for _price, seconds in ahead), Decimal(0))
    return sum((price * seconds for price, seconds in ahead), Decimal(0)) / total if total else None


def emission_words(tariff: Tariff, slot: PriceSlot) -> str:
    """What the electricity of that time emits; empty where nobody has said."""
    found = next((ghg for ghg in tariff.ghg if ghg.start <= slot.start < ghg.end), None)
    return "" if found is None else tr("{grams} g CO₂ per kWh", grams=f"{found.g_per_kwh:.0f}")


def _age(at: datetime, view: View) -> str:
    return formats.ago(max(0.0, (view.now - at).total_seconds()))
