"""A provider's charging profiles over real sockets: they change what the hub knows, and never reach the station."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.evce.fields import rfc3339
from devices.evce.profiles import FLOOR_ID, LEASED_ID, MAX_ID
from devices.evce.provider.provider_stations import ProviderStations
from devices.evce.provider.station_profiles import StationProfiles
from devices.evce.provider.token_frames import StationTokens
from devices.evce.schemas import Version
from devices.evce.upstream.port import StationFacts
from homeapp.model.readings import EvceState
from homeapp.ports import TokenGroup, TokenVerdict
from kit.evce_street import ALL, Tls
from kit.raw_csms import BOOTED
from kit.upstream_street import PlainStation, UpstreamStreet, run

Json = dict[str, Any]
OWN_IDS = {FLOOR_ID, MAX_ID, LEASED_ID}


class Home:
    """The owner's say, what is kept, and the book of cards; makes the profiles once there is a street."""

    def __init__(self) -> None:
        self.holds = False
        self.feed_w: float | None = None
        self.kept: dict[str, str] = {}
        self.verdicts: list[TokenVerdict] = []
        self.cards: set[str] = set()
        self.stations: ProviderStations | None = None

    def attached(self, device_id: str) -> None:
        pass

    def controls(self, device_id: str) -> bool:
        return not self.holds

    def may_feed_w(self, at: datetime) -> float | None:
        return self.feed_w

    async def begin(self) -> None:
        pass

    async def forget(self) -> None:
        self.kept.clear()

    def end(self) -> None:
        assert self.stations is not None
        self.stations.end()

    async def erase(self) -> None:
        assert self.stations is not None
        await self.stations.erase()

    async def load(self, device_id: str) -> str | None:
        return self.kept.get(device_id)

    async def keep(self, device_id: str, kept: str) -> None:
        self.kept[device_id] = kept

    def is_households(self, token: str) -> bool:
        return token in self.cards

    def provider_list(self, device_id: str, verdicts: Sequence[TokenVerdict], *, full: bool) -> None:
        self.verdicts.extend(verdicts)

    def group(self, device_id: str, token: str) -> TokenGroup | None:
        verdict = next((verdict for verdict in self.verdicts if verdict.token == token), None)
        return None if verdict is None else verdict.group

    def master_pass(self, device_id: str, group: str) -> None:
        pass

    def provider_judged(self, device_id: str, verdict: TokenVerdict) -> None:
        self.verdicts.append(verdict)

    def profiles(self, station: StationFacts) -> StationProfiles:
        assert self.stations is not None
        return self.stations.profiles(station)

    @contextlib.asynccontextmanager
    async def charged(self, street: UpstreamStreet, version: Version) -> AsyncIterator[PlainStation]:
        """A station with its provider's way open, and time going by."""
        self.stations = ProviderStations(street.clock, self, self)
        passing = asyncio.create_task(self.stations.run())
        try:
            async with street.online(version) as station:
                yield station
                given = [payload for _, action, payload in station.calls if action == "SetChargingProfile"]
                assert {profile_id(json.loads(payload)) for payload in given} <= OWN_IDS
        finally:
            passing.cancel()


def profile_id(payload: Json) -> int:
    profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
    return int(profile.get("chargingProfileId", profile.get("id")))


