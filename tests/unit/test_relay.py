"""The relay: in order, at least once, not too late, across restarts, and one provider never waits for another."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.errors import NotConsented, ProviderRefused, ProviderUnreachable
from homeapp.model.consent import DataClass
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

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE_ANSWER = Waiting(decisions=1, records=0)


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


class WakeableClock(LeapingClock):
    """Those who sleep wake when told to, and their time is over then."""

    def __init__(self) -> None:
        super().__init__()
        self.woken = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await self.woken.wait()
        self.at = max(self.at, NOON + timedelta(seconds=seconds))

    def wake(self) -> None:
        self.woken.set()


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


_CLASSES = {
    Priority.SAFETY: DataClass.HEALTH,
    Priority.HEALTH: DataClass.HEALTH,
    Priority.METERING: DataClass.METERING,
    Priority.LOCATION: DataClass.LOCATION,
}


def _record(
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
        data_class=data_class or _CLASSES[priority],
        kind=RecordKind.METERING,
        priority=priority,
        created_at=NOON,
        not_after=NOON + life,
        body={"energy_wh": 1.5, "quality": "good"},
    )


@dataclass
class Home:
    """A desk and its relay on one database."""

    desk: OfferDesk
    outbox: Outbox
    uplink: Uplink
    clock: LeapingClock
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


def _at_home(
    directory: Path,
    body: Callable[[Home], Awaitable[None]],
    clock: LeapingClock | None = None,
    settings: UplinkSettings | None = None,
) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            used = clock or LeapingClock()
            changed = asyncio.Event()
            outbox = Outbox(database, used)
            uplink = Uplink(settings=settings or UplinkSettings(), store=UplinkUse(database), clock=used)
            ledger = Ledger(database, used, decision_kept=outbox.wake)
            desk = OfferDesk(ledger=ledger, outbox=outbox, clock=used, on_change=changed.set)
            await desk.load()
            await body(Home(desk, outbox, uplink, used, changed, database))

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
        assert await home.outbox.waiting() == {}

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
                while not await home.outbox.untold_failures():
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
        assert await home.outbox.waiting() == {"grid_sp": ONE_ANSWER, "pev_sp": ONE_ANSWER}

    _at_home(tmp_path, body, PatientClock())


@pytest.mark.parametrize("when", ["before it was sent", "before the receipt was kept"])
def test_after_a_kill_what_was_not_acknowledged_is_sent_again(tmp_path: Path, when: str) -> None:
    first, second = ScriptedProvider("evc_sp"), ScriptedProvider("evc_sp")

    async def killed(home: Home) -> None:
        await home.decide(1)
        if when == "before the receipt was kept":
            message = await home.outbox.next_waiting("evc_sp")
            assert isinstance(message, DecisionMessage)
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


@pytest.mark.usecase("A5", "W1")
def test_safety_goes_first_then_decisions_health_metering_location(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp")
        for number in (1, 2):
            for priority in reversed(_CLASSES):
                await home.outbox.put(_record(f"{priority.name} {number}", priority))
        await home.decide(1)

        await home.relaying([provider], home.until_empty)
        assert provider.got == [
            "SAFETY 1",
            "SAFETY 2",
            "o1 accept",
            "HEALTH 1",
            "HEALTH 2",
            "METERING 1",
            "METERING 2",
            "LOCATION 1",
            "LOCATION 2",
        ]

    _at_home(tmp_path, body)


def test_a_decision_overtakes_what_is_queued_and_not_a_delivery_under_way(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = GatedProvider("evc_sp")
        await home.outbox.put(*(_record(f"m{number}") for number in range(100)))

        async def work() -> None:
            await provider.tried.wait()
            await home.decide(1)
            for _ in range(101):
                provider.gate.release()
            await home.until_empty()

        await home.relaying([provider], work)
        assert provider.got[:3] == ["m0", "o1 accept", "m1"]
        assert provider.got[3:] == [f"m{number}" for number in range(2, 100)]

    _at_home(tmp_path, body)


def test_a_record_does_not_end_the_pause_of_an_unreachable_provider_and_a_decision_does(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")])

        async def work() -> None:
            await home.outbox.put(_record("m1"))
            while not home.clock.naps:
                await asyncio.sleep(0)
            await home.outbox.put(_record("m2"))
            for _ in range(50):
                await home.outbox.waiting()
            assert provider.got == []
            await home.decide(1)
            await home.until_empty()

        await home.relaying([provider], work)
        assert provider.got == ["o1 accept", "m1", "m2"]

    _at_home(tmp_path, body, PatientClock())


@pytest.mark.usecase("W8")
def test_what_is_no_longer_agreed_to_does_not_leave_although_it_waits(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp")
        await home.outbox.put(_record("m1"), _record("h1", Priority.HEALTH))
        home.not_shared.add(("evc_sp", DataClass.METERING))

        await home.relaying([provider], home.until_empty)
        assert provider.got == ["h1"]
        assert home.notices == ["withheld.evc_sp.metering"]

    _at_home(tmp_path, body)


@pytest.mark.usecase("W8")
def test_without_identity_no_answer_leaves_and_its_request_shows_it(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp")
        await home.decide(1)
        home.not_shared.add(("evc_sp", DataClass.IDENTITY))

        await home.relaying([provider], home.until_empty)
        await home.desk.tick()
        case = home.case(1)
        assert case.state is OfferState.REJECTED
        assert case.problem == "Your answer was not sent, because you do not share anything with EVC provider."
        assert provider.got == []

    _at_home(tmp_path, body)


def test_a_record_that_is_refused_or_late_does_not_stop_the_next(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderRefused("Of no use here.")])
        await home.outbox.put(_record("m1"), _record("m2", life=timedelta(0)), _record("m3"))

        await home.relaying([provider], home.until_empty)
        assert provider.got == ["m3"]
        assert await home.outbox.untold_failures() == (), "only answers are told to the desk"

    _at_home(tmp_path, body)


@pytest.mark.usecase("L3", "A5")
def test_providers_come_and_go_while_it_runs(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        evc, pev, pev_again = ScriptedProvider("evc_sp"), GatedProvider("pev_sp"), ScriptedProvider("pev_sp")

        async def work() -> None:
            assert home.relay is not None
            await home.outbox.put(_record("p1", sp_id="pev_sp"), _record("p2", sp_id="pev_sp"))
            home.relay.add(pev)
            await pev.tried.wait()
            home.relay.remove("pev_sp")
            home.relay.remove("nobody")
            await home.outbox.put(_record("e1"))
            async with asyncio.timeout(10):
                while "evc_sp" in await home.outbox.waiting():
                    await asyncio.sleep(0)
            assert (await home.outbox.waiting())["pev_sp"].records == 2
            home.relay.add(pev_again)
            await home.until_empty()

        await home.relaying([evc], work)
        assert (evc.got, pev.got, pev_again.got) == (["e1"], [], ["p1", "p2"])

    _at_home(tmp_path, body)


def test_a_provider_is_replaced_by_one_with_the_same_id_and_never_two_at_once(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        log: list[str] = []
        old, new = ReluctantProvider("evc_sp", got=log), ScriptedProvider("evc_sp", got=log)
        await home.outbox.put(_record("m1"), _record("m2"))

        async def work() -> None:
            assert home.relay is not None
            await old.tried.wait()
            for following in (ScriptedProvider("evc_sp", got=log), new):
                home.relay.add(following)
                for _ in range(5):
                    await home.outbox.waiting()
            assert log == []
            old.gate.release()
            await home.until_empty()

        await home.relaying([old], work)
        assert log == ["the old one has let go", "m1", "m2"]
        assert new.tried.is_set()

    _at_home(tmp_path, body)


@pytest.mark.usecase("A5", "W7")
def test_on_a_metered_link_what_can_wait_goes_out_together_every_quarter_of_an_hour(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp")

        async def work() -> None:
            await home.outbox.put(_record("m1"), _record("l1", Priority.LOCATION))
            await home.until_empty()
            while not home.uplink.held("evc_sp"):
                await asyncio.sleep(0)
            await home.outbox.put(_record("m2"))
            while not home.clock.naps:
                await asyncio.sleep(0)
            begun = home.clock.at
            await home.outbox.put(_record("m3"), _record("l2", Priority.LOCATION), _record("h1", Priority.HEALTH))
            await home.decide(1)
            await home.until(lambda: home.case(1).state is OfferState.RELAYED)
            assert home.clock.at == begun
            home.clock.wake()
            await home.until_empty()

        await home.relaying([provider], work)
        assert provider.got[:2] == ["m1", "l1"]
        assert sorted(provider.got[2:4]) == ["h1", "o1 accept"]
        assert provider.got[4:] == ["m2", "m3", "l2"]
        assert all(nap <= 900 for nap in home.clock.naps)

    _at_home(tmp_path, body, WakeableClock(), UplinkSettings(metered=True))


@pytest.mark.usecase("A5")
def test_a_budget_that_is_used_up_holds_its_kind_until_the_next_month_and_nothing_else(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        provider = ScriptedProvider("evc_sp")

        for number in range(4):
            await home.outbox.put(_record(f"l{number}", Priority.LOCATION, life=timedelta(days=60)))
        await home.outbox.put(_record("m1"))
        await home.decide(1)

        await home.relaying([provider], home.until_empty)
        assert provider.got == ["o1 accept", "m1", "l0", "l1", "l2", "l3"]
        assert home.clock.naps == [timedelta(days=7, hours=12).total_seconds()]
        assert home.clock.at == datetime(2026, 12, 1, tzinfo=UTC)

    # Three of 700 bytes are the first to reach it.
    _at_home(
        tmp_path,
        body,
        settings=UplinkSettings(budget_mb={"evc_sp": {DataClass.LOCATION: 0.0015, DataClass.IDENTITY: 1e-6}}),
    )


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
        assert await home.outbox.waiting() == {"evc_sp": ONE_ANSWER}

    _at_home(tmp_path, body)


@pytest.mark.usecase("W8")
def test_what_has_left_is_noted_though_its_flow_is_closed_that_moment(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        disk = threading.Event()
        provider = GatedProvider("evc_sp")

        async def work() -> None:
            await home.outbox.put(_record("m1"))
            await provider.tried.wait()
            # The disk is busy when the provider says that it has the record, and then the owner takes all back.
            busy = asyncio.create_task(home.database.ledger.write(lambda _connection: disk.wait(10)))
            await asyncio.sleep(0)
            provider.gate.release()
            async with asyncio.timeout(10):
                while not provider.got:
                    await asyncio.sleep(0)
            assert home.relay is not None
            home.relay.remove("evc_sp")
            await asyncio.sleep(0)
            voiding = asyncio.create_task(home.outbox.void("evc_sp", [DataClass.METERING]))
            await asyncio.sleep(0)
            disk.set()
            await asyncio.gather(busy, voiding)

        await home.relaying([provider], work)
        noted = await home.database.ledger.read(
            lambda connection: connection.execute("SELECT record_id FROM disclosures").fetchall()
        )
        assert noted == [("m1",)]

    _at_home(tmp_path, body)
