"""Which answers of a CSMS reject the card of a transaction, and that this is stopped once it can be."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from devices.evce.outlet import Transaction
from devices.evce.schemas import Version
from devices.evce.upstream.deauthorized import Deauthorized, rejected_transaction
from devices.evce.v201 import Ocpp201
from homeapp.errors import DeviceUnreachable, StoreUnavailable
from homeapp.ports import StationMessage
from kit.in_loop import in_loop
from kit.raw_csms import Way

EVENT = {"eventType": "Started", "transactionInfo": {"transactionId": "t1"}}


def row(action: str, transaction: int | None = None) -> StationMessage:
    return StationMessage(message_id="m", action=action, payload=b"{}", transaction=transaction)


@pytest.mark.parametrize(
    ("message", "said", "answer", "version", "rejected"),
    [
        (row("StartTransaction", 70), {}, {"idTagInfo": {"status": "Blocked"}}, Version.V16, "70"),
        (row("StartTransaction", 70), {}, {"idTagInfo": {"status": "Accepted"}}, Version.V16, None),
        (row("StartTransaction"), {}, {"idTagInfo": {"status": "Blocked"}}, Version.V16, None),
        (row("StopTransaction"), {"transactionId": 70}, {"idTagInfo": {"status": "Blocked"}}, Version.V16, None),
        (row("TransactionEvent"), EVENT, {"idTokenInfo": {"status": "NoCredit"}}, Version.V201, "t1"),
        (row("TransactionEvent"), EVENT, {"idTokenInfo": {"status": "Accepted"}}, Version.V21, None),
        (row("TransactionEvent"), EVENT, {}, Version.V21, None),
        (
            row("TransactionEvent"),
            EVENT | {"eventType": "Ended"},
            {"idTokenInfo": {"status": "Invalid"}},
            Version.V201,
            None,
        ),
    ],
)
def test_what_rejects_the_card_of_a_transaction(
    message: StationMessage, said: dict[str, Any], answer: dict[str, Any], version: Version, rejected: str | None
) -> None:
    assert rejected_transaction(message, said, answer, version) == rejected


class Keeper:
    """Implements ``port.StopKeeper``."""

    def __init__(self) -> None:
        self.kept: tuple[str, ...] = ()
        self.full = False

    async def load(self, _device_id: str) -> tuple[str, ...]:
        return self.kept

    async def keep(self, _device_id: str, transactions: Sequence[str]) -> None:
        if self.full:
            raise StoreUnavailable("the disk is full")
        self.kept = tuple(transactions)

    async def forget(self) -> None:
        self.kept = ()


class Bench:
    """A station that may be away."""

    dialect = Ocpp201()

    def __init__(self) -> None:
        self.running: Transaction | None = None
        self.reachable = True
        self.asked: list[Any] = []
        self.way = Way()
        self.link: Any = self
        self.keeper = Keeper()
        self.it = self.anew()

    def anew(self) -> Deauthorized:
        """In the next life of the hub."""
        return Deauthorized("ocpp:x", lambda: self.running, lambda: self.link, self.way, self.keeper)

    async def call(self, call: Any, _priority: Any) -> str:
        self.asked.append(call.payload["transactionId"])
        if not self.reachable:
            raise DeviceUnreachable("away")
        return "Accepted"

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@in_loop
async def test_it_is_stopped_as_soon_as_that_is_possible_and_not_again() -> None:
    bench = Bench()
    stopping = asyncio.create_task(bench.it.run())
    await bench.it.reject("t1")
    await bench.settle()
    assert bench.asked == []
    bench.running = Transaction(id="t1", evse=1)
    bench.reachable = False
    bench.it.heard()
    await bench.settle()
    assert (bench.asked, bench.way.notices) == (["t1"], {})
    bench.reachable = True
    for _ in range(2):
        bench.it.heard()
        await bench.settle()
    assert bench.asked == ["t1", "t1"]
    assert list(bench.way.notices) == ["card_rejected.ocpp:x"]
    await bench.it.reject("t1")
    bench.running = Transaction(id="t2", evse=1)
    bench.it.heard()
    await bench.settle()
    assert bench.asked == ["t1", "t1"]
    stopping.cancel()


@in_loop
async def test_without_the_consent_nothing_is_stopped_any_more() -> None:
    bench = Bench()
    stopping = asyncio.create_task(bench.it.run())
    await bench.it.reject("t1")
    bench.it.forget()
    bench.running = Transaction(id="t1", evse=1)
    bench.it.heard()
    await bench.settle()
    assert bench.asked == []
    stopping.cancel()


@in_loop
async def test_the_next_life_of_the_hub_stops_it_and_the_one_after_that_does_not() -> None:
    bench = Bench()
    await bench.it.reject("t1")
    assert bench.keeper.kept == ("t1",)
    bench.running = Transaction(id="t1", evse=1)
    for _ in range(2):
        it = bench.anew()
        await it.load()
        stopping = asyncio.create_task(it.run())
        it.heard()
        await bench.settle()
        stopping.cancel()
    assert bench.asked == ["t1"]
    assert bench.keeper.kept == ()


@in_loop
async def test_what_cannot_be_kept_is_not_taken_for_delivered_and_is_stopped_all_the_same() -> None:
    bench = Bench()
    bench.keeper.full = True
    bench.running = Transaction(id="t1", evse=1)
    with pytest.raises(StoreUnavailable):
        await bench.it.reject("t1")
    stopping = asyncio.create_task(bench.it.run())
    await bench.settle()
    assert bench.asked == ["t1"]
    stopping.cancel()


@in_loop
async def test_what_is_kept_counts_only_with_the_consent() -> None:
    bench = Bench()
    bench.keeper.kept, bench.running, bench.way.allowed = ("t1",), Transaction(id="t1", evse=1), False
    await bench.it.load()
    stopping = asyncio.create_task(bench.it.run())
    await bench.settle()
    assert bench.asked == []
    stopping.cancel()
