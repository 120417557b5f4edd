"""The relay: in order, at least once, not too late, across restarts, and one provider never waits for another."""

import asyncio
from pathlib import Path

import pytest

from homeapp.errors import ProviderRefused, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.offer import (
    Choice,
    OfferState,
)
from homeapp.model.record import Priority
from homeapp.ports import DecisionMessage
from kit.clocks import PatientClock
from kit.relay_home import (
    CLASSES,
    NOON,
    ONE_ANSWER,
    DeadProvider,
    GatedProvider,
    RelayHome,
    ScriptedProvider,
    at_home,
    offer_number,
    record,
)


def test_decisions_go_out_in_order_and_the_case_shows_it(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
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

    at_home(tmp_path, body)


def test_an_unreachable_provider_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")] * 7)

        async def work() -> None:
            await home.decide(1)
            await home.until(lambda: home.case(1).state is OfferState.RELAYED)

        await home.relaying([provider], work)
        assert provider.got == ["o1 accept"]
        assert len(home.clock.naps) == 7
        assert all(nap <= min(300.0, max(0.1, 2.0**attempt)) for attempt, nap in enumerate(home.clock.naps))

    at_home(tmp_path, body)


def test_a_new_decision_wakes_a_waiting_relay_at_once(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
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

    at_home(tmp_path, body, PatientClock(NOON))


def test_a_yes_that_is_too_late_is_not_sent_and_shown(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")] * 10_000)

        async def work() -> None:
            await home.decide(1)
            async with asyncio.timeout(15):
                while not await home.outbox.untold_failures():
                    await asyncio.sleep(0)
            assert home.clock.at >= offer_number(1).expires_at
            provider.script.clear()
            await home.desk.tick()
            await home.until(lambda: home.case(1).transport is not None)

        await home.relaying([provider], work)
        case = home.case(1)
        assert case.state is OfferState.ABORTED
        assert case.problem == "Your answer could not be handed to EVC provider in time, so it does not count."
        assert provider.got == ["o1 withdraw"], "in case only the receipt was lost"

    at_home(tmp_path, body)


def test_a_refusal_is_final_and_the_next_goes_on(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
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

    at_home(tmp_path, body)


def test_a_dead_provider_never_delays_another(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
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

    at_home(tmp_path, body, PatientClock(NOON))


@pytest.mark.parametrize("when", ["before it was sent", "before the receipt was kept"])
def test_after_a_kill_what_was_not_acknowledged_is_sent_again(tmp_path: Path, when: str) -> None:
    first, second = ScriptedProvider("evc_sp"), ScriptedProvider("evc_sp")

    async def killed(home: RelayHome) -> None:
        await home.decide(1)
        if when == "before the receipt was kept":
            message = await home.outbox.next_waiting("evc_sp")
            assert isinstance(message, DecisionMessage)
            await first.deliver(message)

    async def again(home: RelayHome) -> None:
        assert home.case(1).state is OfferState.ACCEPTED
        await home.relaying([second], lambda: home.until(lambda: home.case(1).state is OfferState.RELAYED))

    async def once_more(home: RelayHome) -> None:
        quiet = ScriptedProvider("evc_sp")

        async def work() -> None:
            await home.decide(2)
            await home.until(lambda: home.case(2).state is OfferState.RELAYED)

        await home.relaying([quiet], work)
        assert quiet.got == ["o2 accept"], "what was acknowledged is not sent again"

    at_home(tmp_path, killed)
    at_home(tmp_path, again)
    assert second.got == ["o1 accept"]
    at_home(tmp_path, once_more)


@pytest.mark.usecase("A5", "W1")
def test_safety_goes_first_then_decisions_health_metering_location(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp")
        for number in (1, 2):
            for priority in reversed(CLASSES):
                await home.outbox.put(record(f"{priority.name} {number}", priority))
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

    at_home(tmp_path, body)


def test_a_decision_overtakes_what_is_queued_and_not_a_delivery_under_way(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = GatedProvider("evc_sp")
        await home.outbox.put(*(record(f"m{number}") for number in range(100)))

        async def work() -> None:
            await provider.tried.wait()
            await home.decide(1)
            for _ in range(101):
                provider.gate.release()
            await home.until_empty()

        await home.relaying([provider], work)
        assert provider.got[:3] == ["m0", "o1 accept", "m1"]
        assert provider.got[3:] == [f"m{number}" for number in range(2, 100)]

    at_home(tmp_path, body)


def test_a_record_does_not_end_the_pause_of_an_unreachable_provider_and_a_decision_does(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp", [ProviderUnreachable("down")])

        async def work() -> None:
            await home.outbox.put(record("m1"))
            while not home.clock.naps:
                await asyncio.sleep(0)
            await home.outbox.put(record("m2"))
            for _ in range(50):
                await home.outbox.waiting()
            assert provider.got == []
            await home.decide(1)
            await home.until_empty()

        await home.relaying([provider], work)
        assert provider.got == ["o1 accept", "m1", "m2"]

    at_home(tmp_path, body, PatientClock(NOON))


@pytest.mark.usecase("W8")
def test_what_is_no_longer_agreed_to_does_not_leave_although_it_waits(tmp_path: Path) -> None:
    async def body(home: RelayHome) -> None:
        provider = ScriptedProvider("evc_sp")
        await home.outbox.put(record("m1"), record("h1", Priority.HEALTH))
        home.not_shared.add(("evc_sp", DataClass.METERING))

        await home.relaying([provider], home.until_empty)
        assert provider.got == ["h1"]
        assert home.notices == ["withheld.evc_sp.metering"]

    at_home(tmp_path, body)
