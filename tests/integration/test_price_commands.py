"""``homeapp prices`` beside a hub as a process."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.hub_process import homeapp, hub_process, new_data_dir

CONTRACT = """
[tariff]
currency = "EUR"
energy = "0.30"
tax = "0.10"
vat_pct = "21"
"""


def said(data_dir: Path, *arguments: str | Path) -> Any:
    done = homeapp("prices", *arguments, "--json", "--data-dir", data_dir)
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def price_now(shown: Any) -> dict[str, Any]:
    now = datetime.fromisoformat(shown["now"])
    slots: list[dict[str, Any]] = shown["tariff"]["slots"]
    return next(slot for slot in slots if datetime.fromisoformat(slot["end"]) > now)


@pytest.mark.usecase("S6")
def test_prices_from_a_file_get_the_contracts_additions_and_the_contract_stands_in_for_the_rest(tmp_path: Path) -> None:
    data_dir = new_data_dir(tmp_path)
    settings = data_dir / "settings.toml"
    settings.write_text(settings.read_text() + CONTRACT)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    file = tmp_path / "prices.csv"
    file.write_text(
        f"start,end,price,currency\n{hour.isoformat()},{(hour + timedelta(hours=5)).isoformat()},0.05,EUR\n"
    )
    with hub_process(data_dir):
        assert said(data_dir, "import", file, "--market")["kind"] == "import"
        slot = price_now(said(data_dir, "show"))
        assert (slot["import_price"], slot["market_price"], slot["forecast"]) == ("0.1815", "0.05", False)
        words = homeapp("prices", "show", "--data-dir", data_dir).stdout
        assert "0.1815 EUR/kWh  (market 0.0500, tax 0.1000, vat 0.0315)" in words
        assert "Imported prices (import), known until" in words
        assert "0.4840 EUR/kWh  (supplier 0.3000, tax 0.1000, vat 0.0840)  expected" in words
