"""A station with two EVSEs at the hub's endpoint: its profiles are judged by the demo station's own engine.

Its cars draw at once all that the profiles in the station permit, which is the worst that a station may do.
"""

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from devices.evce.charger import OcppEvce
from devices.evce.schemas import Version
from homeapp.demo.charger.charging_profile import ProfileRefused, Purpose
from homeapp.demo.charger.composite import Situation, Wiring
from homeapp.demo.charger.installed_profiles import InstalledProfiles
from homeapp.demo.charger.profile_reader import parse_profile
from homeapp.demo.ocpp.schemas import Version as DemoVersion
from homeapp.model.readings import EvceStatus
from kit.evce_street import DEVICE, Json, RawStation, Street, profile_of

LEAST_W = 6 * 3 * 230.0
"""IEC 61851-1: under a lower limit a car takes nothing."""
_PURPOSES = {"ChargePointMaxProfile": Purpose.MAX} | {purpose.value: purpose for purpose in Purpose}


@dataclass
class TwoOutlets:
    """The station; ``instants`` are what it drew and what the hub had it down for, W, whenever one of them changed."""

    raw: RawStation
    street: Street
    limit_refused_at: int = 0
    plugged: set[int] = field(default_factory=set)
    running: dict[int, str] = field(default_factory=dict)
    instants: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.version = self.raw.version
        self.engine = InstalledProfiles(DemoVersion(self.version.value), Wiring())
        self._names = itertools.count(1)
        self._sequence = itertools.count(1)
        self.raw.answers |= {
            "SetChargingProfile": self._install,
            "ClearChargingProfile": self._clear,
            "GetCompositeSchedule": self._composite,
            "TriggerMessage": self._trigger,
        }

    @property
    def evce(self) -> OcppEvce:
        evce = self.street.endpoint.evce(DEVICE)
        assert evce is not None
        return evce

    def drawn(self, evse: int) -> float:
        """W."""
        if evse not in self.running:
            return 0.0
        permitted_w = self.engine.composite(evse, self._situation(evse)).limit_w
        return permitted_w if permitted_w >= LEAST_W - 1 else 0.0

    @property
    def total_w(self) -> float:
        """What all its cars draw, bounded by the station's own maximum."""
        most_w = self.engine.composite(0, Situation(now=self.street.clock.now())).limit_w
        return min(most_w, sum(map(self.drawn, (1, 2))))

    def look(self) -> None:
        """Note this instant."""
        self.instants.append((self.total_w, self.evce.state.granted_w or 0.0))

    async def plug_in(self, evse: int) -> None:
        self.plugged.add(evse)
        await self._status(evse, "Preparing" if self.version is Version.V16 else "Occupied")

    async def unplug(self, evse: int) -> None:
        if evse in self.running:
            await self.end(evse)
        self.plugged.discard(evse)
        await self._status(evse, "Available")

    async def begin(self, evse: int) -> None:
        """The car begins to draw by itself, before the hub knows of it."""
        if self.version is Version.V16:
            body: Json = {"connectorId": evse, "idTag": "owner-tag", "meterStart": 0, "timestamp": self.raw.stamp()}
            answer = await self.raw.call("StartTransaction", body | {"meterStart": next(self._names)})
            self.running[evse] = str(answer["transactionId"])
        else:
            self.running[evse] = f"tx-{next(self._names)}"
            await self._event(evse, "Started")
        self.look()

    async def end(self, evse: int) -> None:
        transaction = self.running[evse]
        if self.version is Version.V16:
            body = {"transactionId": int(transaction), "meterStop": 9, "timestamp": self.raw.stamp()}
            del self.running[evse]
            await self.raw.call("StopTransaction", body)
        else:
            del self.running[evse]
            await self._event(evse, "Ended", transaction)
        self.engine.transaction_over(transaction)
        self.look()

    async def measure(self) -> None:
        """Each of its cars tells what it draws."""
        for evse in tuple(self.running):
            await self.measured_as(evse, self.drawn(evse))

    async def measured_as(self, evse: int, power_w: float) -> None:
        item: Json = {"measurand": "Power.Active.Import"}
        item |= {"value": str(power_w)} if self.version is Version.V16 else {"value": power_w}
        value = [{"timestamp": self.raw.stamp(), "sampledValue": [item]}]
        if self.version is Version.V16:
            body = {"connectorId": evse, "transactionId": int(self.running[evse]), "meterValue": value}
            await self.raw.call("MeterValues", body)
        else:
            await self._event(evse, "Updated", meterValue=value)

    async def _status(self, evse: int, status: str) -> None:
        if self.version is Version.V16:
            body: Json = {"connectorId": evse, "status": status, "errorCode": "NoError"}
        else:
            body = {"evseId": evse, "connectorId": 1, "connectorStatus": status, "timestamp": self.raw.stamp()}
        await self.raw.call("StatusNotification", body)

    async def tell_statuses(self) -> None:
        for evse in (1, 2):
            await self._status(evse, "Available")

    async def _event(self, evse: int, kind: str, transaction: str = "", **more: Any) -> None:
        info = {"transactionId": transaction or self.running[evse], "chargingState": "Charging"}
        body = {"eventType": kind, "timestamp": self.raw.stamp(), "triggerReason": "Trigger"}
        body |= {"seqNo": next(self._sequence), "transactionInfo": info, "evse": {"id": evse}}
        await self.raw.call("TransactionEvent", body | more)

    def _situation(self, evse: int) -> Situation:
        return Situation(now=self.street.clock.now(), transaction_id=self.running.get(evse))

    def _install(self, payload: Json) -> Json:
        evse = payload.get("evseId", payload.get("connectorId", 0))
        now = self.street.clock.now()
        if evse == self.limit_refused_at and evse:
            return {"status": "Rejected"}
        try:
            profile = parse_profile(DemoVersion(self.version.value), evse, profile_of(payload), now)
            self.engine.install(profile, self.running.get(evse))
        except ProfileRefused:
            return {"status": "Rejected"}
        self.look()
        return {"status": "Accepted"}

    def _clear(self, payload: Json) -> Json:
        criteria = payload.get("chargingProfileCriteria", payload)
        removed = self.engine.clear(
            profile_id=payload.get("chargingProfileId", payload.get("id")),
            purpose=_PURPOSES.get(criteria.get("chargingProfilePurpose", "")),
            stack_level=criteria.get("stackLevel"),
        )
        return {"status": "Accepted" if removed else "Unknown"}

    def _composite(self, payload: Json) -> Json:
        return {"status": "Rejected"}

    def _trigger(self, payload: Json) -> Json:
        asked = payload.get("connectorId", payload.get("evse", {}).get("id", 1))
        return {"status": "Accepted" if asked <= 2 else "Rejected"}


@contextlib.asynccontextmanager
async def two_outlets(street: Street, version: Version) -> AsyncIterator[TwoOutlets]:
    """One that has told of both of its EVSEs and has its floor."""
    street.adopt()
    async with street.station(version) as raw:
        station = TwoOutlets(raw, street)
        await raw.boot()
        await station.tell_statuses()
        await street.register.until_status(EvceStatus.AVAILABLE)
        await street.register.until(lambda: not station.evce._station.outlets.floor_outdated)
        yield station
