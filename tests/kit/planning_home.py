"""Planning on a real ledger, and all that it tells; the car comes when a test says so."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from homeapp import api
from homeapp.model.plan import Goal, Plan
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus
from homeapp.model.site import Site
from homeapp.planning.ground import Stores
from homeapp.planning.home_planning import home_goal
from homeapp.planning.make_plan import make_plan
from homeapp.planning.planning import Planning, PlanningSide
from homeapp.planning.request import PlanRequest
from homeapp.planning.schedule import schedule_of
from homeapp.planning.watchdog import WatchedCar
from homeapp.settings import GoalSettings, Settings
from homeapp.snapshot import LiveState
from homeapp.store.periods import Periods
from homeapp.store.price_history import PriceStore
from homeapp.store.telemetry import Telemetry
from kit.clocks import LeapingClock
from kit.offer_desk import Desk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAR = EvceState(
    device_id="ocpp:a",
    received_at=NOON,
    status=EvceStatus.PLUGGED,
    connected=True,
    capabilities=EvceCapabilities(protocol="ocpp2.1", can_feed=True, max_feed_w=6000.0),
    soc_pct=50.0,
    soc_at=NOON,
)


@dataclass
class Home:
    """Planning, and all that it tells."""

    desk: Desk
    live: LiveState
    plans: Planning
    requests: list[PlanRequest]
    notices: list[tuple[str, str]] = field(default_factory=list)
    topics: list[api.Topic] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    @property
    def clock(self) -> LeapingClock:
        return self.desk.clock

    async def call(self, call: api.Call[Any]) -> Any:
        return await self.plans.handlers()[type(call)](call, api.Role.OWNER)

    async def planned(self, times: int) -> Plan:
        """Wait until there have been so many plans."""
        async with asyncio.timeout(20):
            while len(self.requests) < times or self.topics.count(api.Topic.PLAN) < times:
                await asyncio.sleep(0.005)
        assert self.live.plan is not None
        return self.live.plan

    async def told(self, code: str) -> str:
        async with asyncio.timeout(20):
            while not any(known == code for known, _ in self.notices):
                await asyncio.sleep(0.005)
        return next(sentence for known, sentence in reversed(self.notices) if known == code)


def made_home(desk: Desk) -> Home:
    requests: list[PlanRequest] = []

    def planner(request: PlanRequest) -> Plan:
        requests.append(request)
        return make_plan(request)

    settings = Settings(goal=GoalSettings(capacity_kwh=50.0, floor_pct=30.0))
    live = LiveState(site=Site(), goal=home_goal(settings, desk.clock), clock=desk.clock)
    notices: list[tuple[str, str]] = []
    topics: list[api.Topic] = []
    goals: list[Goal] = []
    side = PlanningSide(
        clock=desk.clock,
        speed=1.0,
        live=live,
        desk=desk.desk,
        commitments=desk.desk.commitments,
        ledger=desk.ledger,
        stores=Stores(
            telemetry=Telemetry(desk.database),
            periods=Periods(desk.database, desk.clock),
            prices=PriceStore(desk.database),
        ),
        planner=planner,
        alone=planner,
        defaults=schedule_of(settings.goal),
        capacity_wh=50_000.0,
        circuit=settings.circuit,
        car=WatchedCar,
        goal_changed=goals.append,
        changed=topics.append,
        act=lambda: None,
        notice=lambda code, sentence: notices.append((code, sentence)),
    )
    return Home(desk, live, Planning(side), requests, notices, topics, goals)


def car_comes(home: Home, **changes: Any) -> None:
    home.live.chargers_are({"ocpp:a": "Charger"})
    home.live.evce_changed(replace(CAR, soc_at=home.clock.now(), received_at=home.clock.now(), **changes))
