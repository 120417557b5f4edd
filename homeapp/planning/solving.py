"""From a frame to powers: the running, maybe short slot by trying what it can hold, all others by the solver."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from homeapp.model.plan import ChargingMode
from homeapp.planner.problem import Solver
from homeapp.planning.formulation import FORBIDDING_WEAR, FeedTerms, Frame, export_price, import_price, problem_of
from homeapp.planning.grid import Span

_SAME_COST = 0.001
"""Money: what is going on is not changed for less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Powers without reasons.

    Attributes:
        powers_w, soc_wh: per slot; what the battery holds at its end.
        objective: all that the plan costs, with wear, what is missing at departures and what is left at the end.
    """

    powers_w: tuple[float, ...]
    soc_wh: tuple[float, ...]
    objective: float

    def fed_wh(self, spans: tuple[Span, ...]) -> float:
        """Energy fed over all slots, Wh >= 0."""
        return sum(max(0.0, -power_w) * span.hours for power_w, span in zip(self.powers_w, spans, strict=True))

    def counted(self, spans: tuple[Span, ...], wear: float, true_wear: float) -> "Draft":
        """The same with the wear of what is fed at its true cost, instead of the one it was chosen by."""
        return replace(self, objective=self.objective - (wear - true_wear) * self.fed_wh(spans) / 1000)


def solve_frame(frame: Frame, terms: FeedTerms, solver: Solver) -> Draft:
    """The least-cost powers."""
    drafts = [_with_first(frame, terms, solver, power_w) for power_w in _firsts(frame, terms)]
    least = min(draft.objective for draft in drafts)
    going_on = frame.request.running_w

    def taken(draft: Draft) -> tuple[bool, float]:
        return draft.objective > least + _SAME_COST, abs(draft.powers_w[0] - going_on)

    return min(drafts, key=taken)


def soc_after(frame: Frame, soc_wh: float, power_w: float, hours: float) -> float:
    """What the battery holds after charging or feeding for so long, Wh."""
    request = frame.request
    gain = request.efficiency if power_w > 0 else 1 / request.feed_efficiency
    return min(request.goal.capacity_wh, max(0.0, soc_wh + power_w * gain * hours))


def slot_cost(span: Span, power_w: float, wear: float) -> float:
    """What the grid takes for the whole home in a slot, and the wear of what is fed."""
    home_kw, car_kw = span.home_w / 1000, power_w / 1000
    grid_kw = home_kw + car_kw
    price = import_price(span) if grid_kw > 0 else export_price(span)
    return span.hours * (price * grid_kw + wear * max(0.0, -car_kw))


def _with_first(frame: Frame, terms: FeedTerms, solver: Solver, power_w: float) -> Draft:
    span = frame.spans[0]
    soc_wh = soc_after(frame, frame.request.soc_wh, power_w, span.hours)
    rest = solver(problem_of(frame, terms, 1, soc_wh))
    return Draft(
        powers_w=(power_w, *(1000 * power_kw for power_kw in rest.powers_kw)),
        soc_wh=(soc_wh, *(1000 * soc_kwh for soc_kwh in rest.soc_kwh)),
        objective=slot_cost(span, power_w, terms.wear) + rest.cost_eur,
    )


def _firsts(frame: Frame, terms: FeedTerms) -> Iterator[float]:
    """What the running slot can hold, W: nothing, all it may charge, all it may feed; if it is committed, only that."""
    forced = frame.forced.get(0)
    if forced is not None:
        yield _committed(frame, terms, forced[0])
        return
    yield 0.0
    charge_w = _charge_w(frame, sun_only=frame.request.goal.mode is ChargingMode.SOLAR)
    if charge_w > 0:
        yield charge_w
    feed_w = _feed_w(frame, terms)
    if terms.wear < FORBIDDING_WEAR and feed_w >= frame.request.charge_min_w:
        yield -feed_w


def _committed(frame: Frame, terms: FeedTerms, power_w: float) -> float:
    if power_w >= 0:
        return min(power_w, _charge_w(frame, sun_only=False))
    return -min(-power_w, _feed_w(frame, terms))


def _charge_w(frame: Frame, *, sun_only: bool) -> float:
    request, span = frame.request, frame.spans[0]
    room_wh = frame.most_wh - request.soc_wh
    most_w = min(span.charge_w, max(0.0, room_wh) / (span.hours * request.efficiency))
    if sun_only:
        most_w = min(most_w, max(0.0, -span.home_w))
    return most_w if most_w >= request.charge_min_w else 0.0


def _feed_w(frame: Frame, terms: FeedTerms) -> float:
    request, span = frame.request, frame.spans[0]
    above_wh = request.soc_wh - request.goal.floor_pct / 100 * request.goal.capacity_wh
    most_w = max(0.0, above_wh) * request.feed_efficiency / span.hours
    return max(0.0, min(most_w, terms.most_w, request.export_max_w + span.home_w))
