"""From a meter reading of an overload until the station has the lower limit: control, fuse guard, driver, socket."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, cast

from homeapp.bench import messages
from homeapp.bench.hub_side import BenchRegister, Endpoint, running
from homeapp.bench.part import Part
from homeapp.control_loop import ControlLoop, Controls
from homeapp.errors import DeviceUnreachable
from homeapp.goal import goal_at
from homeapp.model.offer import Job
from homeapp.model.plan import ChargingMode, Schedule
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Circuit, Site
from homeapp.ports import Clock, Evce
from homeapp.snapshot import LiveState

CALM_A, OVERLOAD_A = 2.0, 34.0
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A station at which a car charges."""

    station: str
    stations: Part
    endpoint: Endpoint
    register: BenchRegister
    site: Site
    clock: Clock

    @property
    def device_id(self) -> str:
        """Of the station."""
        return f"ocpp:{self.station}"


class _Watched:
    """An ``Evce`` that knows when it has taken a command to charge."""

    def __init__(self, evce: Evce) -> None:
        self.charges = asyncio.Event()
        self._evce = evce

    @property
    def device_id(self) -> str:
        return self._evce.device_id

    @property
    def state(self) -> EvceState:
        return self._evce.state

    async def apply(self, command: EvceCommand) -> None:
        await self._evce.apply(command)
        if command.limit_w > 0:
            self.charges.set()

    async def update_software(self, job: Job) -> None:
        await self._evce.update_software(job)


class _Nobody:
    """Stands for offer desk and ledger: there is no request, and nothing is kept."""

    async def commanded(self, _device_id: str, _command: object) -> None:
        pass


async def measure_overload(charge: Charge, samples: int) -> list[float]:
    """Seconds, of each sample.

    Raises:
        DeviceUnreachable: the station is gone.
        TimeoutError: the hub never let the car charge.
        ProtocolError: the station could not say what it had to, or never got a limit.
    """
    await charge.stations.do("say", name=charge.station, action="StatusNotification", payload=messages.plugged())
    await charge.stations.do(
        "say", name=charge.station, action="TransactionEvent", payload=messages.event("Started", 0)
    )
    await charge.register.until(lambda states: states[charge.device_id].status is EvceStatus.CHARGING)
    return [await _one(charge) for _ in range(samples)]


async def _one(charge: Charge) -> float:
    """A control loop of its own for each: a guard that has seen an overload is slow to forget it."""
    clock, site = charge.clock, charge.site
    goal = goal_at(clock.now(), Schedule(), ChargingMode.NOW, "UTC", 60_000)
    live = LiveState(site=site, goal=goal, clock=clock)
    live.chargers_are({charge.device_id: charge.station})
    live.evce_changed(charge.register.states[charge.device_id])
    circuit = Circuit(device_id=charge.device_id, max_current_a=site.max_current_a, rotation=tuple(range(site.phases)))
    adopted = charge.endpoint.evce(charge.device_id)
    if adopted is None:
        raise DeviceUnreachable("The station of the measurement is gone.")
    evce, nobody = _Watched(adopted), cast("Any", _Nobody())
    loop = ControlLoop(
        Controls(
            site=site,
            lease_s=60.0,
            clock=clock,
            speed=1.0,
            live=live,
            desk=nobody,
            ledger=nobody,
            commitments=lambda _now: (),
            circuits=lambda: (circuit,),
            evce=lambda _device_id: evce,
            installing=lambda _device_id: False,
        )
    )

    def changed(state: EvceState) -> None:
        if state.device_id == charge.device_id:
            live.evce_changed(state)

    charge.register.listener = changed
    async with running(loop.run):
        live.meter_read(_reading(CALM_A, charge))
        loop.meter_read()
        async with asyncio.timeout(_PATIENCE_S):
            await evce.charges.wait()
        begun = time.monotonic()
        live.meter_read(_reading(OVERLOAD_A, charge))
        loop.meter_read()
        at: float = await charge.stations.do("limited_at", name=charge.station, after=begun, most_w=0.0)
        return at - begun


def _reading(current_a: float, charge: Charge) -> MeterReading:
    """The same on all phases."""
    power_w = current_a * charge.site.voltage_v
    return MeterReading(
        device_id="bench:meter",
        received_at=charge.clock.now(),
        power_w=power_w * charge.site.phases,
        phase_power_w=(power_w,) * charge.site.phases,
    )
