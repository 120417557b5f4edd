"""Each flow is looked after when it is due, all at once when woken, and a flow that fails does not stop the others."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from homeapp.enrolment.rounds import LONGEST_S, Rounds
from homeapp.errors import HomeappError, ProviderUnreachable, SettingsInvalid


class SteppedClock:
    """Sleeps end when the test says so; notes how long they would have been."""

    def __init__(self) -> None:
        self.at = 0.0
        self.sleeps: asyncio.Queue[float] = asyncio.Queue()
        self._woken = asyncio.Event()

    def now(self) -> Any:
        raise AssertionError

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.sleeps.put_nowait(seconds)
        await self._woken.wait()

    def step(self, seconds: float) -> None:
        self.at += seconds
        self._woken.set()
        self._woken = asyncio.Event()


class Flows:
    """What is attended to, and what comes of it."""

    def __init__(self, **pauses: float | None) -> None:
        self.pauses = pauses
        self.attended: list[str] = []
        self.failure: HomeappError = ProviderUnreachable("It does not answer.")

    async def all(self) -> Any:
        return tuple(SimpleNamespace(sp_id=sp_id) for sp_id in self.pauses)

    async def attend(self, flow: Any) -> float:
        self.attended.append(flow.sp_id)
        pause = self.pauses[flow.sp_id]
        if pause is None:
            raise self.failure
        return pause

    def taken(self) -> list[str]:
        taken, self.attended = self.attended, []
        return taken


def on_rounds(flows: Flows, body: Callable[[Rounds, SteppedClock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = SteppedClock()
        rounds = Rounds("work", flows.all, flows.attend, clock)
        running = asyncio.ensure_future(rounds.run())
        async with asyncio.timeout(20):
            await body(rounds, clock)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_each_flow_has_its_own_time() -> None:
    flows = Flows(evc_sp=100.0, pev_sp=250.0)

    async def body(_rounds: Rounds, clock: SteppedClock) -> None:
        assert await clock.sleeps.get() == 100
        assert flows.taken() == ["evc_sp", "pev_sp"]
        clock.step(100)
        assert await clock.sleeps.get() == 100
        assert flows.taken() == ["evc_sp"]
        clock.step(60)
        assert await clock.sleeps.get() == 40
        assert flows.taken() == []
        clock.step(90)
        await clock.sleeps.get()
        assert flows.taken() == ["evc_sp", "pev_sp"]

    on_rounds(flows, body)


def test_all_are_looked_at_when_woken_and_the_clock_is_looked_at_now_and_then() -> None:
    flows = Flows(evc_sp=1e6, pev_sp=1e6)

    async def body(rounds: Rounds, clock: SteppedClock) -> None:
        assert await clock.sleeps.get() == LONGEST_S
        assert flows.taken() == ["evc_sp", "pev_sp"]
        rounds.wake()
        await clock.sleeps.get()
        assert flows.taken() == ["evc_sp", "pev_sp"]
        clock.step(LONGEST_S)
        await clock.sleeps.get()
        assert flows.taken() == []
        flows.pauses["fleet"] = 5.0
        rounds.wake()
        assert await clock.sleeps.get() == 5
        assert flows.taken() == ["evc_sp", "pev_sp", "fleet"]

    on_rounds(flows, body)


def test_without_flows_it_waits() -> None:
    async def body(_rounds: Rounds, clock: SteppedClock) -> None:
        assert await clock.sleeps.get() == LONGEST_S

    on_rounds(Flows(), body)


@pytest.mark.parametrize("failure", [ProviderUnreachable("It does not answer."), SettingsInvalid("Its key is odd.")])
def test_one_that_fails_is_tried_again_and_others_go_on(failure: HomeappError) -> None:
    flows = Flows(evc_sp=None, pev_sp=1e6)
    flows.failure = failure

    async def body(_rounds: Rounds, clock: SteppedClock) -> None:
        assert 1 <= await clock.sleeps.get() <= 5
        assert flows.taken() == ["evc_sp", "pev_sp"]
        clock.step(5)
        assert 1 <= await clock.sleeps.get() <= 10
        assert flows.taken() == ["evc_sp"]
        flows.pauses["evc_sp"] = 300.0
        clock.step(10)
        assert await clock.sleeps.get() == 300

    on_rounds(flows, body)


def test_a_flow_that_is_gone_is_not_waited_for() -> None:
    flows = Flows(evc_sp=5.0, pev_sp=100.0)

    async def body(_rounds: Rounds, clock: SteppedClock) -> None:
        assert await clock.sleeps.get() == 5
        del flows.pauses["evc_sp"]
        clock.step(5)
        assert await clock.sleeps.get() == 95
        assert flows.taken() == ["evc_sp", "pev_sp"]

    on_rounds(flows, body)
