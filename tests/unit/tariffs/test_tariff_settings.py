"""The owner's contract as settings: not a digit is lost, and what contradicts itself is told."""

from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from homeapp.errors import SettingsInvalid
from homeapp.settings import Settings, load
from homeapp.tariffs.contract import Band, Contract, ContractKind, ExportRule, PriceBasis


def loaded(directory: Path, text: str) -> Settings:
    (directory / "settings.toml").write_text(text)
    return load(directory)


def test_without_a_contract_announced_prices_are_taken_as_what_the_owner_pays(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").tariff.contract() == Contract()
    assert Contract().provider_prices is PriceBasis.RETAIL


def test_a_contract_with_everything(tmp_path: Path) -> None:
    text = """
[tariff]
kind = "time_of_use"
currency = "EUR"
energy = "0.20"
markup = "-0.001"
tax = "0.11084"
grid_fee = "0.0347"
vat_pct = "21"
provider_prices = "market"
export = "market"
export_factor = "0.90"
[[tariff.energy_band]]
price = "0.10"
start = "23:00"
end = "07:00"
[[tariff.grid_fee_band]]
price = "0.09"
start = "17:00"
end = "20:30"
days = ["mon", "fri"]
"""
    assert loaded(tmp_path, text).tariff.contract() == Contract(
        kind=ContractKind.TIME_OF_USE,
        currency="EUR",
        energy=Decimal("0.20"),
        energy_bands=(Band(price=Decimal("0.10"), start=time(23), end=time(7)),),
        markup=Decimal("-0.001"),
        tax=Decimal("0.11084"),
        grid_fee=Decimal("0.0347"),
        grid_fee_bands=(Band(price=Decimal("0.09"), start=time(17), end=time(20, 30), weekdays=frozenset({0, 4})),),
        vat_pct=Decimal(21),
        provider_prices=PriceBasis.MARKET,
        export=ExportRule.MARKET,
        export_factor=Decimal("0.90"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[tariff]\nkind = "fixed"', "tariff.energy"),
        ('[tariff]\nkind = "time_of_use"\ncurrency = "EUR"', "tariff.energy"),
        ('[tariff]\nkind = "fixed"\nenergy = "0.2"', "tariff.currency"),
        ('[tariff]\nenergy = "0.2"', "tariff.currency"),
        ('[tariff]\nvat_pct = "-1"', "vat_pct"),
        ('[tariff]\nvat_pct = "101"', "vat_pct"),
        ("[tariff]\ntax = 0.11", "str"),
        ('[tariff]\ntax = "0,11"', "tariff.tax"),
        ('[tariff]\ntax = "NaN"', "tariff.tax"),
        ('[tariff]\ncurrency = "euro"', "tariff.currency"),
        (
            '[tariff]\nkind="fixed"\ncurrency="EUR"\nenergy="0.2"\n'
            '[[tariff.energy_band]]\nprice="1"\nstart="00:00"\nend="07:00"',
            "one price",
        ),
        ('[[tariff.grid_fee_band]]\nprice="1"\nstart="00:10"\nend="07:00"', "grid_fee_band"),
        ('[[tariff.grid_fee_band]]\nprice="1"\nstart="00:00"\nend="07:00"\ndays=["Monday"]', "days"),
        ("[grid_limit]\nfailsafe_w = -1.0", "failsafe_w"),
        ("[grid_limit]\nfailsafe_min_h = 48.0", "failsafe_min_h"),
        ("[grid_limit]\ndso_floor_w = inf", "dso_floor_w"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        loaded(tmp_path, text)


def test_limits_of_the_grid_operator_have_safe_values_by_themselves(tmp_path: Path) -> None:
    limit = loaded(tmp_path, "").grid_limit
    assert (limit.failsafe_w, limit.failsafe_min_h, limit.dso_floor_w) == (4200.0, 2.0, 0.0)
