"""The demo station's own logic without a connection: its messages are taken out and answered at once."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.build import Build
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.charging_station import ChargingStation
from homeapp.demo.charger.dialect import About, Dialect
from homeapp.demo.charger.memory import Memory
from homeapp.demo.charger.outbox import Message
from homeapp.demo.charger.v2 import Ocpp2
from homeapp.demo.charger.v16 import Ocpp16
from homeapp.demo.ocpp.schemas import Version, request_problem, response_problem
from kit.clocks import StandingClock

ALL = list(Version)
V2 = [Version.V201, Version.V21]
FLOOR_W = 6 * 3 * 230.0
Json = dict[str, Any]


START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Bench:
    version: Version
    clock: StandingClock = field(default_factory=lambda: StandingClock(START))
    token: str = "Accepted"
    abilities: Abilities = field(default_factory=Abilities)
    memory: Memory = field(default_factory=Memory)
    answers: dict[str, Json] = field(default_factory=dict)
    car: Car = field(default_factory=lambda: Car(60_000, 50, 11_000, 6000, 3))

    def __post_init__(self) -> None:
        dialect: Dialect = Ocpp16() if self.version is Version.V16 else Ocpp2(self.version)
        about = About(station_id="EVCE-1", vendor="Demo", model="Bench", evses=2)
        self.station = ChargingStation(
            dialect=dialect,
            about=about,
            clock=self.clock,
            car=self.car,
            memory=self.memory,
            build=Build(abilities=self.abilities),
        )
        self.station.show_live_settings()
        self.sent: list[tuple[str, Json]] = []
        self.ids: list[str] = []

    def pump(self) -> list[tuple[str, Json]]:
        """Send what is to be sent, answer it; returns what was sent."""
        new: list[tuple[str, Json]] = []
        while (message := asyncio.run(self._next())) is not None:
            payload = message.payload()
            self.station.outbox.settled(message)
            if payload is None:
                continue
            assert request_problem(self.version, message.action, payload) is None, message.action
            new.append((message.action, payload))
            self.ids.append(message.message_id)
            if message.one_way:
                continue
            answer = self.answers.get(message.action) or self._answer(message.action)
            assert response_problem(self.version, message.action, answer) is None, message.action
            if message.answered is not None:
                message.answered(answer)
        self.sent += new
        return new

    async def _next(self) -> Message | None:
        station = self.station
        return await station.outbox.next(registered=lambda: station.registered, leaving=lambda: True)

    def _answer(self, action: str) -> Json:
        token = {"idTagInfo" if self.version is Version.V16 else "idTokenInfo": {"status": self.token}}
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": "2026-11-23T12:00:00Z", "interval": 300}
            case "Heartbeat":
                return {"currentTime": "2026-11-23T12:00:00Z"}
            case "Authorize":
                return token
            case "StartTransaction":
                return {"transactionId": 5} | token
            case "TransactionEvent":
                return token
            case "NotifyEVChargingNeeds" | "SignCertificate" | "OpenPeriodicEventStream":
                return {"status": "Accepted"}
        return {}

    def serve(self, action: str, payload: Json) -> Json:
        assert request_problem(self.version, action, payload) is None
        answer = self.station.serve(action, payload)
        assert response_problem(self.version, action, answer) is None
        return answer

    def online(self) -> None:
        self.station.went_online()
        self.pump()

    def charging(self) -> None:
        self.online()
        self.station.plug_in()
        assert self.start() == "Accepted"
        self.pump()
        self.go_on(10)
        assert self.station.observe().power_w > 0

    def start(self, profile: Json | None = None) -> str:
        extra = {} if profile is None else {"chargingProfile": profile}
        if self.version is Version.V16:
            payload: Json = {"connectorId": 1, "idTag": "owner"} | extra
            return str(self.serve("RemoteStartTransaction", payload)["status"])
        token = {"idToken": "owner", "type": "Central"}
        payload = {"evseId": 1, "idToken": token, "remoteStartId": 3} | extra
        return str(self.serve("RequestStartTransaction", payload)["status"])

    def go_on(self, seconds: float) -> list[tuple[str, Json]]:
        self.pass_time(seconds)
        return self.pump()

    def pass_time(self, seconds: float) -> None:
        """Nothing is sent meanwhile."""
        for _ in range(int(seconds * 2)):
            self.clock.at += timedelta(seconds=0.5)
            self.station.tick()

    def again(self) -> "Bench":
        """The station after a power cut: the same car and clock, and what its memory held."""
        memory = self.station.take_memory()
        return Bench(self.version, self.clock, self.token, self.abilities, memory, self.answers, self.car)

    def set_profile(self, number: int, purpose: str, value: float, **more: Any) -> str:
        """SetChargingProfile for the car's EVSE or the station, absolute and without an end; returns the status."""
        evse = more.pop("evse", 1 if purpose == "TxProfile" else 0)
        period: Json = {"startPeriod": 0, "limit": value} | more.pop("period", {})
        schedule: Json = {
            "chargingRateUnit": more.pop("unit", "A"),
            "chargingSchedulePeriod": [period],
            "startSchedule": START.isoformat(),
        }
        if "duration" in more:
            schedule["duration"] = more.pop("duration")
        entry: Json = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute"} | more
        if self.version is Version.V16:
            entry["chargingProfilePurpose"] = purpose.replace("ChargingStation", "ChargePoint")
            entry |= {"chargingProfileId": number, "chargingSchedule": schedule}
            return str(self.serve("SetChargingProfile", {"connectorId": evse, "csChargingProfiles": entry})["status"])
        if purpose == "TxProfile":
            entry.setdefault("transactionId", self.station.observe().transaction_id or "none")
        entry |= {"id": number, "chargingSchedule": [schedule | {"id": number}]}
        return str(self.serve("SetChargingProfile", {"evseId": evse, "chargingProfile": entry})["status"])

    def last(self, action: str) -> Json:
        return [payload for name, payload in self.sent if name == action][-1]


def profile(version: Version, value: float) -> Json:
    schedule: Json = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": value}]}
    common: Json = {"stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative"}
    if version is Version.V16:
        return common | {"chargingProfileId": 3, "chargingSchedule": schedule}
    return common | {"id": 3, "chargingSchedule": [schedule | {"id": 1}]}
