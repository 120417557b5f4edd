"""Requests to order, and a desk on a real ledger with a clock that stands until it is moved."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from homeapp.model.offer import (
    Binding,
    Choice,
    Decision,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.standing_rule import StandingRule
from homeapp.offers.desk import OfferDesk
from homeapp.offers.home import HomeFacts
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from kit.clocks import LeapingClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class KnownHome:
    """Implements ``HomeOutlook``: what a test says."""

    now: HomeFacts = field(default_factory=HomeFacts)
    foreseen: float | None = None
    failure: Exception | None = None

    def facts(self) -> HomeFacts:
        return self.now

    async def foreseen_pct(self, offer: Offer) -> float | None:
        if self.failure is not None:
            raise self.failure
        return self.foreseen


@dataclass
class Desk:
    """The desk and what stands around it; ``home`` and ``rules`` can be changed at any time."""

    desk: OfferDesk
    ledger: Ledger
    outgoing: Outbox
    clock: LeapingClock
    database: Database
    changes: list[int] = field(default_factory=list)
    home: KnownHome = field(default_factory=KnownHome)
    rules: list[StandingRule] = field(default_factory=list)

    def case(self, offer: Offer) -> OfferCase:
        return next(case for case in self.desk.cases if case.offer.key == offer.key)

    async def agreed(self, offer: Offer, *, confirmed: bool = True) -> None:
        """The request comes in and is accepted; the yes is delivered, and confirmed unless said otherwise."""
        await self.desk.receive(offer)
        await self.decide(offer, Choice.ACCEPT)
        await self.answer(offer, ReceiptLevel.TRANSPORT)
        if confirmed:
            await self.answer(offer, ReceiptLevel.BUSINESS)

    async def decide(self, offer: Offer, choice: Choice, **committed: float) -> OfferCase:
        return await self.desk.decide(offer.key, offer.digest(), choice, "owner", **committed)

    async def at(self, instant: datetime) -> None:
        """It becomes ``instant``, and the desk looks at the clock."""
        self.clock.at = instant
        await self.desk.tick()

    async def answer(self, offer: Offer, level: ReceiptLevel, *, confirmed: bool = True, reason: str = "") -> None:
        """A receipt for the newest decision about ``offer``."""
        decision = self.case(offer).decision
        assert decision is not None
        await self.desk.receipt(
            Receipt(
                decision_id=decision.decision_id,
                sp_id=offer.sp_id,
                level=level,
                received_at=self.clock.at,
                confirmed=confirmed,
                reason=reason,
            )
        )

    async def outbox(self) -> list[tuple[str, str]]:
        """(choice, state) of every row, in order."""
        return await self.database.ledger.read(
            lambda connection: connection.execute(
                "SELECT body ->> '$.choice', state FROM outbox JOIN decisions ON record_id = decision_id "
                "ORDER BY number"
            ).fetchall()
        )

    async def trail(self, kind: str = "offer") -> list[str]:
        """The states in the audit trail, in order."""
        return await self.database.ledger.read(
            lambda connection: [
                row[0]
                for row in connection.execute(
                    "SELECT detail ->> '$.state' FROM audit WHERE kind = ? ORDER BY seq", (kind,)
                )
            ]
        )

    async def decisions(self) -> list[Decision]:
        """All that are kept, in no order."""
        import msgspec

        return await self.database.ledger.read(
            lambda connection: [
                msgspec.json.decode(row[0], type=Decision) for row in connection.execute("SELECT body FROM decisions")
            ]
        )


MakeOffer = Callable[..., Offer]
Body = Callable[[Desk], Awaitable[None]]
Run = Callable[[Body], None]


def make_offer(**wanted: Any) -> Offer:
    """A power feed from 13:00 to 14:00, to be answered until 12:30."""
    begins = wanted.pop("begins", NOON + timedelta(hours=1))
    ends = wanted.pop("ends", begins + timedelta(hours=1))
    fields: dict[str, Any] = {
        "offer_id": "o1",
        "revision": 1,
        "sp_id": "evc_sp",
        "sp_name": "EVC provider",
        "kind": OfferKind.POWER_FEED,
        "binding": Binding.OWNER_DECIDES,
        "issued_at": NOON,
        "expires_at": NOON + timedelta(minutes=30),
        "intervals": (OfferInterval(start=begins, end=ends, setpoint_w=-5000.0),),
        "title": "Feed power",
        "reward": Decimal("2.40"),
        "currency": "EUR",
    }
    return Offer(**{**fields, **wanted})


@asynccontextmanager
async def desk_in(directory: Path, clock: LeapingClock) -> AsyncIterator[Desk]:
    """The desk as it is after a start of the hub."""
    async with Database(directory) as database:
        ledger = Ledger(database, clock)
        changes: list[int] = []
        outbox = Outbox(database, clock)
        home, rules = KnownHome(), list[StandingRule]()
        desk = OfferDesk(
            ledger=ledger,
            outbox=outbox,
            clock=clock,
            on_change=lambda: changes.append(1),
            home=home,
            rules=lambda: tuple(rules),
        )
        await desk.load()
        yield Desk(desk, ledger, outbox, clock, database, changes, home, rules)
