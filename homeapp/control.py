"""The control rules: from the state of the home to one command for each charger, stateless per cycle.

Safety order, higher wins: main fuse, mandatory limits, critical car health, the owner's floor, accepted offers,
the plan. The charging provider's limit lowers what offers and plan leave; it never raises it, and never makes the car
feed.

The car feeds only for an accepted request, or by the plan where the owner has chosen POWER_FEED.

The plan and the owner's goal are about one car, the one at the primary charger. A car at another charger charges as
much as is left, unless the owner has said "pause". A power feed is carried out at one charger (``homeapp.feeder``), and
while it is due none of the others charges. Limits in watts, mandatory or agreed to, hold for all chargers together.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime

from homeapp.feeder import at_floor, feed_doubt
from homeapp.load.load_guard import Allowance
from homeapp.model.live import Activity, Doing
from homeapp.model.offer import Binding, OfferCase, OfferInterval, OfferKind
from homeapp.model.plan import ChargingMode, Goal, Plan, PlanSlot, SlotReason
from homeapp.model.readings import EvceCommand, EvceState, EvceStatus
from homeapp.model.site import MIN_CURRENT_A, Site

PATIENCE_S = 120.0
_SAME_W = 1.0
_NEARLY_PCT = 0.5
_ALL_IT_TAKES = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that one control cycle looks at for one charger.

    Attributes:
        site: with the currents of this charger's own circuit.
        evce: the charger, or None where none is adopted.
        commitments: accepted and mandatory requests that are not over.
        critical_health: a critical alert about the car stands.
        soc_pct: the car's state of charge where it is fresh enough, else None.
        installing: software goes into the car, which must neither charge nor feed meanwhile.
        card_needed: nothing charges before a card was shown at the charger.
        primary: the plan is about the car at this charger.
        feeder: accepted power feeds are carried out at this charger.
        others_doubt: why no other charger can feed, in words; empty where there is no other one.
        others_w: what the other chargers may draw, W.
        surplus_w: what to charge with in SOLAR of what is measured to be left over, W: 0 or at least the least power.
        car_most_w: what the car has shown to take at most where that is less than it is offered, W, or None.
        acting: the slot of the plan to act upon where that is not the one of this instant.
        withdrawn: charging is withheld for a moment, so that a car that sleeps wakes when it is offered again.
    """

    now: datetime
    site: Site
    evce: EvceState | None
    allowance: Allowance
    plan: Plan | None
    goal: Goal
    commitments: tuple[OfferCase, ...]
    critical_health: bool
    soc_pct: float | None
    installing: bool = False
    card_needed: bool = False
    primary: bool = True
    feeder: bool = True
    others_doubt: str = ""
    others_w: float = 0.0
    surplus_w: float = 0.0
    car_most_w: float | None = None
    acting: PlanSlot | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do in this cycle.

    Attributes:
        command: for the charger, or None where there is nothing to command.
        activity: the reason, for people.
        abort: accepted requests that local safety ends now: (key, sentence).
        doubts: accepted requests that cannot be met at the moment; see ``Patience``.
    """

    command: EvceCommand | None
    activity: Activity
    abort: tuple[tuple[str, str], ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()


class Patience:
    """Turns what stands in the way of an accepted request into its end once it has stood for long enough.

    A charger that reconnects, a hub that starts anew or one sample that is missing must not cost the owner a reward.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def spent(self, doubts: tuple[tuple[str, str], ...], monotonic: float) -> tuple[tuple[str, str], ...]:
        """Those of ``doubts`` that have stood for ``PATIENCE_S``; to be asked every control cycle."""
        self._since = {key: self._since.get(key, monotonic) for key, _ in doubts}
        return tuple(doubt for doubt in doubts if monotonic - self._since[doubt[0]] >= PATIENCE_S)


