"""Calls about what the owner wants of the car, the plan made of it, and what a request would change in it."""

from dataclasses import dataclass

from homeapp.api.base import Call, Role
from homeapp.model.plan import ChargingMode, FeedUse, Goal, OfferPreview, Plan, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSchedule(Call[Schedule]):
    """What the owner has set."""

    method = "schedule.get"
    role = Role.GUEST
    answer = Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSchedule(Call[Schedule]):
    """Set all of it; single departures that are over are left out of the answer.

    Raises:
        WrongState: a value that makes no sense; says which and what would.
    """

    schedule: Schedule

    method = "schedule.set"
    role = Role.HOUSEHOLD
    answer = Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMode(Call[Goal]):
    """Charge to be ready in time, at the cheapest hours, from the sun, now, or not at all, or feed as well."""

    mode: ChargingMode

    method = "goal.mode"
    role = Role.HOUSEHOLD
    answer = Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlan(Call[Plan | None]):
    """The current plan, or None."""

    method = "plan.get"
    role = Role.GUEST
    answer = Plan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOffer(Call[OfferPreview]):
    """The plan with a request and without it.

    Attributes:
        digest: of the case that is shown.

    Raises:
        NotFound: no such request.
        WrongState: it has changed since it was shown, is over, or is no request for power.
    """

    key: str
    digest: str

    method = "offers.preview"
    role = Role.GUEST
    answer = OfferPreview


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFeedBudget(Call[FeedUse]):
    """What the car has fed, against what it may."""

    method = "feed.budget"
    role = Role.GUEST
    answer = FeedUse
