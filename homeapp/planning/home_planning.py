"""Planning and the watch over the plan, wired for one home."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from homeapp import api
from homeapp.goal import goal_at
from homeapp.model.offer import OfferCase
from homeapp.model.plan import ChargingMode, Goal
from homeapp.offers.desk import OfferDesk
from homeapp.planning.ground import Stores
from homeapp.planning.make_plan import make_plan
from homeapp.planning.plan_watch import PlanWatch, Watched
from homeapp.planning.planning import Planning, PlanningSide
from homeapp.planning.schedule import schedule_of
from homeapp.planning.street_share import StreetShare
from homeapp.planning.watchdog import WatchedCar
from homeapp.ports import Clock
from homeapp.settings import Settings
from homeapp.snapshot import LiveState
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.periods import Periods
from homeapp.store.price_history import PriceStore
from homeapp.store.telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """Who is told what.

    Attributes:
        changed: a topic has a new value.
        act: control should look at once.
        notice: code and sentence for the owner.
        installing: software goes into this charger, or into the car at it.
    """

    goal_changed: Callable[[Goal], None]
    changed: Callable[[api.Topic], None]
    act: Callable[[], None]
    notice: Callable[[str, str], None]
    installing: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeParts:
    """The parts of the hub that planning works with.

    Attributes:
        speed: of the clock.
        key: the home's own, from which nobody can tell what it draws by.
        commitments: all that is agreed to or has to be followed, and is not over at that moment.
    """

    settings: Settings
    database: Database
    clock: Clock
    speed: float
    key: bytes
    live: LiveState
    desk: OfferDesk
    commitments: Callable[[datetime], tuple[OfferCase, ...]]
    ledger: Ledger
    telemetry: Telemetry
    outlets: Outlets


class HomePlanning:
    """Both of them.

    Attributes:
        share: of the cheap hours, that this home has drawn.
        plans: the owner's schedule and the plan.
        watch: whether it is met.
    """

    def __init__(self, parts: HomeParts) -> None:
        self.share = StreetShare(hmac.new(parts.key, b"planning", hashlib.sha256).hexdigest())
        self.plans = Planning(self._side(parts))
        self.watch = PlanWatch(
            Watched(
                live=parts.live,
                clock=parts.clock,
                soc=self.plans.soc,
                installing=parts.outlets.installing,
                notice=parts.outlets.notice,
                replan=self.plans.replan,
                act=parts.outlets.act,
            )
        )

    def bodies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Long tasks, by name."""
        return {"planning": self.plans.run, "watch over the plan": self.watch.run}

    def _side(self, parts: HomeParts) -> PlanningSide:
        database, clock, goal = parts.database, parts.clock, parts.settings.goal
        return PlanningSide(
            clock=clock,
            speed=parts.speed,
            live=parts.live,
            desk=parts.desk,
            commitments=parts.commitments,
            ledger=parts.ledger,
            stores=Stores(telemetry=parts.telemetry, periods=Periods(database, clock), prices=PriceStore(database)),
            planner=lambda request: make_plan(request, self.share),
            alone=make_plan,
            defaults=schedule_of(goal),
            capacity_wh=goal.capacity_kwh * 1000,
            circuit=parts.settings.circuit,
            car=self._car,
            goal_changed=parts.outlets.goal_changed,
            changed=parts.outlets.changed,
            act=parts.outlets.act,
            notice=parts.outlets.notice,
        )

    def _car(self) -> WatchedCar:
        return self.watch.car()


def home_goal(settings: Settings, clock: Clock) -> Goal:
    """What holds until the ledger has been read."""
    return goal_at(
        clock.now(),
        schedule_of(settings.goal),
        ChargingMode.READY_BY,
        settings.site.time_zone,
        settings.goal.capacity_kwh * 1000,
    )