def decide(situation: Situation, lease_s: float) -> Verdict:
    """One command for now. Without a fresh meter it is the installer's safe limit."""
    evce = situation.evce
    if evce is None:
        return Verdict(command=None, activity=Activity(doing=Doing.NO_CHARGER))
    if not evce.connected:
        return Verdict(command=None, activity=Activity(doing=Doing.CHARGER_OFFLINE))
    if evce.status is EvceStatus.FAULTED:
        return Verdict(command=_command(0.0, lease_s, "faulted"), activity=Activity(doing=Doing.FAULTED))
    if situation.installing:
        return Verdict(
            command=_command(0.0, lease_s, "car software"), activity=Activity(doing=Doing.INSTALLING, power_w=0.0)
        )
    feed = _feed(situation, lease_s) if situation.feeder else None
    if feed is not None:
        return feed if feed.command is not None else replace(_charge(situation, lease_s), abort=feed.abort)
    return _planned_feed(situation, lease_s) or _charge(situation, lease_s)


def total_cap_w(commitments: tuple[OfferCase, ...], now: datetime) -> float | None:
    """The most W that all chargers together may draw now, mandatory or agreed to; None for no limit."""
    intervals = [interval for case in commitments if (interval := _active(case, now)) is not None]
    return min((interval.max_w for interval in intervals if interval.max_w is not None), default=None)


def feed_floor_pct(commitments: tuple[OfferCase, ...], goal: Goal, now: datetime) -> float | None:
    """The state of charge that the accepted power feed that is due leaves in the car, %; None where none is due."""
    return next((_floor_pct(case, goal) for case in commitments if _feed_interval(case, now) is not None), None)


def power_per_ampere(evce: EvceState | None, site: Site) -> float:
    """W that one ampere on each of the charger's phases makes."""
    phases = evce.capabilities.phases if evce is not None and evce.capabilities is not None else site.phases
    return site.voltage_v * phases


def _feed(situation: Situation, lease_s: float) -> Verdict | None:
    """A verdict where an accepted power feed is due, with ``command`` None where it must not happen; else None."""
    for case in situation.commitments:
        interval = _feed_interval(case, situation.now)
        if interval is None or interval.setpoint_w is None:
            continue
        refusal = _feed_refusal(situation, _floor_pct(case, situation.goal))
        if refusal is not None:
            return Verdict(command=None, activity=Activity(doing=Doing.NO_CAR), abort=((case.offer.key, refusal),))
        doubt = _feed_doubt(situation)
        if doubt is not None:
            return replace(_hold(situation, interval, lease_s), doubts=((case.offer.key, doubt),))
        most_wh = case.offer.max_feed_wh
        if most_wh is not None and -(case.delivered_wh or 0.0) >= most_wh:
            return _hold(situation, interval, lease_s)
        agreed_w = -interval.setpoint_w
        wish_w = min(_provider_feed_w(situation, agreed_w), _promised_feed_w(situation))
        power_w = min(wish_w, situation.allowance.feed_a * power_per_ampere(situation.evce, situation.site))
        doing = Doing.FEEDING if power_w > 0 or agreed_w <= 0 else Doing.REDUCED_BY_FUSE
        if wish_w <= 0 < agreed_w:
            doing = Doing.FEED_WAITING
        return Verdict(
            command=EvceCommand(limit_w=0.0, feed_w=power_w, lease_s=lease_s, reason=f"offer {case.offer.offer_id}"),
            activity=Activity(doing=doing, until=interval.end, power_w=-power_w),
        )
    return None


def _planned_feed(situation: Situation, lease_s: float) -> Verdict | None:
    """A verdict where the owner's own plan feeds now and nothing speaks against it; else None."""
    slot = _planned_slot(situation)
    if slot is None or slot.reason is not SlotReason.FEED_PLAN or slot.power_w >= 0 or not situation.primary:
        return None
    if situation.goal.mode is not ChargingMode.POWER_FEED:
        return None
    if _feed_refusal(situation, situation.goal.floor_pct) is not None or _feed_doubt(situation) is not None:
        return None
    power_w = min(-slot.power_w, situation.allowance.feed_a * power_per_ampere(situation.evce, situation.site))
    doing = Doing.FEEDING_PLAN if power_w > 0 else Doing.REDUCED_BY_FUSE
    return Verdict(
        command=EvceCommand(limit_w=0.0, feed_w=power_w, lease_s=lease_s, reason=Doing.FEEDING_PLAN.value),
        activity=Activity(doing=doing, until=_until(situation.plan, slot), power_w=-power_w),
    )


