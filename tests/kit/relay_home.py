"""A desk and its relay on a real database, and providers that do with a delivery what the test says."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homeapp.errors import NotConsented
from homeapp.model.consent import DataClass
from homeapp.model.offer import (
    Binding,
    Choice,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.offers.desk import OfferDesk
from homeapp.ports import DecisionMessage, Provider, ProviderInbox
from homeapp.relay import Relay
from homeapp.settings import UplinkSettings
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox, Waiting
from homeapp.store.uplink_use import UplinkUse
from homeapp.uplink.uplink import Uplink
from kit.clocks import LeapingClock, PatientClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE_ANSWER = Waiting(decisions=1, records=0)


@dataclass
class ScriptedProvider:
    """Does with each delivery what ``script`` says: an error to raise, or None to take it; at its end it takes all."""

    sp_id: str
    script: list[Exception | None] = field(default_factory=list)
    got: list[str] = field(default_factory=list)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "Provider"

    async def run(self, inbox: ProviderInbox) -> None:
        raise NotImplementedError

    async def attempt(self) -> None:
        self.tried.set()
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error

    async def disclose(self, record: DataRecord) -> int:
        await self.attempt()
        self.got.append(record.record_id)
        return 700

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        raise NotImplementedError

    async def deliver(self, message: DecisionMessage) -> Receipt:
        await self.attempt()
        self.got.append(f"{message.offer.offer_id} {message.decision.choice}")
        return Receipt(
            decision_id=message.decision.decision_id,
            sp_id=self.sp_id,
            level=ReceiptLevel.TRANSPORT,
            received_at=NOON,
            reference=str(len(self.got)),
            size_bytes=900,
        )


class DeadProvider(ScriptedProvider):
    """Takes a delivery and never comes back."""

    async def attempt(self) -> None:
        self.tried.set()
        await asyncio.Event().wait()


@dataclass
class GatedProvider(ScriptedProvider):
    """Takes one delivery at a time, each when it is told to."""

    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def attempt(self) -> None:
        self.tried.set()
        await self.gate.acquire()


class ReluctantProvider(GatedProvider):
    """Takes a delivery, never comes back, and takes its time where it is told to stop."""

    async def attempt(self) -> None:
        self.tried.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self.gate.acquire()
            self.got.append("the old one has let go")


def offer_number(number: int, sp_id: str = "evc_sp") -> Offer:
    start = NOON + timedelta(hours=number)
    return Offer(
        offer_id=f"o{number}",
        revision=1,
        sp_id=sp_id,
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOON,
        expires_at=NOON + timedelta(minutes=30),
        intervals=(OfferInterval(start=start, end=start + timedelta(hours=1), setpoint_w=-4000.0),),
        title="Feed power",
    )


CLASSES = {
    Priority.SAFETY: DataClass.HEALTH,
    Priority.HEALTH: DataClass.HEALTH,
    Priority.METERING: DataClass.METERING,
    Priority.LOCATION: DataClass.LOCATION,
}


def record(
    record_id: str,
    priority: Priority = Priority.METERING,
    *,
    sp_id: str = "evc_sp",
    data_class: DataClass | None = None,
    life: timedelta = timedelta(days=3),
) -> DataRecord:
    return DataRecord(
        record_id=record_id,
        sp_id=sp_id,
        data_class=data_class or CLASSES[priority],
        kind=RecordKind.METERING,
        priority=priority,
        created_at=NOON,
        not_after=NOON + life,
        body={"energy_wh": 1.5, "quality": "good"},
    )


@dataclass
class RelayHome:
    """A desk and its relay on one database."""

    desk: OfferDesk
    outbox: Outbox
    uplink: Uplink
    clock: LeapingClock | PatientClock
    changed: asyncio.Event
    database: Database
    not_shared: set[tuple[str, DataClass]] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    relay: Relay | None = None

    def check(self, record: DataRecord) -> None:
        if (record.sp_id, record.data_class) in self.not_shared:
            raise NotConsented("You have not agreed to that.")

    async def until_empty(self) -> None:
        async with asyncio.timeout(20):
            while await self.outbox.waiting():
                await asyncio.sleep(0)

    async def decide(self, number: int, choice: Choice = Choice.ACCEPT, sp_id: str = "evc_sp") -> None:
        offer = offer_number(number, sp_id)
        await self.desk.receive(offer)
        await self.desk.decide(offer.key, offer.digest(), choice, "owner")

    def case(self, number: int, sp_id: str = "evc_sp") -> OfferCase:
        return next(case for case in self.desk.cases if case.offer.key == f"{sp_id}/o{number}")

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted():
                self.changed.clear()
                await self.changed.wait()

    async def relaying(self, providers: list[ScriptedProvider], body: Callable[[], Awaitable[None]]) -> None:
        by_id: Mapping[str, Provider] = {provider.sp_id: provider for provider in providers}
        self.relay = relay = Relay(
            outbox=self.outbox,
            uplink=self.uplink,
            providers=by_id,
            clock=self.clock,
            on_receipt=self.desk.receipt,
            may_leave=self.check,
            allows=lambda sp_id, data_class: (sp_id, data_class) not in self.not_shared,
            notice=lambda code, _sentence: self.notices.append(code),
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(relay.run())
            async with asyncio.timeout(20):
                await body()
            running.cancel()


def at_home(
    directory: Path,
    body: Callable[[RelayHome], Awaitable[None]],
    clock: LeapingClock | PatientClock | None = None,
    settings: UplinkSettings | None = None,
) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            used = clock or LeapingClock(NOON)
            changed = asyncio.Event()
            outbox = Outbox(database, used)
            uplink = Uplink(settings=settings or UplinkSettings(), store=UplinkUse(database), clock=used)
            ledger = Ledger(database, used, decision_kept=outbox.wake)
            desk = OfferDesk(ledger=ledger, outbox=outbox, clock=used, on_change=changed.set)
            await desk.load()
            await body(RelayHome(desk, outbox, uplink, used, changed, database))

    asyncio.run(main())
