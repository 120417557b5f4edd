"""The plan of one home: the best one, or one that is next to the best and not the same as the neighbours'."""

from homeapp.planner.least_cost import least_cost
from homeapp.planner.problem import Problem, Solution
from homeapp.planner.spread import Spread, drawn, spread_out

_ROUNDING_KWH = 1e-3
_ROUNDING_EUR = 1e-3


def solve(problem: Problem, *, seed: int = 0) -> Solution:
    """A plan that breaks no rule; never fails for a valid problem.

    Args:
        problem: what is to be planned.
        seed: what the home draws its part of the cheap hours by (`spread.seed_of`); 0 = the best plan for it alone.
    """
    alone = least_cost(problem)
    return alone if seed == 0 else solve_drawn(problem, drawn(problem, alone, seed), alone)


def solve_drawn(problem: Problem, spread: Spread, alone: Solution | None = None) -> Solution:
    """The best plan within what the home has drawn, or the best plan where that misses a need or costs too much.

    Args:
        problem: what is to be planned.
        spread: what was `drawn`; to be kept while prices, departures and limits are the same, however often it plans.
        alone: the best plan, where it is known already.
    """
    alone = alone or least_cost(problem)
    apart = least_cost(spread_out(problem, spread))
    shortfall = sum(apart.shortfall_kwh) - sum(alone.shortfall_kwh)
    if shortfall > _ROUNDING_KWH or apart.cost_eur > alone.cost_eur + spread.most_eur + _ROUNDING_EUR:
        return alone
    return apart
