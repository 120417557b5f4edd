"""Sentences about the contract for electricity."""

from ui import formats
from ui.setup.tariff_draft import Kind, TariffDraft, plain
from ui.tr import tr


def kind_words(kind: Kind) -> str:
    """Name of a kind of contract."""
    return {"fixed": tr("Fixed"), "time_of_use": tr("By the clock"), "dynamic": tr("Dynamic")}[kind]


def meaning(kind: Kind) -> str:
    """What it means for the hub."""
    return {
        "fixed": tr("One price at all hours, as it stands in the contract."),
        "time_of_use": tr(
            "The price depends on the time of day. Enter here what holds outside the cheap or dear hours."
        ),
        "dynamic": tr(
            "Prices come day by day from the grid operator's server, or from a file (homeapp prices import FILE). VAT "
            "is added to market prices only."
        ),
    }[kind]


def bands_words() -> str:
    """Where the prices of certain hours are entered, since they are not entered here."""
    return tr(
        "The other hours are written into settings.toml in the hub's data directory, one block for each: "
        '[[tariff.energy_band]], then price = "0.19", start = "22:00", end = "06:00". Write them before you save here: '
        "then they hold at once."
    )


def price_words(draft: TariffDraft) -> str:
    """Per kWh, to the tenth of a cent, in the contract's currency."""
    return f"{draft.price:.3f} {draft.currency}"


def last_digit(draft: TariffDraft) -> str:
    """The tenths of a cent alone, as the finer buttons change them."""
    return str(int(draft.price * 1000) % 10)


def vat_words(draft: TariffDraft) -> str:
    """Percent."""
    return f"{plain(draft.vat_pct)}\u00a0%"


def with_vat_words(draft: TariffDraft) -> str:
    """What the owner pays for the energy in the end."""
    return formats.price(draft.price * (1 + draft.vat_pct / 100), draft.currency)
