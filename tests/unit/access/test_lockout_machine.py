"""Whatever the order of tries, restarts, kills and clock steps: never more looks at a PIN per time than allowed."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from homeapp.api import Role
from homeapp.errors import WrongPin

RIGHT = "471108"


class _Killed(BaseException):
    """The hub dies while it looks at a PIN."""


class LockoutMachine(RuleBasedStateMachine):
    """One role, one attacker who restarts the hub and sets its civil clock at will, and time that only passes.

    The pauses are stated anew here: 60 s after the fifth wrong PIN in a row, doubled by each more, 3600 s at most.
    """

    open_home: Any

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="lockout"))
        self.passed = 0.0
        self.in_a_row = 0
        self.looked_at: list[tuple[float, int]] = []

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        self.opened = self.open_home(self.directory)
        self.home = self.run(self.opened.__aenter__())
        self.run(self.home.access.set_pin(Role.INSTALLER, Role.OWNER, RIGHT))

    def teardown(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.directory)

    def _try(self, pin: str) -> bool:
        before = self.home.hasher.looks
        try:
            self.run(self.home.access.check(Role.OWNER, pin))
        except WrongPin:
            right = False
        else:
            right = True
        if self.home.hasher.looks > before:
            self.looked_at.append((self.passed, self.in_a_row))
            self.in_a_row = 0 if right else self.in_a_row + 1
        return right

    @rule(times=st.integers(1, 8))
    def guess(self, times: int) -> None:
        for number in range(times):
            assert not self._try(f"5551{number:02}")

    @rule()
    def log_in(self) -> None:
        due = not self.looked_at or self.passed >= self._next_at()
        right = self._try(RIGHT)
        # Nobody is kept out longer than told, but for a pause that a restart has begun anew.
        assert right or not due or self.restarted

    @rule(right=st.booleans())
    def be_killed_while_looking(self, *, right: bool) -> None:
        verify, before = self.home.hasher.verify, self.home.hasher.looks

        def die(*given: Any) -> None:
            with suppress(Exception):
                verify(*given)
            raise _Killed

        self.home.hasher.verify = die
        try:
            with suppress(_Killed, WrongPin):
                self.run(self.home.access.check(Role.OWNER, RIGHT if right else "555123"))
        finally:
            del self.home.hasher.verify
        if self.home.hasher.looks > before:
            self.looked_at.append((self.passed, self.in_a_row))
            self.in_a_row += 1
        self.restart()

    restarted = False

    @rule()
    def restart(self) -> None:
        self.run(self.home.restart())
        self.restarted = True

    @rule(seconds=st.sampled_from([1.0, 59.0, 60.0, 61.0, 119.0, 120.0, 240.0, 1000.0, 3599.0, 3600.0, 7200.0]))
    def wait(self, seconds: float) -> None:
        self.run(self.home.clock.move(seconds))
        self.passed += seconds
        if seconds >= 3600:
            self.restarted = False

    @rule(seconds=st.integers(-(10**8), 10**8))
    def set_the_civil_clock(self, seconds: int) -> None:
        self.home.clock.at = max(
            self.home.clock.at.replace(year=2000),
            min(self.home.clock.at + timedelta(seconds=seconds), self.home.clock.at.replace(year=2200)),
        )

    def _next_at(self) -> float:
        return self.looked_at[-1][0] + _pause(self.in_a_row)

    @invariant()
    def never_looked_at_too_early(self) -> None:
        for (earlier, _), (later, wrong_before) in zip(self.looked_at, self.looked_at[1:], strict=False):
            assert later - earlier >= _pause(wrong_before)
        self.looked_at = self.looked_at[-1:]


def _pause(wrong: int) -> float:
    return 0.0 if wrong < 5 else min(3600.0, 60.0 * 2 ** (wrong - 5))


@pytest.mark.usecase("W4")
def test_never_more_tries_than_allowed(open_home: Any) -> None:
    class Machine(LockoutMachine):
        pass

    Machine.open_home = staticmethod(open_home)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