def set_profile(street: UpstreamStreet, version: Version, limit: float, evse: int = 0, **more: Any) -> Json:
    start = rfc3339(street.clock.now() - timedelta(days=1))
    schedule: Json = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    schedule |= {} if more.get("chargingProfileKind") == "Dynamic" else {"startSchedule": start}
    body = {"stackLevel": 1, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute", **more}
    if version is Version.V16:
        return {
            "connectorId": evse,
            "csChargingProfiles": body | {"chargingProfileId": 77, "chargingSchedule": schedule},
        }
    return {"evseId": evse, "chargingProfile": body | {"id": 77, "chargingSchedule": [schedule | {"id": 1}]}}


async def asked(street: UpstreamStreet, action: str, payload: Json) -> Json:
    answer: Json = json.loads(await street.csms.call(action, payload))
    return answer


async def until(street: UpstreamStreet, limit_w: float | None) -> EvceState:
    await street.register.until(
        lambda: street.register.state is not None and street.register.state.provider_limit_w == limit_w
    )
    assert street.register.state is not None
    return street.register.state


def in_home(tls: Tls, directory: Path, home: Home, body: Any) -> None:
    tokens = lambda device_id: StationTokens(device_id, home)  # noqa: E731
    run(tls, directory, body, profiles=home.profiles, ending=home, tokens=tokens)


@pytest.mark.parametrize("version", ALL)
def test_a_limit_of_the_provider_is_known_and_cleared(tls: Tls, tmp_path: Path, version: Version) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, version):
            profile = set_profile(street, version, 5000.0)
            assert (await asked(street, "SetChargingProfile", profile))["status"] == "Accepted"
            assert (await until(street, 5000.0)).provider_control
            where = {"connectorId": 1} if version is Version.V16 else {"evseId": 1}
            told = await asked(street, "GetCompositeSchedule", {"duration": 600, "chargingRateUnit": "W", **where})
            schedule = told["chargingSchedule" if version is Version.V16 else "schedule"]
            assert schedule["chargingSchedulePeriod"][0]["limit"] == 5000.0
            assert (await asked(street, "ClearChargingProfile", {}))["status"] == "Accepted"
            await until(street, None)

    in_home(tls, tmp_path, home, body)
    assert "77" not in home.kept["ocpp:garage-1"]


def test_with_the_consent_the_limit_of_the_provider_goes_at_once(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, Version.V21):
            profile = set_profile(street, Version.V21, 5000.0)
            assert (await asked(street, "SetChargingProfile", profile))["status"] == "Accepted"
            await until(street, 5000.0)
            street.way.allowed = False
            street.upstreams.consent_changed()
            assert street.register.state is not None
            assert street.register.state.provider_limit_w is None
            await street.upstreams.void()
            assert home.kept == {}
            street.way.allowed = True
            street.upstreams.consent_changed()
            await street.up()
            assert street.register.state.provider_limit_w is None

    in_home(tls, tmp_path, home, body)


def test_a_profile_for_a_transaction_goes_by_the_name_that_the_csms_gave_it(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, Version.V16) as station:
            street.csms.answers["StartTransaction"] = {"transactionId": 555, "idTagInfo": {"status": "Accepted"}}
            for_it = {"chargingProfilePurpose": "TxProfile", "transactionId": 555}
            profile = set_profile(street, Version.V16, 4000.0, 1, **for_it)
            assert (await asked(street, "SetChargingProfile", profile))["status"] == "Rejected"
            begun = {"connectorId": 1, "idTag": "owner-tag", "meterStart": 0, "timestamp": "2027-01-15T12:00:00Z"}
            assert json.loads(await station.say("StartTransaction", json.dumps(begun)))["transactionId"] == 555
            assert (await asked(street, "SetChargingProfile", profile))["status"] == "Accepted"
            await until(street, 4000.0)
            over = {"transactionId": 555, "meterStop": 5, "timestamp": "2027-01-15T13:00:00Z"}
            await station.say("StopTransaction", json.dumps(over))
            await until(street, None)

    in_home(tls, tmp_path, home, body)
    assert [verdict.allowed for verdict in home.verdicts] == [True]


def _event(kind: str, number: int, **info: Any) -> str:
    return json.dumps(
        {
            "eventType": kind,
            "seqNo": number,
            "timestamp": "2027-01-15T12:00:00Z",
            "triggerReason": "RemoteStart",
            "transactionInfo": {"transactionId": "t1", "chargingState": "Charging", **info},
            "evse": {"id": 1},
        }
    )


