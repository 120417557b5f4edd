"""Which of the provider's charging profiles hold, and from when and how long, as the facts of the station show it."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from devices.evce.frames import Frame
from devices.evce.schemas import Version
from kit.in_loop import in_loop
from kit.provider_bench import NOW, V2X, VERSIONS, Bench, Kept, start_request


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
    start = bench.frame("RequestStartTransaction", start_request())
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


@in_loop
async def test_the_profile_of_a_start_becomes_that_of_its_transaction() -> None:
    bench = Bench()
    start = bench.frame("RequestStartTransaction", start_request())
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
    start = bench.frame("RequestStartTransaction", start_request())
    await bench.profiles.starting(start, bench.version)
    forget(bench, start)
    bench.begin("7", remoteStartId=5)
    assert bench.facts.permitted[0] is None


@in_loop
async def test_a_start_takes_only_a_profile_that_may_start() -> None:
    bench = Bench()
    for wrong in ({"chargingProfilePurpose": "TxDefaultProfile"}, {"transactionId": "7"}, {"stackLevel": 999}):
        start = bench.frame("RequestStartTransaction", start_request(**wrong))
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
