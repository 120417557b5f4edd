"""The watch over the plan in the live home: what it sees, and that control hears of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.goal import goal_at
from homeapp.model.live import Activity, Doing
from homeapp.model.plan import ChargingMode, Plan, PlanSlot, Schedule, SlotReason
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.model.site import Site
from homeapp.planning.plan_watch import WATCH_CYCLE_S, PlanWatch, Watched
from homeapp.planning.state_of_charge import Reckoned
from homeapp.planning.watchdog import IDLE_S, MEASURED_S, WatchedCar
from homeapp.snapshot import LiveState
from kit.clocks import StandingClock

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HALF = Reckoned(soc_pct=50.0, told=True, measured=True)
PLAN = Plan(
    made_at=NOON,
    slots=(PlanSlot(start=NOON, end=NOON + timedelta(hours=9), power_w=11_000, reason=SlotReason.CHEAP),),
    reaches_pct=80,
    shortfall_wh=0,
)
CAR = EvceState(
    device_id="ocpp:a",
    received_at=NOON,
    status=EvceStatus.SUSPENDED_EV,
    connected=True,
    transaction_id="1",
    power_w=0.0,
    power_at=NOON,
    granted_w=11_000.0,
)


@dataclass
class Home:
    clock: StandingClock = field(default_factory=lambda: StandingClock(NOON))
    mode: ChargingMode = ChargingMode.READY_BY
    installing: bool = False
    notices: list[str] = field(default_factory=list)
    replans: list[int] = field(default_factory=list)
    acts: list[WatchedCar] = field(default_factory=list)
    soc: Reckoned = HALF

    def __post_init__(self) -> None:
        goal = goal_at(NOON, Schedule(), self.mode, "Europe/Amsterdam", 60_000)
        self.live = LiveState(site=Site(), goal=goal, clock=self.clock)
        self.live.chargers_are({"ocpp:a": "Charger"})
        self.live.plan = PLAN
        self.watch = PlanWatch(
            Watched(
                live=self.live,
                clock=self.clock,
                soc=lambda: self.soc,
                installing=lambda _: self.installing,
                notice=lambda code, _: self.notices.append(code),
                replan=lambda: self.replans.append(1),
                act=lambda: self.acts.append(self.watch.car()),
            )
        )

    def sees(self, seconds: float, **changes: Any) -> None:
        for _ in range(int(seconds / WATCH_CYCLE_S)):
            now = self.clock.now()
            self.live.evce_changed(replace(CAR, received_at=now, power_at=now, **changes))
            self.watch.look()
            self.clock.at += timedelta(seconds=WATCH_CYCLE_S)


def test_a_car_that_takes_nothing_is_told_of_and_control_withdraws_the_charging() -> None:
    home = Home()
    home.sees(IDLE_S + 20)
    assert home.notices == ["charging"]
    assert home.acts == [WatchedCar(withdrawn=True)]


def test_a_slow_car_is_known_until_it_leaves() -> None:
    home = Home()
    home.sees(MEASURED_S + 20, power_w=3600.0, status=EvceStatus.CHARGING)
    assert (home.watch.car().most_w, home.notices, home.replans) == (3600.0, ["charging_slow"], [1])
    home.sees(WATCH_CYCLE_S, status=EvceStatus.AVAILABLE, transaction_id=None)
    assert home.watch.car() == WatchedCar()


@pytest.mark.parametrize(
    "changes",
    [
        {"connected": False},
        {"status": EvceStatus.FAULTED},
        {"status": EvceStatus.AVAILABLE},
        {"granted_w": None},
        {"granted_w": 0.0},
    ],
)
def test_what_is_no_fault_of_the_cars_wakes_nobody(changes: dict[str, Any]) -> None:
    home = Home()
    home.sees(2 * IDLE_S, **changes)
    assert (home.notices, home.acts) == ([], [])


@pytest.mark.parametrize("made", [{"installing": True}, {"mode": ChargingMode.PAUSE}, {"mode": ChargingMode.SOLAR}])
def test_nor_does_what_the_hub_itself_holds_back(made: dict[str, Any]) -> None:
    home = Home(**made)
    home.live.activities = {"ocpp:a": Activity(doing=Doing.WAITING_SOLAR, power_w=0.0)}
    home.sees(2 * IDLE_S)
    assert home.notices == []


def test_a_full_car_may_take_nothing() -> None:
    home = Home(soc=Reckoned(soc_pct=100.0, told=True, measured=True))
    home.sees(2 * IDLE_S)
    assert home.notices == []
