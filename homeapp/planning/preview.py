"""What a request would change: the plan with it and the plan without it, and the difference in words."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from homeapp.model.offer import OfferCase
from homeapp.model.plan import OfferPreview, Plan, Promise
from homeapp.offers.money import promised_money
from homeapp.planning.request import Commitment, PlanRequest

_CENT = Decimal("0.01")
_LITTLE_PCT = 0.5
_LITTLE_CYCLES = 0.005


def preview_of(
    case: OfferCase,
    request: PlanRequest,
    asked: tuple[Commitment, ...],
    others: tuple[Commitment, ...],
    planner: Callable[[PlanRequest], Plan],
) -> OfferPreview:
    """Both plans, by ``planner``, of ``request`` with its commitments replaced. Blocks while it solves.

    Args:
        case: what the provider asks for; ``asked`` is what it comes to.
        request: for a plan from now on.
        asked: what stands in one of the plans.
        others: what stands in both.
        planner: makes them.
    """
    empty = tuple(map(_without_effect, asked))
    plan_with, plan_without = (_planned(request, others, more, planner) for more in (asked, empty))
    return OfferPreview(
        key=case.offer.key,
        digest=case.digest,
        plan_with=plan_with,
        plan_without=plan_without,
        cost_with=plan_with.cost,
        cost_without=plan_without.cost,
        reaches_with_pct=plan_with.reaches_pct,
        reaches_without_pct=plan_without.reaches_pct,
        cycles_with=plan_with.cycles,
        cycles_without=plan_without.cycles,
        reward=promised_money(case, request.goal.capacity_wh),
        currency=case.offer.currency or _currency(request),
        sentence=" ".join(_sentences(case, request, asked, plan_with, plan_without)),
    )


def _without_effect(asked: Commitment) -> Commitment:
    """Both plans look equally far ahead, or their costs could not be compared."""
    return Commitment(
        interval=replace(asked.interval, setpoint_w=None, max_w=None),
        guarantee=None if asked.guarantee is None else replace(asked.guarantee, soc_pct=0.0),
    )


def _currency(request: PlanRequest) -> str:
    return request.tariff.currency if request.tariff else ""


def _planned(
    request: PlanRequest,
    others: tuple[Commitment, ...],
    asked: tuple[Commitment, ...],
    planner: Callable[[PlanRequest], Plan],
) -> Plan:
    together = sorted((*others, *asked), key=lambda commitment: commitment.interval.start)
    return planner(replace(request, commitments=tuple(together)))


def _sentences(
    case: OfferCase, request: PlanRequest, asked: tuple[Commitment, ...], plan_with: Plan, plan_without: Plan
) -> list[str]:
    said = [_of_charge(request, plan_with, plan_without), *_of_guarantees(request, asked, plan_with)]
    currency, reward = _currency(request), promised_money(case, request.goal.capacity_wh)
    more_cycles = plan_with.cycles - plan_without.cycles
    if more_cycles > _LITTLE_CYCLES:
        fed_kwh = more_cycles * request.goal.capacity_wh / 1000
        said.append(f"It takes {fed_kwh:.1f} kWh from the battery, {more_cycles:.2f} of a full cycle.")
        if _over_budget(request, fed_kwh):
            said.append("That is more than you let the car feed in a day.")
    if plan_with.cost is not None and plan_without.cost is not None:
        said.append(
            f"Charging is expected to cost {plan_with.cost:.2f} instead of {plan_without.cost:.2f} {currency}."
            if plan_with.cost != plan_without.cost
            else f"Charging costs the same, {plan_with.cost:.2f} {currency}."
        )
        if reward is not None and case.offer.currency == currency:
            said.append(_balance(reward, request, plan_with, plan_without, currency))
    new = (promise.sentence for promise in plan_with.broken if promise not in plan_without.broken)
    said += [sentence for sentence in new if sentence not in said][:1]
    return said


def _of_guarantees(request: PlanRequest, asked: tuple[Commitment, ...], plan_with: Plan) -> Iterator[str]:
    for guarantee in (one.guarantee for one in asked):
        if guarantee is None or guarantee.at >= plan_with.slots[-1].end:
            # Nobody can say yet.
            continue
        missed = (one for one in plan_with.broken if (one.kind, one.at) == (Promise.GUARANTEE, guarantee.at))
        kept = f"{guarantee.soc_pct:.0f} % again by {_local(guarantee.at, request)} is kept."
        yield next((promise.sentence for promise in missed), kept)


def _local(instant: datetime, request: PlanRequest) -> str:
    return f"{instant.astimezone(ZoneInfo(request.time_zone)):%a %H:%M}"


def _of_charge(request: PlanRequest, plan_with: Plan, plan_without: Plan) -> str:
    when = _local(request.goal.ready_by, request)
    if abs(plan_with.reaches_pct - plan_without.reaches_pct) < _LITTLE_PCT:
        return f"The car is as full at {when} as without it: {plan_with.reaches_pct:.0f} %."
    return f"At {when} the car has {plan_with.reaches_pct:.0f} % instead of {plan_without.reaches_pct:.0f} %."


def _over_budget(request: PlanRequest, fed_kwh: float) -> bool:
    left = [wh for wh in (request.allowance.today_wh, request.allowance.year_wh) if wh is not None]
    return bool(left) and fed_kwh * 1000 > min(left) + 1.0


def _balance(reward: Decimal, request: PlanRequest, plan_with: Plan, plan_without: Plan, currency: str) -> str:
    fed_kwh = Decimal(repr(plan_with.cycles - plan_without.cycles)) * Decimal(repr(request.goal.capacity_wh / 1000))
    wear = max(Decimal(0), fed_kwh) * request.goal.feed.wear_per_kwh
    more = (plan_with.cost or Decimal(0)) - (plan_without.cost or Decimal(0))
    net = (reward - more - wear).quantize(_CENT)
    worn = f" and {wear.quantize(_CENT)} {currency} for the battery's wear" if wear >= _CENT else ""
    better = "better" if net >= 0 else "worse"
    return f"With the reward of {reward:.2f} {currency}{worn}, you are {abs(net)} {currency} {better} off."
