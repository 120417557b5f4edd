"""From a frame to powers, and what they come to."""

from dataclasses import dataclass

from homeapp.planner.problem import Problem, Solution, Solver
from homeapp.planning.formulation import FeedTerms, Frame, export_price, import_price, problem_of
from homeapp.planning.grid import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Powers without reasons.

    Attributes:
        powers_w, soc_wh: per slot; what the battery holds at its end.
        objective: all that the plan costs, with wear, what is missing at departures and what is left at the end.
        solved: the problem that they solve, and its solution; None where there was nothing to choose.
    """

    powers_w: tuple[float, ...]
    soc_wh: tuple[float, ...]
    objective: float = 0.0
    solved: tuple[Problem, Solution] | None = None

    def fed_wh(self, spans: tuple[Span, ...]) -> float:
        """Energy fed over all slots, Wh >= 0."""
        return sum(max(0.0, -power_w) * span.hours for power_w, span in zip(self.powers_w, spans, strict=True))


def solve_frame(frame: Frame, terms: FeedTerms, solver: Solver) -> Draft:
    """The least-cost powers."""
    problem = problem_of(frame, terms)
    return draft_of(problem, solver(problem))


def draft_of(problem: Problem, solution: Solution) -> Draft:
    """A solution as a draft."""
    return Draft(
        powers_w=tuple(1000 * power_kw for power_kw in solution.powers_kw),
        soc_wh=tuple(1000 * soc_kwh for soc_kwh in solution.soc_kwh),
        objective=solution.cost_eur,
        solved=(problem, solution),
    )


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
