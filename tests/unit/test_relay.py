"""The outbox: in order, at least once, not too late, across restarts, and one provider never waits for another."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.model.offer import (
    Binding,
    Choice,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.offers.desk import OfferDesk
from homeapp.ports import DecisionMessage, Provider, ProviderInbox
from homeapp.relay import Relay
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class LeapingClock:
    """Civil time that leaps ahead by every sleep, and stands while nobody sleeps."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = NOON
        self.naps: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)
        self.at += timedelta(seconds=seconds)


class PatientClock(LeapingClock):
    """Nobody who sleeps ever wakes."""

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.Event().wait()


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

    async def deliver(self, message: DecisionMessage) -> Receipt:
        self.tried.set()
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        self.got.append(f"{message.offer.offer_id} {message.decision.choice}")
        return Receipt(
            decision_id=message.decision.decision_id,
            sp_id=self.sp_id,
            level=ReceiptLevel.TRANSPORT,
            received_at=NOON,
            reference=str(len(self.got)),
        )


class DeadProvider(ScriptedProvider):
    """Takes a delivery and never comes back."""

    async def deliver(self, message: DecisionMessage) -> Receipt:
        self.tried.set()
        return await asyncio.Future()


def _offer(number: int, sp_id: str = "evc_sp") -> Offer:
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


@dataclass
class Home:
    """A desk and its relay on one database."""

    desk: OfferDesk
    ledger: Ledger
    clock: LeapingClock
    changed: asyncio.Event

    async def decide(self, number: int, choice: Choice = Choice.ACCEPT, sp_id: str = "evc_sp") -> None:
        offer = _offer(number, sp_id)
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
        relay = Relay(ledger=self.ledger, providers=by_id, clock=self.clock, on_receipt=self.desk.receipt)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(relay.run())
            async with asyncio.timeout(20):
                await body()
            running.cancel()


def _at_home(directory: Path, body: Callable[[Home], Awaitable[None]], clock: LeapingClock | None = None) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            used = clock or LeapingClock()
            changed = asyncio.Event()
            ledger = Ledger(database, used)
            desk = OfferDesk(ledger=ledger, clock=used, on_change=changed.set)
            await desk.load()
            await body(Home(desk, ledger, used, changed))

    asyncio.run(main())


