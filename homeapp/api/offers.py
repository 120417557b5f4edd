"""Calls about requests from providers, the owner's answers to them, and the owner's standing rules."""

from dataclasses import dataclass

from homeapp.api.base import Call, Role
from homeapp.model.offer import Choice, OfferCase
from homeapp.model.standing_rule import DryRun, RuleView, StandingRule, StopTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffers(Call[tuple[OfferCase, ...]]):
    """All requests: the undecided first, then the newest."""

    method = "offers.list"
    role = Role.GUEST
    answer = tuple[OfferCase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOffer(Call[OfferCase]):
    """One request.

    Raises:
        NotFound: no such request.
    """

    key: str

    method = "offers.show"
    role = Role.GUEST
    answer = OfferCase


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOffer(Call[OfferCase]):
    """The owner's answer to what was shown.

    Attributes:
        digest: of the case that was shown; an answer to an older revision is refused.
        committed_w, committed_wh: of a yes, where it is to less than what is asked for; see ``Decision``.

    Raises:
        NotFound: no such request.
        WrongState: too late, already answered, changed since it was shown, nothing that this home can do, the same
            power is promised to another, or a yes to a provider with which nothing is shared.
    """

    key: str
    digest: str
    choice: Choice
    committed_w: float | None = None
    committed_wh: float | None = None

    method = "offers.decide"
    role = Role.OWNER
    answer = OfferCase


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPrice(Call[StopTerms]):
    """What it costs to stop a request now; ``DecideOffer`` with WITHDRAW then stops it.

    Raises:
        NotFound: no such request.
        WrongState: it is not agreed, it is over, or it is not the owner's to stop.
    """

    key: str

    method = "offers.stop_price"
    role = Role.GUEST
    answer = StopTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRules(Call[tuple[RuleView, ...]]):
    """The owner's standing rules, the oldest first."""

    method = "rules.list"
    role = Role.GUEST
    answer = tuple[RuleView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRule(Call[RuleView]):
    """Add a rule, or replace the one with the same id. It answers requests that come from now on.

    Raises:
        WrongState: the rule contradicts itself, or there are too many.
        NotFound: there is no rule with this id.
    """

    rule: StandingRule

    method = "rules.keep"
    role = Role.OWNER
    answer = RuleView


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRule(Call[None]):
    """Remove a rule; what it has answered stays answered.

    Raises:
        NotFound: there is no such rule.
    """

    rule_id: str

    method = "rules.remove"
    role = Role.OWNER
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunRule(Call[tuple[DryRun, ...]]):
    """What a rule, kept or not, would have done with the requests of the past, the newest first.

    Raises:
        WrongState: the rule contradicts itself.
    """

    rule: StandingRule

    method = "rules.dry_run"
    role = Role.GUEST
    answer = tuple[DryRun, ...]
