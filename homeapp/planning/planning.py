"""Plans in the background: keeps what the owner has set, makes a plan anew after every event, and answers about it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from homeapp import api
from homeapp.errors import NotFound, StoreUnavailable, WrongState
from homeapp.goal import goal_at
from homeapp.model.offer import Offer, OfferCase, OfferState
from homeapp.model.plan import ChargingMode, Departure, FeedUse, Goal, OfferPreview, Plan, Promise, Schedule
from homeapp.model.site import Circuit
from homeapp.offers.desk import OfferDesk
from homeapp.offers.states import FINAL
from homeapp.planning.departures import missed
from homeapp.planning.ground import PlanGround, Stores
from homeapp.planning.home_request import EFFICIENCY, FEED_EFFICIENCY, HomeNow, commitments_of, request_of
from homeapp.planning.preview import preview_of
from homeapp.planning.request import Planner, PlanRequest
from homeapp.planning.schedule import fault_of, without_past
from homeapp.planning.state_of_charge import Reckoned, StateOfCharge
from homeapp.planning.watchdog import WatchedCar
from homeapp.ports import Clock
from homeapp.server import Handler
from homeapp.snapshot import LiveState
from homeapp.store.ledger import Ledger
from homeapp.store.records import decode, encode

logger = logging.getLogger(__name__)

REPLAN_AFTER_S = 300.0
BURST_S = 0.2
"""Real time: a burst of events makes one plan."""
_MODE, _SCHEDULE, _OVERDUE = "charging_mode", "schedule", "overdue_departure"
_TOLD_SHARE = 0.01
"""Of the battery: less is not worth a notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningSide:
    """What planning looks at, and who is told.

    Attributes:
        speed: of the clock.
        commitments: all that is agreed to or has to be followed, and is not over at that moment.
        planner: makes the plan that is followed.
        alone: makes plans that are only looked at, as if this home were alone: each of them the best one.
        defaults: the schedule until somebody sets one.
        circuit: of a charger.
        car: what the watch over the plan has found out.
        goal_changed, changed: told of a new goal, and of a topic with a new value.
        act: control should look at once.
        notice: code and sentence.
    """

    clock: Clock
    speed: float
    live: LiveState
    desk: OfferDesk
    commitments: Callable[[datetime], tuple[OfferCase, ...]]
    ledger: Ledger
    stores: Stores
    planner: Planner
    alone: Planner
    defaults: Schedule
    capacity_wh: float
    circuit: Callable[[str], Circuit]
    car: Callable[[], WatchedCar]
    goal_changed: Callable[[Goal], None]
    changed: Callable[[api.Topic], None]
    act: Callable[[], None]
    notice: Callable[[str, str], None]


