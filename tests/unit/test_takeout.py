"""The export: all of it, beside an open ledger, and no secret."""

import asyncio
import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.errors import StoreUnavailable
from homeapp.model.consent import Consent, DataClass
from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.period import Direction, Period
from homeapp.model.signed_reading import SignedReading
from homeapp.secrets import open_secret_store
from homeapp.settings import SecretPlace
from homeapp.sharing import takeout
from homeapp.sharing.takeout import LEDGER_SECTIONS, TELEMETRY_SECTIONS, document, export
from homeapp.store.consents import Consents
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.periods import Periods
from homeapp.store.signed_readings import SignedReadings
from homeapp.store.telemetry import Sample, Telemetry
from kit.clocks import StandingClock

pytestmark = pytest.mark.usecase("W8")

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEVICE = AdoptedDevice(
    device_id="ocpp:CP-1",
    kind=DeviceKind.EVCE,
    driver="ocpp",
    name="Garage \x1b[31m",
    address="192.0.2.7:4711",
    product="Charger",
    adopted_at=NOW,
    properties={},
)
PERIOD = Period(
    period_id="p1",
    device_id=DEVICE.device_id,
    direction=Direction.FEED,
    begun_at=NOW,
    seen_at=NOW,
    ended_at=NOW,
    energy_wh=12.0,
    transaction_id="7",
)
BEGIN = SignedReading(data="OCMF|begin\x00\u2028", context="Transaction.Begin", public_key="key", stamp=NOW)
_OWN_BUSINESS = {
    "seen_messages": "numbers of providers' messages, so that none is taken twice; nothing of the home",
    "sqlite_sequence": "SQLite's own",
    "_sqlite_migrations": "which schema it is",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory with a life, as a hub leaves it."""
    data_dir = tmp_path / "home"
    data_dir.mkdir()
    (data_dir / "settings.toml").write_text('secrets = "machine_file"\n[site]\nname = "Anna"\n')
    secrets = open_secret_store(data_dir, SecretPlace.MACHINE_FILE)
    secrets.set("pin.owner", "swordfish-4711")
    asyncio.run(_live(data_dir))
    return data_dir


async def _live(data_dir: Path) -> None:
    async with Database(data_dir) as database:
        await Ledger(database, StandingClock(NOW)).adopt_device(DEVICE)
        consent = Consent(
            sp_id="evc_sp", data_class=DataClass.IDENTITY, granted=True, text_version=1, at=NOW, by="owner"
        )
        await Consents(database, StandingClock(NOW)).keep(consent)
        rows = [
            ((NOW + timedelta(minutes=number)).timestamp(), "evc_sp", "metering", "metering", f"r{number}", 400)
            for number in range(1203)
        ]
        await database.ledger.write(
            lambda connection: connection.executemany(
                "INSERT INTO disclosures (at, sp_id, data_class, kind, record_id, size_bytes, fields) "
                "VALUES (?, ?, ?, ?, ?, ?, '[\"import_wh\"]')",
                rows,
            )
        )
        await Periods(database, StandingClock(NOW)).keep(PERIOD)
        signed = SignedReadings(database, StandingClock(NOW))
        await signed.keep(DEVICE.device_id, "another", [SignedReading(data="of another transaction")])
        await signed.keep(DEVICE.device_id, "7", [BEGIN, SignedReading(data="OCMF|end")])
        telemetry = Telemetry(database)
        for second in range(12):
            await telemetry.add(Sample(at=NOW + timedelta(seconds=second), grid_w=1000.0, evce_w=3600.0, soc_pct=64.5))


def read(data_dir: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads("".join(document(data_dir)))
    return found


def test_all_that_was_kept_is_in_it_in_order_and_readable(home: Path) -> None:
    found = read(home)
    assert found["format"] == "homeapp export 1"
    assert found["settings"]["site"]["name"] == "Anna"
    assert found["devices"][0]["body"]["name"] == DEVICE.name
    assert found["consents"][0]["body"]["granted"] is True
    assert [row["record_id"] for row in found["disclosures"]] == [f"r{number}" for number in range(1203)]
    assert found["disclosures"][0]["at"] == NOW.isoformat()
    assert found["disclosures"][0]["fields"] == ["import_wh"]
    assert {row["kind"] for row in found["audit"]} == {"device_adopted", "consent"}
    (quarter,) = found["quarter_hours"]
    assert (quarter["start_at"], quarter["grid_w"], quarter["soc_pct"]) == (NOW.isoformat(), 1000.0, 64.5)
    assert quarter["charged_wh"] == pytest.approx(11.0)
    assert len(found["seconds"]) == 12


def test_a_period_is_shown_with_what_the_meter_has_signed_of_its_transaction(home: Path) -> None:
    found = read(home)
    (period,) = found["periods"]
    assert (period["body"]["direction"], period["body"]["energy_wh"]) == ("feed", 12.0)
    readings = {row["number"]: row for row in found["signed_readings"]}
    begin, end = (readings[number] for number in period["signed_readings"])
    assert (begin["data"], begin["context"], begin["public_key"]) == (BEGIN.data, "Transaction.Begin", "key")
    assert (begin["measured_at"], end["measured_at"]) == (NOW.isoformat(), None)
    assert end["data"] == "OCMF|end"
    assert len(readings) == 3


def test_names_of_secrets_are_told_and_no_secret(home: Path) -> None:
    text = "".join(document(home))
    assert json.loads(text)["secrets_kept"] == ["pin.owner"]
    assert "swordfish" not in text
    assert text.isascii()
    assert "\x1b" not in text


def test_secrets_that_cannot_be_looked_at_are_no_obstacle(home: Path) -> None:
    (home / "secrets.key").unlink()
    assert read(home)["secrets_kept"] is None
    (home / "settings.toml").write_text("[site")
    found = read(home)
    assert "unreadable" in found["settings"]
    assert found["devices"]


def test_it_is_read_beside_an_open_ledger_and_changes_nothing(home: Path) -> None:
    async def main() -> None:
        async with Database(home) as database:
            pieces = document(home)
            first = next(pieces)
            await Ledger(database, StandingClock(NOW)).keep_value("charging_mode", "now")
            rest = await asyncio.to_thread("".join, pieces)
            assert {"key": "charging_mode", "value": "now"} in json.loads(first + rest)["choices"]

    asyncio.run(main())


@pytest.mark.parametrize(("name", "sections"), [("ledger.db", LEDGER_SECTIONS), ("telemetry.db", TELEMETRY_SECTIONS)])
def test_no_table_is_forgotten(home: Path, name: str, sections: tuple[takeout.Section, ...]) -> None:
    """A new table is exported, or named above with the reason why not."""
    with closing(sqlite3.connect(home / name)) as connection:
        tables = {table for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables - set(_OWN_BUSINESS) == {section.table for section in sections}


def test_a_file_is_new_and_for_this_user_alone(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    export(home, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(json.loads(path.read_text())["disclosures"]) == 1203
    with pytest.raises(StoreUnavailable, match="cannot be made: File exists"):
        export(home, path)
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        export(home, tmp_path / "nowhere" / "out.json")


def test_half_a_document_is_not_left_behind(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for problem in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def broken(_data_dir: Path, problem: BaseException = problem) -> Iterator[str]:
            yield "{"
            raise problem

        monkeypatch.setattr(takeout, "document", broken)
        with pytest.raises((StoreUnavailable, KeyboardInterrupt)):
            export(home, tmp_path / "out.json")
        assert not (tmp_path / "out.json").exists()


def test_no_ledger_and_an_older_one_are_sentences(home: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        list(document(tmp_path))
    with closing(sqlite3.connect(home / "ledger.db")) as connection, connection:
        connection.execute("DROP TABLE consents")
    with pytest.raises(StoreUnavailable, match="older version"):
        list(document(home))
