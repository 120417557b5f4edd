"""The offer desk, the owner's rules and the calls about both, wired to the home that they are about."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from homeapp.model.offer import Offer
from homeapp.model.readings import EvceState
from homeapp.model.site import Site
from homeapp.offers.desk import OfferDesk
from homeapp.offers.home import HomeFacts
from homeapp.offers.operations import OfferOperations
from homeapp.offers.rule_book import RuleBook
from homeapp.ports import Clock
from homeapp.snapshot import LiveState
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from homeapp.store.standing_rules import StandingRules

_FEEDS = "ocpp2.1"
"""Only this version of OCPP can ask a car to feed (block Q)."""


async def _no_plan(_offer: Offer) -> float | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """Implements ``HomeOutlook`` on the live state.

    Attributes:
        region: ISO 3166-1 or -2, or empty.
        has_charger: one is adopted.
        hears: whether the owner shares so much with a provider that an answer can be sent to it.
        foresee: the state of charge at departure that the plan foresees with a request, or None.
        feed_left_wh: what the owner's budget leaves for power feeds, Wh, or None for no budget.
    """

    live: LiveState
    site: Site
    region: str
    has_charger: Callable[[], bool]
    hears: Callable[[str], bool]
    foresee: Callable[[Offer], Awaitable[float | None]] = _no_plan
    feed_left_wh: Callable[[], float | None] = lambda: None

    def facts(self) -> HomeFacts:
        """As it is now."""
        live, goal = self.live, self.live.goal
        return HomeFacts(
            charger=self.has_charger(),
            feed_refusal=_feed_refusal(live.evce),
            feed_allowed=self.site.feed_allowed,
            currency=live.tariff.currency if live.tariff else "",
            region=self.region,
            time_zone=self.site.time_zone,
            soc_pct=live.fresh_soc_pct,
            floor_pct=goal.floor_pct,
            capacity_wh=goal.capacity_wh,
            feed_left_wh=self.feed_left_wh(),
            hears=self.hears,
        )

    async def foreseen_pct(self, offer: Offer) -> float | None:
        """By the plan with ``offer``."""
        return await self.foresee(offer)


class OfferSide:
    """The desk, its rules and their calls.

    Attributes:
        desk, rules, operations: the parts.
    """

    def __init__(
        self,
        *,
        database: Database,
        ledger: Ledger,
        outbox: Outbox,
        clock: Clock,
        home: HomeView,
        name_of: Callable[[str], str],
        offers_changed: Callable[[], None],
        rules_changed: Callable[[], None],
    ) -> None:
        self.rules = RuleBook(
            StandingRules(database, clock),
            clock,
            name_of=name_of,
            past=ledger.past_cases,
            facts=home.facts,
            changed=rules_changed,
        )
        self.desk = OfferDesk(
            ledger=ledger,
            outbox=outbox,
            clock=clock,
            on_change=offers_changed,
            home=home,
            rules=self.rules.rules,
        )
        self.operations = OfferOperations(self.desk, self.rules)

    async def load(self) -> None:
        """Take up what the ledger holds; to be called once, before everything else."""
        await self.rules.load()
        await self.desk.load()


def _feed_refusal(evce: EvceState | None) -> str | None:
    """What will not change by itself: an older charger, or a car that has told all about itself and does not feed."""
    can = evce.capabilities if evce is not None else None
    if evce is None or can is None or can.can_feed:
        return None
    car_has_told = evce.status.car_present and evce.transaction_id is not None and evce.soc_pct is not None
    return can.feed_refusal if can.protocol != _FEEDS or car_has_told else None
