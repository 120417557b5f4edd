"""The home as it is now, as a request for a plan."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.control import is_mandatory, power_per_ampere
from homeapp.model.offer import OfferCase, OfferInterval
from homeapp.model.plan import FeedUse, Goal, HomeForecast
from homeapp.model.readings import EvceState
from homeapp.model.site import MIN_CURRENT_A, Circuit, Site
from homeapp.model.tariff import Tariff
from homeapp.offers.guarantee import guaranteed
from homeapp.planning.feed_budget import allowance_of
from homeapp.planning.price_outlook import PriceHistory
from homeapp.planning.request import Commitment, Guarantee, PlanRequest
from homeapp.planning.state_of_charge import Reckoned

EFFICIENCY = 0.9
FEED_EFFICIENCY = 0.92
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeNow:
    """What a request is made of.

    Attributes:
        circuit: of the primary charger, or None without a charger.
        car_most_w: what the car has shown to take at most, or None.
        running_w: what the plan before means for now.
    """

    now: datetime
    site: Site
    circuit: Circuit | None
    evce: EvceState | None
    tariff: Tariff | None
    goal: Goal
    soc: Reckoned
    commitments: tuple[Commitment, ...]
    history: PriceHistory
    forecast: HomeForecast
    fed: FeedUse
    car_most_w: float | None = None
    running_w: float = 0.0


def commitments_of(cases: Iterable[OfferCase], now: datetime) -> tuple[Commitment, ...]:
    """What of them is not over, ascending; a feed ends where the energy that it is about has been fed."""
    found = [commitment for case in cases for commitment in _commitments(case, now) if commitment.interval.end > now]
    return tuple(sorted(found, key=lambda commitment: commitment.interval.start))


def _commitments(case: OfferCase, now: datetime) -> Iterator[Commitment]:
    mandatory, least_pct = is_mandatory(case), case.offer.min_soc_pct or 0.0
    for interval in _intervals(case, now):
        yield Commitment(interval=interval, mandatory=mandatory, least_pct=least_pct)
    promise = guaranteed(case.offer)
    if promise is not None:
        at, soc_pct = promise
        # It begins at the same instant in every plan: where a limit of a plan moves, the home draws its share anew.
        span = OfferInterval(start=min(case.offer.issued_at, at), end=at)
        guarantee = Guarantee(at=at, soc_pct=soc_pct, sp_name=case.offer.sp_name)
        yield Commitment(interval=span, guarantee=guarantee)


def _intervals(case: OfferCase, now: datetime) -> Iterator[OfferInterval]:
    left_wh = (
        math.inf if case.offer.max_feed_wh is None else case.offer.max_feed_wh + min(0.0, case.delivered_wh or 0.0)
    )
    for interval in case.offer.intervals:
        power_w = abs(interval.setpoint_w or 0.0)
        if power_w <= 0 or interval.end <= now:
            yield interval
            continue
        most_wh = math.inf if interval.energy_wh is None else interval.energy_wh
        if interval.setpoint_w is not None and interval.setpoint_w < 0:
            most_wh = min(most_wh, max(0.0, left_wh))
        start = max(interval.start, now)
        hours = min((interval.end - start) / _HOUR, most_wh / power_w)
        left_wh -= power_w * hours
        yield replace(interval, end=start + hours * _HOUR)


def request_of(home: HomeNow) -> PlanRequest:
    """The request for a plan from now on."""
    site, evce = home.site, home.evce
    least_w, most_w = _charging_w(home)
    capabilities = evce.capabilities if evce else None
    carries_w = site.fuse_a * site.fuse_margin * site.voltage_v * site.phases
    export_a = site.fuse_a * site.fuse_margin if site.feed_cap_a is None else site.feed_cap_a
    problem = feed_problem(site, evce)
    return PlanRequest(
        now=home.now,
        tariff=home.tariff,
        soc_pct=home.soc.soc_pct,
        soc_told=home.soc.told,
        goal=home.goal,
        charge_min_w=least_w,
        charge_max_w=most_w,
        feed_max_w=(capabilities.max_feed_w or 0.0) if capabilities is not None and problem is None else 0.0,
        feed_problem=problem,
        allowance=allowance_of(home.fed, home.goal.capacity_wh),
        fuse_w=carries_w,
        export_max_w=export_a * site.voltage_v * site.phases if site.feed_allowed else 0.0,
        efficiency=EFFICIENCY,
        feed_efficiency=FEED_EFFICIENCY,
        commitments=home.commitments,
        history=home.history,
        forecast=home.forecast,
        running_w=home.running_w,
        time_zone=site.time_zone,
    )


def _charging_w(home: HomeNow) -> tuple[float, float]:
    """The least and the most that the car takes, W."""
    per_ampere = power_per_ampere(home.evce, home.site)
    least_w = MIN_CURRENT_A * per_ampere
    most_w = (home.circuit.max_current_a if home.circuit else home.site.max_current_a) * per_ampere
    capabilities = home.evce.capabilities if home.evce else None
    if capabilities is not None and capabilities.max_charge_w:
        most_w = max(least_w, min(most_w, capabilities.max_charge_w))
    if home.car_most_w is not None:
        # A car that uses fewer phases than the charger takes less at the same current.
        least_w, most_w = min(least_w, home.car_most_w), min(most_w, home.car_most_w)
    return least_w, most_w


def feed_problem(site: Site, evce: EvceState | None) -> str | None:
    """Why car, charger and connection cannot feed, as a sentence; None where they can."""
    if not site.feed_allowed:
        return "The grid connection of this home may not take in power from the car."
    if evce is None or not evce.status.car_present:
        return "No car is plugged in."
    if evce.capabilities is None or not evce.capabilities.can_feed or not evce.capabilities.max_feed_w:
        refusal = evce.capabilities.feed_refusal if evce.capabilities else None
        return refusal or "The charger or the car cannot feed power; both must support it."
    return None
