"""What the provider is answered that asks about charging profiles."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.evce.dialect import Outgoing
from devices.evce.fields import FieldError, rfc3339
from devices.evce.frames import Frame, MessageType
from devices.evce.provider.provider_words import needs_answer
from devices.evce.rpc import ActionUnknown
from devices.evce.schemas import Version, response_problem
from homeapp.errors import DeviceUnreachable
from kit.in_loop import in_loop
from kit.provider_bench import NOW, V2X, VERSIONS, Bench, Json


@in_loop
async def test_profiles_are_reported_by_evse_and_all_but_the_last_say_that_more_comes() -> None:
    bench = Bench()
    bench.begin()
    await bench.set(1, "ChargingStationMaxProfile")
    await bench.set(2, "TxDefaultProfile", evse=1)
    await bench.set(3, "TxProfile", evse=1, transactionId="7", stackLevel=2)

    async def told(**criterion: Any) -> list[tuple[int, list[int], bool]]:
        evse = {"evseId": criterion.pop("evse")} if "evse" in criterion else {}
        asked = {"requestId": 4, "chargingProfile": criterion, **evse}
        answer, then = await bench.ask_more("GetChargingProfiles", asked)
        assert (answer["status"] == "Accepted") is bool(then)
        return [
            (each.payload["evseId"], [one["id"] for one in each.payload["chargingProfile"]], each.payload["tbc"])
            for each in then
        ]

    assert await told(chargingLimitSource=["CSO", "EMS"]) == [(0, [1], True), (1, [2, 3], False)]
    assert await told(chargingLimitSource=["EMS"]) == []
    assert await told(chargingProfileId=[3, 1]) == [(0, [1], True), (1, [3], False)]
    assert await told(chargingProfileId=[3], evse=0) == []
    assert await told(stackLevel=2, evse=1) == [(1, [3], False)]
    assert await told(chargingProfilePurpose="ChargingStationExternalConstraints") == []


@VERSIONS
@in_loop
async def test_the_composite_schedule_is_the_least_of_circuit_and_provider(version: Version) -> None:
    bench = Bench(version)
    await bench.set(1, "TxDefaultProfile", 5000.0, start=NOW + timedelta(seconds=600), duration=600)
    where = {"connectorId": 1} if version is Version.V16 else {"evseId": 1}
    answer = await bench.ask("GetCompositeSchedule", duration=3600, chargingRateUnit="A", **where)
    schedule = answer["chargingSchedule" if version is Version.V16 else "schedule"]
    assert [(step["startPeriod"], step["limit"]) for step in schedule["chargingSchedulePeriod"]] == [
        (0, 16.0),
        (600, 7.2),
        (1200, 16.0),
    ]
    assert (await bench.ask("GetCompositeSchedule", duration=0, **where))["status"] == "Rejected"
    assert (await bench.ask("GetCompositeSchedule", duration=10**12, **where))["status"] == "Accepted"
    where = dict.fromkeys(where, 999)
    assert (await bench.ask("GetCompositeSchedule", duration=60, **where))["status"] == "Rejected"


@in_loop
async def test_a_composite_schedule_of_very_many_changes_says_how_far_it_goes() -> None:
    bench = Bench()
    steps = [{"startPeriod": start * 60, "limit": float(start)} for start in range(600)]
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": steps, "startSchedule": rfc3339(NOW)}
    body = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute"}
    await bench.ask("SetChargingProfile", evseId=0, chargingProfile=body | {"chargingSchedule": [schedule]})
    told = (await bench.ask("GetCompositeSchedule", evseId=1, duration=86_400))["schedule"]
    assert (told["duration"], len(told["chargingSchedulePeriod"])) == (512 * 60, 512)


@in_loop
async def test_the_composite_schedule_shows_a_feed_while_it_is_approved() -> None:
    bench = Bench()
    bench.begin()
    bench.owner.feed_w = 3000.0
    await bench.set(1, "TxProfile", evse=1, transactionId="7", **V2X)
    told = (await bench.ask("GetCompositeSchedule", evseId=1, duration=60))["schedule"]["chargingSchedulePeriod"]
    assert told == [{"startPeriod": 0, "numberPhases": 3, "setpoint": -3000.0, "operationMode": "CentralSetpoint"}]
    bench.owner.feed_w = None
    told = (await bench.ask("GetCompositeSchedule", evseId=1, duration=60))["schedule"]["chargingSchedulePeriod"]
    assert told[0]["setpoint"] == 0


@in_loop
async def test_priority_charging_is_used_told_and_given_up() -> None:
    bench = Bench()
    bench.begin()
    await bench.set(1, "TxProfile", 1000.0, evse=1, transactionId="7")
    assert (await bench.ask("UsePriorityCharging", transactionId="7", activate=True))["status"] == "NoProfile"
    assert (await bench.ask("UsePriorityCharging", transactionId="8", activate=True))["status"] == "Rejected"
    await bench.set(2, "PriorityCharging", 9000.0)
    _answer, then = await bench.ask_more("UsePriorityCharging", {"transactionId": "7", "activate": True})
    assert then == (Outgoing("NotifyPriorityCharging", {"transactionId": "7", "activated": True}),)
    assert bench.facts.permitted[0] == 9000
    _answer, then = await bench.ask_more("UsePriorityCharging", {"transactionId": "7", "activate": False})
    assert then[0].payload["activated"] is False
    assert bench.facts.permitted[0] == 1000
    _answer, then = await bench.ask_more("UsePriorityCharging", {"transactionId": "7", "activate": False})
    assert not then


@in_loop
async def test_a_dynamic_profile_is_updated() -> None:
    bench = Bench()
    await bench.set(1, "TxDefaultProfile", 5000.0, chargingProfileKind="Dynamic")
    await bench.set(2, "ChargingStationMaxProfile", 9000.0)
    updated = {"scheduleUpdate": {"limit": 2500.0}}
    assert (await bench.ask("UpdateDynamicSchedule", chargingProfileId=1, **updated))["status"] == "Accepted"
    assert bench.facts.permitted[0] == 2500
    for number, reason in ((2, "InvalidProfile"), (3, "NotFound")):
        answer = await bench.ask("UpdateDynamicSchedule", chargingProfileId=number, **updated)
        assert answer["statusInfo"]["reasonCode"] == reason
    await bench.set(1, "TxDefaultProfile", chargingProfileKind="Dynamic",
                    period={"startPeriod": 0, "setpoint": 500.0, "operationMode": "CentralSetpoint"})  # fmt: skip
    feeding = {"scheduleUpdate": {"setpoint": -500.0}}
    answer = await bench.ask("UpdateDynamicSchedule", chargingProfileId=1, **feeding)
    assert answer["statusInfo"]["reasonCode"] == "NotEnabled"
    assert bench.facts.permitted == (500, 0, True)


@in_loop
async def test_a_dynamic_profile_is_pulled_at_its_interval_while_the_provider_is_there() -> None:
    bench = Bench()
    asked: list[Outgoing] = []
    answers: list[Json | Exception] = [
        {"status": "Accepted", "scheduleUpdate": {"limit": 2500.0}},
        DeviceUnreachable("The provider does not answer."),
        {"status": "Rejected"},
    ]

    async def provider(call: Outgoing) -> Json:
        asked.append(call)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    bench.profiles.ask_by(provider)
    await bench.set(1, "TxDefaultProfile", 5000.0, chargingProfileKind="Dynamic", dynUpdateInterval=30)
    await bench.move(29)
    assert not asked
    await bench.move(2)
    assert asked == [Outgoing("PullDynamicScheduleUpdate", {"chargingProfileId": 1})]
    assert bench.facts.permitted[0] == 2500
    await bench.move(64)
    assert (len(asked), bench.facts.permitted[0]) == (3, 2500)
    bench.profiles.csms_is(reachable=False)
    await bench.move(64)
    assert len(asked) == 3


@in_loop
async def test_the_car_may_choose_only_where_it_has_asked_to() -> None:
    bench = Bench()
    bench.begin()
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3500.0}]}
    schedule["startSchedule"] = rfc3339(NOW)
    body = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute"}
    body |= {"transactionId": "7", "chargingSchedule": [schedule, schedule | {"id": 2}]}
    answer = await bench.ask("SetChargingProfile", evseId=1, chargingProfile=body)
    assert answer["statusInfo"]["reasonCode"] == "InvalidSchedule"
    bench.profiles.heard(Frame(MessageType.CALL, "4", "NotifyEVChargingNeeds", {}), bench.version)
    assert (await bench.ask("SetChargingProfile", evseId=1, chargingProfile=body))["status"] == "Accepted"


@in_loop
async def test_controls_of_the_inverter_and_what_is_unknown() -> None:
    bench = Bench()
    for action, payload in (
        ("GetDERControl", {"requestId": 1}),
        ("ClearDERControl", {"isDefault": True}),
        ("AFRRSignal", {"timestamp": rfc3339(NOW), "signal": 1}),
    ):
        answer = await bench.ask(action, **payload)
        assert answer["status"] in ("NotSupported", "Rejected")
    with pytest.raises(ActionUnknown):
        await bench.profiles.serve(Frame(MessageType.CALL, "1", "Reset", {}), bench.version)
    with pytest.raises(FieldError):
        await bench.profiles.serve(Frame(MessageType.CALL, "1", "SetChargingProfile", {}), bench.version)
    with pytest.raises(ActionUnknown):
        await bench.profiles.serve(Frame(MessageType.CALL, "1", "GetChargingProfiles", {}), Version.V16)


def test_the_station_never_hears_that_no_schedule_will_come() -> None:
    for status in ("Accepted", "Rejected", "Processing"):
        assert needs_answer({"status": status}) == {"status": status}
    assert needs_answer({"status": "NoChargingProfile", "statusInfo": {"reasonCode": "NoProfile"}}) == {
        "status": "Processing"
    }


_NAMES = [
    "id",
    "chargingProfileId",
    "connectorId",
    "evseId",
    "csChargingProfiles",
    "chargingProfile",
    "chargingSchedule",
    "chargingSchedulePeriod",
    "chargingProfilePurpose",
    "chargingProfileKind",
    "stackLevel",
    "chargingRateUnit",
    "startPeriod",
    "limit",
    "setpoint",
    "duration",
    "requestId",
    "chargingLimitSource",
    "chargingProfileCriteria",
    "scheduleUpdate",
    "transactionId",
    "activate",
    "operationMode",
]
_GARBAGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**13)
    | st.floats(-1e3, 1e3)
    | st.sampled_from(["A", "W", "7", "TxProfile", "TxDefaultProfile", "Absolute", "Dynamic", "CSO", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=16,
)
_ACTIONS = [
    "SetChargingProfile",
    "ClearChargingProfile",
    "GetCompositeSchedule",
    "GetChargingProfiles",
    "UpdateDynamicSchedule",
    "UsePriorityCharging",
    "SetDERControl",
    "AFRRSignal",
]


@given(st.dictionaries(st.sampled_from(_NAMES), _GARBAGE, max_size=6), st.sampled_from(_ACTIONS))
@settings(max_examples=200, deadline=None)
def test_whatever_the_provider_sends_it_gets_an_answer_of_the_standard(payload: Json, action: str) -> None:
    @in_loop
    async def ask() -> None:
        bench = Bench()
        bench.begin()
        await bench.set(1, "TxDefaultProfile", chargingProfileKind="Dynamic")
        try:
            served = await bench.profiles.serve(Frame(MessageType.CALL, "1", action, payload), bench.version)
        except FieldError:
            return
        assert response_problem(bench.version, action, served.answer) is None

    ask()
