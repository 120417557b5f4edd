"""What a standing rule would have done with the requests of the past."""

from collections.abc import Iterable
from dataclasses import replace

from homeapp.model.offer import OfferCase, OfferState
from homeapp.model.standing_rule import DryRun, StandingRule
from homeapp.offers.home import HomeFacts
from homeapp.offers.rules import is_about, ruling
from homeapp.offers.states import FINAL, is_accepted


def dry_run(rule: StandingRule, past: Iterable[OfferCase], home: HomeFacts) -> tuple[DryRun, ...]:
    """One line for each request that ``rule`` is about, the newest first.

    The home is taken as it is today; how full the car was then, and what its budget left, is not known.
    """
    then = replace(home, soc_pct=None, feed_left_wh=None)
    cases = [case for case in past if case.offer.intervals and case.state is not OfferState.INVALID]
    about = [case for case in cases if is_about(rule, case.offer, home.time_zone)]
    newest_first = sorted(about, key=lambda case: case.offer.start, reverse=True)
    return tuple(
        _line(rule, case, [_as_agreed(other) for other in cases if other is not case], then) for case in newest_first
    )


def _line(rule: StandingRule, case: OfferCase, others: list[OfferCase], home: HomeFacts) -> DryRun:
    said = ruling((rule,), case, others, home)
    why = said.why if said.rule is not None else "None of the rule's limits speaks against it."
    return DryRun(key=case.offer.key, title=case.offer.title, when=case.offer.start, would=said.outcome, why=why)


def _as_agreed(case: OfferCase) -> OfferCase:
    """One that was agreed stood in the way of others until it ended."""
    return replace(case, state=OfferState.CONFIRMED) if case.state in FINAL and is_accepted(case) else case
