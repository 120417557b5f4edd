"""The demo charging station against a small CSMS of raw frames: judged by the standard's schemas and rules."""

import asyncio
import stat
from pathlib import Path

import pytest

from homeapp.demo.charger.charging_profile import Purpose
from homeapp.demo.charger.outlet import ChargingState
from kit.running_peer import alive
from kit.station_bench import ALL, FLOOR_W, V16, V21, V201, Bench, Json, run

NEW_PASSWORD = "eighteen-bytes-key"


@pytest.mark.usecase("D2", "F2a", "F2c", "S3")
@pytest.mark.parametrize("version", ALL)
def test_a_session_from_boot_to_unplugging_in_valid_messages(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms, station = bench.csms, bench.station
        await csms.seen("BootNotification")
        await bench.charging()
        await bench.power(FLOOR_W)
        assert bench.station.observation.state is ChargingState.CHARGING
        if version == V16:
            names = [
                payload["status"]
                for name, payload in csms.calls
                if name == "StatusNotification" and payload["connectorId"]
            ]
            assert names[:2] == ["Available", "Preparing"]
            await csms.seen("MeterValues", lambda payload: payload.get("transactionId") == 41)
            station.unplug()
            stop = await csms.seen("StopTransaction")
            assert stop["reason"] == "EVDisconnected"
            assert stop["meterStop"] > 0
        else:
            started = await csms.seen("TransactionEvent", lambda payload: payload["eventType"] == "Started")
            assert started["transactionInfo"]["remoteStartId"] == 7
            assert started["triggerReason"] == "RemoteStart"
            assert started["seqNo"] == 0
            await csms.seen("TransactionEvent", lambda payload: payload["triggerReason"] == "MeterValuePeriodic")
            station.unplug()
            ended = await csms.seen("TransactionEvent", lambda payload: payload["eventType"] == "Ended")
            assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
            events = [payload for name, payload in csms.calls if name == "TransactionEvent"]
            assert [event["seqNo"] for event in events] == list(range(len(events)))
        status = "status" if version == V16 else "connectorStatus"
        after = len(csms.calls) - 2
        await csms.seen("StatusNotification", lambda payload: payload[status] == "Available", max(0, after))
        assert station.observation.transaction_id is None
        assert station.observation.power_w == 0

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_meter_values_tell_power_current_energy_and_state_of_charge(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.charging()
        await bench.power(FLOOR_W)
        after = len(bench.csms.calls)
        name = "MeterValues" if version == V16 else "TransactionEvent"
        payload = await bench.csms.seen(name, lambda payload: "meterValue" in payload, after)
        entries = payload["meterValue"][0]["sampledValue"]
        told = {(entry["measurand"], entry.get("phase")): float(entry["value"]) for entry in entries}
        assert told["Power.Active.Import", None] == pytest.approx(FLOOR_W)
        assert told["Power.Active.Export", None] == 0
        assert [told["Current.Import", f"L{phase}"] for phase in (1, 2, 3)] == pytest.approx([6, 6, 6])
        assert told["Energy.Active.Import.Register", None] > 0
        assert 50 <= told["SoC", None] < 60

    run(Bench(version, tmp_path), story)


@pytest.mark.usecase("W2")
@pytest.mark.parametrize("version", ALL)
def test_the_lease_ends_in_the_floor_when_the_hub_has_died(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        lease = {"duration": 60, "transactionId": transaction}
        assert await bench.csms.set_profile(3, "TxProfile", 15, **lease) == "Accepted"
        high = await bench.power(15 * 3 * 230)
        assert high.limit_source is Purpose.TX
        await bench.csms.die()
        await bench.wait(lambda seen: not seen.connected)
        # The lease still holds without a connection; then the floor does.
        assert bench.station.observation.power_w == pytest.approx(15 * 3 * 230)
        low = await bench.power(FLOOR_W)
        assert not low.connected
        assert low.limit_source is Purpose.TX_DEFAULT
        assert "lease ended: back to floor 6 A" in bench.texts()
        assert "SetChargingProfile TxDefaultProfile 6 A accepted" in bench.texts()

    run(Bench(version, tmp_path), story)


@pytest.mark.usecase("W2")
def test_a_power_feed_ends_with_its_lease_and_the_floor_forbids_feeding(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        lease = {"duration": 60, "transactionId": transaction}
        feed = {"setpoint": -6000, "operationMode": "CentralSetpoint"}
        assert await bench.csms.set_profile(3, "TxProfile", 0, "W", period=feed, **lease) == "Accepted"
        seen = await bench.power(-6000)
        assert seen.setpoint_w == -6000
        soc_pct = seen.soc_pct
        sample = await bench.csms.seen(
            "TransactionEvent", lambda payload: _value(payload, "Power.Active.Export") == 6000
        )
        assert _value(sample, "Power.Active.Import") == 0
        mode = await bench.csms.seen("TransactionEvent", lambda p: p["triggerReason"] == "OperationModeChanged")
        assert mode["transactionInfo"]["operationMode"] == "CentralSetpoint"
        await bench.csms.die()
        await bench.power(FLOOR_W)
        assert bench.station.observation.setpoint_w is None
        assert bench.car.soc_pct < soc_pct
        assert "power feed setpoint -6000 W" in bench.texts()
        assert bench.texts()[-1] == "lease ended: back to floor 6 A"

    run(Bench(V21, tmp_path), story)


def _value(payload: Json, measurand: str) -> float | None:
    for meter_value in payload.get("meterValue", ()):
        for entry in meter_value["sampledValue"]:
            if entry["measurand"] == measurand:
                return float(entry["value"])
    return None


def test_a_profile_ends_for_good_when_the_station_was_offline_too_long(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        more = {"transactionId": transaction, "maxOfflineDuration": 20, "invalidAfterOfflineDuration": True}
        assert await bench.csms.set_profile(3, "TxProfile", 15, **more) == "Accepted"
        await bench.power(15 * 3 * 230)
        await bench.csms.die()
        await bench.power(FLOOR_W)
        await bench.csms.open()
        back = await bench.wait(lambda seen: seen.connected)
        assert back.limit_w == pytest.approx(FLOOR_W)
        assert back.profiles == 1

    run(Bench(V21, tmp_path), story)


@pytest.mark.usecase("F4")
@pytest.mark.parametrize(("feed_w", "told"), [(6000.0, True), (0.0, False)])
def test_only_a_car_that_can_feed_tells_its_needs(feed_w: float, told: bool, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.charging()
        await bench.csms.seen("TransactionEvent", lambda payload: payload["triggerReason"] == "MeterValuePeriodic")
        needs = [payload["chargingNeeds"] for name, payload in bench.csms.calls if name == "NotifyEVChargingNeeds"]
        assert bool(needs) is told
        if told:
            assert needs[0]["requestedEnergyTransfer"] == "AC_BPT"
            assert needs[0]["v2xChargingParameters"]["maxDischargePower"] == 6000
        else:
            transaction = bench.station.observation.transaction_id
            feed = {"setpoint": -3000, "operationMode": "CentralSetpoint"}
            await bench.csms.set_profile(3, "TxProfile", 0, "W", period=feed, transactionId=transaction)
            assert (await bench.power(0)).setpoint_w == 0

    run(Bench(V21, tmp_path, feed_w=feed_w), story)


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("version", ALL)
def test_a_new_password_is_kept_and_used_from_the_next_connection_on(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert csms.passwords == [None]
        name = "AuthorizationKey" if version == V16 else "SecurityCtrlr.BasicAuthPassword"
        assert await csms.set(name, "12" if version == V16 else "short") == "Rejected"
        csms.wanted = NEW_PASSWORD
        value = NEW_PASSWORD.encode().hex() if version == V16 else NEW_PASSWORD
        assert await csms.set(name, value) == "Accepted"
        await csms.until(lambda: len(csms.passwords) > 1)
        assert csms.passwords[1] == NEW_PASSWORD
        await bench.wait(lambda seen: seen.connected)
        assert stat.S_IMODE(bench.state_file.stat().st_mode) == 0o600

    bench = Bench(version, tmp_path)
    run(bench, story)

    async def after_a_power_cut() -> None:
        await bench.csms.open()
        bench.station = bench.make_station(password="the-factory-password")
        async with alive(bench.station):
            await bench.wait(lambda seen: seen.registered)
        await bench.csms.die()

    bench.csms.port = 0
    asyncio.run(after_a_power_cut())
    assert bench.csms.passwords[-1] == NEW_PASSWORD


def test_a_wrong_password_is_tried_again_for_ever(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.csms.wanted = "something else"
        bench.station.cut()
        await bench.csms.until(lambda: len(bench.csms.passwords) >= 3)
        bench.csms.wanted = None
        await bench.wait(lambda seen: seen.connected)

    run(Bench(V201, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_while_pending_it_registers_again_and_can_be_configured_but_not_started(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await csms.until(lambda: sum(name == "BootNotification" for name, _ in csms.calls) >= 2)
        interval = "MeterValueSampleInterval" if version == V16 else "SampledDataCtrlr.TxUpdatedInterval"
        assert await csms.set(interval, "20") == "Accepted"
        bench.station.plug_in()
        assert await csms.start() == "Rejected"
        assert {name for name, _ in csms.calls} == {"BootNotification"}
        csms.interval_s, csms.registration = 3600, "Accepted"
        assert await csms.trigger("BootNotification") == "Accepted"
        await bench.wait(lambda seen: seen.registered)
        await csms.seen("StatusNotification")

    bench = Bench(version, tmp_path)
    bench.csms.registration, bench.csms.interval_s = "Pending", 5
    run(bench, story)


@pytest.mark.parametrize("version", ALL)
def test_the_rules_for_profiles(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert await csms.set_profile(9, "TxProfile", 8, transactionId="77") == "Rejected"
        transaction = await bench.charging()
        # 1.6 replaces what has the same purpose and stack level, 2.x refuses (K01.FR.06).
        same = await csms.set_profile(2, "TxDefaultProfile", 7)
        assert same == ("Accepted" if version == V16 else "Rejected")
        assert bench.station.observation.profiles == 1
        assert await csms.set_profile(5, "ChargingStationMaxProfile", 10) == "Accepted"
        assert await csms.set_profile(3, "TxProfile", 16, transactionId=transaction) == "Accepted"
        seen = await bench.power(10 * 3 * 230)
        assert seen.limit_source is Purpose.MAX
        assert await csms.set_profile(3, "TxProfile", 8, transactionId=transaction) == "Accepted"
        assert bench.station.observation.profiles == 3
        await bench.power(8 * 3 * 230)
        number = {"id": 3} if version == V16 else {"chargingProfileId": 3}
        assert (await csms.call("ClearChargingProfile", number))["status"] == "Accepted"
        assert (await csms.call("ClearChargingProfile", number))["status"] == "Unknown"
        await bench.power(FLOOR_W if version != V16 else 7 * 3 * 230)

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_the_composite_schedule_shows_the_lease_and_the_floor_after_it(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        transaction = await bench.charging()
        await csms.set_profile(3, "TxProfile", 12, duration=600, transactionId=transaction)
        place = "connectorId" if version == V16 else "evseId"
        answer = await csms.call("GetCompositeSchedule", {place: 1, "duration": 3600, "chargingRateUnit": "A"})
        schedule = answer["chargingSchedule" if version == V16 else "schedule"]
        limits = [period["limit"] for period in schedule["chargingSchedulePeriod"]]
        assert limits == [12, 6]
        assert 0 < schedule["chargingSchedulePeriod"][1]["startPeriod"] <= 600
        assert (await csms.call("GetCompositeSchedule", {place: 5, "duration": 60}))["status"] == "Rejected"

    run(Bench(version, tmp_path), story)