def test_decisions_go_out_in_order_and_the_case_shows_it(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp")

        async def work() -> None:
            await home.decide(1)
            await home.decide(2, Choice.DECLINE)
            await home.decide(3)
            await home.until(lambda: home.case(3).state is OfferState.RELAYED)

        await home.relaying([provider], work)
        assert provider.got == ["o1 accept", "o2 decline", "o3 accept"]
        assert [home.case(number).state for number in (1, 2, 3)] == ["relayed", "declined", "relayed"]
        assert home.case(2).transport is not None
        assert await home.ledger.waiting() == {}

    _at_home(tmp_path, body)


def test_an_unreachable_provider_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")] * 7)

        async def work() -> None:
            await home.decide(1)
            await home.until(lambda: home.case(1).state is OfferState.RELAYED)

        await home.relaying([provider], work)
        assert provider.got == ["o1 accept"]
        assert len(home.clock.naps) == 7
        assert all(nap <= min(300.0, max(0.1, 2.0**attempt)) for attempt, nap in enumerate(home.clock.naps))

    _at_home(tmp_path, body)


def test_a_new_decision_wakes_a_waiting_relay_at_once(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")])

        async def work() -> None:
            await home.decide(1)
            async with asyncio.timeout(10):
                while not home.clock.naps:
                    await provider.tried.wait()
                    await asyncio.sleep(0)
            await home.decide(2)
            await home.until(lambda: home.case(2).state is OfferState.RELAYED)

        await home.relaying([provider], work)
        assert provider.got == ["o1 accept", "o2 accept"]

    _at_home(tmp_path, body, PatientClock())


def test_a_yes_that_is_too_late_is_not_sent_and_shown(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")] * 10_000)

        async def work() -> None:
            await home.decide(1)
            async with asyncio.timeout(15):
                while not await home.ledger.untold_failures():
                    await asyncio.sleep(0)
            assert home.clock.at >= _offer(1).expires_at
            provider.script.clear()
            await home.desk.tick()
            await home.until(lambda: home.case(1).transport is not None)

        await home.relaying([provider], work)
        case = home.case(1)
        assert case.state is OfferState.ABORTED
        assert case.problem == "Your answer could not be handed to EVC provider in time, so it does not count."
        assert provider.got == ["o1 withdraw"], "in case only the receipt was lost"

    _at_home(tmp_path, body)


def test_a_refusal_is_final_and_the_next_goes_on(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderRefused("It does not know this request.")])

        async def work() -> None:
            await home.decide(1)
            await home.decide(2)
            await home.until(lambda: home.case(2).state is OfferState.RELAYED)
            await home.desk.tick()

        await home.relaying([provider], work)
        case = home.case(1)
        assert (case.state, case.problem) == (OfferState.REJECTED, "It does not know this request.")
        assert provider.got == ["o2 accept"]

    _at_home(tmp_path, body)


def test_a_dead_provider_never_delays_another(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        dead, broken, alive = (
            DeadProvider("grid_sp"),
            ScriptedProvider("pev_sp", [ZeroDivisionError()] * 1000),
            ScriptedProvider("evc_sp"),
        )

        async def work() -> None:
            await home.decide(1, sp_id="grid_sp")
            await home.decide(2, sp_id="pev_sp")
            await dead.tried.wait()
            await broken.tried.wait()
            await home.decide(3)
            await home.until(lambda: home.case(3).state is OfferState.RELAYED)

        await home.relaying([dead, broken, alive], work)
        assert home.case(1, "grid_sp").state is OfferState.ACCEPTED
        assert await home.ledger.waiting() == {"grid_sp": 1, "pev_sp": 1}

    _at_home(tmp_path, body, PatientClock())


@pytest.mark.parametrize("when", ["before it was sent", "before the receipt was kept"])
def test_after_a_kill_what_was_not_acknowledged_is_sent_again(tmp_path: Path, when: str) -> None:
    first, second = ScriptedProvider("evc_sp"), ScriptedProvider("evc_sp")

    async def killed(home: Home) -> None:
        await home.decide(1)
        if when == "before the receipt was kept":
            message = await home.ledger.next_waiting("evc_sp")
            assert message is not None
            await first.deliver(message)

    async def again(home: Home) -> None:
        assert home.case(1).state is OfferState.ACCEPTED
        await home.relaying([second], lambda: home.until(lambda: home.case(1).state is OfferState.RELAYED))

    async def once_more(home: Home) -> None:
        quiet = ScriptedProvider("evc_sp")

        async def work() -> None:
            await home.decide(2)
            await home.until(lambda: home.case(2).state is OfferState.RELAYED)

        await home.relaying([quiet], work)
        assert quiet.got == ["o2 accept"], "what was acknowledged is not sent again"

    _at_home(tmp_path, killed)
    _at_home(tmp_path, again)
    assert second.got == ["o1 accept"]
    _at_home(tmp_path, once_more)


_DECIDE_AND_HANG = """
import asyncio, importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("relay_tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
sys.modules["relay_tests"] = tests
spec.loader.exec_module(tests)

async def body(home):
    await home.decide(1)
    print("decided", flush=True)
    await asyncio.Event().wait()

tests._at_home(pathlib.Path(sys.argv[2]), body)
"""


def test_an_answer_survives_the_hub_being_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _DECIDE_AND_HANG, __file__, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as hub:
        try:
            assert hub.stdout is not None
            assert hub.stdout.readline() == "decided\n"
        finally:
            hub.kill()
    provider = ScriptedProvider("evc_sp")

    async def again(home: Home) -> None:
        await home.relaying([provider], lambda: home.until(lambda: home.case(1).state is OfferState.RELAYED))

    _at_home(tmp_path, again)
    assert provider.got == ["o1 accept"]


def test_without_providers_it_just_stays(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async def work() -> None:
            await home.decide(1)
            for _ in range(3):
                await asyncio.sleep(0)

        await home.relaying([], work)
        assert await home.ledger.waiting() == {"evc_sp": 1}

    _at_home(tmp_path, body)
