"""The role of one connection: raised by a PIN, gone after two minutes, with the PIN, or on request."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from homeapp.access.caller import Caller
from homeapp.api import Role
from homeapp.errors import NotAllowed, WrongPin

OWNER, HOUSEHOLD = "471108", "6283"
Body = Callable[[Any], Awaitable[None]]


@pytest.fixture
def at_home(tmp_path: Path, open_home: Any) -> Callable[[Body], None]:
    """A home with the PINs of the owner and the household."""

    def run(body: Body) -> None:
        async def main() -> None:
            async with open_home(tmp_path) as home:
                await home.access.set_pin(Role.INSTALLER, Role.OWNER, OWNER)
                await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, HOUSEHOLD)
                await body(home)

        asyncio.run(main())

    return run


@pytest.mark.parametrize("needed", list(Role))
@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_ones_before_it_may(at_home: Any, role: Role, needed: Role) -> None:
    async def body(home: Any) -> None:
        await home.access.set_pin(Role.OWNER, Role.INSTALLER, "902517")
        caller = Caller(home.access)
        pins = {Role.HOUSEHOLD: HOUSEHOLD, Role.OWNER: OWNER, Role.INSTALLER: "902517"}
        if role in pins:
            await caller.log_in(role, pins[role])
        if list(Role).index(role) >= list(Role).index(needed):
            assert caller.permit(needed) is role
        else:
            with pytest.raises(NotAllowed, match=f"As {role} you may not do this. Log in as {needed}"):
                caller.permit(needed)

    at_home(body)


def test_a_raised_role_falls_back_and_looking_does_not_prolong_it(at_home: Any) -> None:
    async def body(home: Any) -> None:
        caller = Caller(home.access)
        assert (caller.view.role, caller.view.until) == (Role.GUEST, None)
        await caller.log_in(Role.OWNER, OWNER)
        assert caller.view.until == home.clock.at + timedelta(seconds=120)
        await home.clock.move(119)
        assert caller.permit(Role.GUEST) is Role.OWNER
        assert caller.permit(Role.HOUSEHOLD) is Role.OWNER
        await home.clock.move(119)
        caller.permit(Role.GUEST)
        await home.clock.move(1)
        assert caller.role is Role.GUEST
        with pytest.raises(NotAllowed):
            caller.permit(Role.OWNER)
        assert caller.view.until is None

    at_home(body)


def test_a_refused_call_prolongs_nothing(at_home: Any) -> None:
    async def body(home: Any) -> None:
        caller = Caller(home.access)
        await caller.log_in(Role.HOUSEHOLD, HOUSEHOLD)
        await home.clock.move(100)
        with pytest.raises(NotAllowed):
            caller.permit(Role.OWNER)
        await home.clock.move(20)
        assert caller.role is Role.GUEST

    at_home(body)


def test_the_civil_clock_does_not_move_the_end(at_home: Any) -> None:
    async def body(home: Any) -> None:
        caller = Caller(home.access)
        await caller.log_in(Role.OWNER, OWNER)
        home.clock.at -= timedelta(days=1)
        await home.clock.move(120)
        assert caller.role is Role.GUEST

    at_home(body)


def test_the_end_is_told_once_and_again_after_the_next_login(at_home: Any) -> None:
    async def body(home: Any) -> None:
        caller = Caller(home.access)
        for _ in range(2):
            told = asyncio.create_task(caller.falls_back())
            await caller.log_in(Role.OWNER, OWNER)
            await home.clock.move(60)
            caller.permit(Role.OWNER)
            await home.clock.move(119)
            await asyncio.sleep(0)
            assert not told.done()
            await home.clock.move(1)
            await told
            assert caller.role is Role.GUEST

    at_home(body)


def test_logging_out_is_at_once_and_for_this_connection_alone(at_home: Any) -> None:
    async def body(home: Any) -> None:
        first, second = Caller(home.access), Caller(home.access)
        await first.log_in(Role.OWNER, OWNER)
        assert second.role is Role.GUEST
        await second.log_in(Role.OWNER, OWNER)
        first.log_out()
        assert (first.role, second.role) == (Role.GUEST, Role.OWNER)

    at_home(body)


def test_a_changed_pin_ends_what_the_old_one_has_opened_elsewhere(at_home: Any) -> None:
    async def body(home: Any) -> None:
        here, there, household = Caller(home.access), Caller(home.access), Caller(home.access)
        for caller in (here, there):
            await caller.log_in(Role.OWNER, OWNER)
        await household.log_in(Role.HOUSEHOLD, HOUSEHOLD)
        await here.set_pin(Role.OWNER, "318042")
        assert [caller.role for caller in (here, there, household)] == [Role.OWNER, Role.GUEST, Role.HOUSEHOLD]
        await here.set_pin(Role.HOUSEHOLD, "")
        assert household.role is Role.GUEST

    at_home(body)


def test_the_first_pin_closes_the_home_for_whoever_set_it_too(tmp_path: Path, open_home: Any) -> None:
    async def main() -> None:
        async with open_home(tmp_path) as home:
            caller = Caller(home.access)
            assert caller.permit(Role.INSTALLER) is Role.INSTALLER
            await caller.set_pin(Role.OWNER, OWNER)
            assert caller.role is Role.GUEST

    asyncio.run(main())


def test_an_open_household_is_not_lowered_by_a_login(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await home.access.set_open_role(Role.HOUSEHOLD)
        caller = Caller(home.access)
        assert (caller.role, caller.view.until) == (Role.HOUSEHOLD, None)
        await caller.log_in(Role.HOUSEHOLD, HOUSEHOLD)
        assert (caller.role, caller.view.until) == (Role.HOUSEHOLD, None)
        await caller.log_in(Role.OWNER, OWNER)
        assert caller.role is Role.OWNER

    at_home(body)


def test_wrong_pins_are_counted_until_a_right_one(at_home: Any) -> None:
    async def body(home: Any) -> None:
        caller = Caller(home.access)
        for count in (1, 2):
            with pytest.raises(WrongPin):
                await caller.log_in(Role.OWNER, "555123")
            assert (caller.failed_logins, caller.role) == (count, Role.GUEST)
        await caller.log_in(Role.OWNER, OWNER)
        assert caller.failed_logins == 0

    at_home(body)
