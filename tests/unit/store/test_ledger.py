"""What the ledger keeps besides requests: devices, alerts, prices, notices, values, seen messages."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from homeapp.errors import StoreUnavailable
from homeapp.model.device import AdoptedDevice, DeviceKind
from homeapp.model.health import HealthAlert, OrderStatus, PartOrder, Severity
from homeapp.model.live import Notice
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.store.database import Database
from homeapp.store.ledger import MOST_TOLD, Ledger
from kit.clocks import LeapingClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
T = TypeVar("T")


def _with_ledger(directory: Path, body: Callable[[Ledger, LeapingClock, Database], Awaitable[T]]) -> T:
    async def main() -> T:
        async with Database(directory) as database:
            clock = LeapingClock(NOW)
            return await body(Ledger(database, clock), clock, database)

    return asyncio.run(main())


DEVICE = AdoptedDevice(
    device_id="ocpp:CP-1",
    kind=DeviceKind.EVCE,
    driver="ocpp",
    name="Garage",
    address="192.0.2.7:4711",
    product="Charger",
    adopted_at=NOW,
    properties={"firmware": "1.2"},
)
ALERT = HealthAlert(
    alert_id="a1",
    sp_id="pev_sp",
    code="P0A1F",
    severity=Severity.CRITICAL,
    title="Battery control module",
    advice="Have it looked at.",
    raised_at=NOW,
)
TARIFF = Tariff(
    source="Day ahead",
    currency="EUR",
    received_at=NOW,
    slots=(PriceSlot(start=NOW, end=NOW + timedelta(hours=1), import_price=Decimal("0.2345")),),
)


def test_devices_are_adopted_replaced_and_forgotten_with_a_trail(tmp_path: Path) -> None:
    async def adopt(ledger: Ledger, _clock: LeapingClock, _database: Database) -> None:
        await ledger.adopt_device(DEVICE)
        await ledger.adopt_device(replace(DEVICE, name="Carport"))

    async def forget(
        ledger: Ledger, _clock: LeapingClock, database: Database
    ) -> tuple[tuple[AdoptedDevice, ...], list[tuple[str, str, str]]]:
        kept = await ledger.adopted_devices()
        await ledger.forget_device("ocpp:CP-1")
        await ledger.forget_device("ocpp:nobody")
        assert await ledger.adopted_devices() == ()
        trail = await database.ledger.read(
            lambda connection: connection.execute("SELECT kind, subject, detail FROM audit ORDER BY seq").fetchall()
        )
        return kept, trail

    _with_ledger(tmp_path, adopt)
    kept, trail = _with_ledger(tmp_path, forget)
    assert kept == (replace(DEVICE, name="Carport"),)
    assert [row[:2] for row in trail] == [
        ("device_adopted", "ocpp:CP-1"),
        ("device_adopted", "ocpp:CP-1"),
        ("device_forgotten", "ocpp:CP-1"),
    ]
    assert json.loads(trail[1][2])["name"] == "Carport"


def test_an_alert_that_was_read_stays_read_until_it_changes(tmp_path: Path) -> None:
    async def body(ledger: Ledger, _clock: LeapingClock, _database: Database) -> None:
        await ledger.keep_alert(ALERT)
        assert not await ledger.alert_seen("pev_sp", "other")
        assert await ledger.alert_seen("pev_sp", "a1")
        await ledger.keep_alert(ALERT)
        assert await ledger.alerts() == (replace(ALERT, seen_by_owner=True),)
        mended = replace(ALERT, cleared_at=NOW)
        await ledger.keep_alert(mended)
        assert await ledger.alerts() == (mended,)

    _with_ledger(tmp_path, body)


def test_prices_notices_and_values_come_back_as_they_were(tmp_path: Path) -> None:
    notice = Notice(code="message_rejected.signature", sentence="Forged.", at=NOW, count=2)

    async def keep(ledger: Ledger, _clock: LeapingClock, _database: Database) -> None:
        await ledger.keep_tariff("grid_sp", replace(TARIFF, source="older"))
        await ledger.keep_tariff("grid_sp", TARIFF)
        await ledger.keep_notice(replace(notice, count=1))
        await ledger.keep_notice(notice)
        await ledger.keep_notice(replace(notice, code="disk", at=NOW + timedelta(hours=1)))
        await ledger.keep_value("charging_mode", "now")
        await ledger.keep_value("charging_mode", "pause")

    async def read(ledger: Ledger, _clock: LeapingClock, _database: Database) -> None:
        assert await ledger.tariffs() == {"grid_sp": TARIFF}
        assert [(kept.code, kept.count) for kept in await ledger.notices(NOW)] == [("disk", 2), (notice.code, 2)]
        assert await ledger.value("charging_mode") == "pause"
        assert await ledger.value("unheard_of") is None

    _with_ledger(tmp_path, keep)
    _with_ledger(tmp_path, read)


def test_messages_are_known_until_they_expire(tmp_path: Path) -> None:
    async def body(ledger: Ledger, clock: LeapingClock, _database: Database) -> list[bool]:
        until = NOW + timedelta(minutes=5)
        seen = [await ledger.seen("evc_sp", "m1", until), await ledger.seen("evc_sp", "m1", until)]
        seen += [await ledger.seen("pev_sp", "m1", until)]
        clock.at = NOW + timedelta(minutes=6)
        return [*seen, await ledger.seen("evc_sp", "m1", until + timedelta(hours=1))]

    assert _with_ledger(tmp_path, body) == [False, True, False, False]


def test_a_record_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    async def body(ledger: Ledger, _clock: LeapingClock, database: Database) -> None:
        await database.ledger.write(
            lambda connection: connection.execute("INSERT INTO devices VALUES ('x', '{\"device_id\": 5}')")
        )
        with pytest.raises(StoreUnavailable, match="AdoptedDevice that this version cannot read"):
            await ledger.adopted_devices()

    _with_ledger(tmp_path, body)


@pytest.mark.usecase("W7")
def test_a_provider_that_tells_of_defects_without_end_fills_neither_disk_nor_screen(tmp_path: Path) -> None:
    async def body(ledger: Ledger, _clock: LeapingClock, _database: Database) -> None:
        minor = replace(ALERT, severity=Severity.WARNING)
        for number in range(MOST_TOLD):
            cleared_at = NOW + timedelta(minutes=number) if number in (3, 7) else None
            assert await ledger.keep_alert(replace(minor, alert_id=f"a{number}", cleared_at=cleared_at))
        assert await ledger.keep_alert(replace(minor, alert_id="b1"))
        assert await ledger.keep_alert(replace(minor, alert_id="b2"))
        assert not await ledger.keep_alert(replace(minor, alert_id="b3"))
        assert await ledger.keep_alert(replace(minor, alert_id="a1", title="Another title"))
        assert await ledger.keep_alert(replace(ALERT, alert_id="worst"))
        assert not await ledger.keep_alert(replace(ALERT, alert_id="one more"))
        assert await ledger.keep_alert(replace(minor, alert_id="b3", sp_id="evc_sp"))
        kept = {alert.alert_id for alert in await ledger.alerts() if alert.sp_id == "pev_sp"}
        others = {f"a{number}" for number in range(MOST_TOLD) if number not in (3, 7)}
        assert kept == others | {"b1", "b2", "worst"}

    _with_ledger(tmp_path, body)


@pytest.mark.usecase("W7")
def test_of_orders_without_end_the_newest_of_each_provider_are_kept(tmp_path: Path) -> None:
    async def body(ledger: Ledger, _clock: LeapingClock, _database: Database) -> None:
        order = PartOrder(
            order_id="other", sp_id="other_sp", alert_id="", part="Pump", status=OrderStatus.ORDERED, updated_at=NOW
        )
        await ledger.keep_part_order(order)
        for number in range(MOST_TOLD + 2):
            updated_at = NOW + timedelta(minutes=number)
            await ledger.keep_part_order(replace(order, order_id=f"o{number}", sp_id="pev_sp", updated_at=updated_at))
        newest = [f"o{number}" for number in reversed(range(2, MOST_TOLD + 2))]
        assert [kept.order_id for kept in await ledger.part_orders()] == [*newest, "other"]

    _with_ledger(tmp_path, body)
