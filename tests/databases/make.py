"""Makes the stored databases of the newest schema: ``python tests/databases/make.py``.

Only for a schema that is about to be released; the files of released schemas are never made again.
"""

import asyncio
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.health import HealthAlert, Severity
from homeapp.model.live import Notice
from homeapp.model.offer import (
    Binding,
    Choice,
    Offer,
    OfferInterval,
    OfferKind,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.period import Direction, Period
from homeapp.model.plan import ChargingMode
from homeapp.model.signed_reading import SignedReading
from homeapp.model.standing_rule import RuleAction, StandingRule
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.model.why import Circumstances, WhyEntry, WhyTopic
from homeapp.offers.desk import OfferDesk
from homeapp.ports import StationMessage
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from homeapp.store.periods import Periods
from homeapp.store.price_history import PriceStore
from homeapp.store.signed_readings import SignedReadings
from homeapp.store.standing_rules import StandingRules
from homeapp.store.station_outbox import StoredStationOutbox
from homeapp.store.telemetry import Sample, Telemetry
from homeapp.store.why_entries import WhyEntries

HERE = Path(__file__).parent
SCHEMAS = {"ledger": 8, "telemetry": 2}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


PRICES = Tariff(
    source="Day ahead",
    currency="EUR",
    received_at=NOON,
    slots=(PriceSlot(start=NOON, end=NOON + timedelta(hours=1), import_price=Decimal("0.2345")),),
)
RULE = StandingRule(rule_id="evening", action=RuleAction.ACCEPT, least_per_kwh=Decimal("0.30"), currency="EUR")
WHY = WhyEntry(at=NOON, topic=WhyTopic.MODE, seen=Circumstances(fuse_a=25.0), mode=ChargingMode.NOW)


@dataclass
class _Noon:
    speed: float = 1.0

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def _offer(name: str, revision: int = 1) -> Offer:
    start = NOON + timedelta(hours=1)
    return Offer(
        offer_id=name,
        revision=revision,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOON,
        expires_at=start,
        intervals=(OfferInterval(start=start, end=start + timedelta(hours=1), setpoint_w=-4000.0),),
        title="Feed power",
        reward=Decimal("2.40"),
        currency="EUR",
        min_soc_pct=40.0,
    )


async def _fill_ledger(ledger: Ledger) -> None:
    await ledger.adopt_device(
        AdoptedDevice(
            device_id="homewizard:5c2faf010203",
            kind=DeviceKind.METER,
            driver="homewizard",
            name="Meter",
            address="192.0.2.5:443",
            product="P1 Meter",
            adopted_at=NOON,
            properties={"firmware": "6.0"},
        )
    )
    await ledger.keep_alert(
        HealthAlert(
            alert_id="a1",
            sp_id="pev_sp",
            code="P0A1F",
            severity=Severity.WARNING,
            title="Battery",
            advice="Have it looked at.",
            raised_at=NOON,
        )
    )
    slot = PriceSlot(start=NOON, end=NOON + timedelta(hours=1), import_price=Decimal("0.2345"))
    await ledger.keep_tariff("grid_sp", Tariff(source="Day ahead", currency="EUR", received_at=NOON, slots=(slot,)))
    await ledger.keep_notice(Notice(code="message_rejected.signature", sentence="Forged.", at=NOON))
    await ledger.keep_value("charging_mode", "pause")
    await ledger.seen("evc_sp", "m1", NOON + timedelta(days=365))


async def _fill_desk(desk: OfferDesk) -> None:
    confirmed, waiting = _offer("confirmed"), _offer("waiting", revision=2)
    await desk.receive(_offer("pending"))
    await desk.receive(confirmed)
    case = await desk.decide(confirmed.key, confirmed.digest(), Choice.ACCEPT, "owner")
    assert case.decision is not None
    for level in ReceiptLevel:
        await desk.receipt(
            Receipt(decision_id=case.decision.decision_id, sp_id="evc_sp", level=level, received_at=NOON, reference="r")
        )
    await desk.receive(_offer("waiting"))
    await desk.receive(waiting)
    await desk.decide(waiting.key, waiting.digest(), Choice.DECLINE, "owner")


async def _fill_station_outbox(outbox: StoredStationOutbox) -> None:
    await outbox.keep_introduction("ocpp:box", "ocpp1.6", b'{"chargePointVendor": "V"}')
    first = StationMessage(message_id="s-1", action="StartTransaction", payload=b'{"a": 1}', transaction=7)
    await outbox.put("ocpp:box", first)
    row = await outbox.first_waiting("ocpp:box")
    assert row is not None
    await outbox.delivered("ocpp:box", row, 4711)
    await outbox.put("ocpp:box", StationMessage(message_id="s-2", action="MeterValues", payload=b'{ "b":2}'))


async def _fill_metering(periods: Periods, signed: SignedReadings) -> None:
    await periods.keep(
        Period(
            period_id="p1",
            device_id="ocpp:box",
            direction=Direction.FEED,
            begun_at=NOON,
            seen_at=NOON,
            transaction_id="7",
        )
    )
    await signed.keep(
        "ocpp:box", "7", [SignedReading(data="OCMF|{}|{}", context="Transaction.Begin", public_key="k", stamp=NOON)]
    )


async def _make(directory: Path) -> None:
    async with Database(directory) as database:
        ledger = Ledger(database, _Noon())
        await _fill_ledger(ledger)
        await _fill_desk(
            OfferDesk(ledger=ledger, outbox=Outbox(database, _Noon()), clock=_Noon(), on_change=lambda: None)
        )
        await _fill_station_outbox(StoredStationOutbox(database, _Noon(), "wss://csms.example/ocpp"))
        await _fill_metering(Periods(database, _Noon()), SignedReadings(database, _Noon()))
        await StandingRules(database, _Noon()).keep(RULE)
        await PriceStore(database).keep(PRICES, NOON)
        await WhyEntries(database).add([WHY])
        telemetry = Telemetry(database)
        for second in range(0, 1800, 30):
            at = NOON + timedelta(seconds=second)
            await telemetry.add(
                Sample(at=at, grid_w=4000.0, home_w=400.0, evce_w=3600.0, soc_pct=50.5, price=Decimal("0.25"))
            )


def main() -> None:
    """Write ``ledger-<schema>.db`` and ``telemetry-<schema>.db`` beside this file, where they are not there yet."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_make(Path(directory)))
        for name, schema in SCHEMAS.items():
            source, target = Path(directory) / f"{name}.db", HERE / f"{name}-{schema}.db"
            if target.exists():
                sys.stdout.write(f"{target} exists already: the files of released schemas are never made again\n")
                continue
            with closing(sqlite3.connect(source)) as database:
                # One small file without a log beside it.
                database.execute("PRAGMA journal_mode = DELETE")
                database.execute("PRAGMA page_size = 1024")
                database.execute("VACUUM")
            shutil.copy(source, target)


if __name__ == "__main__":
    main()
