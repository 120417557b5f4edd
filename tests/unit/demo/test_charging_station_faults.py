"""The demo station's faults on demand, and its charging under profiles of every kind, without a connection."""

import pytest

from homeapp.demo.charger.abilities import Abilities, PhaseSwitching
from homeapp.demo.charger.faults import Faults
from homeapp.demo.ocpp.schemas import Version
from kit.station_logic import ALL, FLOOR_W, V2, Bench


def power(bench: Bench) -> float:
    bench.go_on(10)
    return bench.station.observe().power_w


def per_ampere(current_a: float) -> float:
    return current_a * 3 * 230


@pytest.mark.parametrize("version", ALL)
def test_a_tx_profile_is_accepted_and_not_heeded(version: Version) -> None:
    bench = Bench(version)
    bench.station.faults = Faults(ignore_tx_profile=True)
    bench.charging()
    assert bench.set_profile(1, "TxDefaultProfile", 6) == "Accepted"
    assert bench.set_profile(2, "TxProfile", 12) == "Accepted"
    assert power(bench) == pytest.approx(FLOOR_W)
    bench.station.faults = Faults()
    assert power(bench) == pytest.approx(per_ampere(12))


@pytest.mark.parametrize("version", ALL)
def test_a_default_profile_holds_from_the_next_transaction_on(version: Version) -> None:
    bench = Bench(version)
    bench.station.faults = Faults(default_next_only=True)
    bench.charging()
    before = power(bench)
    assert bench.set_profile(1, "TxDefaultProfile", 6) == "Accepted"
    assert power(bench) == before
    bench.station.unplug()
    bench.station.plug_in()
    bench.start()
    bench.pump()
    assert power(bench) == pytest.approx(FLOOR_W)


@pytest.mark.parametrize(
    ("faults", "purpose", "value", "unit"),
    [
        (Faults(refuse_amps=True), "TxDefaultProfile", 6, "A"),
        (Faults(refuse_watts=True), "TxDefaultProfile", 6000, "W"),
        (Faults(refuse_zero=True), "TxProfile", 0, "A"),
        (Faults(refuse_tx_profile=True), "TxProfile", 6, "A"),
        (Faults(refuse_max_profile=True), "ChargingStationMaxProfile", 6, "A"),
    ],
)
@pytest.mark.parametrize("version", ALL)
def test_profiles_that_it_refuses(version: Version, faults: Faults, purpose: str, value: float, unit: str) -> None:
    bench = Bench(version)
    bench.charging()
    bench.station.faults = faults
    assert bench.set_profile(1, purpose, value, unit=unit) == "Rejected"
    bench.station.faults = Faults()
    assert bench.set_profile(1, purpose, value, unit=unit) == "Accepted"


def test_a_model_takes_only_the_units_that_it_tells() -> None:
    bench = Bench(Version.V16, abilities=Abilities(rate_units=("A",)))
    bench.online()
    key = bench.serve("GetConfiguration", {"key": ["ChargingScheduleAllowedChargingRateUnit"]})
    assert key["configurationKey"][0]["value"] == "Current"
    assert bench.set_profile(1, "TxDefaultProfile", 6000, unit="W") == "Rejected"
    assert bench.set_profile(1, "TxDefaultProfile", 6) == "Accepted"


@pytest.mark.parametrize("version", ALL)
def test_clearing_is_refused_until_it_restarts(version: Version) -> None:
    bench = Bench(version)
    bench.online()
    bench.set_profile(1, "TxDefaultProfile", 6)
    bench.station.faults = Faults(refuse_clear=True)
    number = {"id": 1} if version is Version.V16 else {"chargingProfileId": 1}
    assert bench.serve("ClearChargingProfile", number)["status"] == "Unknown"
    bench.serve("Reset", {"type": "Hard" if version is Version.V16 else "Immediate"})
    bench.station.went_offline()
    bench.online()
    assert bench.serve("ClearChargingProfile", number)["status"] == "Accepted"


