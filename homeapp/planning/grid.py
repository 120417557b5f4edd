"""The slots of a plan: quarter hours of UTC from now on, cut where a request or a departure does, with their limits."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from homeapp.model.plan import ChargingMode, ForecastStep
from homeapp.planning.price_outlook import ExpectedPrice, PriceOutlook
from homeapp.planning.request import Commitment, PlanRequest

SLOT = timedelta(minutes=15)
LONGEST = timedelta(hours=48)
"""Some tariffs hold for ever; what lies further ahead is planned later."""
_SHORTEST = timedelta(hours=12)
_SHORTEST_BY_PRICE = timedelta(hours=24)
"""Which hours are cheap can only be said of a whole day."""
_SHORTEST_SLOT = timedelta(seconds=60)
"""What would be shorter belongs to its neighbour."""
LONGEST_SLOT = SLOT + _SHORTEST_SLOT
_BY_PRICE = (ChargingMode.CHEAPEST, ChargingMode.SOLAR, ChargingMode.POWER_FEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One slot of the plan.

    Attributes:
        home_w: expected of the home besides the car, solar power taken off.
        charge_w: most charging power, 0 or at least the car's least one; below ``free_w`` where a request caps it.
        free_w: the same without requests.
        mandatory: the grid operator caps it.
        feed_w: most that may be fed, inf for no limit of its own.
        committed_w: agreed to be fed (< 0) or charged (> 0), or None.
        least_pct: state of charge below which nothing that is agreed is fed, besides the owner's floor.
    """

    start: datetime
    end: datetime
    price: ExpectedPrice
    home_w: float
    charge_w: float
    free_w: float
    mandatory: bool = False
    feed_w: float = math.inf
    committed_w: float | None = None
    least_pct: float = 0.0

    @property
    def hours(self) -> float:
        """Its length, h."""
        return (self.end - self.start) / timedelta(hours=1)

    @property
    def capped(self) -> bool:
        """A request leaves less than there is."""
        return self.charge_w < self.free_w


def spans_of(request: PlanRequest) -> tuple[Span, ...]:
    """From now to the end of what is planned."""
    outlook, home = PriceOutlook(request.tariff, request.history), HomeOutlook(request.forecast.steps)
    return tuple(_span(request, outlook, home, start, end) for start, end in pairwise(_edges(request)))


class HomeOutlook:
    """What is expected of the home at any instant."""

    def __init__(self, steps: tuple[ForecastStep, ...]) -> None:
        self._steps = steps
        self._starts = [step.start for step in steps]

    def at(self, instant: datetime) -> float:
        """W, the middle of what is expected; of the nearest step where none holds."""
        if not self._steps:
            return 0.0
        return self._steps[max(0, bisect_right(self._starts, instant) - 1)].middle_w


def _edges(request: PlanRequest) -> list[datetime]:
    now, seconds = request.now, SLOT.total_seconds()
    last = min(now + LONGEST, max(_ends(request)))
    moment = datetime.fromtimestamp(now.timestamp() // seconds * seconds + seconds, UTC)
    quarters = []
    while moment < last + SLOT:
        quarters.append(moment)
        moment += SLOT
    edges, end = [now], quarters[-1]
    for edge in sorted({*_cuts(request), *quarters}):
        if edge - edges[-1] >= _SHORTEST_SLOT and (edge == end or end - edge >= _SHORTEST_SLOT):
            edges.append(edge)
    return edges


def _cuts(request: PlanRequest) -> Iterator[datetime]:
    for commitment in request.commitments:
        yield from (commitment.interval.start, commitment.interval.end)
    yield from (departure.at for departure in request.goal.departures)


def _ends(request: PlanRequest) -> Iterator[datetime]:
    goal, now = request.goal, request.now
    yield now + (_SHORTEST_BY_PRICE if goal.mode in _BY_PRICE else _SHORTEST)
    yield from (departure.at for departure in goal.departures)
    for commitment in request.commitments:
        # What is due at the end of a plan would not be counted.
        yield commitment.interval.end + (SLOT if commitment.guarantee is not None else timedelta())
    if request.tariff is not None and (priced_until := request.tariff.priced_until) is not None:
        yield priced_until


def _span(request: PlanRequest, outlook: PriceOutlook, home: HomeOutlook, start: datetime, end: datetime) -> Span:
    home_w = home.at(start)
    free_w = _chargeable(request, request.fuse_w - home_w)
    capped_w, mandatory, feed_w, committed_w, least_pct = free_w, False, math.inf, None, 0.0
    for commitment in request.commitments:
        if not _holds(commitment, start, end):
            continue
        interval = commitment.interval
        if interval.max_w is not None and interval.max_w < capped_w:
            capped_w, mandatory = interval.max_w, commitment.mandatory
        if interval.max_feed_w is not None:
            feed_w = min(feed_w, interval.max_feed_w)
        if interval.setpoint_w is not None:
            committed_w = (committed_w or 0.0) + interval.setpoint_w
            least_pct = max(least_pct, commitment.least_pct) if interval.setpoint_w < 0 else least_pct
    return Span(
        start=start,
        end=end,
        price=outlook.of(start, end),
        home_w=home_w,
        charge_w=_chargeable(request, capped_w),
        free_w=free_w,
        mandatory=mandatory,
        feed_w=feed_w,
        committed_w=committed_w,
        least_pct=least_pct,
    )


def _chargeable(request: PlanRequest, most_w: float) -> float:
    most_w = min(request.charge_max_w, most_w)
    return most_w if most_w >= request.charge_min_w else 0.0


def _holds(commitment: Commitment, start: datetime, end: datetime) -> bool:
    """It covers more than half of the slot; where less, no edge could be made of it, and control sees to the rest."""
    covered = min(commitment.interval.end, end) - max(commitment.interval.start, start)
    return covered > (end - start) / 2
