"""The outbox on a real database, and what goes into it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from homeapp.model.consent import DataClass
from homeapp.model.offer import (
    Binding,
    Choice,
    Decision,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.ports import DecisionMessage
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.offer_rows import CaseChange
from homeapp.store.outbox import Outbox
from kit.clocks import PatientClock

T = TypeVar("T")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "52.4-degrees-north"


def record(
    record_id: str,
    priority: Priority = Priority.METERING,
    *,
    sp_id: str = "evc_sp",
    data_class: DataClass = DataClass.METERING,
    life: timedelta = timedelta(days=1),
    at: datetime = NOON,
    **body: Any,
) -> DataRecord:
    return DataRecord(
        record_id=record_id,
        sp_id=sp_id,
        data_class=data_class,
        kind=RecordKind.METERING,
        priority=priority,
        created_at=at,
        not_after=at + life,
        body=body or {"energy_wh": 1.5},
    )


def decided(decision_id: str, *, sp_id: str = "evc_sp", at: datetime = NOON) -> CaseChange:
    interval = OfferInterval(start=at, end=at + timedelta(hours=1), setpoint_w=-4000.0)
    offer = Offer(
        offer_id=f"of-{decision_id}",
        revision=1,
        sp_id=sp_id,
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=at,
        expires_at=at + timedelta(days=1),
        intervals=(interval,),
        title="Feed power",
    )
    decision = Decision(
        decision_id=decision_id,
        offer_key=offer.key,
        offer_revision=1,
        offer_digest=offer.digest(),
        choice=Choice.ACCEPT,
        decided_at=at,
        decided_by="owner",
    )
    case = OfferCase(offer=offer, digest=offer.digest(), state=OfferState.ACCEPTED, updated_at=at, decision=decision)
    message = DecisionMessage(decision=decision, offer=offer, not_after=at + timedelta(days=1))
    return CaseChange(case=case, decision=message)


def receipt(decision_id: str, *, sp_id: str = "evc_sp", size_bytes: int = 900) -> Receipt:
    return Receipt(
        decision_id=decision_id,
        sp_id=sp_id,
        level=ReceiptLevel.TRANSPORT,
        received_at=NOON,
        reference=f"rsp-{decision_id}",
        size_bytes=size_bytes,
    )


@dataclass
class Store:
    """An outbox with its ledger on an open database."""

    database: Database
    clock: PatientClock
    notices: list[str] = field(default_factory=list)
    most_waiting: int = 100

    def __post_init__(self) -> None:
        self.outbox = Outbox(
            self.database,
            self.clock,
            notice=lambda code, sentence: self.notices.append(f"{code}: {sentence}"),
            name_of=lambda sp_id: f"Provider {sp_id}",
            most_waiting=self.most_waiting,
        )
        self.ledger = Ledger(self.database, self.clock, decision_kept=self.outbox.wake)

    async def rows(self, query: str) -> list[Any]:
        return await self.database.ledger.read(lambda connection: connection.execute(query).fetchall())

    async def drain(self, sp_id: str = "evc_sp") -> list[str]:
        """Deliver all that waits; the ids in the order they came."""
        order = []
        while (message := await self.outbox.next_waiting(sp_id)) is not None:
            order.append(identity(message))
            await self.outbox.delivered(message, 700)
        return order

    async def tidy(self) -> None:
        running = asyncio.ensure_future(self.outbox.run())
        # Reads and writes are done in the order they were asked for.
        for _ in range(5):
            await self.outbox.waiting()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def identity(message: DecisionMessage | DataRecord) -> str:
    return message.record_id if isinstance(message, DataRecord) else message.decision.decision_id
