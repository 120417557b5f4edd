"""Checks on a standing rule: whether it makes sense."""

import re
from decimal import Decimal

from homeapp.model.standing_rule import ALL_DAYS, RuleAction, StandingRule
from homeapp.offers.rule_words import RULE_KINDS

_RULE_ID = re.compile(r"[A-Za-z0-9_-]{0,40}")
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_CURRENCY = re.compile(r"[A-Z]{3}")
MOST_RULES = 50
_MOST_MONEY = Decimal(100_000)
_MOST_CYCLES = 1000.0


def why_no_rule(rule: StandingRule) -> str | None:
    """A sentence saying why ``rule`` cannot be kept, or None where it is in order."""
    if not _RULE_ID.fullmatch(rule.rule_id):
        return "The id of a rule is made of letters, digits, - and _."
    if rule.kind is not None and rule.kind not in RULE_KINDS:
        return "Rules are about requests for the car's power; everything else needs your own answer."
    if rule.action is RuleAction.TAKE_PART and not rule.sp_id:
        return "Say whose contract it is: silence can be a yes to one provider only."
    if any(day not in ALL_DAYS for day in rule.weekdays):
        return "A week has the days 0 to 6."
    if bool(rule.not_before) != bool(rule.not_after) or rule.not_before == rule.not_after != "":
        return "Say both from when and until when, and not the same."
    if any(told and not _CLOCK_TIME.fullmatch(told) for told in (rule.not_before, rule.not_after)):
        return "Times are written like 07:30."
    return _why_no_limits(rule)


def _why_no_limits(rule: StandingRule) -> str | None:
    money = [amount for amount in (rule.least_per_kwh, rule.least_per_event) if amount is not None]
    if any(not amount.is_finite() or not 0 <= amount <= _MOST_MONEY for amount in money):
        return "One of the amounts is no amount of money."
    if bool(money) != bool(rule.currency) or (rule.currency and not _CURRENCY.fullmatch(rule.currency)):
        return "An amount of money needs its currency, like EUR; without an amount leave it out."
    cycles, soc_pct = rule.most_cycles_per_week, rule.least_soc_pct
    if cycles is not None and not 0 <= cycles <= _MOST_CYCLES:
        return "The number of battery cycles is not a number, or beyond all measure."
    if soc_pct is not None and not 0 <= soc_pct <= 100:
        return "A state of charge lies between 0 and 100 %."
    return None
