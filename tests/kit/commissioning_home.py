"""A home to be commissioned without peers: what the checks look at is set by hand, and time leaps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp import api
from homeapp.commissioning.charger_hold import ChargerHold
from homeapp.commissioning.commissioning import Commissioning
from homeapp.commissioning.home import Home
from homeapp.commissioning.network import Network
from homeapp.doctor import ProviderStanding
from homeapp.model.commissioning import CHECKS_OF, CheckId, CheckView, CommissioningView, GridAnswer, PlaceAnswer
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.live import GridLimit, ProviderLink
from homeapp.model.plan import ChargingMode, Goal, Schedule
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Site
from homeapp.providers.jose import HubSigner
from homeapp.settings import load
from homeapp.snapshot import LiveState
from kit.clocks import LeapingClock

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PLACE = PlaceAnswer(time_zone="Europe/Amsterdam")
GRID = GridAnswer(phases=3, fuse_a=25.0)
METER = DeviceView(
    device_id="homewizard:1",
    kind=DeviceKind.METER,
    driver="homewizard",
    name="Meter",
    product="P1 meter",
    address="192.0.2.7:443",
    link=DeviceLink.ONLINE,
    adopted=True,
)
CHARGER = replace(METER, device_id="ocpp:BOX", kind=DeviceKind.EVCE, driver="ocpp", name="Charger", product="Box")
KEY_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


CAPABILITIES = EvceCapabilities(protocol="ocpp2.1", phases=3)


@dataclass
class HandMadeHome:
    """Its parts are as they should be until a test changes them.

    Attributes:
        charger_a: what the charger draws whatever it is told, A; None for one that follows.
        floor_a: what it falls back to without the hub.
        load_after_s: when somebody switches a load on, s after the clock's begin, and how much, W.
        meter_until_s: when the meter tells its last reading, s after the clock's begin.
        grid_limit: what the grid operator imposes.
        is_feeding: the car gives what it would draw.
        capabilities: of the charger.
        lapses_after_s: how long the charger goes on without a command.
        doctor_clock: what the doctor says of the clock.
    """

    data_dir: Path
    devices: tuple[DeviceView, ...] = (METER, CHARGER)
    network: Network = field(default_factory=lambda: Network(addresses=("192.0.2.1",), deaf={}))
    charger_a: float | None = None
    floor_a: float = 6.0
    has_car: bool = True
    load_after_s: float = 5.0
    load_w: float = 2000.0
    meter_off_s: float = 0.0
    meter_until_s: float = float("inf")
    grid_limit: GridLimit | None = None
    is_feeding: bool = False
    capabilities: EvceCapabilities = CAPABILITIES
    lapses_after_s: float = 0.0
    has_pins: tuple[api.Role, ...] = (api.Role.OWNER, api.Role.INSTALLER)
    doctor_clock: api.Check = field(
        default_factory=lambda: api.Check(name="Clock", level=api.CheckLevel.OK, finding="2026-12-01 12:00 UTC")
    )
    mode: ChargingMode = ChargingMode.READY_BY
    standings: tuple[ProviderStanding, ...] = ()
    links: tuple[ProviderLink, ...] = ()
    notices: dict[str, str] = field(default_factory=dict)
    changes: int = 0
    begun_anew: int = 0

    def __post_init__(self) -> None:
        self.clock = LeapingClock(NOW)
        self.hold = ChargerHold(lambda: None)
        self._silent_since: datetime | None = None
        self.signer = HubSigner(KEY_PEM)

    def made(self) -> Commissioning:
        """As a hub that starts now makes it."""
        home = Home(
            clock=self.clock,
            data_dir=self.data_dir,
            settings=load(self.data_dir),
            devices=lambda: self.devices,
            snapshot=self._snapshot,
            meter=self._reading,
            charger=self._charger,
            cases=lambda: (),
            standings=self._standings,
            pins=lambda: self.has_pins,
            doctor=self._doctor,
            network=lambda _interfaces: self.network,
            handlers=lambda: dict.fromkeys((api.SetMode, api.GetSchedule, api.GetSharing), self._ask),
            notice=self.notices.__setitem__,
            changed=self._changed,
            begin_anew=self._begin_anew,
        )
        return Commissioning(home, self.hold, self.signer)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Hub"]:
        """From start to kill."""
        commissioning = self.made()
        await commissioning.load()
        task = asyncio.create_task(commissioning.run())
        try:
            yield Hub(commissioning)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _changed(self) -> None:
        self.changes += 1

    def _begin_anew(self) -> None:
        self.begun_anew += 1

    def _snapshot(self) -> Any:
        goal = Goal(mode=self.mode, target_pct=80, ready_by=NOW, floor_pct=50, capacity_wh=60_000)
        live = LiveState(site=Site(), goal=goal, clock=self.clock)
        snapshot = live.snapshot(meter_online=True, evce_online=True, pending_offers=0)
        return replace(snapshot, providers=self.links, grid_limit=self.grid_limit)

    def _reading(self) -> MeterReading:
        told_at = min(self.clock.now(), NOW + timedelta(seconds=min(self.meter_until_s, 1e6)))
        on = (told_at - NOW).total_seconds() >= self.load_after_s
        power_w = 400.0 + (self.load_w if on else 0.0)
        return MeterReading(
            device_id=METER.device_id,
            received_at=told_at,
            power_w=power_w,
            phase_power_w=(power_w, 0.0, 0.0),
            meter_time=told_at + timedelta(seconds=self.meter_off_s),
        )

    def _charger(self) -> EvceState:
        now = self.clock.now()
        limits = [case.offer.intervals[0].max_w or 0.0 for case in self.hold.commitments(now)]
        told_a = min([16.0, *(limit / 690 for limit in limits)])
        drawn_a = told_a if self.charger_a is None else self.charger_a
        if self.hold.commandable(_SOME, now) is None and self.charger_a is None:
            self._silent_since = self._silent_since or now
            drawn_a = self.floor_a if (now - self._silent_since).total_seconds() >= self.lapses_after_s else told_a
        return EvceState(
            device_id=CHARGER.device_id,
            received_at=now,
            status=EvceStatus.CHARGING if self.has_car else EvceStatus.AVAILABLE,
            connected=True,
            capabilities=self.capabilities,
            power_w=drawn_a * (-690 if self.is_feeding else 690),
            power_at=now,
            phase_current_a=(drawn_a,) * 3,
        )

    async def _standings(self) -> tuple[ProviderStanding, ...]:
        return self.standings

    async def _doctor(self) -> tuple[api.Check, ...]:
        return (self.doctor_clock,)

    async def _ask(self, call: api.Call[Any], _role: api.Role) -> Any:
        match call:
            case api.SetMode():
                self.mode = call.mode
            case api.GetSchedule():
                return Schedule()
            case api.GetSharing():
                return ()
        return None


@dataclass(frozen=True)
class Hub:
    """A hub's commissioning, as it is called."""

    commissioning: Commissioning

    async def ask(self, call: api.Call[Any]) -> CommissioningView:
        """The call's answer."""
        view: Any = await self.commissioning.handlers()[type(call)](call, api.Role.INSTALLER)
        return view

    async def check(self, check: CheckId) -> CheckView:
        """Run a check."""
        return self.found(await self.ask(api.RunCheck(check=check)), check)

    async def settle_before(self, check: CheckId) -> None:
        """Answer, and leave out all steps before that of ``check``."""
        await self.ask(api.AnswerStep(step_answer=PLACE))
        await self.ask(api.AnswerStep(step_answer=GRID))
        for checks in CHECKS_OF.values():
            if check in checks:
                return
            for earlier in checks:
                await self.ask(api.SkipCheck(check=earlier, reason="not part of this"))

    @staticmethod
    def found(view: CommissioningView, check: CheckId) -> CheckView:
        """One check of a view."""
        return next(item for step in view.steps for item in step.checks if item.check is check)


_SOME: Any = object()
