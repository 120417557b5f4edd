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


class HomePlanning:
    """Both of them.

    Attributes:
        share: of the cheap hours, that this home has drawn.
        plans: the owner's schedule and the plan.
        watch: whether it is met.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        clock: Clock,
        speed: float,
        key: bytes,
        live: LiveState,
        desk: OfferDesk,
        commitments: Callable[[datetime], tuple[OfferCase, ...]],
        ledger: Ledger,
        telemetry: Telemetry,
        outlets: Outlets,
    ) -> None:
        self.share = StreetShare(hmac.new(key, b"planning", hashlib.sha256).hexdigest())
        self.plans = Planning(
            PlanningSide(
                clock=clock,
                speed=speed,
                live=live,
                desk=desk,
                commitments=commitments,
                ledger=ledger,
                stores=Stores(telemetry=telemetry, periods=Periods(database, clock), prices=PriceStore(database)),
                planner=lambda request: make_plan(request, self.share),
                alone=make_plan,
                defaults=schedule_of(settings.goal),
                capacity_wh=settings.goal.capacity_kwh * 1000,
                circuit=settings.circuit,
                car=self._car,
                goal_changed=outlets.goal_changed,
                changed=outlets.changed,
                act=outlets.act,
                notice=outlets.notice,
            )
        )
        self.watch = PlanWatch(
            Watched(
                live=live,
                clock=clock,
                soc=self.plans.soc,
                installing=outlets.installing,
                notice=outlets.notice,
                replan=self.plans.replan,
                act=outlets.act,
            )
        )

    def bodies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Long tasks, by name."""
        return {"planning": self.plans.run, "watch over the plan": self.watch.run}

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
