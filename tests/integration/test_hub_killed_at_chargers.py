"""A hub that is killed while two cars charge, or one feeds: the stations are at their floor within one lease.

What was metered is not lost either.
"""

import asyncio
import base64
import json
import sqlite3
import ssl
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.client import connect
from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.meter_signature import is_genuine
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street, StreetPlan
from homeapp.model.consent import DataClass
from homeapp.model.plan import ChargingMode
from homeapp.sharing.takeout import document

pytestmark = [pytest.mark.street, pytest.mark.timeout(240)]

WAIT_S = 60.0
FLOOR_W = 6 * 230 * 3
FUSE_W = 25 * 0.9 * 230 * 3
LEASE_S = 60.0
TICKS_S = 5.0
"""A station looks at its leases so often at the most, s of street time."""
SECOND_ID = "EVCE-2"


class TwoChargers(Street):
    """The street with another charger in the garage, of the oldest protocol; the first one's meter signs."""

    second: DemoStation

    def _make_station(self, tls: ssl.SSLContext) -> DemoStation:
        return DemoStation(
            station_id=self.charger_id.removeprefix("ocpp:"),
            url=f"wss://127.0.0.1:{self._ocpp_port}/ocpp/{self.charger_id.removeprefix('ocpp:')}",
            protocol="ocpp2.1",
            tls=tls,
            password=None,
            clock=self.clock,
            car=self.car,
            state_file=self.plan.directory / "station.json",
            vendor="Demo",
            model="Driveway charger",
            abilities=Abilities(signed_meter_values=True),
        )

    async def power_second(self) -> None:
        tls = await asyncio.to_thread(ssl.create_default_context, cafile=str(self.home.ocpp_ca()))
        self.second = DemoStation(
            station_id=SECOND_ID,
            url=f"wss://127.0.0.1:{self._ocpp_port}/ocpp/{SECOND_ID}",
            protocol="ocpp1.6",
            tls=tls,
            password=None,
            clock=self.clock,
            car=Car(60_000, 40.0, 11_000, 0, 3),
            state_file=self.plan.directory / "second.json",
            vendor="Demo",
            model="Garage charger",
        )
        self._running.append(self._tasks.create_task(self.second.run()))

    def _at_the_meter(self) -> tuple[float, float, float]:
        one = super()._at_the_meter()
        more = self.second.observation.power_w / 3 if hasattr(self, "second") else 0.0
        return one[0] + more, one[1] + more, one[2] + more


async def move_in(street: TwoChargers, owner: Owner) -> None:
    await owner.look()
    await owner.finds(street.meter_id)
    await owner.adopts_meter(street.meter, street.meter_id)
    for device_id, name in ((street.charger_id, "Driveway"), (f"ocpp:{SECOND_ID}", "Garage")):
        await owner.finds(device_id)
        await owner.adopts(device_id, name)
    street.plug_in()
    # Plan and power feed are about the car that came first.
    await street.station.wait_for(lambda seen: seen.power_w > 0, WAIT_S)
    street.second.plug_in()


async def both_charge(street: TwoChargers) -> None:
    """Above the floor, and together within the fuse."""
    for station in (street.station, street.second):
        await station.wait_for(lambda seen: seen.power_w > FLOOR_W + 500, WAIT_S)
    assert street.station.observation.power_w + street.second.observation.power_w <= FUSE_W


async def both_at_the_floor(street: TwoChargers, at: datetime) -> None:
    """Within a lease of the hub's end."""
    for station in (street.station, street.second):
        seen = await station.wait_for(lambda seen: 0 < seen.power_w <= FLOOR_W + 1, WAIT_S)
        assert seen.limit_source == "TxDefaultProfile"
        assert ended(station) - at <= timedelta(seconds=LEASE_S + TICKS_S)


async def killed(street: TwoChargers) -> datetime:
    await street.home.kill_hub()
    return street.clock.now()


def ended(station: DemoStation) -> datetime:
    """When its last lease has ended."""
    return next(at for at, text in reversed(station.history) if text.startswith("lease ended"))


async def exported(street: TwoChargers) -> dict[str, Any]:
    pieces = await asyncio.to_thread(lambda: "".join(document(street.home.data_dir)))
    found: dict[str, Any] = json.loads(pieces)
    return found


def feeds_kept(street: TwoChargers) -> tuple[int, int]:
    """How many power-feed cycles are in the ledger, and how many of them have ended."""
    query = "SELECT count(*), count(ended_at) FROM periods WHERE body ->> '$.direction' = 'feed'"
    with closing(sqlite3.connect(street.home.data_dir / "ledger.db")) as ledger:
        kept, ended = ledger.execute(query).fetchone()
    return int(kept), int(ended)


def test_a_killed_hub_leaves_two_chargers_at_their_floor_and_ends_a_feed_within_one_lease(tmp_path: Path) -> None:
    async def body(street: TwoChargers) -> None:
        evc = street.providers.evc_sp
        async with connect(street.home.socket) as client:
            owner = Owner(client)
            await client.call(api.SetMode(mode=ChargingMode.NOW))
            await move_in(street, owner)
            await both_charge(street)
            assert [view.name for view in owner.snapshot.chargers] == ["Driveway", "Garage"]
            start = street.in_minutes(2)
            await evc.offer_power_feed(
                start, start + timedelta(hours=2), 6000.0, Decimal("1.92"), 30.0, start, "Sell", offer_id="feed"
            )
            await owner.approves(await owner.receives("evc_sp/feed"))
            await street.station.wait_for(lambda seen: seen.power_w < -1000, WAIT_S)
            await street.second.wait_for(lambda seen: seen.power_w == 0, WAIT_S)
            await street.station.wait_for(lambda _: feeds_kept(street) == (1, 0), WAIT_S)
        at = await killed(street)
        seen = await street.station.wait_for(lambda seen: seen.power_w >= 0, WAIT_S)
        assert seen.at - at <= timedelta(seconds=60 + TICKS_S)
        await both_at_the_floor(street, at)
        assert street.station.observation.setpoint_w is None
        (left,) = [row["body"] for row in (await exported(street))["periods"] if row["body"]["direction"] == "feed"]
        assert left["ended_at"] is None
        await evc.cancel_offer("feed")
        await street.home.start_hub()
        await both_charge(street)
        await street.station.wait_for(lambda _: feeds_kept(street) == (1, 1), WAIT_S)
        found = await exported(street)
        (row,) = [row for row in found["periods"] if row["body"]["direction"] == "feed"]
        assert row["body"]["begun_at"] == left["begun_at"]
        memory = json.loads((street.plan.directory / "station.json").read_text())
        assert row["body"]["energy_wh"] == pytest.approx(memory["registers_wh"][1], abs=1.0)
        texts = {signed["number"]: signed["data"] for signed in found["signed_readings"]}
        begin = base64.b64decode(texts[row["signed_readings"][0]]).decode()
        assert is_genuine(begin, street.station.meter_key)
        assert '"TX":"B"' in begin
        await both_at_the_floor(street, await killed(street))

    async def main() -> None:
        async with TwoChargers(StreetPlan(directory=tmp_path)) as street:
            await street.home.start_hub()
            await street.power_charger()
            await street.power_second()
            async with connect(street.home.socket) as client:
                installer = street.commissioning(client)
                await installer.introduce()
                await installer.pair("evc_sp")
                await installer.enrol("evc_sp")
                await installer.agree("evc_sp", (DataClass.IDENTITY,))
            await body(street)

    asyncio.run(main())
