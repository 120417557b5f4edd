"""Whether a plan feeds: only where the owner has said so, as much as the budget leaves, and if it gains enough."""

import math
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from homeapp.model.plan import ChargingMode, SlotReason
from homeapp.planner.problem import Solver
from homeapp.planning.formulation import FeedTerms, Frame
from homeapp.planning.grid import Span
from homeapp.planning.solving import Draft, slot_cost, solve_frame

_ROUNDING_WH = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The powers that were chosen.

    Attributes:
        gain: see ``Plan.feed_gain``.
        refused: see ``Plan.feed_refused``.
    """

    draft: Draft
    gain: float | None = None
    refused: str | None = None


def settle(frame: Frame, solver: Solver, currency: str) -> Settled:
    """The least-cost powers by the owner's mode and budget."""
    agreed_w = max((-power_w for power_w, _ in frame.forced.values() if power_w < 0), default=0.0)
    least_w = max(agreed_w, frame.request.feed_max_w) if agreed_w else 0.0
    quiet = solve_frame(frame, FeedTerms(most_w=least_w, free=False), solver)
    if frame.request.goal.mode is not ChargingMode.POWER_FEED:
        return Settled(draft=quiet)
    refused = _why_not(frame)
    if refused is not None:
        return Settled(draft=quiet, refused=refused)
    feeding = _within_budget(frame, solver, quiet)
    gain, least_gain = quiet.objective - feeding.objective, float(frame.request.goal.feed.least_gain)
    if gain >= least_gain and _fed_more(frame, feeding, quiet):
        return Settled(draft=feeding, gain=gain)
    if not _fed_more(frame, feeding, quiet):
        sentence = "Feeding does not pay now: dear hours are not dear enough for the losses and the battery's wear."
    else:
        sentence = (
            f"Feeding would gain only {gain:.2f} {currency}. You have said that less than {least_gain:.2f} {currency} "
            "is not worth it."
        )
    return Settled(draft=quiet, gain=max(0.0, gain), refused=sentence)


def _why_not(frame: Frame) -> str | None:
    request, allowance = frame.request, frame.request.allowance
    if request.feed_problem is not None:
        return request.feed_problem
    if request.soc_pct is None or not request.soc_told:
        return "The car does not tell its state of charge, so your reserve could not be kept while feeding."
    if allowance.year_wh is not None and allowance.year_wh < _ROUNDING_WH:
        return "What you let the car feed in a year has been fed."
    if all(span.price.import_price is None for span in frame.spans):
        return "No prices are known, so nobody can say when feeding pays."
    return None


def _within_budget(frame: Frame, solver: Solver, quiet: Draft) -> Draft:
    """Where the budget leaves less than would pay, the hours that pay best."""
    wear = float(frame.request.goal.feed.wear_per_kwh)
    free = solve_frame(frame, FeedTerms(most_w=frame.request.feed_max_w, free=True), solver)
    chosen = _affordable(frame, free, wear)
    if chosen is None:
        return free
    fixed = replace(frame, forced={**frame.forced, **{slot: (power, SlotReason.FEED_PLAN) for slot, power in chosen}})
    draft = solve_frame(fixed, FeedTerms(most_w=frame.request.feed_max_w, free=False), solver)
    return min(draft, quiet, key=lambda one: one.objective)


def _affordable(frame: Frame, draft: Draft, wear: float) -> list[tuple[int, float]] | None:
    """The slots of ``draft`` that the budget leaves, with what they feed, W < 0; None where it leaves all of them."""
    request, allowance = frame.request, frame.request.allowance
    zone = ZoneInfo(request.time_zone)
    today = request.now.astimezone(zone).date()
    year_wh = math.inf if allowance.year_wh is None else allowance.year_wh
    left: dict[date, float] = {}
    chosen, cut = [], False
    for number in sorted(_feeding(draft), key=lambda slot: -_worth(frame.spans[slot], draft.powers_w[slot], wear)):
        span, power_w = frame.spans[number], -draft.powers_w[number]
        day = span.start.astimezone(zone).date()
        limit_wh = allowance.today_wh if day == today else allowance.day_wh
        day_wh = left.setdefault(day, math.inf if limit_wh is None else limit_wh)
        fed_wh = min(power_w * span.hours, day_wh, year_wh)
        cut = cut or fed_wh < power_w * span.hours - _ROUNDING_WH
        left[day] -= fed_wh
        year_wh -= fed_wh
        if fed_wh > _ROUNDING_WH:
            chosen.append((number, -fed_wh / span.hours))
    return chosen if cut else None


def _feeding(draft: Draft) -> list[int]:
    return [number for number, power_w in enumerate(draft.powers_w) if power_w < 0]


def _worth(span: Span, power_w: float, wear: float) -> float:
    """What feeding in a slot brings per kWh."""
    return (slot_cost(span, 0.0, wear) - slot_cost(span, power_w, wear)) / (-power_w * span.hours / 1000)


def _fed_more(frame: Frame, feeding: Draft, quiet: Draft) -> bool:
    return feeding.fed_wh(frame.spans) > quiet.fed_wh(frame.spans) + _ROUNDING_WH
