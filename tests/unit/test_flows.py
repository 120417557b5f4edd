"""Flows to providers: open while they may be, closed at once when they may not, and opened just to delete."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from homeapp.errors import NotSupported, ProviderUnreachable, SettingsInvalid
from homeapp.flows import Flow, ProviderFlows
from homeapp.model.consent import DataClass
from homeapp.model.offer import Receipt
from homeapp.model.record import DataRecord
from homeapp.ports import DecisionMessage, Provider, ProviderInbox


class Standstill:
    speed = 1.0

    def now(self) -> datetime:
        return datetime(2026, 11, 26, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class NotedProvider:
    """Notes when it runs and what it is to erase; the bench's ``refusals`` are raised by ``erase`` in turn."""

    def __init__(self, sp_id: str, bench: "Bench") -> None:
        self.sp_id = sp_id
        self.name = sp_id.upper()
        self._bench = bench
        self._notes = bench.notes
        self._refusals = bench.refusals

    async def run(self, inbox: ProviderInbox) -> NoReturn:
        self._notes.append(f"{self.sp_id} runs")
        try:
            await asyncio.Event().wait()
        finally:
            self._notes.append(f"{self.sp_id} ends")
        raise AssertionError

    async def session(self) -> None:
        self._notes.append(f"{self.sp_id} connects")
        try:
            if self._bench.breaks is not None:
                raise self._bench.breaks
            await asyncio.Event().wait()
        finally:
            if self._bench.slow_to_close is not None:
                self._notes.append(f"{self.sp_id} is about to disconnect")
                await self._bench.slow_to_close.wait()
            self._notes.append(f"{self.sp_id} disconnects")

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        if self._refusals:
            raise self._refusals.pop(0)
        self._notes.append(f"{self.sp_id} erases {', '.join(data_classes)}")

    async def deliver(self, message: DecisionMessage) -> Receipt:
        raise AssertionError

    async def disclose(self, record: DataRecord) -> int:
        raise AssertionError


class Bench:
    """A source and a relay that are lists and mappings."""

    def __init__(self) -> None:
        self.wants: dict[str, Hashable] = {}
        self.notes: list[str] = []
        self.carried: set[str] = set()
        self.refusals: list[Exception] = []
        self.cannot_open: set[str] = set()
        self.failures: list[tuple[str, str]] = []
        self.news: dict[str, asyncio.Event] = {}
        self.hurried: list[str] = []
        self.slow_to_open: asyncio.Event | None = None
        self.slow_to_close: asyncio.Event | None = None
        self.breaks: Exception | None = None
        nobody: Any = None
        self.flows = ProviderFlows(
            source=self,
            relay=self,
            inbox=nobody,
            clock=Standstill(),
            failed=lambda name, error: self.failures.append((name, str(error))),
            news=lambda sp_id: self.news.setdefault(sp_id, asyncio.Event()),
        )

    def wanted(self) -> Mapping[str, Hashable]:
        return self.wants

    async def open(self, sp_id: str) -> Flow:
        if sp_id in self.cannot_open:
            raise SettingsInvalid("Its certificate is missing.")
        if self.slow_to_open is not None:
            self.notes.append(f"{sp_id} is about to open")
            await self.slow_to_open.wait()
        provider = NotedProvider(sp_id, self)
        return Flow(
            provider=provider,
            session=provider.session,
            hurry=lambda: self.hurried.append(sp_id),
        )

    def add(self, provider: Provider) -> None:
        self.carried.add(provider.sp_id)

    def remove(self, sp_id: str) -> None:
        self.carried.discard(sp_id)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not done():
                await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.flows.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def on_a_bench(body: Callable[[Bench], Awaitable[None]]) -> Bench:
    bench = Bench()

    async def main() -> None:
        async with bench.running():
            await body(bench)

    asyncio.run(main())
    return bench


