"""Charging profiles of the provider go with the consent to it, from memory and from the disk."""

import pytest

from devices.evce.fields import rfc3339
from devices.evce.schemas import Version
from homeapp.errors import StoreUnavailable
from kit.in_loop import in_loop
from kit.provider_bench import NOW, VERSIONS, Bench


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
