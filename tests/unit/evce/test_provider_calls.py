"""What the provider is answered about charging profiles, and what of them reaches the station's facts."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.evce.dialect import Outgoing
from devices.evce.fields import FieldError, rfc3339
from devices.evce.frames import Frame, MessageType
from devices.evce.profiles import StationLimits
from devices.evce.provider.provider_stations import ProviderStations
from devices.evce.provider.provider_words import needs_answer
from devices.evce.provider.station_profiles import StationProfiles
from devices.evce.rpc import ActionUnknown
from devices.evce.schemas import Version, request_problem, response_problem
from devices.evce.station import Transaction
from homeapp.errors import DeviceUnreachable, StoreUnavailable
from kit.clocks import LeapingClock
from kit.in_loop import in_loop

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
Json = dict[str, Any]


@dataclass
class Facts:
    """A station as far as it counts here."""

    device_id: str = "ocpp:x"
    limits: StationLimits = LIMITS
    transaction: Transaction | None = None
    permitted: tuple[float | None, float | None, bool] = (None, None, True)

    def renamed(self, old: str, new: str) -> None:
        pass

    def provider_permits(self, limit_w: float | None, feed_w: float | None, *, control: bool) -> None:
        self.permitted = (limit_w, feed_w, control)


@dataclass
class Owner:
    """Whose say it is."""

    holds: bool = False
    feed_w: float | None = None
    until: datetime = NOW + timedelta(hours=2)

    def attached(self, device_id: str) -> None:
        pass

    def controls(self, device_id: str) -> bool:
        return not self.holds

    def may_feed_w(self, at: datetime) -> float | None:
        return self.feed_w if at < self.until else None


async def _nothing() -> None:
    pass


@dataclass
class Kept:
    """What survives the hub."""

    of: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    full: bool = False
    before: Callable[[], Awaitable[None]] = _nothing

    async def begin(self) -> None:
        pass

    async def load(self, device_id: str) -> str | None:
        return self.of.get(device_id)

    async def keep(self, device_id: str, kept: str) -> None:
        if self.full:
            raise StoreUnavailable("The disk is full.")
        await self.before()
        self.of[device_id] = kept
        self.writes += 1

    async def forget(self) -> None:
        if self.full:
            raise StoreUnavailable("The disk is full.")
        self.of.clear()


class Bench:
    """One station and its provider."""

    def __init__(self, version: Version = Version.V21, kept: Kept | None = None) -> None:
        self.version = version
        self.clock = LeapingClock(NOW)
        self.facts, self.owner, self.kept = Facts(), Owner(), kept or Kept()
        self.stations = ProviderStations(self.clock, self.kept, self.owner)
        self.profiles: StationProfiles = self.stations.profiles(self.facts)

    def frame(self, action: str, payload: Json) -> Frame:
        assert request_problem(self.version, action, payload) is None
        return Frame(MessageType.CALL, "1", action, payload)

    async def ask(self, action: str, **payload: Any) -> Json:
        return (await self.ask_more(action, payload))[0]

    async def ask_more(self, action: str, payload: Json) -> tuple[Json, tuple[Outgoing, ...]]:
        served = await self.profiles.serve(self.frame(action, payload), self.version)
        assert response_problem(self.version, action, served.answer) is None
        for call in served.then:
            assert request_problem(self.version, call.action, call.payload) is None
        return served.answer, served.then

    async def set(self, number: int, purpose: str, limit: float = 6000.0, evse: int = 0, **more: Any) -> str:
        """SetChargingProfile; the status, and the reason of 2.x."""
        period = more.pop("period", {"startPeriod": 0, "limit": limit})
        schedule: Json = {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
        if more.get("chargingProfileKind", "Absolute") == "Absolute":
            schedule["startSchedule"] = rfc3339(more.pop("start", NOW - timedelta(days=1)))
        schedule |= {name: more.pop(name) for name in ("duration",) if name in more}
        body = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute", **more}
        if self.version is Version.V16:
            body |= {"chargingProfileId": number, "chargingSchedule": schedule}
            answer = await self.ask("SetChargingProfile", connectorId=evse, csChargingProfiles=body)
        else:
            body |= {"id": number, "chargingSchedule": [schedule | {"id": number}]}
            answer = await self.ask("SetChargingProfile", evseId=evse, chargingProfile=body)
        return str(answer["status"]) + " " + answer.get("statusInfo", {}).get("reasonCode", "")

    def begin(self, transaction_id: str = "7", evse: int = 1, **info: Any) -> None:
        self.facts.transaction = Transaction(id=transaction_id, evse=evse)
        info |= {"transactionId": transaction_id}
        self.profiles.heard(
            Frame(MessageType.CALL, "2", "TransactionEvent", {"eventType": "Started", "transactionInfo": info}),
            self.version,
        )

    def end(self) -> None:
        self.facts.transaction = None
        self.profiles.heard(Frame(MessageType.CALL, "3", "TransactionEvent", {"eventType": "Ended"}), self.version)

    async def move(self, seconds: float) -> None:
        """Let time pass, and the stations notice it."""
        end = self.clock.at + timedelta(seconds=seconds)

        class OverError(Exception):
            pass

        async def sleep(nap: float) -> None:
            if self.clock.at + timedelta(seconds=nap) > end:
                raise OverError
            await LeapingClock.sleep(self.clock, nap)

        self.clock.sleep = sleep  # type: ignore[method-assign]
        with pytest.raises(OverError):
            await self.stations.run()


V2X = {"period": {"startPeriod": 0, "setpoint": -3000.0, "operationMode": "CentralSetpoint"}}
VERSIONS = pytest.mark.parametrize("version", list(Version))


@VERSIONS
@in_loop
async def test_a_limit_is_taken_reported_as_a_fact_and_cleared(version: Version) -> None:
    bench = Bench(version)
    top = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
    assert await bench.set(1, top, 9000.0) == "Accepted "
    assert await bench.set(2, "TxDefaultProfile", 5000.0) == "Accepted "
    assert bench.facts.permitted == (5000, None, True)
    by_id = {"id": 2} if version is Version.V16 else {"chargingProfileId": 2}
    assert (await bench.ask("ClearChargingProfile", **by_id))["status"] == "Accepted"
    assert bench.facts.permitted == (9000, None, True)
    assert (await bench.ask("ClearChargingProfile", **by_id))["status"] == "Unknown"
    assert (await bench.ask("ClearChargingProfile"))["status"] == "Accepted"
    assert bench.facts.permitted == (None, None, True)


@VERSIONS
@in_loop
async def test_a_profile_for_a_transaction_needs_it_and_ends_with_it(version: Version) -> None:
    bench = Bench(version)
    named = {"transactionId": 7 if version is Version.V16 else "7"}
    reason = "" if version is Version.V16 else "TxNotFound"
    assert await bench.set(1, "TxProfile", evse=1, **named) == f"Rejected {reason}"
    bench.begin()
    assert await bench.set(1, "TxProfile", evse=2, **named) == f"Rejected {reason}"
    other = {"transactionId": 8 if version is Version.V16 else "8"}
    assert await bench.set(1, "TxProfile", evse=1, **other) == f"Rejected {reason}"
    assert await bench.set(1, "TxProfile", 4000.0, evse=1, **named) == "Accepted "
    assert bench.facts.permitted[0] == 4000
    bench.end()
    assert bench.facts.permitted[0] is None
    bench.begin("8")
    assert bench.facts.permitted[0] is None


@in_loop
async def test_feeding_needs_an_offer_that_the_owner_has_approved() -> None:
    bench = Bench()
    bench.begin()
    assert await bench.set(1, "TxProfile", evse=1, transactionId="7", **V2X) == "Rejected NotEnabled"
    assert bench.facts.permitted == (None, None, True)
    bench.owner.feed_w = 2000.0
    assert await bench.set(1, "TxProfile", evse=1, transactionId="7", **V2X) == "Rejected ValueTooHigh"
    bench.owner.feed_w = 3000.0
    assert await bench.set(1, "TxProfile", evse=1, transactionId="7", **V2X) == "Accepted "
    assert bench.facts.permitted == (0, 3000, True)
    # Of the time asked for all must be approved, not only its begin.
    longer = {**V2X, "start": NOW, "duration": 3 * 3600}
    assert await bench.set(2, "TxDefaultProfile", evse=1, **longer) == "Rejected NotEnabled"
    later = {**V2X, "start": NOW + timedelta(hours=3), "duration": 60}
    assert await bench.set(2, "TxDefaultProfile", evse=1, **later) == "Rejected NotEnabled"
    merely_allowed = {"period": {"startPeriod": 0, "dischargeLimit": -9000.0, "operationMode": "ExternalSetpoint"}}
    assert await bench.set(2, "TxDefaultProfile", evse=1, **merely_allowed) == "Accepted "
    bench.owner.feed_w = None
    assert await bench.set(3, "TxDefaultProfile", evse=1, stackLevel=1, **merely_allowed) == "Rejected NotEnabled"


@in_loop
async def test_while_the_owner_has_control_nothing_new_is_taken_and_nothing_old_lost() -> None:
    bench = Bench()
    bench.begin()
    await bench.set(1, "TxDefaultProfile", 5000.0)
    await bench.set(2, "PriorityCharging", 9000.0)
    bench.owner.holds = True
    await bench.move(2)
    assert bench.facts.permitted == (5000, None, False)
    assert not bench.profiles.provider_commands
    assert await bench.set(1, "TxDefaultProfile", 1000.0) == "Rejected NotEnabled"
    used = await bench.ask("UsePriorityCharging", transactionId="7", activate=True)
    assert used["statusInfo"]["reasonCode"] == "NotEnabled"
    start = bench.frame("RequestStartTransaction", _start())
    assert (await bench.profiles.starting(start, bench.version)).reason == "NotEnabled"  # type: ignore[union-attr]
    told = await bench.ask("GetCompositeSchedule", evseId=1, duration=60)
    assert told["schedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "numberPhases": 3, "limit": 11040.0}]
    bench.owner.holds = False
    await bench.move(2)
    assert bench.facts.permitted == (5000, None, True)


@in_loop
async def test_what_holds_changes_with_the_time() -> None:
    bench = Bench()
    await bench.set(1, "TxDefaultProfile", 5000.0, start=NOW + timedelta(seconds=10), duration=20)
    assert bench.facts.permitted[0] is None
    await bench.move(12)
    assert bench.facts.permitted[0] == 5000
    await bench.move(20)
    assert bench.facts.permitted[0] is None


@in_loop
async def test_a_profile_that_does_not_outlast_the_provider() -> None:
    bench = Bench()
    await bench.set(1, "TxDefaultProfile", 5000.0, maxOfflineDuration=30, invalidAfterOfflineDuration=True)
    await bench.set(2, "TxDefaultProfile", 3000.0, stackLevel=1, maxOfflineDuration=30)
    bench.profiles.csms_is(reachable=False)
    await bench.move(20)
    assert bench.facts.permitted[0] == 3000
    await bench.move(20)
    assert bench.facts.permitted[0] is None
    bench.profiles.csms_is(reachable=True)
    assert bench.facts.permitted[0] == 3000
    assert (await bench.ask("ClearChargingProfile", chargingProfileId=1))["status"] == "Unknown"


@VERSIONS
@in_loop
async def test_a_restart_of_the_hub_keeps_what_the_standard_wants_kept(version: Version) -> None:
    bench = Bench(version)
    bench.begin()
    top = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
    named = {"transactionId": 7 if version is Version.V16 else "7"}
    await bench.set(1, top, 9000.0)
    await bench.set(2, "TxProfile", 4000.0, evse=1, **named)
    relative = {"chargingProfileKind": "Relative", "duration": 3600}
    await bench.set(3, "TxDefaultProfile", 7000.0, **relative)
    await bench.move(1)
    again = Bench(version, bench.kept)
    again.clock.at = NOW + timedelta(minutes=59)
    await again.move(1)
    assert again.facts.permitted[0] == (4000 if version is Version.V16 else 7000)
    again.begin()
    again.clock.at = NOW + timedelta(minutes=61)
    await again.move(2)
    assert again.facts.permitted[0] == (4000 if version is Version.V16 else 9000)


@in_loop
async def test_a_profile_of_a_transaction_does_not_wear_out_the_disk() -> None:
    bench = Bench()
    bench.begin()
    await bench.set(9, "TxDefaultProfile")
    before = bench.kept.writes
    for number in range(5):
        await bench.set(number, "TxProfile", evse=1, transactionId="7", stackLevel=number)
    assert bench.kept.writes == before == 1


@in_loop
async def test_a_profile_of_a_transaction_waits_for_no_disk_and_all_others_do() -> None:
    bench = Bench()
    bench.begin()
    written = asyncio.Event()

    async def busy() -> None:
        await written.wait()

    bench.kept.before = busy
    kept = asyncio.create_task(bench.set(9, "TxDefaultProfile"))
    await asyncio.sleep(0)
    assert await bench.set(1, "TxProfile", 3000.0, evse=1, transactionId="7") == "Accepted "
    assert bench.facts.permitted[0] == 3000
    assert not kept.done()
    written.set()
    assert await kept == "Accepted "
    ids = [profile["profile"]["id"] for profile in json.loads(bench.kept.of["ocpp:x"])["profiles"]]
    assert ids == [9]
    bench.kept.full = True
    assert await bench.set(1, "TxProfile", 2000.0, evse=1, transactionId="7") == "Accepted "
    assert bench.facts.permitted[0] == 2000


@in_loop
async def test_a_full_disk_refuses_and_changes_nothing() -> None:
    bench = Bench()
    bench.kept.full = True
    assert await bench.set(1, "TxDefaultProfile") == "Rejected OutOfStorage"
    assert bench.facts.permitted == (None, None, True)


@pytest.mark.parametrize(
    "kept", ["", "{", "[]", '{"profiles": [{"version": "ocpp9"}, 5]}', '{"transaction": {"id": 5}}']
)
@in_loop
async def test_what_was_kept_and_cannot_be_read_is_left_out(kept: str) -> None:
    bench = Bench(kept=Kept({"ocpp:x": kept}))
    assert await bench.set(1, "TxDefaultProfile") == "Accepted "
    assert len(json.loads(bench.kept.of["ocpp:x"])["profiles"]) == 1


def _start(**more: Any) -> Json:
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3500.0}]}
    body = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative"}
    token = {"idToken": "a", "type": "Central"}
    return {"remoteStartId": 5, "idToken": token, "chargingProfile": {**body, "chargingSchedule": [schedule], **more}}


@in_loop
async def test_the_profile_of_a_start_becomes_that_of_its_transaction() -> None:
    bench = Bench()
    start = bench.frame("RequestStartTransaction", _start())
    assert await bench.profiles.starting(start, bench.version) is None
    bench.begin("other")
    assert bench.facts.permitted[0] is None
    bench.end()
    bench.begin("7", evse=2, remoteStartId=5)
    assert bench.facts.permitted[0] == 3500
    reported = (await bench.ask_more("GetChargingProfiles", {"requestId": 4, "chargingProfile": {"stackLevel": 0}}))[1]
    assert reported[0].payload["evseId"] == 2
    assert reported[0].payload["chargingProfile"][0]["transactionId"] == "7"


@pytest.mark.parametrize(
    "forget",
    [
        lambda bench, start: bench.profiles.not_started(start),
        lambda bench, start: setattr(bench.clock, "at", NOW + timedelta(minutes=11)),
    ],
    ids=["refused by the station", "no car came"],
)
@in_loop
async def test_the_profile_of_a_start_that_did_not_happen_is_forgotten(forget: Callable[[Bench, Frame], None]) -> None:
    bench = Bench()
    start = bench.frame("RequestStartTransaction", _start())
    await bench.profiles.starting(start, bench.version)
    forget(bench, start)
    bench.begin("7", remoteStartId=5)
    assert bench.facts.permitted[0] is None


@in_loop
async def test_a_start_takes_only_a_profile_that_may_start() -> None:
    bench = Bench()
    for wrong in ({"chargingProfilePurpose": "TxDefaultProfile"}, {"transactionId": "7"}, {"stackLevel": 999}):
        start = bench.frame("RequestStartTransaction", _start(**wrong))
        assert await bench.profiles.starting(start, bench.version) is not None


@in_loop
async def test_a_start_in_16_is_for_the_next_transaction_at_the_connector() -> None:
    bench = Bench(Version.V16)
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3500.0}]}
    body = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}
    body |= {"chargingProfileKind": "Relative", "chargingSchedule": schedule}
    start = bench.frame("RemoteStartTransaction", {"idTag": "a", "connectorId": 1, "chargingProfile": body})
    assert await bench.profiles.starting(start, bench.version) is None
    bench.begin("12")
    assert bench.facts.permitted[0] == 3500
    bench.profiles.renamed("12", "90")
    bench.begin("90")
    assert bench.facts.permitted[0] == 3500


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


@VERSIONS
@in_loop
async def test_without_the_consent_nothing_of_the_provider_holds_and_nothing_comes_back(version: Version) -> None:
    bench = Bench(version)
    bench.kept.of["ocpp:away"] = "of a station that has not come yet"
    assert await bench.set(1, "TxDefaultProfile", 5000.0) == "Accepted "
    bench.stations.end()
    assert bench.facts.permitted == (None, None, True)
    await bench.stations.erase()
    assert bench.kept.of == {}
    bench.begin()
    await bench.move(180)
    assert bench.facts.permitted == (None, None, True)
    assert bench.kept.of == {}
    again = Bench(version, kept=bench.kept)
    await again.move(2)
    assert again.facts.permitted[0] is None
    # A new consent, a new beginning.
    assert await bench.set(2, "TxDefaultProfile", 4000.0) == "Accepted "
    assert "4000" in bench.kept.of["ocpp:x"]
    assert bench.facts.permitted[0] == 4000


@in_loop
async def test_a_profile_that_is_being_kept_while_the_consent_is_withdrawn_is_refused() -> None:
    bench = Bench()
    await bench.move(2)

    async def withdrawn() -> None:
        bench.stations.end()

    bench.kept.before = withdrawn
    assert await bench.set(1, "TxDefaultProfile", 5000.0) == "Rejected NotEnabled"
    await bench.stations.erase()
    assert bench.facts.permitted == (None, None, True)
    assert bench.kept.of == {}


@in_loop
async def test_the_profile_of_a_start_is_forgotten_with_the_consent() -> None:
    bench = Bench()
    period = {"startPeriod": 0, "limit": 3000.0}
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [period], "startSchedule": rfc3339(NOW)}
    profile = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute"}
    token = {"idToken": "a", "type": "Central"}
    start = {"remoteStartId": 9, "idToken": token, "chargingProfile": profile | {"chargingSchedule": [schedule]}}
    assert await bench.profiles.starting(bench.frame("RequestStartTransaction", start), bench.version) is None
    bench.stations.end()
    bench.begin(remoteStartId=9)
    assert bench.facts.permitted == (None, None, True)


@in_loop
async def test_what_cannot_be_erased_is_erased_later() -> None:
    bench = Bench()
    assert await bench.set(1, "TxDefaultProfile", 5000.0) == "Accepted "
    bench.stations.end()
    bench.kept.full = True
    with pytest.raises(StoreUnavailable):
        await bench.stations.erase()
    assert bench.kept.of
    bench.kept.full = False
    await bench.move(2)
    assert bench.kept.of == {}