class Planning:
    """The owner's schedule and mode, and the plan. ``run`` until cancelled; ``replan`` after every event."""

    def __init__(self, side: PlanningSide) -> None:
        self._of = side
        self._ground = PlanGround(side.stores, side.live.site.time_zone)
        self._state_of_charge = StateOfCharge(EFFICIENCY, FEED_EFFICIENCY)
        self._mode = ChargingMode.READY_BY
        self._schedule = side.defaults
        self._overdue: Departure | None = None
        self._warned: datetime | None = None
        self._fed: FeedUse | None = None
        self._event = asyncio.Event()

    @property
    def schedule(self) -> Schedule:
        """What the owner has set."""
        return self._schedule

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """One handler per call."""
        return {
            api.GetSchedule: self._get_schedule,
            api.SetSchedule: self._set_schedule,
            api.SetMode: self._set_mode,
            api.GetPlan: self._get_plan,
            api.PreviewOffer: self._preview,
            api.PreviewSchedule: self._preview_schedule,
            api.GetFeedBudget: self._get_feed_budget,
        }

    async def load(self) -> None:
        """Take up what the ledger holds; to be called once, before everything else."""
        ledger = self._of.ledger
        self._mode = ChargingMode(await ledger.value(_MODE) or ChargingMode.READY_BY)
        if (kept := await ledger.value(_SCHEDULE)) is not None:
            self._schedule = without_past(decode(kept, Schedule), self._of.clock.now())
        if kept := await ledger.value(_OVERDUE):
            self._overdue = decode(kept, Departure)
        self.set_goal()

    def set_goal(self) -> None:
        """Bring the goal up to now."""
        now, live = self._of.clock.now(), self._of.live
        live.goal = goal_at(
            now, self._schedule, self._mode, live.site.time_zone, self._of.capacity_wh, overdue=self._overdue
        )
        self._of.goal_changed(live.goal)

    @property
    def feed_left_wh(self) -> float | None:
        """What the car may still feed today by the owner's budget, Wh; None for no limit, or before the first plan."""
        return self._fed.left_wh if self._fed is not None else None

    def replan(self) -> None:
        """Something has changed that a plan depends on."""
        self._event.set()

    def soc(self) -> Reckoned:
        """The state of charge of the car at the primary charger."""
        live = self._of.live
        return self._state_of_charge.of(live.evce, live.fresh_soc_pct, self._schedule.floor_pct, self._of.capacity_wh)

    async def run(self) -> NoReturn:
        """Plan until cancelled."""
        while True:
            self._event.clear()
            await self._once()
            try:
                async with asyncio.timeout(self._next_in_s() / self._of.speed):
                    await self._event.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(BURST_S)

    async def _once(self) -> None:
        now = self._of.clock.now()
        await self._look_back(now)
        self.set_goal()
        request = await self._request(now, self._of.live.goal)
        plan = await asyncio.to_thread(self._of.planner, request)
        self._of.live.plan = plan
        self._of.changed(api.Topic.PLAN)
        self._of.act()
        self._warn(plan)

    def _next_in_s(self) -> float:
        """After the departure it is about the next one."""
        to_departure_s = (self._of.live.goal.ready_by - self._of.clock.now()).total_seconds()
        return min(REPLAN_AFTER_S, max(1.0, to_departure_s))

    async def _look_back(self, now: datetime) -> None:
        result = missed(self._of.live.goal, now, self.soc(), self._of.live.site.time_zone)
        if result.sentence is not None:
            self._of.notice("departure_missed", result.sentence)
        if result.overdue == self._overdue:
            return
        self._overdue = result.overdue
        try:
            await self._of.ledger.keep_mark(_OVERDUE, encode(self._overdue) if self._overdue else "")
        except StoreUnavailable as error:
            logger.warning("that a departure was missed is not kept: %s", error)

    async def _request(self, now: datetime, goal: Goal) -> PlanRequest:
        of, live = self._of, self._of.live
        try:
            history = await self._ground.history(now, live.tariff)
            forecast, fed = await self._ground.forecast(now), await self._ground.fed(now, goal)
        except StoreUnavailable as error:
            # A plan by what is known is better than none.
            logger.warning("planning without the past: %s", error)
            history, forecast, fed = self._ground.nothing_known(now, goal)
        self._fed = fed
        running = live.plan.at(now) if live.plan else None
        return request_of(
            HomeNow(
                now=now,
                site=live.site,
                circuit=of.circuit(live.primary_id) if live.primary_id else None,
                evce=live.evce,
                tariff=live.tariff,
                goal=goal,
                soc=self.soc(),
                commitments=commitments_of(self._agreed(now), now),
                history=history,
                forecast=forecast,
                fed=fed,
                car_most_w=of.car().most_w,
                running_w=running.power_w if running else 0.0,
            )
        )

    def _agreed(self, now: datetime) -> tuple[OfferCase, ...]:
        """Also what is over, but for a promise about the car."""
        return (*self._of.commitments(now), *self._of.desk.guaranteed(now))

    def _warn(self, plan: Plan) -> None:
        """Tell beforehand of a departure that cannot be kept, and when it can again."""
        live = self._of.live
        here = live.evce is not None and live.evce.status.car_present
        least_wh = _TOLD_SHARE * self._of.capacity_wh
        broken = next((one for one in plan.broken if one.kind is Promise.DEPARTURE and one.by_wh > least_wh), None)
        if broken is not None and here:
            if self._warned != broken.at:
                self._warned = broken.at
                self._of.notice("departure_at_risk", broken.sentence)
        elif self._warned is not None and here and not plan.broken:
            if self._warned > self._of.clock.now():
                self._of.notice("departure_at_risk", "The car will be ready in time after all.")
            self._warned = None

    async def _get_schedule(self, _call: api.GetSchedule, _caller: api.Role) -> Schedule:
        return self._schedule

    async def _set_schedule(self, call: api.SetSchedule, _caller: api.Role) -> Schedule:
        fault = fault_of(call.schedule)
        if fault is not None:
            raise WrongState(fault)
        schedule = without_past(call.schedule, self._of.clock.now())
        if not call.feed:
            schedule = replace(schedule, feed=self._schedule.feed)
        await self._of.ledger.keep_value(_SCHEDULE, encode(schedule))
        self._schedule = schedule
        self._goal_changed()
        self._of.changed(api.Topic.SCHEDULE)
        return schedule

    async def _set_mode(self, call: api.SetMode, _caller: api.Role) -> Goal:
        await self._of.ledger.keep_value(_MODE, call.mode)
        self._mode = call.mode
        logger.info("mode: %s", call.mode)
        self._goal_changed()
        return self._of.live.goal

    def _goal_changed(self) -> None:
        self.set_goal()
        self.replan()
        self._of.act()
        self._of.changed(api.Topic.SNAPSHOT)

    async def _get_plan(self, _call: api.GetPlan, _caller: api.Role) -> Plan | None:
        return self._of.live.plan

    async def _get_feed_budget(self, _call: api.GetFeedBudget, _caller: api.Role) -> FeedUse:
        return await self._ground.fed(self._of.clock.now(), self._of.live.goal)

    async def _preview_schedule(self, call: api.PreviewSchedule, _caller: api.Role) -> Plan:
        fault = fault_of(call.schedule)
        if fault is not None:
            raise WrongState(fault)
        now, live = self._of.clock.now(), self._of.live
        goal = goal_at(now, call.schedule, call.mode, live.site.time_zone, self._of.capacity_wh, overdue=self._overdue)
        request = await self._request(now, goal)
        return await asyncio.to_thread(self._of.alone, request)

    async def foresee(self, offer: Offer) -> float | None:
        """The state of charge that the car is expected to have at departure with this request, percent."""
        case = OfferCase(offer=offer, digest="", state=OfferState.RECEIVED, updated_at=self._of.clock.now())
        if not offer.kind.takes_power or not offer.intervals:
            return None
        preview = await self._preview_of(case)
        return preview.reaches_with_pct

    async def _preview(self, call: api.PreviewOffer, _caller: api.Role) -> OfferPreview:
        return await self._preview_of(self._case(call))

    async def _preview_of(self, case: OfferCase) -> OfferPreview:
        now = self._of.clock.now()
        bound = [other for other in self._agreed(now) if other.offer.key != case.offer.key]
        asked, others = commitments_of((case,), now), commitments_of(bound, now)
        request = await self._request(now, self._of.live.goal)
        return await asyncio.to_thread(preview_of, case, request, asked, others, self._of.alone)

    def _case(self, call: api.PreviewOffer) -> OfferCase:
        case = next((case for case in self._of.desk.cases if case.offer.key == call.key), None)
        if case is None:
            raise NotFound(f"There is no request {call.key!r}.")
        if case.digest != call.digest:
            raise WrongState(f"{case.offer.sp_name} has changed this request since it was shown. Look at it again.")
        if case.offer.kind.is_job:
            raise WrongState("This request asks for no power, so it changes no plan.")
        if case.state in FINAL or case.state is OfferState.RECEIVED or case.offer.end <= self._of.clock.now():
            raise WrongState("This request is over, so it changes nothing any more.")
        return case
