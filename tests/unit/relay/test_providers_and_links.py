"""Providers that come and go, links that cost, a hub that is killed: what waits is not lost and does not leave."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.errors import ProviderRefused
from homeapp.model.consent import DataClass
from homeapp.model.offer import (
    OfferState,
)
from homeapp.model.record import Priority
from homeapp.settings import UplinkSettings
from kit.clocks import LeapingClock
from kit.relay_home import (
    NOON,
    ONE_ANSWER,
    GatedProvider,
    RelayHome,
    ReluctantProvider,
    ScriptedProvider,
    at_home,
    record,
)

TESTS = Path(__file__).parents[2]


class WakeableClock(LeapingClock):
    """Those who sleep wake when told to, and their time is over then."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.woken = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await self.woken.wait()
        self.at = max(self.at, NOON + timedelta(seconds=seconds))

    def wake(self) -> None:
        self.woken.set()


@pytest.mark.usecase("W8")
def test_without_identity_no_answer_leaves_and_its_request_shows_it(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp")
        await home.decide(1)
        home.not_shared.add(("evc_sp", DataClass.IDENTITY))

        await home.relaying([provider], home.until_empty)
        await home.desk.tick()
        case = home.case(1)
        assert case.state is OfferState.REJECTED
        assert case.problem == "Your answer was not sent, because you do not share anything with EVC provider."
        assert provider.got == []

    at_home(tmp_path, body)


def test_a_record_that_is_refused_or_late_does_not_stop_the_next(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderRefused("Of no use here.")])
        await home.outbox.put(record("m1"), record("m2", life=timedelta(0)), record("m3"))

        await home.relaying([provider], home.until_empty)
        assert provider.got == ["m3"]
        assert await home.outbox.untold_failures() == (), "only answers are told to the desk"

    at_home(tmp_path, body)


@pytest.mark.usecase("L3", "A5")
def test_providers_come_and_go_while_it_runs(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        evc, pev, pev_again = ScriptedProvider("evc_sp"), GatedProvider("pev_sp"), ScriptedProvider("pev_sp")

        async def work() -> None:
            assert home.relay is not None
            await home.outbox.put(record("p1", sp_id="pev_sp"), record("p2", sp_id="pev_sp"))
            home.relay.add(pev)
            await pev.tried.wait()
            home.relay.remove("pev_sp")
            home.relay.remove("nobody")
            await home.outbox.put(record("e1"))
            async with asyncio.timeout(10):
                while "evc_sp" in await home.outbox.waiting():
                    await asyncio.sleep(0)
            assert (await home.outbox.waiting())["pev_sp"].records == 2
            home.relay.add(pev_again)
            await home.until_empty()

        await home.relaying([evc], work)
        assert (evc.got, pev.got, pev_again.got) == (["e1"], [], ["p1", "p2"])

    at_home(tmp_path, body)


def test_a_provider_is_replaced_by_one_with_the_same_id_and_never_two_at_once(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        log: list[str] = []
        old, new = ReluctantProvider("evc_sp", got=log), ScriptedProvider("evc_sp", got=log)
        await home.outbox.put(record("m1"), record("m2"))

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

    at_home(tmp_path, body)


@pytest.mark.usecase("A5", "W7")
def test_on_a_metered_link_what_can_wait_goes_out_together_every_quarter_of_an_hour(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp")

        async def work() -> None:
            await home.outbox.put(record("m1"), record("l1", Priority.LOCATION))
            await home.until_empty()
            while not home.uplink.held("evc_sp"):
                await asyncio.sleep(0)
            await home.outbox.put(record("m2"))
            while not home.clock.naps:
                await asyncio.sleep(0)
            begun = home.clock.at
            await home.outbox.put(record("m3"), record("l2", Priority.LOCATION), record("h1", Priority.HEALTH))
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

    at_home(tmp_path, body, WakeableClock(), UplinkSettings(metered=True))


@pytest.mark.usecase("A5")
def test_a_budget_that_is_used_up_holds_its_kind_until_the_next_month_and_nothing_else(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp")

        for number in range(4):
            await home.outbox.put(record(f"l{number}", Priority.LOCATION, life=timedelta(days=60)))
        await home.outbox.put(record("m1"))
        await home.decide(1)

        await home.relaying([provider], home.until_empty)
        assert provider.got == ["o1 accept", "m1", "l0", "l1", "l2", "l3"]
        assert home.clock.naps == [timedelta(days=7, hours=12).total_seconds()]
        assert home.clock.at == datetime(2026, 12, 1, tzinfo=UTC)

    # Three of 700 bytes are the first to reach it.
    at_home(
        tmp_path,
        body,
        settings=UplinkSettings(budget_mb={"evc_sp": {DataClass.LOCATION: 0.0015, DataClass.IDENTITY: 1e-6}}),
    )


_DECIDE_AND_HANG = """
import asyncio, pathlib, sys
sys.path.append(sys.argv[2])
from kit.relay_home import at_home

async def body(home):
    await home.decide(1)
    print("decided", flush=True)
    await asyncio.Event().wait()

at_home(pathlib.Path(sys.argv[1]), body)
"""


def test_an_answer_survives_the_hub_being_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _DECIDE_AND_HANG, tmp_path, TESTS], stdout=subprocess.PIPE, text=True
    ) as hub:
        try:
            assert hub.stdout is not None
            assert hub.stdout.readline() == "decided\n"
        finally:
            hub.kill()
    provider = ScriptedProvider("evc_sp")

    async def again(home: RelayHome) -> None:
        await home.relaying([provider], lambda: home.until(lambda: home.case(1).state is OfferState.RELAYED))

    at_home(tmp_path, again)
    assert provider.got == ["o1 accept"]


def test_without_providers_it_just_stays(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        async def work() -> None:
            await home.decide(1)
            for _ in range(3):
                await asyncio.sleep(0)

        await home.relaying([], work)
        assert await home.outbox.waiting() == {"evc_sp": ONE_ANSWER}

    at_home(tmp_path, body)


@pytest.mark.usecase("W8")
def test_what_has_left_is_noted_though_its_flow_is_closed_that_moment(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        disk = threading.Event()
        provider = GatedProvider("evc_sp")

        async def work() -> None:
            await home.outbox.put(record("m1"))
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

    at_home(tmp_path, body)
