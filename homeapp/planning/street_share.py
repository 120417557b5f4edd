"""The part of the cheap hours that this home has drawn, so that a street on one price does not charge as one.

See ``homeapp.planner.spread``. What was drawn is kept while prices, departures and limits are the same, however often
is planned: drawn anew from a shorter stay, another part would come out, and the car would start and stop.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from homeapp.model.plan import ChargingMode
from homeapp.model.tariff import PriceSlot
from homeapp.planner.solver import solve_drawn
from homeapp.planner.spread import Spread, drawn, seed_of
from homeapp.planning.formulation import Frame
from homeapp.planning.solving import Draft, draft_of

_BY_PRICE = (ChargingMode.READY_BY, ChargingMode.CHEAPEST, ChargingMode.POWER_FEED)


@dataclass(frozen=True, slots=True)
class _Held:
    """What was drawn, by the starts of the slots it was drawn for."""

    ground: tuple[object, ...]
    prices: tuple[PriceSlot, ...]
    starts: tuple[datetime, ...]
    spread: Spread

    def stands(self, frame: Frame) -> bool:
        """Nothing has changed of what it was drawn for."""
        now = frame.request.now
        ahead = tuple(slot for slot in self.prices if slot.end > now)
        return self.ground == _ground(frame) and ahead == _prices(frame, now)

    def over(self, frame: Frame) -> Spread:
        """The same for the slots of ``frame``; nothing is drawn for what has come into view since."""
        places = [bisect_right(self.starts, span.start) - 1 for span in frame.spans]
        ends = len(self.starts) - 1
        known = [0 <= place < ends or (place == ends and frame.spans[0].start == self.starts[0]) for place in places]
        pairs = list(zip(places, known, strict=True))
        noise = tuple(self.spread.noise[place] if holds else 0.0 for place, holds in pairs)
        shed = tuple(self.spread.shed[place] if holds else float("inf") for place, holds in pairs)
        return replace(self.spread, noise=noise, shed=shed)


class StreetShare:
    """Draws for one home, and keeps what was drawn; for one sequence of plans."""

    def __init__(self, home_key: str) -> None:
        self._home_key = home_key
        self._held: _Held | None = None

    def of(self, frame: Frame, alone: Draft) -> Draft:
        """The powers within what was drawn, or those of the home alone where that misses a need or costs too much."""
        if alone.solved is None or frame.request.goal.mode not in _BY_PRICE:
            return alone
        problem, solution = alone.solved
        if self._held is None or not self._held.stands(frame):
            spread = drawn(problem, solution, self.seed(_local_day(frame)))
            starts = tuple(span.start for span in frame.spans)
            self._held = _Held(_ground(frame), _prices(frame, frame.request.now), starts, spread)
        return draft_of(problem, solve_drawn(problem, self._held.over(frame), solution))

    def seed(self, day: date) -> int:
        """What this home draws by on a day."""
        return seed_of(self._home_key, day)

    def delay(self) -> timedelta:
        """By how much what a plan sets off at a full quarter of an hour is put off, less than that quarter."""
        held = self._held
        return timedelta() if held is None else timedelta(hours=held.spread.shift_h)


def _ground(frame: Frame) -> tuple[object, ...]:
    """Where this is another one, is drawn anew."""
    request, goal = frame.request, frame.request.goal
    limits = tuple(commitment.interval for commitment in request.commitments)
    return (goal.mode, goal.departures, goal.overdue, limits, request.charge_max_w, request.soc_told)


def _prices(frame: Frame, now: datetime) -> tuple[PriceSlot, ...]:
    tariff = frame.request.tariff
    return tuple(slot for slot in tariff.slots if slot.end > now) if tariff else ()


def _local_day(frame: Frame) -> date:
    return frame.request.now.astimezone(ZoneInfo(frame.request.time_zone)).date()