def _planned_slot(situation: Situation) -> PlanSlot | None:
    if situation.acting is not None:
        return situation.acting
    return situation.plan.at(situation.now) if situation.plan else None


def _feed_refusal(situation: Situation, floor_pct: float) -> str | None:
    """Why the feed must end for good."""
    if situation.critical_health:
        return "The car reports a critical defect, so it does not feed power."
    if any(_mandatory_limit(case, situation.now) == 0 for case in situation.commitments):
        return "The grid operator does not allow it now."
    if situation.soc_pct is not None and situation.soc_pct <= floor_pct:
        return at_floor(floor_pct)
    return None


def _feed_doubt(situation: Situation) -> str | None:
    """Why there can be no feed at the moment, where that may pass."""
    doubt = feed_doubt(situation.evce, situation.soc_pct)
    return f"{doubt} {situation.others_doubt}".strip() if doubt is not None else None


def _floor_pct(case: OfferCase, goal: Goal) -> float:
    """Below this the car never feeds for this request."""
    return max(goal.floor_pct, case.offer.min_soc_pct or 0.0)


def _feed_interval(case: OfferCase, now: datetime) -> OfferInterval | None:
    interval = _active(case, now) if case.offer.kind is OfferKind.POWER_FEED else None
    return interval if interval is not None and interval.setpoint_w is not None else None


def _hold(situation: Situation, interval: OfferInterval, lease_s: float) -> Verdict:
    """Neither charge nor feed while a feed is due but cannot be at the moment."""
    evce = situation.evce
    activity = Activity(doing=Doing.FEED_WAITING, until=interval.end, power_w=0.0)
    if evce is not None and evce.status.car_present and evce.transaction_id is None:
        # Only within a transaction does a car say whether it can feed and how full it is.
        return _limited(situation, _least_w(situation), activity, lease_s)
    return Verdict(command=_command(0.0, lease_s, activity.doing), activity=_as_seen(situation, activity, 0.0))


def _charge(situation: Situation, lease_s: float) -> Verdict:
    most_w = situation.site.max_current_a * power_per_ampere(situation.evce, situation.site)
    wish_w, activity = _wish(situation, most_w) if situation.primary else _wish_besides(situation, most_w)
    feeding = feed_floor_pct(situation.commitments, situation.goal, situation.now) is not None
    if feeding and not situation.feeder and situation.goal.mode is not ChargingMode.PAUSE:
        # The one car's energy would go into the other.
        wish_w, activity = 0.0, Activity(doing=Doing.REDUCED_BY_OFFER, power_w=0.0)
    return _limited(situation, wish_w, activity, lease_s)


def _limited(situation: Situation, limit_w: float, activity: Activity, lease_s: float) -> Verdict:
    """A command for ``limit_w`` or what offers, the grid operator and the fuse leave of it."""
    allowance = situation.allowance
    per_ampere = power_per_ampere(situation.evce, situation.site)
    offer_cap = _lowest_cap(situation, mandatory=False)
    if offer_cap is not None and offer_cap[0] < limit_w:
        limit_w = offer_cap[0]
        activity = Activity(doing=Doing.REDUCED_BY_OFFER, until=offer_cap[1], power_w=limit_w)
    provider_w = _provider_limit_w(situation.evce)
    if provider_w is not None and provider_w < limit_w:
        limit_w = provider_w
        activity = Activity(doing=Doing.REDUCED_BY_PROVIDER, power_w=limit_w)
    grid_cap = _lowest_cap(situation, mandatory=True)
    if grid_cap is not None and grid_cap[0] < limit_w:
        limit_w = grid_cap[0]
        activity = Activity(doing=Doing.REDUCED_BY_GRID, until=grid_cap[1], power_w=limit_w)
    if allowance.phases is not None:
        per_ampere = allowance.phases * situation.site.voltage_v
    fuse_w = allowance.current_a * per_ampere
    if fuse_w < limit_w:
        if not allowance.rising and fuse_w < limit_w - _SAME_W:
            doing = Doing.CHARGING_FLOOR if allowance.fail_safe else Doing.REDUCED_BY_FUSE
            activity = Activity(doing=doing, power_w=fuse_w)
        limit_w = fuse_w
    if situation.withdrawn or limit_w < MIN_CURRENT_A * per_ampere - 1:
        limit_w, activity = 0.0, replace(activity, power_w=0.0)
    command = replace(_command(limit_w, lease_s, activity.doing), phases=allowance.phases)
    return Verdict(command=command, activity=_as_seen(situation, activity, limit_w))