@pytest.mark.usecase("L3", "W8")
def test_a_flow_opens_when_it_may_and_closes_at_once_without_touching_the_other() -> None:
    async def body(bench: Bench) -> None:
        bench.wants = {"evc_sp": 1, "pev_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: bench.notes.count("evc_sp runs") + bench.notes.count("pev_sp runs") == 2)
        assert bench.carried == {"evc_sp", "pev_sp"}
        bench.wants = {"evc_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: "pev_sp disconnects" in bench.notes)
        await bench.until(lambda: bench.carried == {"evc_sp"})
        assert not [note for note in bench.notes if note.startswith("evc_sp") and "ends" in note]

    on_a_bench(body)


def test_a_new_mark_opens_it_anew() -> None:
    async def body(bench: Bench) -> None:
        for mark in (1, 2):
            bench.wants = {"evc_sp": mark}
            bench.flows.changed()
            await bench.until(lambda mark=mark: bench.notes.count("evc_sp runs") == mark)  # type: ignore[misc]
        assert bench.notes.index("evc_sp ends") < len(bench.notes) - 1 - bench.notes[::-1].index("evc_sp runs")

    on_a_bench(body)


def test_a_flow_that_cannot_be_opened_is_told_and_the_other_one_opens() -> None:
    async def body(bench: Bench) -> None:
        bench.cannot_open = {"evc_sp"}
        bench.wants = {"evc_sp": 1, "pev_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: "pev_sp runs" in bench.notes)
        assert bench.failures == [("evc_sp", "Its certificate is missing.")]
        assert bench.carried == {"pev_sp"}

    on_a_bench(body)


@pytest.mark.usecase("W8")
def test_a_closed_flow_is_opened_to_delete_and_for_nothing_else() -> None:
    async def body(bench: Bench) -> None:
        bench.refusals = [ProviderUnreachable("not yet")]
        await bench.flows.erase("pev_sp", [DataClass.IDENTITY])
        assert bench.notes == ["pev_sp connects", "pev_sp erases identity", "pev_sp disconnects"]
        assert bench.carried == set()

    on_a_bench(body)


def test_a_flow_that_is_about_to_close_is_closed_before_it_is_opened_to_delete() -> None:
    async def body(bench: Bench) -> None:
        bench.wants = {"pev_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: "pev_sp runs" in bench.notes)
        bench.wants = {}
        await bench.flows.erase("pev_sp", [DataClass.IDENTITY])
        assert bench.notes.index("pev_sp ends") < bench.notes.index("pev_sp erases identity")

    on_a_bench(body)


def test_what_the_protocol_cannot_delete_is_said() -> None:
    async def body(bench: Bench) -> None:
        bench.refusals = [NotSupported("Ask it.")]
        with pytest.raises(NotSupported, match="Ask it"):
            await bench.flows.erase("grid_sp", [DataClass.METERING])

    on_a_bench(body)


def test_an_answer_does_not_wait_for_the_next_attempt_to_connect() -> None:
    async def body(bench: Bench) -> None:
        bench.wants = {"evc_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: "evc_sp runs" in bench.notes)
        bench.news["evc_sp"].set()
        await bench.until(lambda: bool(bench.hurried))

    on_a_bench(body)


def test_the_hub_can_stop_while_a_flow_takes_its_time_to_close() -> None:
    bench = Bench()

    async def main() -> None:
        running = asyncio.create_task(bench.flows.run())
        bench.wants, bench.slow_to_close = {"evc_sp": 1}, asyncio.Event()
        bench.flows.changed()
        await bench.until(lambda: "evc_sp connects" in bench.notes)
        bench.wants = {}
        bench.flows.changed()
        await bench.until(lambda: "evc_sp is about to disconnect" in bench.notes)
        running.cancel()
        await asyncio.sleep(0)
        bench.slow_to_close.set()
        async with asyncio.timeout(5):
            await asyncio.wait([running])
        assert running.cancelled()

    asyncio.run(main())


@pytest.mark.usecase("W8")
def test_a_provider_that_takes_its_time_to_open_or_to_close_holds_no_other_one_open() -> None:
    async def body(bench: Bench) -> None:
        bench.wants = {"evc_sp": 1, "pev_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: {"evc_sp connects", "pev_sp connects"} <= set(bench.notes))
        bench.slow_to_open = asyncio.Event()
        bench.slow_to_close = asyncio.Event()
        bench.wants = {"evc_sp": 2, "pev_sp": 1, "grid_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: {"grid_sp is about to open", "evc_sp is about to disconnect"} <= set(bench.notes))
        bench.wants = {"evc_sp": 2, "grid_sp": 1}
        bench.flows.changed()
        assert bench.carried == set()
        await bench.until(lambda: "pev_sp ends" in bench.notes)
        bench.slow_to_open.set()
        bench.slow_to_close.set()
        await bench.until(lambda: bench.carried == {"evc_sp", "grid_sp"})

    on_a_bench(body)


@pytest.mark.usecase("W8")
def test_what_may_not_be_open_any_more_gets_nothing_from_that_moment_on() -> None:
    async def body(bench: Bench) -> None:
        bench.wants = {"evc_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: bench.carried == {"evc_sp"})
        bench.wants = {}
        bench.flows.changed()
        assert bench.carried == set()

    on_a_bench(body)


def test_a_flow_is_not_opened_anew_beside_the_one_that_is_open_to_delete() -> None:
    async def body(bench: Bench) -> None:
        bench.slow_to_close, bench.refusals = asyncio.Event(), [ProviderUnreachable("not yet")]
        erasing = asyncio.create_task(bench.flows.erase("pev_sp", [DataClass.IDENTITY]))
        await bench.until(lambda: "pev_sp is about to disconnect" in bench.notes)
        bench.wants = {"pev_sp": 1}
        bench.flows.changed()
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.notes.count("pev_sp connects") == 1
        bench.slow_to_close.set()
        await erasing
        await bench.until(lambda: bench.carried == {"pev_sp"})

    on_a_bench(body)


def test_a_flow_that_cannot_be_opened_can_still_be_tried_to_delete() -> None:
    async def body(bench: Bench) -> None:
        bench.cannot_open = {"evc_sp"}
        bench.wants = {"evc_sp": 1}
        bench.flows.changed()
        await bench.until(lambda: bool(bench.failures))
        with pytest.raises(SettingsInvalid):
            await bench.flows.erase("evc_sp", [DataClass.CHARGING])
        bench.cannot_open = set()
        await bench.flows.erase("evc_sp", [DataClass.CHARGING])
        assert "evc_sp erases charging" in bench.notes

    on_a_bench(body)


def test_a_connection_that_breaks_after_all_is_deleted_is_no_failure_to_delete() -> None:
    async def body(bench: Bench) -> None:
        bench.breaks, bench.refusals = OSError("gone"), [ProviderUnreachable("not yet")]
        await bench.flows.erase("pev_sp", [DataClass.IDENTITY])
        assert "pev_sp erases identity" in bench.notes

    on_a_bench(body)