def test_the_profile_of_a_remote_start_holds_for_its_transaction(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, Version.V21) as station:
            start = set_profile(street, Version.V21, 3000.0, chargingProfilePurpose="TxProfile")
            start |= {"remoteStartId": 9, "idToken": {"idToken": "a", "type": "Central"}, "evseId": 1}
            assert (await asked(street, "RequestStartTransaction", start))["status"] == "Accepted"
            passed_on = json.loads((await station.until_called("RequestStartTransaction"))[1])
            assert "chargingProfile" not in passed_on
            await station.say("TransactionEvent", _event("Started", 0, remoteStartId=9))
            await until(street, 3000.0)
            report = {"requestId": 4, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}}
            assert (await asked(street, "GetChargingProfiles", report))["status"] == "Accepted"
            reported = (await street.csms.until_heard("ReportChargingProfiles"))[0]
            assert (reported["requestId"], reported["chargingProfile"][0]["transactionId"]) == (4, "t1")
            await station.say("TransactionEvent", _event("Ended", 1))
            await until(street, None)

    in_home(tls, tmp_path, home, body)


def test_the_car_feeds_only_what_the_owner_has_approved(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, Version.V21) as station:
            await station.say("TransactionEvent", _event("Started", 0))
            for_it = {"chargingProfilePurpose": "TxProfile", "transactionId": "t1"}
            profile = set_profile(street, Version.V21, 0.0, 1, **for_it)
            period = {"startPeriod": 0, "setpoint": -3000.0, "operationMode": "CentralSetpoint"}
            profile["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"] = [period]
            refused = await asked(street, "SetChargingProfile", profile)
            assert refused["statusInfo"]["reasonCode"] == "NotEnabled"
            assert street.register.state is not None
            assert street.register.state.provider_feed_w is None
            home.feed_w = 3000.0
            assert (await asked(street, "SetChargingProfile", profile))["status"] == "Accepted"
            assert (await until(street, 0.0)).provider_feed_w == 3000.0

    in_home(tls, tmp_path, home, body)


def test_while_the_owner_has_control_the_provider_commands_nothing(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, Version.V201) as station:
            profile = set_profile(street, Version.V201, 5000.0)
            await asked(street, "SetChargingProfile", profile)
            await station.say("TransactionEvent", _event("Started", 0))
            home.holds = True
            await street.register.until(
                lambda: street.register.state is not None and not street.register.state.provider_control
            )
            refused = await asked(street, "SetChargingProfile", profile)
            assert refused["statusInfo"]["reasonCode"] == "NotEnabled"
            stopped = await asked(street, "RequestStopTransaction", {"transactionId": "t1"})
            assert stopped["status"] == "Rejected"
            assert "RequestStopTransaction" not in [action for _, action, _ in station.calls]
            home.holds = False
            await street.register.until(
                lambda: street.register.state is not None and street.register.state.provider_control
            )
            assert (await until(street, 5000.0)).provider_control

    in_home(tls, tmp_path, home, body)


def test_a_dynamic_limit_is_pulled_and_one_that_needs_the_csms_ends_without_it(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["PullDynamicScheduleUpdate"] = {"status": "Accepted", "scheduleUpdate": {"limit": 2500.0}}
        async with home.charged(street, Version.V21):
            dynamic = {"chargingProfileKind": "Dynamic", "dynUpdateInterval": 30, "maxOfflineDuration": 20}
            profile = set_profile(street, Version.V21, 6000.0, **dynamic)
            assert (await asked(street, "SetChargingProfile", profile))["status"] == "Accepted"
            await until(street, 2500.0)
            assert street.csms.of("PullDynamicScheduleUpdate")[0] == {"chargingProfileId": 77}
            street.csms.status = 503
            street.csms.cut()
            await until(street, None)
            street.csms.status = None
            await until(street, 2500.0)

    in_home(tls, tmp_path, home, body)


@pytest.mark.parametrize("version", ALL)
def test_a_list_of_cards_that_the_station_has_taken_is_copied(tls: Tls, tmp_path: Path, version: Version) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, version):
            if version is Version.V16:
                entry: Json = {"idTag": "AA", "idTagInfo": {"status": "Accepted"}}
                sent: Json = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
            else:
                entry = {"idToken": {"idToken": "AA", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
                sent = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry]}
            assert (await asked(street, "SendLocalList", sent))["status"] == "Accepted"

    in_home(tls, tmp_path, home, body)
    assert home.verdicts == [TokenVerdict(token="AA", allowed=True)]


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_a_card_of_the_household_charges_also_where_the_csms_does_not_know_it(
    tls: Tls, tmp_path: Path, version: Version
) -> None:
    home = Home()
    home.cards = {"owner-tag"}
    name, token = "idToken", {"idToken": "owner-tag", "type": "ISO14443"}
    if version is Version.V16:
        name, token = "idTag", "owner-tag"  # type: ignore[assignment]

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, version) as station:
            street.csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Invalid"}}
            street.csms.answers["TransactionEvent"] = {"idTokenInfo": {"status": "Invalid"}}
            allowed = json.loads(await station.say("Authorize", json.dumps({name: token})))
            assert allowed[f"{name}Info"]["status"] == "Accepted"
            if version is Version.V16:
                start = {"connectorId": 1, name: token, "meterStart": 0, "timestamp": "2027-01-15T12:00:00Z"}
                begun = json.loads(await station.say("StartTransaction", json.dumps(start)))
            else:
                event = json.loads(_event("Started", 0)) | {name: token}
                begun = json.loads(await station.say("TransactionEvent", json.dumps(event)))
            assert begun[f"{name}Info"]["status"] == "Accepted"
        assert not street.csms.of("Authorize")

    in_home(tls, tmp_path, home, body)


