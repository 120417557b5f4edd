"""The state of a station does not depend on the order in which its messages come."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce.derived import derive_status
from devices.evce.dialect import Dialect, Reported
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.station import Station, Target
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.ports import Admission
from kit.clocks import LeapingClock

LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
START = datetime(2026, 1, 15, 12, tzinfo=UTC)
DIALECTS: dict[Version, Callable[[], Dialect]] = {Version.V16: Ocpp16, Version.V201: Ocpp201, Version.V21: Ocpp21}
Json = dict[str, Any]
Message = tuple[str, Json]


class QuietRegister:
    def __init__(self) -> None:
        self.told: list[EvceState] = []

    def admission(self, device_id: str, password: str | None) -> Admission:
        return Admission.ADOPTED

    def authorizes(self, device_id: str, id_token: str) -> bool:
        return True

    def knocked(self, candidate: object) -> None:
        raise AssertionError

    def changed(self, state: EvceState) -> None:
        self.told.append(state)


class Bench:
    def __init__(self, version: Version) -> None:
        self.clock = LeapingClock(START)
        self.register = QuietRegister()
        self.station = Station("ocpp:x", LIMITS, self.clock, self.register)
        self.dialect = DIALECTS[version]()
        self.station.came(version)
        self.station.floor_granted()
        self.station.secure()

    def say(self, *messages: Message) -> EvceState:
        for action, payload in messages:
            self.dialect.answer(action, payload, self.station)
        return self.station.state


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def values(power_w: float, seconds: float, energy_wh: float | None = None, soc: float | None = None) -> list[Json]:
    sampled: list[Json] = [{"value": power_w, "measurand": "Power.Active.Import"}]
    sampled += [] if energy_wh is None else [{"value": energy_wh}]
    sampled += [] if soc is None else [{"value": soc, "measurand": "SoC"}]
    return [{"timestamp": at(seconds), "sampledValue": sampled}]


def event(kind: str, seq: int, state: str, *, tx: str = "t1", **more: Any) -> Message:
    info = {"transactionId": tx, "chargingState": state}
    return "TransactionEvent", {"eventType": kind, "seqNo": seq, "transactionInfo": info, "evse": {"id": 1}} | more


def connector(status: str, seconds: float) -> Message:
    return "StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": status, "timestamp": at(seconds)}


def status16(status: str, seconds: float) -> Message:
    return "StatusNotification", {"connectorId": 1, "status": status, "errorCode": "NoError", "timestamp": at(seconds)}


CHARGE_20: list[Message] = [
    connector("Occupied", 0),
    event("Started", 0, "EVConnected", meterValue=values(0, 1, 100)),
    event("Updated", 1, "Charging"),
    event("Updated", 2, "Charging", meterValue=values(7000, 10, 150, 41)),
    event("Updated", 3, "Charging", meterValue=values(7100, 20, 200, 42)),
]


def facts(state: EvceState) -> tuple[Any, ...]:
    return state.status, state.transaction_id, state.power_w, state.soc_pct


@given(st.permutations(CHARGE_20))
def test_a_charging_session_in_any_order(messages: Sequence[Message]) -> None:
    state = Bench(Version.V201).say(*messages)
    assert facts(state) == (EvceStatus.CHARGING, "t1", 7100, 42)


@given(st.permutations([*CHARGE_20, event("Ended", 4, "EVConnected", meterValue=values(0, 30, 260))]))
def test_a_finished_session_in_any_order(messages: Sequence[Message]) -> None:
    state = Bench(Version.V201).say(*messages)
    assert (state.status, state.transaction_id, state.granted_feed_w) == (EvceStatus.PLUGGED, None, 0.0)


@given(st.permutations([*CHARGE_20, event("Ended", 0, "Idle"), connector("Available", 40)]))
def test_an_end_numbered_zero_ends_it_all_the_same(messages: Sequence[Message]) -> None:
    state = Bench(Version.V201).say(*messages)
    assert (state.status, state.transaction_id) == (EvceStatus.AVAILABLE, None)


@given(st.permutations([status16("Preparing", 0), status16("Charging", 5), ("Heartbeat", {})]), st.data())
def test_a_16_session_in_any_order(messages: Sequence[Message], data: st.DataObject) -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 100, "timestamp": at(2)}
    cut = data.draw(st.integers(0, len(messages)))
    bench.say(*messages[:cut])
    transaction_id = bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"]
    taken = [
        ("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": values(7000, 10, 150)}),
        ("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": values(7100, 20, 200)}),
    ]
    state = bench.say(*data.draw(st.permutations([*messages[cut:], *taken])))
    assert facts(state) == (EvceStatus.CHARGING, str(transaction_id), 7100, None)
    assert state.session_wh == 100


def test_the_energy_of_a_session_counts_from_its_start() -> None:
    bench = Bench(Version.V201)
    assert bench.say(*CHARGE_20).session_wh == 100
    assert bench.say(event("Ended", 4, "EVConnected", meterValue=values(0, 30, 260))).session_wh == 160
    assert bench.say(connector("Available", 50)).session_wh is None


def test_fed_energy_counts_against_charged_energy() -> None:
    bench = Bench(Version.V21)

    def both(taken: float, fed: float, seconds: float) -> list[Json]:
        sampled = [{"value": taken}, {"value": fed, "measurand": "Energy.Active.Export.Register"}]
        return [{"timestamp": at(seconds), "sampledValue": sampled}]

    bench.say(event("Started", 0, "Charging", meterValue=both(1000, 500, 0)))
    assert bench.say(event("Updated", 1, "Charging", meterValue=both(1100, 1500, 10))).session_wh == -900


def test_a_register_that_counts_from_zero_is_understood_and_a_late_sample_is_not_taken_for_one() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging", meterValue=values(0, 0, 90_000)))
    assert bench.say(event("Updated", 1, "Charging", meterValue=values(0, 1, 89_990))).session_wh == 0
    assert bench.say(event("Updated", 2, "Charging", meterValue=values(0, 2, 300))).session_wh == 300


def test_a_transaction_whose_beginning_was_not_seen_has_no_energy() -> None:
    state = Bench(Version.V201).say(event("Updated", 7, "Charging", meterValue=values(7000, 1, 500)))
    assert (state.status, state.session_wh) == (EvceStatus.CHARGING, None)


def test_memories_of_an_offline_time_do_not_pass_for_the_present() -> None:
    bench = Bench(Version.V201)
    bench.say(*CHARGE_20)
    state = bench.say(event("Updated", 4, "Charging", offline=True, meterValue=values(50, 25, 210)))
    assert (state.power_w, state.session_wh) == (7100, 110)
    assert bench.say(event("Started", 0, "Charging", tx="t0", offline=True)).transaction_id == "t1"


def test_power_counts_only_while_it_is_fresh() -> None:
    bench = Bench(Version.V201)
    bench.say(*CHARGE_20, event("Updated", 4, "SuspendedEV"))
    assert bench.station.state.status is EvceStatus.CHARGING
    bench.clock.at = START + timedelta(seconds=100)
    assert bench.say(("Heartbeat", {})).status is EvceStatus.SUSPENDED_EV


def test_a_clock_that_is_set_back_does_not_freeze_the_power() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging", meterValue=values(7000, 5000)))
    bench.clock.at = START + timedelta(seconds=31)
    assert bench.say(event("Updated", 1, "Charging", meterValue=values(3000, 31))).power_w == 3000


def test_a_new_transaction_replaces_one_that_never_ended() -> None:
    bench = Bench(Version.V201)
    bench.say(*CHARGE_20)
    bench.station.granted(9000, 0, START + timedelta(seconds=60))
    state = bench.say(event("Started", 0, "Charging", tx="t2"))
    assert (state.transaction_id, state.granted_w, state.lease_until) == ("t2", 4140, None)
    assert bench.say(event("Updated", 9, "Charging", tx="t1")).transaction_id == "t2"


def test_16_ids_are_random_positive_and_fit_31_bits() -> None:
    bench = Bench(Version.V16)
    ids = set()
    for number in range(50):
        start = {"connectorId": 1, "idTag": "homeapp", "meterStart": number, "timestamp": at(number)}
        ids.add(bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"])
    assert len(ids) == 50
    assert all(0 < number < 2**31 for number in ids)


def test_a_16_station_that_charges_under_an_unknown_id_can_be_limited_all_the_same() -> None:
    bench = Bench(Version.V16)
    assert bench.say(status16("Preparing", 1)).status is EvceStatus.PLUGGED
    assert (bench.station.target, bench.station.waiting_evse) == (None, 1)
    bench.say(status16("Charging", 2))
    assert (bench.station.target, bench.station.waiting_evse) == (Target(evse=1, transaction_id=None), None)


def test_a_beginning_said_twice_keeps_the_energy() -> None:
    bench = Bench(Version.V201)
    bench.say(*CHARGE_20)
    assert bench.say(event("Started", 0, "EVConnected", meterValue=values(0, 1, 100))).session_wh == 100


def test_a_16_stop_for_an_id_that_was_never_received_ends_the_transaction() -> None:
    bench = Bench(Version.V16)
    bench.dialect.answer(
        "StartTransaction", {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": at(0)}, bench.station
    )
    stop: Message = ("StopTransaction", {"transactionId": -1, "meterStop": 5, "timestamp": at(9)})
    assert bench.say(stop).transaction_id is None


def test_a_power_cut_ends_a_transaction_once_the_plug_is_free() -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 0, "timestamp": at(0)}
    bench.dialect.answer("StartTransaction", start, bench.station)
    assert bench.say(status16("Available", 5)).transaction_id is not None, "its end may still come"
    boot: Message = ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    assert bench.say(boot, status16("Available", 9)).transaction_id is None


def test_what_the_car_can_feed_is_forgotten_with_the_car() -> None:
    bench = Bench(Version.V21)
    needs = {"v2xChargingParameters": {"maxDischargePower": 2000, "maxDischargePower_L2": 2000}}
    bench.say(*CHARGE_20, ("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}))
    capabilities = bench.station.state.capabilities
    assert capabilities is not None
    assert (capabilities.can_feed, capabilities.max_feed_w) == (True, 4000)
    state = bench.say(event("Ended", 9, "EVConnected"))
    assert state.capabilities is not None
    assert not state.capabilities.can_feed


def test_20_cannot_feed_whatever_it_says() -> None:
    needs = {"v2xChargingParameters": {"maxDischargePower": 2000}}
    state = Bench(Version.V201).say(("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}))
    assert state.capabilities is not None
    assert not state.capabilities.can_feed


def test_a_lease_from_before_the_connection_broke_still_counts() -> None:
    bench = Bench(Version.V201)
    bench.station.granted(9000, 0, START + timedelta(seconds=60))
    bench.station.left()
    bench.station.came(Version.V201)
    bench.station.floor_granted()
    assert bench.station.state.granted_w == 9000
    bench.clock.at = START + timedelta(seconds=61)
    bench.station.floor_granted()
    assert (bench.station.state.granted_w, bench.station.state.lease_until) == (4140, None)


def test_a_wrong_clock_is_told() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging", meterValue=values(7000, 500)))
    assert "clock" in (bench.station.state.problem or "")
    bench.say(event("Updated", 1, "Charging", meterValue=values(7000, 60)))
    assert bench.station.state.problem is None


def test_another_protocol_starts_from_nothing() -> None:
    bench = Bench(Version.V201)
    bench.say(*CHARGE_20)
    bench.station.came(Version.V16)
    assert bench.station.state.transaction_id is None
    assert bench.station.target is None


def test_problems_come_and_go() -> None:
    bench = Bench(Version.V201)
    bench.station.problem("silent", "It is silent.")
    assert bench.station.state.problem == "It is silent."
    bench.station.problem("silent", None)
    assert bench.station.state.problem is None
    assert bench.say(connector("Faulted", 1)).status is EvceStatus.FAULTED
    assert bench.station.state.problem is not None


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"connected": False}, EvceStatus.OFFLINE),
        ({"secured": False}, EvceStatus.STARTING),
        ({"reported": Reported.FAULTED, "power_w": 7000.0}, EvceStatus.FAULTED),
        ({"reported": Reported.UNAVAILABLE}, EvceStatus.FAULTED),
        ({"power_w": 7000.0}, EvceStatus.CHARGING),
        ({"power_w": -7000.0, "reported": Reported.CHARGING}, EvceStatus.FEEDING),
        ({"power_w": 20.0, "reported": Reported.SUSPENDED_EV}, EvceStatus.SUSPENDED_EV),
        ({"in_transaction": False, "power_w": 7000.0, "reported": Reported.OCCUPIED}, EvceStatus.PLUGGED),
        ({"in_transaction": False}, EvceStatus.AVAILABLE),
        ({}, EvceStatus.PLUGGED),
    ],
)
def test_the_status_follows_from_the_facts(facts: Json, status: EvceStatus) -> None:
    base: Json = {"connected": True, "secured": True, "in_transaction": True, "reported": None, "power_w": None}
    assert derive_status(**(base | facts)) is status


def test_an_offline_station_keeps_its_numbers_with_their_age() -> None:
    bench = Bench(Version.V201)
    bench.say(*CHARGE_20)
    before = bench.station.state
    bench.clock.at = START + timedelta(seconds=50)
    bench.station.left()
    state = bench.station.state
    assert (state.status, state.connected) == (EvceStatus.OFFLINE, False)
    assert (state.power_w, state.power_at, state.received_at) == (before.power_w, before.power_at, before.received_at)