@pytest.mark.parametrize("version", ALL)
def test_a_wrong_clock_is_in_its_stamps_and_in_its_schedules(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    assert bench.set_profile(1, "TxDefaultProfile", 6, duration=3600) == "Accepted"
    assert power(bench) == pytest.approx(FLOOR_W)
    bench.station.faults = Faults(clock_offset_s=7200)
    assert power(bench) > FLOOR_W
    assert bench.last("SecurityEventNotification")["type"] == "SettingSystemTime"
    bench.station.faults = Faults(clock_1970=True)
    bench.serve("TriggerMessage", {"requestedMessage": "MeterValues"})
    bench.pump()
    assert bench.last("MeterValues")["meterValue"][0]["timestamp"].startswith("1970-01-01T00:00")
    # The schedule has not begun yet by this clock.
    assert power(bench) > FLOOR_W


def test_no_boot_and_no_status_after_a_reconnect() -> None:
    bench = Bench(Version.V16)
    bench.station.faults = Faults(no_boot=True, no_status_after_reconnect=True)
    bench.online()
    assert {name for name, _ in bench.sent} == {"StatusNotification"}
    told = len(bench.sent)
    bench.station.went_offline()
    bench.online()
    assert bench.sent[told:] == []
    bench.station.plug_in()
    bench.pump()
    assert [payload["status"] for _, payload in bench.sent[told:]] == ["Preparing"]


@pytest.mark.parametrize("version", V2)
def test_the_end_has_the_number_of_the_begin(version: Version) -> None:
    bench = Bench(version)
    bench.station.faults = Faults(ended_seq_zero=True)
    bench.charging()
    bench.station.unplug()
    bench.pump()
    assert bench.last("TransactionEvent")["eventType"] == "Ended"
    assert bench.last("TransactionEvent")["seqNo"] == 0


def test_registers_by_session() -> None:
    bench = Bench(Version.V16)
    bench.station.faults = Faults(session_energy=True)
    for _ in range(2):
        bench.charging()
        bench.go_on(60)
        bench.station.unplug()
        bench.pump()
    starts = [payload["meterStart"] for name, payload in bench.sent if name == "StartTransaction"]
    assert starts == [0, 0]
    assert bench.last("StopTransaction")["meterStop"] > 0


def test_phases_that_change_end_the_transaction_of_some_models() -> None:
    bench = Bench(Version.V201, abilities=Abilities(phase_switching=PhaseSwitching.ENDS_TRANSACTION))
    bench.charging()
    assert bench.set_profile(2, "TxProfile", 10, period={"numberPhases": 1}) == "Accepted"
    bench.go_on(1)
    assert bench.last("TransactionEvent")["transactionInfo"]["stoppedReason"] == "Other"
    assert bench.station.transaction is None


def test_a_dynamic_profile_is_updated_and_asks_for_its_updates() -> None:
    bench = Bench(Version.V21)
    bench.answers["PullDynamicScheduleUpdate"] = {"status": "Accepted", "scheduleUpdate": {"limit": 12}}
    bench.charging()
    more = {"chargingProfileKind": "Dynamic", "dynUpdateInterval": 30, "duration": 100}
    assert bench.set_profile(2, "TxProfile", 6, **more) == "Accepted"
    assert power(bench) == pytest.approx(FLOOR_W)
    update = {"chargingProfileId": 2, "scheduleUpdate": {"limit": 8}}
    assert bench.serve("UpdateDynamicSchedule", update)["status"] == "Accepted"
    assert power(bench) == pytest.approx(per_ampere(8))
    assert bench.serve("UpdateDynamicSchedule", update | {"chargingProfileId": 9})["status"] == "Rejected"
    bench.go_on(25)
    assert power(bench) == pytest.approx(per_ampere(12))
    # Without answers the lease ends, and it goes on asking, no more often than it is told to.
    bench.answers["PullDynamicScheduleUpdate"] = {"status": "Rejected"}
    asked = len(bench.sent)
    bench.go_on(120)
    pulls = [name for name, _ in bench.sent[asked:] if name == "PullDynamicScheduleUpdate"]
    assert 3 <= len(pulls) <= 5
    assert bench.station.observe().limit_w == pytest.approx(11_040)


def test_priority_charging_by_the_csms_and_by_the_button() -> None:
    bench = Bench(Version.V21)
    bench.charging()
    running = bench.station.observe().transaction_id
    use = {"transactionId": running, "activate": True}
    assert bench.serve("UsePriorityCharging", use)["status"] == "NoProfile"
    bench.set_profile(1, "TxDefaultProfile", 6)
    bench.set_profile(2, "PriorityCharging", 14)
    assert bench.serve("UsePriorityCharging", use | {"transactionId": "x"})["status"] == "Rejected"
    assert bench.serve("UsePriorityCharging", use)["status"] == "Accepted"
    assert bench.station.observe().limit_w == pytest.approx(per_ampere(14))
    bench.station.press_priority(active=False)
    bench.pump()
    assert bench.last("NotifyPriorityCharging") == {"transactionId": running, "activated": False}
    assert bench.station.observe().limit_w == pytest.approx(FLOOR_W)


@pytest.mark.parametrize("version", V2)
def test_installed_profiles_are_reported_evse_by_evse(version: Version) -> None:
    bench = Bench(version)
    bench.charging()
    bench.set_profile(1, "TxDefaultProfile", 6)
    bench.set_profile(2, "TxProfile", 12)
    bench.set_profile(3, "ChargingStationMaxProfile", 15)
    asked = {"requestId": 5, "chargingProfile": {}}
    assert bench.serve("GetChargingProfiles", asked)["status"] == "Accepted"
    reports = [payload for name, payload in bench.pump() if name == "ReportChargingProfiles"]
    assert [(report["evseId"], report["tbc"]) for report in reports] == [(0, True), (1, False)]
    assert [entry["id"] for report in reports for entry in report["chargingProfile"]] == [1, 3, 2]
    assert reports[1]["chargingProfile"][0]["transactionId"] == bench.station.observe().transaction_id
    for criteria in ({"chargingProfileId": [9]}, {"chargingLimitSource": ["SO"]}, {"stackLevel": 5}):
        answer = bench.serve("GetChargingProfiles", asked | {"chargingProfile": criteria})
        assert answer["status"] == "NoProfiles"


def test_a_composite_of_unlike_phases_tells_each_of_them() -> None:
    bench = Bench(Version.V21)
    bench.charging()
    bench.set_profile(2, "TxProfile", 6, period={"limit_L2": 8, "limit_L3": 10})
    asked = {"evseId": 1, "duration": 60, "chargingRateUnit": "A"}
    period = bench.serve("GetCompositeSchedule", asked)["schedule"]["chargingSchedulePeriod"][0]
    assert [period[name] for name in ("limit", "limit_L2", "limit_L3")] == [6, 8, 10]
    # Its car takes the same from each phase.
    assert power(bench) == pytest.approx(FLOOR_W)


def test_meter_values_by_the_clock_and_when_the_rate_changes() -> None:
    bench = Bench(Version.V201, abilities=Abilities(tells_rate_changes=True))
    bench.charging()
    name = {"component": {"name": "AlignedDataCtrlr"}, "variable": {"name": "Interval"}, "attributeValue": "30"}
    bench.serve("SetVariables", {"setVariableData": [name]})
    bench.set_profile(2, "TxProfile", 8)
    bench.go_on(65)
    triggers = [payload["triggerReason"] for action, payload in bench.sent if action == "TransactionEvent"]
    assert triggers.count("MeterValueClock") == 2
    assert "ChargingRateChanged" in triggers
    bench.station.tell("EnergyLimitReached")
    bench.pump()
    assert bench.last("TransactionEvent")["triggerReason"] == "EnergyLimitReached"
