"""The home as it is now, as a request for a plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from homeapp.control import is_mandatory, power_per_ampere
from homeapp.model.offer import OfferCase
from homeapp.model.plan import FeedUse, Goal, HomeForecast
from homeapp.model.readings import EvceState
from homeapp.model.site import MIN_CURRENT_A, Circuit, Site
from homeapp.model.tariff import Tariff
from homeapp.planning.feed_budget import allowance_of
from homeapp.planning.price_outlook import PriceHistory
from homeapp.planning.request import Commitment, PlanRequest
from homeapp.planning.state_of_charge import Reckoned

EFFICIENCY = 0.9
FEED_EFFICIENCY = 0.92


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
    """Their intervals that are not over, ascending."""
    found = [
        Commitment(interval=interval, mandatory=is_mandatory(case))
        for case in cases
        for interval in case.offer.intervals
        if interval.end > now
    ]
    return tuple(sorted(found, key=lambda commitment: commitment.interval.start))


def request_of(home: HomeNow) -> PlanRequest:
    """The request for a plan from now on."""
    site, evce = home.site, home.evce
    per_ampere = power_per_ampere(evce, site)
    least_w = MIN_CURRENT_A * per_ampere
    most_w = (home.circuit.max_current_a if home.circuit else site.max_current_a) * per_ampere
    capabilities = evce.capabilities if evce else None
    if capabilities is not None and capabilities.max_charge_w:
        most_w = max(least_w, min(most_w, capabilities.max_charge_w))
    if home.car_most_w is not None:
        # A car that uses fewer phases than the charger takes less at the same current.
        least_w, most_w = min(least_w, home.car_most_w), min(most_w, home.car_most_w)
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
