"""What the contract's calls about requests and rules do."""

from collections.abc import Mapping
from typing import Any

from homeapp import api
from homeapp.errors import NotFound
from homeapp.model.offer import OfferCase
from homeapp.model.standing_rule import DryRun, RuleView, StopTerms
from homeapp.offers.desk import OfferDesk
from homeapp.offers.rule_book import RuleBook
from homeapp.server import Handler


class OfferOperations:
    """The handlers, bound to desk and rule book."""

    def __init__(self, desk: OfferDesk, rules: RuleBook) -> None:
        self._desk = desk
        self._rules = rules

    def handlers(self) -> Mapping[type[api.Call[Any]], Handler]:
        """One handler per call."""
        return {
            api.ListOffers: self._list_offers,
            api.ShowOffer: self._show_offer,
            api.DecideOffer: self._decide,
            api.StopPrice: self._stop_price,
            api.ListRules: self._list_rules,
            api.KeepRule: self._keep_rule,
            api.RemoveRule: self._remove_rule,
            api.DryRunRule: self._dry_run,
        }

    async def _list_offers(self, _call: api.ListOffers, _caller: api.Role) -> tuple[OfferCase, ...]:
        return self._desk.cases

    async def _show_offer(self, call: api.ShowOffer, _caller: api.Role) -> OfferCase:
        found = next((case for case in self._desk.cases if case.offer.key == call.key), None)
        if found is None:
            raise NotFound(f"There is no request {call.key!r}.")
        return found

    async def _decide(self, call: api.DecideOffer, caller: api.Role) -> OfferCase:
        return await self._desk.decide(
            call.key,
            call.digest,
            call.choice,
            caller.value,
            committed_w=call.committed_w,
            committed_wh=call.committed_wh,
        )

    async def _stop_price(self, call: api.StopPrice, _caller: api.Role) -> StopTerms:
        return self._desk.stop_price(call.key)

    async def _list_rules(self, _call: api.ListRules, _caller: api.Role) -> tuple[RuleView, ...]:
        return self._rules.views()

    async def _keep_rule(self, call: api.KeepRule, _caller: api.Role) -> RuleView:
        return await self._rules.keep(call.rule)

    async def _remove_rule(self, call: api.RemoveRule, _caller: api.Role) -> None:
        await self._rules.remove(call.rule_id)

    async def _dry_run(self, call: api.DryRunRule, _caller: api.Role) -> tuple[DryRun, ...]:
        return await self._rules.try_out(call.rule)
