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

    Attributes:
        feed: set the budget for power feed as well, which is the owner's; without it the one that holds stays.

    Raises:
        WrongState: a value that makes no sense; says which and what would.
    """

    schedule: Schedule
    feed: bool = False

    method = "schedule.set"
    role = Role.HOUSEHOLD
    answer = Schedule

    def needs(self) -> Role:
        return Role.OWNER if self.feed else self.role


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSchedule(Call[Plan]):
    """The plan as it would be with another schedule or mode; nothing of it is kept.

    Raises:
        WrongState: as for ``SetSchedule``.
    """

    schedule: Schedule
    mode: ChargingMode

    method = "schedule.preview"
    role = Role.GUEST
    answer = Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMode(Call[Goal]):
    """Charge to be ready in time, at the cheapest hours, from the sun, now, or not at all.

    Or feed as well: that sells the owner's energy and wears the owner's battery, so it takes the owner.
    """

    mode: ChargingMode

    method = "goal.mode"
    role = Role.HOUSEHOLD
    answer = Goal

    def needs(self) -> Role:
        return Role.OWNER if self.mode is ChargingMode.POWER_FEED else self.role


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
