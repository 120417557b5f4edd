"""The state of a station does not depend on the order in which its messages come."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce import profiles, schemas
from devices.evce.derived import derive_status
from devices.evce.dialect import Dialect, Reported
from devices.evce.outlet import Setpoint, Target
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.station import Station
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from homeapp.model.readings import EvceState, EvceStatus, LimitControl
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
        self.allows = True

    def admission(self, device_id: str, password: str | None) -> Admission:
        return Admission.ADOPTED

    def authorizes(self, device_id: str, id_token: str) -> bool:
        return self.allows

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


def test_a_clock_that_is_set_back_does_not_freeze_the_connector() -> None:
    bench = Bench(Version.V201)
    bench.say(connector("Occupied", 7200))
    assert bench.say(connector("Available", 0)).status is EvceStatus.PLUGGED, "that may be an older report"
    bench.clock.at = START + timedelta(seconds=31)
    assert bench.say(connector("Available", 31)).status is EvceStatus.AVAILABLE


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


def test_a_wrong_clock_is_told_after_all_else_and_a_limit_that_is_not_kept_before() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging", meterValue=values(7000, 500)))
    for about, sentence in (("limit", "refuses"), ("ignored", "ignores")):
        bench.station.problem(about, sentence)
        assert bench.station.state.problem == sentence
    for about in ("ignored", "limit"):
        bench.station.problem(about, None)
    assert "clock" in (bench.station.state.problem or "")


def test_the_clock_shows_in_reports_that_are_not_late() -> None:
    bench = Bench(Version.V201)
    bench.say(connector("Occupied", -7200))
    bench.clock.at = START + timedelta(seconds=6)
    late = event("Updated", 1, "Charging", offline=True, timestamp="2020-01-01T00:00:00Z")
    bench.say(late, event("Updated", 2, "Charging", timestamp=at(6 - 7200)))
    assert bench.station.clock_offset == timedelta(hours=-2)
    assert bench.station.station_now() == START + timedelta(seconds=6 - 7200)


def test_the_clock_shows_in_the_reports_of_a_connector_in_16() -> None:
    bench = Bench(Version.V16)
    bench.say(status16("Preparing", -7200))
    bench.clock.at = START + timedelta(seconds=6)
    bench.say(status16("Preparing", 6 - 7200))
    assert bench.station.clock_offset == timedelta(hours=-2)


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


def shuffled(data: st.DataObject, messages: Sequence[Message]) -> list[Message]:
    """All of them in any order, some more than once."""
    again = data.draw(st.lists(st.sampled_from(list(messages)), max_size=4))
    return list(data.draw(st.permutations([*messages, *again])))


SESSION_20: list[Message] = [
    *CHARGE_20,
    event("Updated", 4, "SuspendedEV", meterValue=values(0, 25, 240)),
    event("Ended", 5, "EVConnected", meterValue=values(0, 30, 260)),
    connector("Available", 60),
]


@given(st.data())
def test_a_whole_session_in_any_order_and_repeated_ends_alike(data: st.DataObject) -> None:
    bench = Bench(Version.V201)
    state = bench.say(*shuffled(data, SESSION_20))
    assert (state.status, state.transaction_id) == (EvceStatus.AVAILABLE, None)
    assert not state.power_w, "0, or not known where the end came before all else"
    assert (state.granted_w, state.granted_feed_w, state.lease_until) == (4140, 0.0, None)
    assert bench.station.target is None


@given(st.data())
def test_a_whole_16_session_in_any_order_and_repeated_ends_alike(data: st.DataObject) -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "homeapp", "meterStart": 100, "timestamp": at(2)}
    transaction_id = bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"]
    meter: Message = (
        "MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": values(7000, 10, 150)},
    )  # fmt: skip
    stop: Message = ("StopTransaction", {"transactionId": transaction_id, "meterStop": 260, "timestamp": at(30)})
    again: Message = ("StartTransaction", start)
    rest = [status16("Preparing", 0), status16("Charging", 5), again, meter, status16("Finishing", 31)]
    order = shuffled(data, [*rest, stop, status16("Available", 40)])
    # A station asks for an id before it uses it, so a start is never repeated after its end has been answered.
    place = order.index(stop)
    state = bench.say(*[said for number, said in enumerate(order) if said != again or number < place])
    assert (state.status, state.transaction_id, state.power_w) == (EvceStatus.AVAILABLE, None, 0.0)
    assert (state.granted_w, state.lease_until) == (4140, None)


def test_an_unknown_transaction_can_be_stopped_without_harm_to_the_running_one() -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": at(0)}
    running = bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"]
    stop: Message = ("StopTransaction", {"transactionId": running - 1, "meterStop": 5, "timestamp": at(9)})
    assert bench.say(stop).transaction_id == str(running)


def test_a_status_without_a_time_counts_as_the_newest() -> None:
    bench = Bench(Version.V16)
    bench.say(status16("Charging", 50))
    untimed: Message = ("StatusNotification", {"connectorId": 1, "status": "Finishing", "errorCode": "NoError"})
    assert bench.say(untimed).status is EvceStatus.FINISHING
    assert bench.say(status16("Available", 60)).status is EvceStatus.AVAILABLE


def test_a_station_that_stays_preparing_after_a_session_can_be_started_again() -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": at(0)}
    running = bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"]
    stop: Message = ("StopTransaction", {"transactionId": running, "meterStop": 5, "timestamp": at(9)})
    state = bench.say(status16("Charging", 1), stop, status16("Preparing", 10))
    assert (state.status, bench.station.waiting_evse) == (EvceStatus.PLUGGED, 1)


def test_leases_are_written_in_the_stations_own_time() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging", meterValue=values(7000, -45)))
    assert bench.station.station_now() == START, "one sample may be late"
    bench.clock.at = START + timedelta(seconds=10)
    bench.say(event("Updated", 1, "Charging", meterValue=values(7000, -35)))
    assert bench.station.station_now() == START - timedelta(seconds=35)
    assert bench.station.state.problem is None


def signed_value(text: str, context: str = "Sample.Clock") -> dict[str, Any]:
    described = {"signedMeterData": text, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}
    return {
        "timestamp": at(0),
        "sampledValue": [{"value": 5, "signedMeterValue": described, "context": context}],
    }


def waiting(bench: Bench) -> list[tuple[str, str]]:
    return [(transaction, reading.data) for transaction, reading in bench.station.signed.waiting]


def test_signed_readings_wait_with_their_transaction() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging", meterValue=[signed_value("c2ln", "Transaction.Begin")]))
    ((transaction_id, reading),) = bench.station.signed.waiting
    assert (transaction_id, reading.data, reading.context) == ("t1", "c2ln", "Transaction.Begin")
    bench.say(("MeterValues", {"evseId": 1, "meterValue": [signed_value("b")]}))
    bench.say(event("Ended", 2, "EVConnected", meterValue=[signed_value("c")]))
    bench.say(("MeterValues", {"evseId": 1, "meterValue": [signed_value("of no transaction")]}))
    assert waiting(bench) == [("t1", "c2ln"), ("t1", "b"), ("t1", "c")]


def test_what_was_signed_in_a_transaction_that_is_over_counts_all_the_same() -> None:
    bench = Bench(Version.V201)
    bench.say(event("Started", 0, "Charging"), event("Ended", 2, "EVConnected"))
    bench.say(event("Updated", 1, "Charging", offline=True, meterValue=[signed_value("late")]))
    assert waiting(bench) == [("t1", "late")]
    assert bench.station.transaction is None


def test_a_nameless_end_in_16_is_signed_for_the_running_transaction() -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": at(0)}
    running = bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"]
    signed = {"value": "OCMF|a", "format": "SignedData"}
    data = [{"timestamp": at(9), "sampledValue": [signed]}]
    bench.say(
        ("StopTransaction", {"transactionId": 0, "meterStop": 5, "timestamp": at(9), "transactionData": data}),
    )
    assert waiting(bench) == [(str(running), "OCMF|a")]


def test_of_more_signed_readings_than_can_wait_the_first_ones_and_the_last_do() -> None:
    bench = Bench(Version.V201)
    for number in range(100):
        bench.say(event("Updated", number, "Charging", meterValue=[signed_value(str(number))]))
    assert [text for _, text in waiting(bench)] == [*map(str, range(63)), "99"]


def needs_of(**parameters: float) -> Message:
    needs = {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": parameters, "departureTime": at(3600)}
    return "NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}


def test_the_wishes_of_a_car_that_can_feed() -> None:
    bench = Bench(Version.V21)
    bench.say(*CHARGE_20)
    told = {
        "maxDischargePower": 2000, "maxDischargePower_L2": 1000, "maxDischargePower_L3": 2000, "maxChargePower": 11000,
        "evTargetEnergyRequest": 20000, "evMinEnergyRequest": -3000, "evMaxEnergyRequest": 30000,
        "evMinV2XEnergyRequest": -10000, "evMaxV2XEnergyRequest": 5000, "targetSoC": 80,
    }  # fmt: skip
    action, payload = needs_of(**told)
    assert bench.dialect.answer(action, payload, bench.station) == {"status": "Accepted"}
    needs = bench.station.needed
    assert needs is not None
    assert (needs.target_wh, needs.least_wh, needs.most_wh) == (20000, -3000, 30000)
    assert (needs.least_feeding_wh, needs.most_feeding_wh, needs.target_soc_pct) == (-10000, 5000, 80)
    assert (needs.feed_phases_w, needs.max_feed_w) == ((2000, 1000, 2000), 5000)
    assert needs.departure == START + timedelta(seconds=3600)


def test_a_car_that_tells_current_and_voltage_instead_of_power() -> None:
    bench = Bench(Version.V21)
    bench.say(*CHARGE_20, needs_of(maxDischargeCurrent=10, maxVoltage=400))
    capabilities = bench.station.state.capabilities
    assert capabilities is not None
    assert (capabilities.max_feed_w, capabilities.feed_refusal) == (4000, None)


def test_needs_before_a_transaction_are_being_processed() -> None:
    bench = Bench(Version.V21)
    action, payload = needs_of(maxDischargePower=2000)
    assert bench.dialect.answer(action, payload, bench.station) == {"status": "Processing"}


def test_an_accepted_token_of_21_may_negotiate_both_ways_and_an_invalid_one_nothing() -> None:
    bench = Bench(Version.V21)
    token: Json = {"idToken": {"idToken": "owner", "type": "Central"}}
    assert "AC_BPT" in bench.dialect.answer("Authorize", token, bench.station)["allowedEnergyTransfer"]
    bench.register.allows = False
    assert bench.dialect.answer("Authorize", token, bench.station) == {"idTokenInfo": {"status": "Invalid"}}


def pull(bench: Bench, profile_id: int = profiles.LEASED_ID) -> Json:
    answer = bench.dialect.answer("PullDynamicScheduleUpdate", {"chargingProfileId": profile_id}, bench.station)
    assert schemas.response_problem(Version.V21, "PullDynamicScheduleUpdate", answer) is None
    return answer


def test_a_pulled_setpoint_is_the_present_one_and_ends_with_the_command() -> None:
    bench = Bench(Version.V21)
    bench.say(*CHARGE_20)
    assert pull(bench)["status"] == "Rejected", "K28.FR.12"
    until = START + timedelta(seconds=60)
    bench.station.setpoint = Setpoint(power_w=-3000.0, phases_w=(), until=until, seconds=60.0)
    assert pull(bench) == {"status": "Accepted", "scheduleUpdate": {"setpoint": -3000}}
    assert pull(bench, 1)["status"] == "Rejected"
    bench.clock.at = START + timedelta(seconds=30)
    pull(bench)
    state = bench.station.state
    assert (state.granted_feed_w, state.lease_until) == (3000, START + timedelta(seconds=90)), "an update renews it"
    bench.clock.at = until
    assert pull(bench)["scheduleUpdate"] == {"setpoint": 0}, "a hub whose control stands still asks for nothing"
    assert bench.station.state.granted_feed_w == 0
    bench.say(event("Ended", 9, "EVConnected"))
    assert pull(bench)["status"] == "Rejected"


def test_the_providers_words_show_in_the_state() -> None:
    bench = Bench(Version.V201)
    bench.station.provider_permits(5000.0, None, control=False)
    state = bench.station.state
    assert (state.provider_limit_w, state.provider_feed_w, state.provider_control) == (5000, None, False)


def test_a_transaction_renamed_by_the_provider_goes_on() -> None:
    bench = Bench(Version.V16)
    start = {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": at(0)}
    old = str(bench.dialect.answer("StartTransaction", start, bench.station)["transactionId"])
    bench.station.renamed(old, "77")
    assert bench.station.target == Target(evse=1, transaction_id="77")
    bench.station.renamed(old, "78")
    assert bench.station.state.transaction_id == "77"


def test_a_station_that_takes_no_limit_may_draw_all_that_its_circuit_carries() -> None:
    bench = Bench(Version.V16)
    bench.station.floor_refused()
    state = bench.station.state
    assert state.capabilities is not None
    assert (state.granted_w, state.capabilities.control) == (11040, LimitControl.NONE)
    bench.station.floor_granted()
    assert bench.station.state.granted_w == 4140
