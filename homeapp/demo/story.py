"""What happens in the demo street when nobody checks it: a car comes home, requests come in, a part wears out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from homeapp.demo.grid.objects import DrKind, DrOffer
from homeapp.demo.owner import Owner
from homeapp.demo.street import Street
from homeapp.model.offer import OfferState

Say = Callable[[str], None]
Moment = Callable[[str], Awaitable[None]]

_FEED_LEAD, _FEED_FOR = timedelta(minutes=6), timedelta(minutes=40)
_SHED_LEAD, _SHED_FOR = timedelta(minutes=50), timedelta(minutes=30)
_LIMIT_LEAD, _LIMIT_FOR = timedelta(minutes=100), timedelta(minutes=45)
_CONTRACTED_LEAD, _CONTRACTED_NOTICE = timedelta(hours=4), timedelta(hours=1)
_NEXT_FEED = timedelta(minutes=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One run of the street.

    Attributes:
        say: prints a line.
        moment: called at "charging" (two requests wait) and, where ``decides``, at "feeding".
        decides: the demo's own owner approves; otherwise the person at the screen does.
    """

    street: Street
    owner: Owner
    say: Say
    moment: Moment
    decides: bool

    async def tell(self) -> None:
        """The first hour."""
        await self._settle_in()
        await self._come_home()
        feed_key = await self._ask()
        await self.moment("charging")
        if self.decides:
            await self._feed(feed_key)
            await self.moment("feeding")

    async def go_on(self) -> None:
        """A new power-feed request every hour and a half of street time, for ever."""
        while True:
            await self.street.clock.sleep(_NEXT_FEED.total_seconds())
            await self._offer_feed()

    async def _settle_in(self) -> None:
        meter = await self.owner.finds(self.street.meter_id)
        self.say(f"Found by mDNS: {meter.product} at {meter.address}. Adopting it.")
        await self.owner.adopts_meter(self.street.meter, meter.device_id)
        charger = await self.owner.finds(self.street.charger_id)
        self.say(f"A charger knocks: {charger.product}. Adopting it.")
        await self.owner.adopts(charger.device_id, "Charger")
        self.say("The charger has its floor profile and a password of its own.")

    async def _come_home(self) -> None:
        self.street.plug_in()
        await self.owner.wait(lambda: (self.owner.snapshot.evce_w.value or 0) > 6000)
        power_kw = (self.owner.snapshot.evce_w.value or 0) / 1000
        self.say(f"The car is plugged in and charges with {power_kw:.1f} kW.")

    async def _ask(self) -> str:
        self._limit()
        self._contracted()
        start = self.street.clock.now() + _SHED_LEAD
        self.street.vtn.publish_offer(
            DrOffer(
                kind=DrKind.LOAD_SHED,
                start=start,
                end=start + _SHED_FOR,
                power_w=4200.0,
                title="Charge less for a while",
                text="High load on your street.",
                reward=Decimal("0.40"),
                expires_at=start,
            )
        )
        key = await self._offer_feed()
        await self.street.providers.pev_sp.report_defect(
            "P0A1F", "warning", "Coolant pump wearing out", "Safe to drive. The part is on order."
        )
        await self.owner.wait(lambda: self.owner.snapshot.pending_offers >= 2 and bool(self.owner.snapshot.alerts))
        self.say("Two requests wait in the inbox, and the car reports a worn part.")
        return key

    def _limit(self) -> None:
        """What is mandatory is obeyed and shown; nobody is asked."""
        start = self.street.clock.now() + _LIMIT_LEAD
        self.street.vtn.publish_offer(
            DrOffer(
                kind=DrKind.CAPACITY_LIMIT,
                start=start,
                end=start + _LIMIT_FOR,
                power_w=8000.0,
                title="Limit of your grid connection",
                text="Work on the cable of your street.",
            )
        )

    def _contracted(self) -> None:
        """The owner has agreed to such requests in a contract: silence takes part."""
        start = self.street.clock.now() + _CONTRACTED_LEAD
        self.street.vtn.publish_offer(
            DrOffer(
                kind=DrKind.LOAD_SHED,
                start=start,
                end=start + _SHED_FOR,
                power_w=2000.0,
                title="Evening peak, by your contract",
                text="You take part unless you say no.",
                contracted=True,
                reward_per_kwh=Decimal("0.15"),
                expires_at=start - _CONTRACTED_NOTICE,
            )
        )

    async def _offer_feed(self) -> str:
        start = self.street.clock.now() + _FEED_LEAD
        offer_id = f"feed-{start:%H%M%S}"
        await self.street.providers.evc_sp.offer_power_feed(
            start,
            start + _FEED_FOR,
            6000.0,
            Decimal("1.92"),
            50.0,
            start,
            "Sell 4 kWh from your car",
            description="Your car helps the street over a short peak.",
            offer_id=offer_id,
        )
        return f"evc_sp/{offer_id}"

    async def _feed(self, key: str) -> None:
        case = await self.owner.approves(await self.owner.receives(key))
        self.say(f"The owner approves: {case.offer.title}.")
        await self.owner.sees(key, OfferState.SCHEDULED, OfferState.ACTIVE)
        self.say("The EVC provider has verified the signed decision and confirmed it.")
        await self.owner.wait(lambda: (self.owner.snapshot.evce_w.value or 0) < -4000, timeout_s=90)
        self.say(f"The car feeds {-(self.owner.snapshot.evce_w.value or 0) / 1000:.1f} kW.")
