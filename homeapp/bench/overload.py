"""From a meter reading of an overload until the station has the lower limit: control, fuse guard, driver, socket."""

import time
from dataclasses import dataclass
from typing import Any

from homeapp.bench import messages
from homeapp.bench.hub_side import BenchRegister, Endpoint, running
from homeapp.bench.part import Part
from homeapp.control_loop import ControlLoop, Controls
from homeapp.goal import goal_at
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceState, EvceStatus, MeterReading
from homeapp.model.site import Site
from homeapp.ports import Clock
from homeapp.settings import GoalSettings
from homeapp.snapshot import LiveState

CALM_A, OVERLOAD_A = 2.0, 34.0


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


class _Nobody:
    """Stands for offer desk and ledger: there is no request, and nothing is kept."""

    def commitments(self, _now: object) -> tuple[()]:
        return ()

    async def commanded(self, _device_id: str, _command: object) -> None:
        pass


async def measure_overload(charge: Charge, samples: int) -> list[float]:
    """Seconds, of each sample.

    Raises:
        TimeoutError: the hub granted no limit.
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
    goal = goal_at(clock.now(), GoalSettings(), ChargingMode.NOW, "UTC")
    live = LiveState(site=site, goal=goal, clock=clock)
    live.evce = charge.register.states[charge.device_id]
    nobody: Any = _Nobody()
    loop = ControlLoop(
        Controls(
            site=site,
            lease_s=60.0,
            clock=clock,
            speed=1.0,
            live=live,
            desk=nobody,
            ledger=nobody,
            evce=lambda: charge.endpoint.evce(charge.device_id),
            installing=lambda: False,
        )
    )

    def changed(state: EvceState) -> None:
        if state.device_id == charge.device_id:
            live.evce = state

    charge.register.listener = changed
    async with running(loop.run):
        live.meter_read(_reading(CALM_A, charge))
        loop.act()
        full_w = site.max_current_a * site.voltage_v * site.phases
        await charge.register.until(lambda states: (states[charge.device_id].granted_w or 0.0) > full_w - 1)
        begun = time.monotonic()
        live.meter_read(_reading(OVERLOAD_A, charge))
        loop.act()
        at: float = await charge.stations.do("paused_at", name=charge.station, after=begun)
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
