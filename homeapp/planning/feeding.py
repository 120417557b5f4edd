"""Whether a plan feeds: only where the owner has said so, as much as the budget leaves, and if it gains enough."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from homeapp.model.plan import ChargingMode
from homeapp.planner.problem import Solver
from homeapp.planning.formulation import FORBIDDING_WEAR, FeedTerms, Frame, import_price
from homeapp.planning.solving import Draft, solve_frame

_HALVINGS = 5
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
    quiet = solve_frame(frame, FeedTerms(most_w=least_w, wear=FORBIDDING_WEAR), solver)
    if frame.request.goal.mode is not ChargingMode.POWER_FEED:
        return Settled(draft=quiet)
    refused = _why_not(frame)
    if refused is not None:
        return Settled(draft=quiet, refused=refused)
    feeding = _within_budget(frame, solver, quiet)
    wear, least_gain = float(frame.request.goal.feed.wear_per_kwh), float(frame.request.goal.feed.least_gain)
    gain = _objective(frame, quiet, FORBIDDING_WEAR, wear) - feeding.objective
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
    """Where the budget leaves less than would pay, only the hours that pay best: as if wear cost so much more."""
    wear = float(frame.request.goal.feed.wear_per_kwh)
    prices = [import_price(span) for span in frame.spans]
    draft = _solved(frame, solver, wear, wear)
    if _fits(frame, draft):
        return draft
    best = Draft(
        powers_w=quiet.powers_w, soc_wh=quiet.soc_wh, objective=_objective(frame, quiet, FORBIDDING_WEAR, wear)
    )
    least, most = wear, wear + max(prices) - min(prices)
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        draft = _solved(frame, solver, middle, wear)
        if _fits(frame, draft):
            best, most = min(best, draft, key=lambda one: one.objective), middle
        else:
            least = middle
    return best


def _solved(frame: Frame, solver: Solver, wear: float, true_wear: float) -> Draft:
    draft = solve_frame(frame, FeedTerms(most_w=frame.request.feed_max_w, wear=wear), solver)
    return Draft(powers_w=draft.powers_w, soc_wh=draft.soc_wh, objective=_objective(frame, draft, wear, true_wear))


def _objective(frame: Frame, draft: Draft, counted: float, true: float) -> float:
    return draft.objective - (counted - true) * draft.fed_wh(frame.spans) / 1000


def _fed_more(frame: Frame, feeding: Draft, quiet: Draft) -> bool:
    return feeding.fed_wh(frame.spans) > quiet.fed_wh(frame.spans) + _ROUNDING_WH


def _fits(frame: Frame, draft: Draft) -> bool:
    request, allowance = frame.request, frame.request.allowance
    zone = ZoneInfo(request.time_zone)
    fed: dict[date, float] = defaultdict(float)
    for span, power_w in zip(frame.spans, draft.powers_w, strict=True):
        fed[span.start.astimezone(zone).date()] += max(0.0, -power_w) * span.hours
    if allowance.year_wh is not None and sum(fed.values()) > allowance.year_wh + _ROUNDING_WH:
        return False
    today = request.now.astimezone(zone).date()
    limits = {day: allowance.today_wh if day == today else allowance.day_wh for day in fed}
    return all(limit is None or fed[day] <= limit + _ROUNDING_WH for day, limit in limits.items())
