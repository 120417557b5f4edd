"""The owner's standing rules: kept, removed, shown in words, and tried on the requests of the past."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

from homeapp.errors import NotFound, WrongState
from homeapp.model.offer import OfferCase
from homeapp.model.standing_rule import DryRun, RuleView, StandingRule
from homeapp.offers.dry_run import dry_run
from homeapp.offers.home import HomeFacts
from homeapp.offers.rule_checks import MOST_RULES, why_no_rule
from homeapp.offers.rule_words import view
from homeapp.ports import Clock
from homeapp.store.standing_rules import StandingRules

MOST_PAST = 500
"""Requests of the past that a dry run looks at."""


class RuleBook:
    """The rules in force; those in memory are those in the ledger.

    Attributes (of the constructor):
        name_of: a provider's name for people.
        past: the newest requests of the ledger, at most so many.
        facts: the home as it is.
        changed: called after every change; must not block.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(
        self,
        store: StandingRules,
        clock: Clock,
        *,
        name_of: Callable[[str], str],
        past: Callable[[int], Awaitable[tuple[OfferCase, ...]]],
        facts: Callable[[], HomeFacts],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._name_of = name_of
        self._past = past
        self._facts = facts
        self._changed = changed
        self._rules: tuple[StandingRule, ...] = ()

    async def load(self) -> None:
        """Take up what the ledger holds; to be called once, before everything else."""
        self._rules = await self._store.all()

    def rules(self) -> tuple[StandingRule, ...]:
        """Those in force, the oldest first."""
        return self._rules

    def views(self) -> tuple[RuleView, ...]:
        """The same as they are shown."""
        return tuple(view(rule, self._name_of) for rule in self._rules)

    async def keep(self, rule: StandingRule) -> RuleView:
        """Add a rule, or replace the one with the same id.

        Raises:
            WrongState: it contradicts itself, or there are too many.
            NotFound: there is no rule with this id.
        """
        _check(rule)
        known = {old.rule_id for old in self._rules}
        if rule.rule_id and rule.rule_id not in known:
            raise NotFound(f"There is no rule {rule.rule_id!r} any more. Leave its id out to make a new one.")
        if not rule.rule_id and len(known) >= MOST_RULES:
            raise WrongState(f"There are {MOST_RULES} rules already. Remove one that you do not need.")
        rule = replace(rule, rule_id=rule.rule_id or uuid.uuid4().hex[:12], since=self._clock.now())
        await self._store.keep(rule)
        self._rules = await self._store.all()
        self._changed()
        return view(rule, self._name_of)

    async def remove(self, rule_id: str) -> None:
        """What it has answered stays answered.

        Raises:
            NotFound: there is no such rule.
        """
        if all(rule.rule_id != rule_id for rule in self._rules):
            raise NotFound(f"There is no rule {rule_id!r}.")
        await self._store.remove(rule_id)
        self._rules = await self._store.all()
        self._changed()

    async def try_out(self, rule: StandingRule) -> tuple[DryRun, ...]:
        """What ``rule`` alone would have done with the requests of the past.

        Raises:
            WrongState: it contradicts itself.
        """
        _check(rule)
        return dry_run(rule, await self._past(MOST_PAST), self._facts())


def _check(rule: StandingRule) -> None:
    if (fault := why_no_rule(rule)) is not None:
        raise WrongState(fault)
