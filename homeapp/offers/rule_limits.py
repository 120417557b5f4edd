"""What of a standing rule's limits a request does not keep, and what of them nobody can know."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

from homeapp.model.offer import OfferCase, OfferKind
from homeapp.model.standing_rule import StandingRule
from homeapp.offers.home import HomeFacts
from homeapp.offers.money import measured_wh, per_kwh, promised_money, promised_wh
from homeapp.offers.states import COMMITTED, FINAL

WEEK = timedelta(days=7)


def has_limits(rule: StandingRule) -> bool:
    """It looks at more than provider, kind and time."""
    told = (rule.least_per_kwh, rule.least_per_event, rule.most_cycles_per_week, rule.least_soc_pct)
    return any(limit is not None for limit in told)


def findings(
    rule: StandingRule, case: OfferCase, others: Iterable[OfferCase], home: HomeFacts
) -> tuple[list[str], list[str]]:
    """Parts of a sentence: the limits that are not kept, and those of which nobody can tell."""
    found = [
        *_pay(rule.least_per_kwh, per_kwh(case, home.capacity_wh), "kWh", rule, case),
        *_pay(rule.least_per_event, promised_money(case, home.capacity_wh), "request", rule, case),
        *_cycles(rule, case, others, home),
        *_soc(rule, case),
    ]
    return [text for broken, text in found if broken], [text for broken, text in found if not broken]


def fed_within_week(case: OfferCase, others: Iterable[OfferCase], capacity_wh: float | None) -> float:
    """Energy fed, and agreed to be fed, in the seven days that end with ``case``, which is included, Wh."""
    since, until = case.offer.end - WEEK, case.offer.end
    return (promised_wh(case, capacity_wh) or 0.0) + sum(
        _fed_or_to_be(other, capacity_wh)
        for other in others
        if other.offer.kind is OfferKind.POWER_FEED
        and other.offer.key != case.offer.key
        and since < other.offer.end
        and other.offer.start < until
    )


_Finding = tuple[bool, str]
"""Whether the limit is known not to be kept, and what to say of it."""


def _pay(
    least: Decimal | None, paid: Decimal | None, per: str, rule: StandingRule, case: OfferCase
) -> Iterator[_Finding]:
    if least is None:
        return
    if paid is None:
        yield False, f"it does not say what it pays per {per}"
    elif case.offer.currency != rule.currency:
        yield False, f"it pays in {case.offer.currency}"
    elif paid < least:
        yield True, f"it pays {paid:.2f} {rule.currency} per {per}"


def _cycles(rule: StandingRule, case: OfferCase, others: Iterable[OfferCase], home: HomeFacts) -> Iterator[_Finding]:
    if rule.most_cycles_per_week is None or case.offer.kind is not OfferKind.POWER_FEED:
        return
    if not home.capacity_wh:
        yield False, "the size of the car's battery is not known"
        return
    cycles = fed_within_week(case, others, home.capacity_wh) / home.capacity_wh
    if cycles > rule.most_cycles_per_week:
        yield True, f"it would make {cycles:.2f} battery cycles within a week"


def _soc(rule: StandingRule, case: OfferCase) -> Iterator[_Finding]:
    if rule.least_soc_pct is None:
        return
    if case.foreseen_pct is None:
        yield False, "nobody can tell how full the car would be at departure"
    elif case.foreseen_pct < rule.least_soc_pct:
        yield True, f"the car would leave with {case.foreseen_pct:.0f} %"


def _fed_or_to_be(case: OfferCase, capacity_wh: float | None) -> float:
    if case.state in COMMITTED and case.follow_up is None:
        return promised_wh(case, capacity_wh) or 0.0
    return (measured_wh(case) or 0.0) if case.state in COMMITTED | FINAL else 0.0
