"""One station and its provider, as far as charging profiles go; all that goes out is checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devices.evce.dialect import Outgoing
from devices.evce.fields import rfc3339
from devices.evce.frames import Frame, MessageType
from devices.evce.outlet import Transaction
from devices.evce.profiles import StationLimits
from devices.evce.provider.provider_stations import ProviderStations
from devices.evce.provider.station_profiles import StationProfiles
from devices.evce.schemas import Version, request_problem, response_problem
from homeapp.errors import StoreUnavailable
from kit.clocks import LeapingClock

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


def start_request(**more: Any) -> Json:
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3500.0}]}
    body = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative"}
    token = {"idToken": "a", "type": "Central"}
    return {"remoteStartId": 5, "idToken": token, "chargingProfile": {**body, "chargingSchedule": [schedule], **more}}
