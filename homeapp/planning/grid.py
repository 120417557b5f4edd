"""The slots of a plan: quarter hours of UTC from now on, and what each of them allows."""

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
_REST = timedelta(minutes=2)
"""What is left of the running quarter hour belongs to the next one where it is no longer than this."""
_BY_PRICE = (ChargingMode.CHEAPEST, ChargingMode.SOLAR, ChargingMode.POWER_FEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One slot of the plan.

    Attributes:
        home_w: expected of the home besides the car, solar power taken off.
        charge_w: most charging power, 0 or at least the car's least one; below ``free_w`` where a request caps it.
        free_w: the same without requests.
        mandatory: the grid operator caps it.
        committed_w: agreed to be fed (< 0) or charged (> 0), mean over the slot, or None.
    """

    start: datetime
    end: datetime
    price: ExpectedPrice
    home_w: float
    charge_w: float
    free_w: float
    mandatory: bool = False
    committed_w: float | None = None

    @property
    def hours(self) -> float:
        """Its length, h."""
        return (self.end - self.start) / timedelta(hours=1)

    @property
    def capped(self) -> bool:
        """A request leaves less than there is."""
        return self.charge_w < self.free_w


def spans_of(request: PlanRequest) -> tuple[Span, ...]:
    """From now to the end of what is planned; the first one may be short."""
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
    end = min(request.now + LONGEST, max(_ends(request)))
    seconds = SLOT.total_seconds()
    moment = datetime.fromtimestamp(request.now.timestamp() // seconds * seconds + seconds, UTC)
    if moment - request.now <= _REST:
        moment += SLOT
    edges = [request.now]
    while moment < end + SLOT:
        edges.append(moment)
        moment += SLOT
    return edges


def _ends(request: PlanRequest) -> Iterator[datetime]:
    goal, now = request.goal, request.now
    yield now + (_SHORTEST_BY_PRICE if goal.mode in _BY_PRICE else _SHORTEST)
    yield from (departure.at for departure in goal.departures)
    yield from (commitment.interval.end for commitment in request.commitments)
    if request.tariff is not None and (priced_until := request.tariff.priced_until) is not None:
        yield priced_until


def _span(request: PlanRequest, outlook: PriceOutlook, home: HomeOutlook, start: datetime, end: datetime) -> Span:
    home_w = home.at(start)
    free_w = _chargeable(request, request.fuse_w - home_w)
    capped_w, mandatory, committed_w = free_w, False, None
    for commitment in request.commitments:
        share = _share(commitment, start, end)
        if share <= 0:
            continue
        interval = commitment.interval
        if interval.max_w is not None and interval.max_w < capped_w:
            capped_w, mandatory = interval.max_w, commitment.mandatory
        if interval.setpoint_w is not None:
            committed_w = (committed_w or 0.0) + interval.setpoint_w * share
    return Span(
        start=start,
        end=end,
        price=outlook.of(start, end),
        home_w=home_w,
        charge_w=_chargeable(request, capped_w),
        free_w=free_w,
        mandatory=mandatory,
        committed_w=committed_w,
    )


def _chargeable(request: PlanRequest, most_w: float) -> float:
    most_w = min(request.charge_max_w, most_w)
    return most_w if most_w >= request.charge_min_w else 0.0


def _share(commitment: Commitment, start: datetime, end: datetime) -> float:
    """How much of the slot it covers, 0..1."""
    covered = min(commitment.interval.end, end) - max(commitment.interval.start, start)
    return covered / (end - start)
