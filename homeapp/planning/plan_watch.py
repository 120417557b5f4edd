"""Keeps a watch over the car at the primary charger, for as long as it is there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

from homeapp.control import power_per_ampere
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceStatus
from homeapp.model.site import MIN_CURRENT_A
from homeapp.planning.state_of_charge import Reckoned
from homeapp.planning.watchdog import ChargeWatch, Observation, WatchedCar
from homeapp.ports import Clock
from homeapp.snapshot import LiveState

WATCH_CYCLE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is looked at, and who is told.

    Attributes:
        soc: of the car at the primary charger, measured or reckoned.
        notice: code and sentence.
        replan: the plan has to be made anew.
        act: control should look at once.
    """

    live: LiveState
    clock: Clock
    soc: Callable[[], Reckoned]
    installing: Callable[[str], bool]
    notice: Callable[[str, str], None]
    replan: Callable[[], None]
    act: Callable[[], None]


class PlanWatch:
    """``run`` until cancelled."""

    def __init__(self, watched: Watched) -> None:
        self._of = watched
        self._watch = ChargeWatch()
        self._device_id: str | None = None

    def car(self) -> WatchedCar:
        """What is known of the car now."""
        return self._watch.car

    async def run(self) -> NoReturn:
        """Look every few seconds, until cancelled."""
        while True:
            self.look()
            await self._of.clock.sleep(WATCH_CYCLE_S)

    def look(self) -> None:
        """Once."""
        before = self._watch.car
        seen = self._observation()
        if seen is None:
            self._watch = ChargeWatch()
        else:
            finding = self._watch.see(seen)
            for code, sentence in finding.said.items():
                self._of.notice(code, sentence)
            if finding.replan:
                self._of.replan()
        if self._watch.car != before:
            self._of.act()

    def _observation(self) -> Observation | None:
        """None where no car is there, or its charger is away."""
        live, evce = self._of.live, self._of.live.evce
        if evce is None or not evce.status.car_present or evce.device_id != self._device_id:
            self._device_id = live.primary_id
            return None
        well = evce.connected and evce.status is not EvceStatus.FAULTED and not self._of.installing(evce.device_id)
        soc, power = self._of.soc(), live.charger_w(evce.device_id)
        now = self._of.clock.now()
        return Observation(
            monotonic=self._of.clock.monotonic(),
            clock=f"{now.astimezone(ZoneInfo(live.site.time_zone)):%H:%M}",
            planned_w=self._planned_w(now) if well else 0.0,
            granted_w=evce.granted_w or 0.0,
            least_w=MIN_CURRENT_A * power_per_ampere(evce, live.site) - 1,
            power_w=None if power.stale or not well else power.value,
            full=soc.soc_pct is not None and soc.soc_pct >= 99.5,
            soc_pct=soc.soc_pct,
            soc_told=soc.told,
            soc_measured=soc.measured,
        )

    def _planned_w(self, now: datetime) -> float:
        live = self._of.live
        if live.goal.mode is ChargingMode.PAUSE:
            return 0.0
        if live.goal.mode is ChargingMode.SOLAR:
            return live.activity.power_w or 0.0
        slot = live.plan.at(now) if live.plan else None
        return slot.power_w if slot else 0.0