@pytest.mark.parametrize("version", ALL)
def test_without_the_csms_a_second_card_of_a_group_may_end_what_the_first_began(
    tls: Tls, tmp_path: Path, version: Version
) -> None:
    home = Home()
    card = {"idTag": "owner-tag"} if version is Version.V16 else {"idToken": {"idToken": "owner-tag", "type": "Local"}}
    group = {"parentIdTag": "G"} if version is Version.V16 else {"groupIdToken": {"idToken": "G", "type": "Central"}}
    verdict = {"idTagInfo" if version is Version.V16 else "idTokenInfo": {"status": "Accepted"} | group}

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["Authorize"] = verdict
        async with home.charged(street, version) as station:
            assert json.loads(await station.say("Authorize", json.dumps(card))) == verdict
            street.csms.status = 503
            street.csms.cut()
            await street.csms.until(lambda: street.csms.connection is None)
            # The station compares the groups; it can do so only if it is told.
            assert verdict.items() <= json.loads(await station.say("Authorize", json.dumps(card))).items()

    in_home(tls, tmp_path, home, body)
    assert len(home.verdicts) == 1


def test_the_csms_hears_that_the_hub_holds_the_station_lower_than_it_has_to(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        async with home.charged(street, Version.V201) as station:
            await station.say("TransactionEvent", _event("Started", 0))
            # Nothing but the floor stands in this station.
            (told,) = await street.csms.until_heard("NotifyChargingLimit")
            assert told["evseId"] == 1
            limit_w = told["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]
            assert street.register.state is not None
            assert limit_w == street.register.state.granted_w
            await station.say("TransactionEvent", _event("Ended", 1))
            assert await street.csms.until_heard("ClearedChargingLimit") == [
                {"chargingLimitSource": "EMS", "evseId": 1}
            ]

    run(tls, tmp_path, body, profiles=home.profiles, tells_limits=True)


def test_a_csms_of_1_6_does_not_hear_of_limits(tls: Tls, tmp_path: Path) -> None:
    home = Home()

    async def body(street: UpstreamStreet) -> None:
        street.csms.answers["BootNotification"] = BOOTED | {"interval": 60}
        street.csms.answers["Heartbeat"] = {"currentTime": "2027-01-15T12:00:00Z"}
        async with home.charged(street, Version.V16) as station:
            start = {"connectorId": 1, "idTag": "owner-tag", "meterStart": 0, "timestamp": "2027-01-15T12:00:00Z"}
            street.csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
            await station.say("StartTransaction", json.dumps(start))
            # Time goes by.
            await street.csms.until_heard("Heartbeat", 3)
            assert street.csms.of("NotifyChargingLimit") == []

    run(tls, tmp_path, body, profiles=home.profiles, tells_limits=True)
