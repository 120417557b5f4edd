"""The owner's standing rules: what to answer to which requests, and each rule in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from homeapp.model.offer import OfferKind

ALL_DAYS = (0, 1, 2, 3, 4, 5, 6)


class RuleAction(StrEnum):
    """What a rule does with the requests that it is about."""

    ACCEPT = "accept"
    """where all its limits are kept; else the owner is asked"""
    TAKE_PART = "take_part"
    """the owner has a contract: silence is a yes to requests with ``Binding.OPT_OUT`` that keep all its limits"""
    DECLINE = "decline"
    """where one of its limits is not kept; all of them where it has none"""
    ASK = "ask"
    """as DECLINE, but the owner is asked, whatever other rules say"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRule:
    """One rule. What it does not name it does not look at.

    Attributes:
        rule_id: 1..40 characters of ``[A-Za-z0-9_-]``; empty for a new rule, the hub then gives one.
        sp_id: the provider, or empty for all.
        kind: or None for every request that asks for the car's power.
        weekdays: local days on which the request begins, Monday 0; empty for all.
        not_before, not_after: local times, ``HH:MM``, between which it lies as a whole, over midnight where
            ``not_after`` comes first; both or neither.
        least_per_kwh: least reward per kWh of what is asked for.
        least_per_event: least reward for the whole of it.
        currency: ISO 4217, of the two.
        most_cycles_per_week: equivalent full cycles fed within seven days, this request included.
        least_soc_pct: state of charge at departure that the plan foresees with it.
        since: when it was kept; only requests that came later are answered by it.
    """

    action: RuleAction
    rule_id: str = ""
    sp_id: str = ""
    kind: OfferKind | None = None
    weekdays: tuple[int, ...] = ()
    not_before: str = ""
    not_after: str = ""
    least_per_kwh: Decimal | None = None
    least_per_event: Decimal | None = None
    currency: str = ""
    most_cycles_per_week: float | None = None
    least_soc_pct: float | None = None
    since: datetime | None = None


class ClauseCode(StrEnum):
    """What one part of a rule's sentence says; the values that it names are in the clause."""

    ACCEPT = "accept"
    TAKE_PART = "take_part"
    DECLINE = "decline"
    ASK = "ask"
    KIND = "kind"
    """``kind``"""
    ANY_KIND = "any_kind"
    PROVIDER = "provider"
    """``provider``: its name for people"""
    ANY_PROVIDER = "any_provider"
    WEEKDAYS = "weekdays"
    """``days``: numbers, Monday 0, with commas"""
    HOURS = "hours"
    """``from`` and ``to``"""
    PAYS_AT_LEAST = "pays_at_least"
    """``amount``, ``currency``, ``per``: kwh or event"""
    PAYS_LESS = "pays_less"
    """the same"""
    CYCLES_AT_MOST = "cycles_at_most"
    """``cycles``"""
    CYCLES_MORE = "cycles_more"
    """the same"""
    SOC_AT_LEAST = "soc_at_least"
    """``soc_pct``"""
    SOC_LESS = "soc_less"
    """the same"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One part of the sentence, in the order in which they are said.

    Those of the limits are joined by "and" where the rule asks that all are kept, else by "or".
    """

    code: ClauseCode
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A rule as it is shown.

    Attributes:
        clauses: its sentence by parts, for screens that speak other languages.
        sentence: the same in English.
    """

    rule: StandingRule
    clauses: tuple[Clause, ...]
    sentence: str


class Outcome(StrEnum):
    """What a rule would have led to."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    LEFT_TO_YOU = "left_to_you"


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a rule would have done with one past request.

    Attributes:
        key: of the request.
        when: its begin.
        why: a sentence.
    """

    key: str
    title: str
    when: datetime
    would: Outcome
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTerms:
    """What it costs to stop an agreed request now.

    Attributes:
        sentence: all of it, for the person who is about to do so.
        reward_lost: of what was promised, what will not be paid then; None where no money was promised.
        fee: what is to be paid on top, 0 or more; None where the terms name none.
        currency: ISO 4217, or empty.
        delivered_wh, promised_wh: Wh >= 0, or None where no energy is asked for.
    """

    sentence: str
    reward_lost: Decimal | None
    fee: Decimal | None
    currency: str
    delivered_wh: float | None
    promised_wh: float | None
