"""Sentences about the contract for electricity."""

from ui.setup.band_draft import plain
from ui.setup.tariff_draft import Kind, TariffDraft
from ui.tr import tr


def kind_words(kind: Kind) -> str:
    """Name of a kind of contract."""
    return {"fixed": tr("Fixed"), "time_of_use": tr("By the clock"), "dynamic": tr("Dynamic")}[kind]


def meaning(kind: Kind) -> str:
    """What it means for the hub."""
    return {
        "fixed": tr("One price at all hours, as it stands in the contract."),
        "time_of_use": tr(
            "The price depends on the time of day. The first one below holds outside the hours that are listed."
        ),
        "dynamic": tr(
            "Prices come day by day from the grid operator's server, or from a file (homeapp prices import FILE). VAT "
            "is added to market prices only."
        ),
    }[kind]


def bands_words(draft: TariffDraft) -> str:
    """What is not to be seen of the hours that are entered here."""
    by_hand = tr("Hours that were written into settings.toml by hand hold besides.")
    if len(draft.bands) < 2:
        return by_hand
    return tr("Where hours overlap, the upper ones count. {by_hand}", by_hand=by_hand)


def vat_words(draft: TariffDraft) -> str:
    """Percent."""
    return f"{plain(draft.vat_pct)}\u00a0%"
