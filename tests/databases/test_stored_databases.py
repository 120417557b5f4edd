"""Databases of every schema that was ever released open with today's program, and nothing in them is lost.

The files beside this one were made by ``make.py`` when their schema was the newest.
"""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from homeapp import audit
from homeapp.model.offer import Choice, OfferState
from homeapp.model.plan import ChargingMode
from homeapp.model.signed_reading import SignedReading
from homeapp.model.standing_rule import RuleAction
from homeapp.model.why import WhyTopic
from homeapp.offers.desk import OfferDesk
from homeapp.ports import DecisionMessage
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox, Waiting
from homeapp.store.periods import Periods
from homeapp.store.price_history import PriceStore
from homeapp.store.signed_readings import SignedReadings
from homeapp.store.standing_rules import StandingRules
from homeapp.store.station_outbox import StoredStationOutbox
from homeapp.store.telemetry import Column, Telemetry
from homeapp.store.why_entries import WhyEntries

HERE = Path(__file__).parent
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCHEMAS = sorted(int(path.stem.partition("-")[2]) for path in HERE.glob("ledger-*.db"))


class _Noon:
    speed = 1.0

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def test_the_first_schema_is_among_them() -> None:
    assert SCHEMAS[:1] == [1]


@pytest.fixture(params=SCHEMAS)
def data_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for name in ("ledger", "telemetry"):
        # The telemetry schema has not moved with every one of the ledger's.
        stored = next(path for schema in range(request.param, 0, -1) if (path := HERE / f"{name}-{schema}.db").exists())
        assert stored.stat().st_size < 100_000
        shutil.copy(stored, tmp_path / f"{name}.db")
    return tmp_path


def test_devices_alerts_prices_and_values_are_there(data_dir: Path) -> None:
    async def main() -> None:
        async with Database(data_dir) as database:
            assert database.repairs == ()
            ledger = Ledger(database, _Noon())
            (device,) = await ledger.adopted_devices()
            assert (device.device_id, device.properties) == ("homewizard:5c2faf010203", {"firmware": "6.0"})
            (alert,) = await ledger.alerts()
            assert alert.code == "P0A1F"
            slot = (await ledger.tariffs())["grid_sp"].at(NOON)
            assert slot is not None
            assert slot.import_price == Decimal("0.2345")
            assert [notice.code for notice in await ledger.notices(NOON - timedelta(days=365))] == [
                "message_rejected.signature"
            ]
            assert await ledger.value("charging_mode") == "pause"
            assert await ledger.seen("evc_sp", "m1", NOON + timedelta(days=365))

    asyncio.run(main())


def test_requests_stand_where_they_stood_and_answers_still_wait(data_dir: Path) -> None:
    async def main() -> None:
        async with Database(data_dir) as database:
            ledger = Ledger(database, _Noon())
            outbox = Outbox(database, _Noon())
            desk = OfferDesk(ledger=ledger, outbox=outbox, clock=_Noon(), on_change=lambda: None)
            await desk.load()
            assert {case.offer.offer_id: (case.state, case.offer.revision) for case in desk.cases} == {
                "pending": (OfferState.PENDING, 1),
                "confirmed": (OfferState.SCHEDULED, 1),
                "waiting": (OfferState.DECLINED, 2),
            }
            for case in desk.cases:
                assert case.digest == case.offer.digest(), "an approval of then names the text of now"
            message = await outbox.next_waiting("evc_sp")
            assert isinstance(message, DecisionMessage)
            assert (message.decision.choice, message.offer.offer_id) == (Choice.DECLINE, "waiting")
            assert await outbox.waiting() == {"evc_sp": Waiting(decisions=1, records=0)}

    asyncio.run(main())


@pytest.mark.usecase("W6")
def test_the_audit_log_of_then_is_chained_and_goes_on(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "ledger.db")) as stored:
        # Schema 1 calls its row number otherwise.
        before = stored.execute("SELECT at, kind, subject, detail FROM audit ORDER BY rowid").fetchall()
    assert len(before) > 15

    async def main() -> None:
        async with Database(data_dir) as database:
            assert database.repairs == ()
            await Ledger(database, _Noon()).hub_started("1")
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                await database.ledger.write(lambda connection: connection.execute("DELETE FROM audit"))
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                await database.ledger.write(lambda connection: connection.execute("UPDATE audit SET kind = 'b'"))

    asyncio.run(main())
    rows = list(audit.read_rows(data_dir))
    assert [(row.at, row.kind, row.subject, row.detail) for row in rows[:-1]] == before
    assert rows[-1].kind == "hub_started"
    assert audit.examine(data_dir) == audit.Verdict(len(before) + 1)


@pytest.mark.parametrize("data_dir", [schema for schema in SCHEMAS if schema >= 4], indirect=True)
def test_what_a_station_said_still_waits(data_dir: Path) -> None:
    async def main() -> None:
        async with Database(data_dir) as database:
            outbox = StoredStationOutbox(database, _Noon(), "wss://csms.example/ocpp")
            message = await outbox.first_waiting("ocpp:box")
            assert message is not None
            assert (message.message_id, message.payload) == ("s-2", b'{ "b":2}')
            assert await outbox.transactions("ocpp:box") == {7: 4711}
            assert await outbox.introduction("ocpp:box", "ocpp1.6") == b'{"chargePointVendor": "V"}'

    asyncio.run(main())


@pytest.mark.parametrize("data_dir", [schema for schema in SCHEMAS if schema >= 5], indirect=True)
def test_what_a_meter_has_signed_is_as_it_came(data_dir: Path) -> None:
    async def main() -> None:
        async with Database(data_dir) as database:
            (period,) = await Periods(database, _Noon()).newest(10)
            assert period.transaction_id == "7"
            assert await SignedReadings(database, _Noon()).of(period.device_id, "7") == (
                SignedReading(data="OCMF|{}|{}", context="Transaction.Begin", public_key="k", stamp=NOON),
            )

    asyncio.run(main())


def test_readings_are_there(data_dir: Path) -> None:
    async def main() -> None:
        async with Database(data_dir) as database:
            telemetry = Telemetry(database)
            totals = await telemetry.today(NOON, NOON + timedelta(days=1))
            assert totals.charged_wh == pytest.approx(3600 * 1770 / 3600)
            assert totals.cost == Decimal("0.4425")
            series = await telemetry.series(Column.SOC_PCT, NOON, NOON + timedelta(hours=1), 900)
            assert [bucket.mean for bucket in series] == [50.5, 50.5]

    asyncio.run(main())


@pytest.mark.parametrize("data_dir", [schema for schema in SCHEMAS if schema >= 8], indirect=True)
def test_rules_past_prices_and_decisions_are_there(data_dir: Path) -> None:
    async def main() -> None:
        async with Database(data_dir) as database:
            (rule,) = await StandingRules(database, _Noon()).all()
            assert (rule.rule_id, rule.action, rule.least_per_kwh) == ("evening", RuleAction.ACCEPT, Decimal("0.30"))
            past = await PriceStore(database).past(NOON + timedelta(hours=2), "EUR")
            assert [(price.start - NOON, price.import_price) for price in past] == [
                (timedelta(minutes=minutes), Decimal("0.2345")) for minutes in (0, 15, 30, 45)
            ]
            (entry,) = await WhyEntries(database).between(NOON, NOON + timedelta(seconds=1))
            assert (entry.topic, entry.mode) == (WhyTopic.MODE, ChargingMode.NOW)

    asyncio.run(main())
