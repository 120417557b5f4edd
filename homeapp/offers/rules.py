"""Whether a standing rule answers a request, and with what: pure functions of the request, the home and the past."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from homeapp.model.offer import Binding, Choice, Offer, OfferCase, OfferKind
from homeapp.model.standing_rule import Outcome, RuleAction, StandingRule
from homeapp.offers.home import HomeFacts, why_ineligible
from homeapp.offers.money import promised_wh
from homeapp.offers.overlap import clash
from homeapp.offers.rule_limits import findings, has_limits

_STRENGTH = (RuleAction.DECLINE, RuleAction.ASK, RuleAction.TAKE_PART, RuleAction.ACCEPT)
"""Where several rules are about one request the first of these holds: the owner's no is stronger than a yes."""
_AGAINST = frozenset({RuleAction.DECLINE, RuleAction.ASK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the rules say about a request.

    Attributes:
        outcome: ACCEPTED for TAKE_PART too: silence will be a yes.
        rule: the one that says so; None where none is about the request.
        why: a sentence.
    """

    outcome: Outcome
    rule: StandingRule | None
    why: str


NO_RULE = Ruling(outcome=Outcome.LEFT_TO_YOU, rule=None, why="None of your rules is about it.")


def governing(rules: Iterable[StandingRule], case: OfferCase, time_zone: str) -> tuple[StandingRule, ...]:
    """The rules that are about ``case``, the strongest first."""
    about = [rule for rule in rules if is_about(rule, case.offer, time_zone)]
    return tuple(sorted(about, key=lambda rule: _STRENGTH.index(rule.action)))


def is_about(rule: StandingRule, offer: Offer, time_zone: str) -> bool:
    """Provider, kind, days and hours fit; whatever is imposed or is no request for power fits no rule."""
    if offer.binding is Binding.MANDATORY or not offer.kind.takes_power:
        return False
    if rule.action is RuleAction.TAKE_PART and offer.binding is not Binding.OPT_OUT:
        return False
    if (rule.sp_id and rule.sp_id != offer.sp_id) or (rule.kind is not None and rule.kind is not offer.kind):
        return False
    zone = ZoneInfo(time_zone)
    start = offer.start.astimezone(zone)
    if rule.weekdays and start.weekday() not in rule.weekdays:
        return False
    if not rule.not_before:
        return True
    # What lasts for ever has no end in local time.
    return offer.end - offer.start < timedelta(days=1) and _lies_within(start, offer.end.astimezone(zone), rule)


def ruling(rules: Iterable[StandingRule], case: OfferCase, others: Iterable[OfferCase], home: HomeFacts) -> Ruling:
    """What is answered to ``case`` without asking the owner, and why.

    Args:
        rules: all of them.
        case: the request; ``foreseen_pct`` is what the plan foresees with it.
        others: all other requests, the ended ones of the last week included.
        home: as it is.
    """
    known = tuple(others)
    reserve: Ruling | None = None
    for rule in governing(rules, case, home.time_zone):
        said = _by(rule, case, known, home)
        if said is None:
            continue
        if rule.action in _AGAINST or said.outcome is Outcome.ACCEPTED:
            return said
        reserve = reserve or said
    return reserve or NO_RULE


def choice_of(said: Ruling) -> Choice | None:
    """The answer that a ruling makes at once; None where the owner is asked, or silence is left to speak."""
    if said.rule is None or said.rule.action is RuleAction.TAKE_PART:
        return None
    match said.outcome:
        case Outcome.ACCEPTED:
            return Choice.ACCEPT
        case Outcome.DECLINED:
            return Choice.DECLINE
        case Outcome.LEFT_TO_YOU:
            return None
        case _:
            assert_never(said.outcome)


def _by(rule: StandingRule, case: OfferCase, others: tuple[OfferCase, ...], home: HomeFacts) -> Ruling | None:
    """None where ``rule`` is against something that ``case`` is not."""
    broken, unknown = findings(rule, case, others, home)
    if rule.action in _AGAINST:
        return _against(rule, broken, unknown)
    in_the_way = [*broken, *unknown, *_never_without_owner(case, others, home)]
    if in_the_way:
        return Ruling(outcome=Outcome.LEFT_TO_YOU, rule=rule, why=_sentence(in_the_way))
    return Ruling(outcome=Outcome.ACCEPTED, rule=rule, why="It keeps everything that your rule asks for.")


def _against(rule: StandingRule, broken: list[str], unknown: list[str]) -> Ruling | None:
    if broken or not has_limits(rule):
        outcome = Outcome.DECLINED if rule.action is RuleAction.DECLINE else Outcome.LEFT_TO_YOU
        return Ruling(outcome=outcome, rule=rule, why=_sentence(broken) or "Your rule is about all of these.")
    # What might be against it is for the owner to see.
    return Ruling(outcome=Outcome.LEFT_TO_YOU, rule=rule, why=_sentence(unknown)) if unknown else None


def _never_without_owner(case: OfferCase, others: tuple[OfferCase, ...], home: HomeFacts) -> list[str]:
    """What no rule may agree to."""
    offer = case.offer
    found = (
        [f"it has terms that this hub does not understand: {', '.join(offer.unsupported)}"] if offer.unsupported else []
    )
    found += [_as_clause(sentence) for sentence in why_ineligible(offer, home)]
    if (overlap := clash(case, others)) is not None:
        found.append(_as_clause(overlap))
    if offer.kind is OfferKind.POWER_FEED:
        found += _feed_beyond(case, home)
    return found


def _feed_beyond(case: OfferCase, home: HomeFacts) -> list[str]:
    """Below the floor, or beyond the budget."""
    wanted = promised_wh(case, home.capacity_wh) or 0.0
    found = []
    if home.feed_left_wh is not None and wanted > home.feed_left_wh:
        found.append("it would feed more than your budget leaves")
    kept_by_terms = case.offer.min_soc_pct is not None and case.offer.min_soc_pct >= home.floor_pct
    if kept_by_terms:
        return found
    if home.soc_pct is None or not home.capacity_wh:
        found.append(f"nobody can tell whether the car would stay above your {home.floor_pct:.0f} %")
    elif home.soc_pct - wanted / home.capacity_wh * 100 < home.floor_pct:
        found.append(f"it could take the car below your {home.floor_pct:.0f} %")
    return found


def _lies_within(start: datetime, end: datetime, rule: StandingRule) -> bool:
    begins, ends = time.fromisoformat(rule.not_before), time.fromisoformat(rule.not_after)
    opens = datetime.combine(start.date(), begins, start.tzinfo)
    if begins > ends and start.time() < ends:
        opens -= timedelta(days=1)
    closes = datetime.combine(opens.date() + timedelta(days=int(begins > ends)), ends, start.tzinfo)
    return opens <= start and end <= closes


def _sentence(parts: Iterable[str]) -> str:
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _as_clause(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")