def _provider_limit_w(evce: EvceState | None) -> float | None:
    """The most that the charging provider permits; None where it sets no limit or the owner has taken control back."""
    return evce.provider_limit_w if evce is not None and evce.provider_control else None


def _provider_feed_w(situation: Situation, agreed_w: float) -> float:
    """What is agreed to be fed, W, or as much of it as the charging provider asks for now."""
    evce = situation.evce
    if evce is None or not evce.provider_control or evce.provider_feed_w is None:
        return agreed_w
    return min(agreed_w, evce.provider_feed_w)


def _promised_feed_w(situation: Situation) -> float:
    """The most that may be fed now so that the car is as full later as a provider has promised, W."""
    slot = _planned_slot(situation)
    if slot is None or slot.reason is not SlotReason.FEED_LESS or not situation.primary:
        return math.inf
    return max(0.0, -slot.power_w)


def _wish(situation: Situation, most_w: float) -> tuple[float, Activity]:
    """What the owner's mode and the plan want now."""
    goal = situation.goal
    if goal.mode is ChargingMode.PAUSE:
        return 0.0, Activity(doing=Doing.PAUSED_BY_OWNER, power_w=0.0)
    if goal.mode is ChargingMode.NOW:
        return most_w, Activity(doing=Doing.CHARGING_NOW, power_w=most_w)
    slot = _planned_slot(situation)
    if goal.mode is ChargingMode.SOLAR and (slot is None or slot.reason not in _WITHOUT_SUN):
        return _wish_of_sun(situation, most_w)
    if situation.plan is None or slot is None:
        # No plan is no reason to strand the driver.
        return most_w, Activity(doing=Doing.CHARGING_NEEDED, power_w=most_w)
    until = _until(situation.plan, slot)
    if slot.power_w <= 0:
        if _feeds_once_known(situation):
            return _least_w(situation), Activity(doing=Doing.FEED_WAITING, power_w=0.0)
        return 0.0, Activity(doing=_idle(situation, slot), until=until, power_w=0.0)
    # What the sun leaves over meanwhile is not given away.
    power_w = max(slot.power_w, min(situation.surplus_w, most_w))
    activity = Activity(doing=_DOING.get(slot.reason, Doing.CHARGING_CHEAP), until=until, power_w=power_w)
    return _offered_w(situation, power_w, most_w), activity


_WITHOUT_SUN = (SlotReason.FLOOR, SlotReason.GUARANTEE, SlotReason.CHARGE_OFFER)
_DOING = {
    SlotReason.NEEDED: Doing.CHARGING_NEEDED,
    SlotReason.NO_PRICE: Doing.CHARGING_NEEDED,
    SlotReason.FLOOR: Doing.CHARGING_RESERVE,
    SlotReason.AFTER_DEADLINE: Doing.CHARGING_LATE,
    SlotReason.GUARANTEE: Doing.CHARGING_PROMISED,
    SlotReason.SOLAR: Doing.CHARGING_SOLAR,
}


def _feeds_once_known(situation: Situation) -> bool:
    """Only within a transaction does a car say whether it can feed and how full it is."""
    evce = situation.evce
    waits = evce is not None and evce.status.car_present and evce.transaction_id is None
    return waits and situation.goal.mode is ChargingMode.POWER_FEED and situation.soc_pct is None


def _least_w(situation: Situation) -> float:
    return MIN_CURRENT_A * power_per_ampere(situation.evce, situation.site)


def _offered_w(situation: Situation, planned_w: float, most_w: float) -> float:
    """What to offer the car so that it takes what is planned: one that uses fewer phases is offered as many amperes."""
    if situation.car_most_w is not None and planned_w >= _ALL_IT_TAKES * situation.car_most_w:
        return most_w
    return min(max(planned_w, _least_w(situation)), most_w)


