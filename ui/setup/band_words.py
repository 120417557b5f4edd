"""Sentences about prices at certain hours."""

from decimal import Decimal

from homeapp.model.commissioning import BandAnswer
from ui import formats
from ui.setup import band_draft
from ui.tr import tr


def hours_words(band: BandAnswer) -> str:
    """From when to when."""
    return tr("All day") if band_draft.lasts_all_day(band) else f"{band.start}–{band.end}"


def days_words(band: BandAnswer) -> str:
    """On which days: ``Mon–Fri``."""
    if not band.days:
        return tr("every day")
    spans: list[list[int]] = []
    for number in sorted(band_draft.DAYS.index(day) + 1 for day in band.days if day in band_draft.DAYS):
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ", ".join(_span_words(span) for span in spans)


def price_words(price: Decimal, currency: str) -> str:
    """Per kWh, to the tenth of a cent, in the contract's currency."""
    return f"{price:.3f} {currency}"


def last_digit(price: Decimal) -> str:
    """The tenths of a cent alone, as the finer buttons change them."""
    return str(int(price * 1000) % 10)


def with_vat_words(price: Decimal, vat_pct: Decimal, currency: str) -> str:
    """What the owner pays for the energy in the end."""
    return tr("With VAT: {price} per kWh", price=formats.price(price * (1 + vat_pct / 100), currency))


def meaning(band: BandAnswer) -> str:
    """What might be understood otherwise; empty where nothing might."""
    if band_draft.lasts_all_day(band):
        return tr("Begins and ends at the same time: it holds from midnight to midnight.")
    if not band_draft.goes_over_midnight(band):
        return ""
    if not band.days:
        return tr("Over midnight, until the next morning.")
    return tr(
        "Over midnight. Of each of these days it is midnight to {end} and {start} to midnight.",
        start=band.start,
        end=band.end,
    )


def summary(band: BandAnswer, currency: str) -> str:
    """All of it."""
    return f"{hours_words(band)}, {days_words(band)}, {price_words(Decimal(band.price), currency)}"


def _span_words(span: list[int]) -> str:
    names = [formats.day_name(number) for number in span]
    return f"{names[0]}–{names[-1]}" if len(names) > 2 else ", ".join(names)
