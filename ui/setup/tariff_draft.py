"""The owner's contract as it is being entered."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from homeapp.model.commissioning import BandAnswer, TariffAnswer
from ui.setup.band_draft import plain, stepped_price

Kind = Literal["fixed", "time_of_use", "dynamic"]
KINDS: tuple[Kind, ...] = ("fixed", "time_of_use", "dynamic")
CURRENCIES = ("EUR", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN")
VAT_PCT = tuple(
    Decimal(rate)
    for rate in ("0", "5", "5.5", "6", "7", "8", "8.1", "9", "10", "12", "13.5", "17", "18", "19", "20", "21", "22")
) + tuple(Decimal(rate) for rate in ("23", "24", "25", "25.5", "27"))
"""Rates of value added tax that electricity is charged with in Europe, percent."""
_FIRST_PRICE = Decimal("0.250")


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffDraft:
    """What is shown of the contract.

    Attributes:
        price: per kWh without VAT; of a contract by the clock what holds outside its bands. Not told of a dynamic one.
        bands: of a contract by the clock; not told of another, but kept in case that it becomes one again.
    """

    kind: Kind = "dynamic"
    currency: str = "EUR"
    price: Decimal = _FIRST_PRICE
    vat_pct: Decimal = Decimal(0)
    bands: tuple[BandAnswer, ...] = ()

    @property
    def names_price(self) -> bool:
        """The contract has a price of its own."""
        return self.kind != "dynamic"

    def with_price(self, steps: int, *, fine: bool) -> "TariffDraft":
        """Some hundredths or thousandths of the currency more or less."""
        return replace(self, price=stepped_price(self.price, steps, fine=fine))

    def with_vat(self, steps: int) -> "TariffDraft":
        """The next rate up or down that there is."""
        above = [rate for rate in VAT_PCT if rate > self.vat_pct]
        below = [rate for rate in VAT_PCT if rate < self.vat_pct]
        if steps > 0:
            return replace(self, vat_pct=above[0] if above else self.vat_pct)
        return replace(self, vat_pct=below[-1] if below else self.vat_pct)

    def answer(self) -> TariffAnswer:
        """As the hub keeps it."""
        if not self.names_price:
            return TariffAnswer(kind=self.kind, vat_pct=plain(self.vat_pct))
        return TariffAnswer(
            kind=self.kind,
            currency=self.currency,
            energy=plain(self.price),
            vat_pct=plain(self.vat_pct),
            bands=self.bands if self.kind == "time_of_use" else (),
        )


def of_answer(answer: TariffAnswer) -> TariffDraft:
    """What was entered before."""
    first = TariffDraft()
    return TariffDraft(
        kind=answer.kind,
        currency=answer.currency or first.currency,
        price=Decimal(answer.energy) if answer.energy else first.price,
        vat_pct=Decimal(answer.vat_pct),
        bands=answer.bands,
    )


def with_kind(draft: TariffDraft, kind: str) -> TariffDraft:
    """Another kind; one that there is not changes nothing."""
    return replace(draft, kind=next((known for known in KINDS if known == kind), draft.kind))


def with_currency(draft: TariffDraft, currency: str) -> TariffDraft:
    """Another currency; the number stays."""
    return replace(draft, currency=currency)
