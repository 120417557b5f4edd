"""The demo station offline, reset, badly told, and faulty on demand."""

import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeapp.demo.charger.outlet import ChargingState
from homeapp.demo.charger.watch import Faults
from kit.station_bench import ALL, FLOOR_W, V16, V21, V201, Bench, CallError, Json, run


@pytest.mark.parametrize("version", ALL)
def test_a_reset_ends_the_transaction_and_keeps_what_lasts(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        transaction = await bench.charging()
        await csms.set_profile(3, "TxProfile", 12, transactionId=transaction)
        before = len(csms.calls)
        kind = "Hard" if version == V16 else "Immediate"
        assert (await csms.call("Reset", {"type": kind}))["status"] == "Accepted"
        boot = await csms.seen("BootNotification", after=before)
        await bench.wait(lambda seen: seen.registered)
        if version == V16:
            assert (await csms.seen("StopTransaction", after=before))["reason"] == "HardReset"
        else:
            ended = await csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended", before)
            assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
            assert boot["reason"] == "RemoteReset"
        seen = bench.station.observation
        assert (seen.profiles, seen.transaction_id, seen.limit_w) == (1, None, pytest.approx(FLOOR_W))

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_profiles_after_a_power_cut(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        transaction = await bench.charging()
        await bench.csms.set_profile(3, "TxProfile", 12, transactionId=transaction)

    bench = Bench(version, tmp_path)
    run(bench, story)
    again = bench.make_station().observation
    # 1.6 keeps even the TxProfile (errata 3.37), for a transaction that is gone.
    assert again.profiles == (2 if version == V16 else 1)
    assert again.limit_w == pytest.approx(FLOOR_W)


@pytest.mark.usecase("S3")
@pytest.mark.parametrize("version", ALL)
def test_what_happens_while_offline_is_told_later_in_order(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.charging()
        await bench.power(FLOOR_W)
        await csms.die()
        await bench.wait(lambda seen: not seen.connected)
        bench.station.unplug()
        before = len(csms.calls)
        await csms.open()
        if version == V16:
            stop = await csms.seen("StopTransaction", after=before)
            assert stop["transactionId"] == 41
        else:
            ended = await csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended", before)
            assert ended["offline"] is True
            events = [payload for name, payload in csms.calls if name == "TransactionEvent"]
            numbers = [event["seqNo"] for event in events]
            assert sorted(set(numbers)) == list(range(numbers[-1] + 1))
            assert numbers == sorted(numbers)
        # It was not restarted, so it does not register again; but it tells the connector's new status.
        status = "status" if version == V16 else "connectorStatus"
        await csms.seen("StatusNotification", lambda payload: payload[status] == "Available", before)
        assert "BootNotification" not in [name for name, _ in csms.calls[before:]]

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_it_samples_at_the_interval_that_it_is_given(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        interval = "MeterValueSampleInterval" if version == V16 else "SampledDataCtrlr.TxUpdatedInterval"
        wanted = "MeterValuesSampledData" if version == V16 else "SampledDataCtrlr.TxUpdatedMeasurands"
        assert await csms.set(interval, "40") == "Accepted"
        assert await csms.set(interval, "often") == "Rejected"
        assert await csms.set(wanted, "Power.Active.Import") == "Accepted"
        assert await csms.set(wanted, "Frequency") == "Rejected"
        await bench.charging()

        def periodic() -> list[Json]:
            name = "MeterValues" if version == V16 else "TransactionEvent"
            entries = [
                entry for action, payload in csms.calls if action == name for entry in payload.get("meterValue", ())
            ]
            return [entry for entry in entries if entry["sampledValue"][0]["context"] == "Sample.Periodic"]

        await csms.until(lambda: len(periodic()) >= 3)
        times = [datetime.fromisoformat(entry["timestamp"]) for entry in periodic()]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(gap >= timedelta(seconds=39) for gap in gaps)
        assert {entry["measurand"] for values in periodic() for entry in values["sampledValue"]} == {
            "Power.Active.Import"
        }

    run(Bench(version, tmp_path, speed=50), story)


@pytest.mark.parametrize("version", ALL)
def test_what_it_does_not_know_or_cannot_read_it_refuses(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        with pytest.raises(CallError) as unknown:
            await csms.call("MakeCoffee", {})
        assert unknown.value.code == "NotImplemented"
        with pytest.raises(CallError) as malformed:
            await csms.call("Reset", {"type": 5})
        assert malformed.value.code == ("FormationViolation" if version == V16 else "FormatViolation")
        broken = ["{}", "no json", "[]", '[2,7,"Reset",{}]', "[2,null]", '[2,"x","Reset"]', "[" * 5000, '[3,"x",NaN]']
        for text in broken:
            await csms.send_text(text)
        assert await csms.trigger("Heartbeat") == "Accepted"
        complaints = [frame for frame in csms.raw if frame[:2] == [4, "-1"]]
        assert len(complaints) == (0 if version == V16 else len(broken))

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_hostile_numbers_in_profiles_are_refused(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        malformed = "FormationViolation" if version == V16 else "FormatViolation"
        assert await csms.set_profile(1, "TxDefaultProfile", -5) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, stackLevel=10**9) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, duration=10**15) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, validFrom="0001-01-01T00:00:00Z") == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 6, validTo="yesterday") == malformed
        assert await csms.set_profile(1, "TxDefaultProfile", 6, evse=99) == "Rejected"
        assert bench.station.observation.profiles == 0
        assert await csms.set_profile(1, "TxDefaultProfile", 10**300) == "Accepted"
        assert bench.station.observation.limit_w == pytest.approx(11_040)
        place = "connectorId" if version == V16 else "evseId"
        answer = await csms.call("GetCompositeSchedule", {place: 1, "duration": 10**12})
        assert answer["status"] == "Accepted"

    run(Bench(version, tmp_path), story)


def test_without_the_word_of_the_csms_an_authorised_start_is_for_charging_only(tmp_path: Path) -> None:
    async def feeds(bench: Bench) -> bool:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert await csms.set("AuthCtrlr.AuthorizeRemoteStart", "true") == "Accepted"
        transaction = await bench.charging()
        feed = {"setpoint": -3000, "operationMode": "CentralSetpoint"}
        await csms.set_profile(3, "TxProfile", 0, "W", period=feed, transactionId=transaction)
        return bench.station.observation.setpoint_w == -3000

    async def charging_only(bench: Bench) -> None:
        assert not await feeds(bench)

    async def both_ways(bench: Bench) -> None:
        assert await feeds(bench)

    run(Bench(V21, tmp_path), charging_only)
    allowed = Bench(V21, tmp_path / "other")
    (tmp_path / "other").mkdir()
    allowed.csms.authorize = {"allowedEnergyTransfer": ["AC_three_phase", "AC_BPT"]}
    run(allowed, both_ways)


@pytest.mark.parametrize("version", ALL)
def test_a_card_starts_and_stops(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.wait(lambda seen: seen.registered)
        bench.station.plug_in()
        bench.station.present_card("owner-card")
        await bench.csms.seen("Authorize")
        await bench.power(11_000)
        assert bench.station.observation.limit_source is None
        bench.station.present_card("somebody-else")
        assert bench.station.observation.transaction_id is not None
        bench.station.present_card("owner-card")
        if version == V16:
            assert (await bench.csms.seen("StopTransaction"))["reason"] == "Local"
            await bench.csms.seen("StatusNotification", lambda payload: payload["status"] == "Finishing")
        else:
            ended = await bench.csms.seen("TransactionEvent", lambda p: p["eventType"] == "Ended")
            assert ended["triggerReason"] == "StopAuthorized"

    run(Bench(version, tmp_path), story)


@pytest.mark.parametrize("version", ALL)
def test_a_start_may_come_before_the_car_and_be_stopped_from_afar(version: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await bench.wait(lambda seen: seen.registered)
        assert await csms.start() == "Accepted"
        assert bench.station.observation.transaction_id is None
        bench.station.plug_in()
        seen = await bench.wait(lambda seen: seen.transaction_id is not None)
        assert await csms.start() == "Rejected"
        action = "RemoteStopTransaction" if version == V16 else "RequestStopTransaction"
        wrong: Any = 4711 if version == V16 else "another"
        right: Any = int(seen.transaction_id or 0) if version == V16 else seen.transaction_id
        assert (await csms.call(action, {"transactionId": wrong}))["status"] == "Rejected"
        assert (await csms.call(action, {"transactionId": right}))["status"] == "Accepted"
        await bench.wait(lambda seen: seen.transaction_id is None and seen.state is ChargingState.EV_CONNECTED)

    run(Bench(version, tmp_path), story)


def _fault(faults: Faults) -> Callable[[Bench], Awaitable[None]]:
    async def story(bench: Bench) -> None:
        await bench.charging()
        await bench.power(FLOOR_W)
        bench.station.faults = faults

    return story


def test_faults_on_demand(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        csms = bench.csms
        await _fault(Faults(ignore_limits=True))(bench)
        await bench.power(11_000)
        bench.station.faults = Faults(refuse_amps=True)
        await bench.power(FLOOR_W)
        assert await csms.set_profile(1, "TxDefaultProfile", 7) == "Rejected"
        assert await csms.set_profile(1, "TxDefaultProfile", 5000, "W") == "Accepted"
        bench.station.faults = Faults(slow_s=20)
        before = bench.clock.now()
        await csms.trigger("Heartbeat")
        assert bench.clock.now() - before >= timedelta(seconds=20)
        bench.station.faults = Faults(silent=True)
        # What was on its way already has come before the pong.
        await (await csms.sockets[-1].ping())
        told = len(csms.raw)
        await csms.send_text(json.dumps([2, "unheard", "TriggerMessage", {"requestedMessage": "Heartbeat"}]))
        bench.station.unplug()
        unplugged = bench.clock.now()
        await bench.wait(lambda seen: not seen.plugged and seen.at - unplugged > timedelta(seconds=20))
        assert csms.raw[told:] == []
        bench.station.faults = Faults()
        await csms.seen("TransactionEvent", lambda payload: payload["eventType"] == "Ended")
        assert all(frame[1] != "unheard" for frame in csms.raw)

    run(Bench(V201, tmp_path), story)


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    bench = Bench(V201, tmp_path)
    for text in ("not json", "[]", '{"password": "00", "profiles": [{"evse": 0}]}', '{"password": 5, "profiles": []}'):
        bench.state_file.write_text(text)
        assert bench.make_station().observation.profiles == 0