def _wish_of_sun(situation: Situation, most_w: float) -> tuple[float, Activity]:
    """As much as is left over, as measured; the forecast only draws the plan."""
    if situation.soc_pct is not None and situation.soc_pct >= situation.goal.target_pct - _NEARLY_PCT:
        return 0.0, Activity(doing=Doing.CAR_FULL, power_w=0.0)
    power_w = min(situation.surplus_w, most_w)
    doing = Doing.CHARGING_SOLAR if power_w > 0 else Doing.WAITING_SOLAR
    return power_w, Activity(doing=doing, power_w=power_w)


def _idle(situation: Situation, slot: PlanSlot) -> Doing:
    full = situation.soc_pct is not None and situation.soc_pct >= situation.goal.target_pct - _NEARLY_PCT
    if full or slot.reason is SlotReason.FULL:
        return Doing.CAR_FULL
    if slot.power_w < 0:
        return Doing.FEED_WAITING
    if slot.reason is SlotReason.REDUCED_BY_OFFER:
        return Doing.REDUCED_BY_OFFER
    return Doing.REDUCED_BY_GRID if slot.reason is SlotReason.REDUCED_BY_GRID else Doing.WAITING_CHEAPER


def _wish_besides(situation: Situation, most_w: float) -> tuple[float, Activity]:
    """What a car wants that no plan is about."""
    if situation.goal.mode is ChargingMode.PAUSE:
        return 0.0, Activity(doing=Doing.PAUSED_BY_OWNER, power_w=0.0)
    doing = Doing.CHARGING_NOW if situation.goal.mode is ChargingMode.NOW else Doing.CHARGING_NEEDED
    return most_w, Activity(doing=doing, power_w=most_w)


def _until(plan: Plan | None, current: PlanSlot) -> datetime | None:
    """When the plan changes between charging, feeding and neither; None where it never does."""
    for slot in plan.slots if plan else ():
        if slot.start >= current.end and _direction(slot) != _direction(current):
            return slot.start
    return None


def _direction(slot: PlanSlot) -> int:
    return (slot.power_w > 0) - (slot.power_w < 0)


def _as_seen(situation: Situation, activity: Activity, limit_w: float) -> Activity:
    """The car has the last word: without it, or when it takes nothing, that is what people see."""
    evce = situation.evce
    if evce is None or not evce.status.car_present:
        return Activity(doing=Doing.NO_CAR) if evce is None or evce.status is EvceStatus.AVAILABLE else activity
    if situation.card_needed and evce.status is EvceStatus.PLUGGED and evce.transaction_id is None:
        return Activity(doing=Doing.CARD_NEEDED, power_w=0.0)
    if evce.status is EvceStatus.SUSPENDED_EV and limit_w > 0:
        full = situation.soc_pct is not None and situation.soc_pct >= 99.5
        return Activity(doing=Doing.CAR_FULL if full else Doing.CAR_NOT_TAKING, power_w=0.0)
    return activity


def _lowest_cap(situation: Situation, *, mandatory: bool) -> tuple[float, datetime] | None:
    caps: list[tuple[float, datetime]] = []
    for case in situation.commitments:
        interval = _active(case, situation.now)
        if interval is None or interval.max_w is None:
            continue
        if is_mandatory(case) == mandatory:
            caps.append((max(0.0, interval.max_w - situation.others_w), interval.end))
    return min(caps, default=None)


def _mandatory_limit(case: OfferCase, now: datetime) -> float | None:
    interval = _active(case, now) if is_mandatory(case) else None
    return interval.max_w if interval else None


def is_mandatory(case: OfferCase) -> bool:
    """It is not the owner's to decide."""
    return case.offer.binding is Binding.MANDATORY or case.offer.kind is OfferKind.CAPACITY_LIMIT


def _active(case: OfferCase, now: datetime) -> OfferInterval | None:
    return next((interval for interval in case.offer.intervals if interval.start <= now < interval.end), None)


def _command(limit_w: float, lease_s: float, reason: str) -> EvceCommand:
    return EvceCommand(limit_w=limit_w, lease_s=lease_s, reason=str(reason))
