"""PINs per role: who sets them, how tries are counted, what is kept and noted."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from homeapp.api import Role
from homeapp.errors import NotAllowed, NotFound, SecretStoreUnavailable, StoreUnavailable, WrongPin, WrongState

OWNER, INSTALLER, HOUSEHOLD = "471108", "902517", "6283"
Body = Callable[[Any], Awaitable[None]]


@pytest.fixture
def at_home(tmp_path: Path, open_home: Any) -> Callable[[Body], None]:
    def run(body: Body) -> None:
        async def main() -> None:
            async with open_home(tmp_path) as home:
                await body(home)

        asyncio.run(main())

    return run


async def _all_pins(home: Any) -> None:
    await home.access.set_pin(Role.INSTALLER, Role.OWNER, OWNER)
    await home.access.set_pin(Role.OWNER, Role.INSTALLER, INSTALLER)
    await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, HOUSEHOLD)


async def _wrong(home: Any, role: Role = Role.OWNER, times: int = 1) -> str:
    for _ in range(times):
        with pytest.raises(WrongPin) as told:
            await home.access.check(role, "555123")
    return str(told.value)


def _files(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.iterdir() if path.is_file()]


def test_nothing_is_open_before_the_pins_are_known(at_home: Any) -> None:
    async def body(home: Any) -> None:
        fresh = type(home.access)(
            secrets=home.secrets,
            attempts=home.access._attempts,
            ledger=home.access._ledger,
            clock=home.clock,
        )
        assert fresh.open_role is Role.GUEST
        await fresh.load()
        assert fresh.open_role is Role.INSTALLER

    at_home(body)


def test_a_place_of_secrets_that_cannot_be_read_opens_nothing(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        home.secrets.broken = True
        with pytest.raises(SecretStoreUnavailable):
            await home.restart()
        assert home.access.open_role is Role.GUEST

    at_home(body)


def test_the_first_pin_closes_the_home_and_a_restart_keeps_it_closed(at_home: Any) -> None:
    async def body(home: Any) -> None:
        assert (home.access.open_role, home.access.pins) == (Role.INSTALLER, ())
        with pytest.raises(WrongState, match="owner's PIN first"):
            await home.access.set_pin(Role.INSTALLER, Role.HOUSEHOLD, HOUSEHOLD)
        await _all_pins(home)
        for _ in range(2):
            assert home.access.open_role is Role.GUEST
            assert home.access.pins == (Role.HOUSEHOLD, Role.OWNER, Role.INSTALLER)
            await home.access.check(Role.OWNER, OWNER)
            await home.restart()

    at_home(body)


def test_who_sets_whose_pin(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        with pytest.raises(NotAllowed, match="Only the installer"):
            await home.access.set_pin(Role.OWNER, Role.INSTALLER, "318042")
        await home.access.check(Role.INSTALLER, INSTALLER)
        await home.access.set_pin(Role.INSTALLER, Role.OWNER, "318042")
        with pytest.raises(WrongPin):
            await home.access.check(Role.OWNER, OWNER)
        await home.access.check(Role.OWNER, "318042")

    at_home(body)


def test_only_the_households_pin_is_removed(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        for role in (Role.OWNER, Role.INSTALLER, Role.GUEST):
            with pytest.raises(WrongState, match="Only the PIN of the household"):
                await home.access.set_pin(Role.INSTALLER, role, "")
        await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, "")
        assert "pin.household" not in home.secrets.kept
        with pytest.raises(NotFound, match="household has no PIN"):
            await home.access.check(Role.HOUSEHOLD, HOUSEHOLD)

    at_home(body)


def test_two_roles_never_share_a_pin(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        for role, pin in ((Role.HOUSEHOLD, OWNER), (Role.OWNER, INSTALLER)):
            with pytest.raises(WrongState, match="cannot be used here"):
                await home.access.set_pin(Role.INSTALLER, role, pin)
        await home.access.set_pin(Role.OWNER, Role.OWNER, OWNER)

    at_home(body)


def test_setting_pins_is_no_way_to_find_out_another_ones(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        for number in range(7):
            await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, f"83{number}416")
        looked = home.hasher.looks
        with pytest.raises(WrongState, match="too often"):
            await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, INSTALLER)
        assert home.hasher.looks == looked
        await home.clock.move(3600)
        await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, HOUSEHOLD)

    at_home(body)


@pytest.mark.usecase("W4")
def test_five_wrong_ones_make_a_pause_in_which_the_right_one_is_not_looked_at(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        assert await _wrong(home) == "The PIN is wrong. 4 more tries before a pause."
        assert await _wrong(home, times=3) == "The PIN is wrong. 1 more try before a pause."
        assert await _wrong(home) == "The PIN is wrong. The next try is possible in 60 seconds."
        assert home.access.locked == {Role.OWNER: home.clock.at + timedelta(seconds=60)}
        looked = home.hasher.looks
        with pytest.raises(WrongPin, match="in 60 seconds"):
            await home.access.check(Role.OWNER, OWNER)
        assert home.hasher.looks == looked
        await home.access.check(Role.INSTALLER, INSTALLER)
        await home.clock.move(60)
        assert home.access.locked == {}
        assert "in 2 minutes" in await _wrong(home)
        await home.clock.move(120)
        await home.access.check(Role.OWNER, OWNER)
        assert await _wrong(home) == "The PIN is wrong. 4 more tries before a pause."

    at_home(body)


def test_what_can_be_no_pin_is_a_wrong_one_and_costs_no_hash(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        looked = home.hasher.looks
        for pin in ("", "x" * 1_000_000, "4711" * 4, "４７１１０８"):
            with pytest.raises(WrongPin):
                await home.access.check(Role.OWNER, pin)
        assert home.hasher.looks == looked
        assert "in 60 seconds" in await _wrong(home)

    at_home(body)


def test_a_burst_of_tries_over_many_connections_is_counted_one_by_one(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        looked = home.hasher.looks
        tries = [home.access.check(Role.OWNER, f"5551{number:02}") for number in range(40)]
        ends = await asyncio.gather(*tries, return_exceptions=True)
        assert all(isinstance(end, WrongPin) for end in ends)
        assert home.hasher.looks - looked == 5

    at_home(body)


def test_a_try_counts_before_it_is_looked_at(at_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the hub is killed over it."""

    async def body(home: Any) -> None:
        await _all_pins(home)
        await _wrong(home, times=4)

        def killed(*_: object) -> bool:
            raise KeyError

        with monkeypatch.context() as patch:
            patch.setattr(home.hasher, "verify", killed)
            with pytest.raises(KeyError):
                await home.access.check(Role.OWNER, OWNER)
        await home.restart()
        with pytest.raises(WrongPin, match="in 60 seconds"):
            await home.access.check(Role.OWNER, OWNER)

    at_home(body)


def test_a_restart_begins_the_pause_anew_whatever_the_civil_clock_says(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        await _wrong(home, times=5)
        await home.clock.move(59)
        await home.restart()
        home.clock.at += timedelta(days=400)
        with pytest.raises(WrongPin, match="in 60 seconds"):
            await home.access.check(Role.OWNER, OWNER)
        home.clock.at -= timedelta(days=800)
        await home.clock.move(60)
        await home.access.check(Role.OWNER, OWNER)

    at_home(body)


def test_a_new_pin_ends_the_pause_of_its_role(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        await _wrong(home, times=5)
        await home.access.set_pin(Role.INSTALLER, Role.OWNER, "318042")
        await home.access.check(Role.OWNER, "318042")
        await home.restart()
        await home.access.check(Role.OWNER, "318042")

    at_home(body)


@pytest.mark.usecase("W9")
def test_all_of_it_is_in_the_audit_log_and_no_pin_is_anywhere(
    at_home: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        await _wrong(home, times=6)
        await home.access.check(Role.INSTALLER, INSTALLER)
        await home.access.set_open_role(Role.HOUSEHOLD)
        await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, "")
        assert home.audit == [
            ("pin_set", "owner", '{"by":"installer"}'),
            ("pin_set", "installer", '{"by":"owner"}'),
            ("pin_set", "household", '{"by":"owner"}'),
            *[("login_failed", "owner", f'{{"reason":"wrong","failures":{count}}}') for count in (1, 2, 3, 4, 5)],
            ("pin_locked", "owner", '{"failures":5,"pause_s":60}'),
            ("login_failed", "owner", '{"reason":"locked","wait_s":60}'),
            ("login", "installer", "{}"),
            ("value_changed", "open_role", '{"value":"household"}'),
            ("pin_removed", "household", '{"by":"owner"}'),
        ]
        places = _files(tmp_path)
        places += [caplog.text.encode(), "".join(home.secrets.kept.values()).encode()]
        for pin in (OWNER, INSTALLER, HOUSEHOLD, "555123"):
            assert not any(pin.encode() in place for place in places), pin

    caplog.set_level("DEBUG")
    at_home(body)


def test_a_pin_that_cannot_be_kept_changes_nothing_and_is_noted(at_home: Any) -> None:
    async def body(home: Any) -> None:
        await _all_pins(home)
        home.secrets.broken = True
        with pytest.raises(SecretStoreUnavailable):
            await home.access.set_pin(Role.OWNER, Role.OWNER, "318042")
        with pytest.raises(SecretStoreUnavailable):
            await home.access.set_pin(Role.OWNER, Role.HOUSEHOLD, "")
        home.secrets.broken = False
        await home.access.check(Role.OWNER, OWNER)
        await home.access.check(Role.HOUSEHOLD, HOUSEHOLD)
        assert home.kinds[3:7] == ["pin_set", "pin_set_failed", "pin_removed", "pin_removed_failed"]

    at_home(body)


def test_a_ledger_that_cannot_be_written_opens_nothing(at_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("The disk is full.")

    async def body(home: Any) -> None:
        await _all_pins(home)
        looked = home.hasher.looks
        monkeypatch.setattr(home.access._attempts, "count", full)
        with pytest.raises(StoreUnavailable):
            await home.access.check(Role.OWNER, OWNER)
        assert home.hasher.looks == looked

    at_home(body)


def test_what_needs_no_pin_is_the_owners_choice_between_two(at_home: Any) -> None:
    async def body(home: Any) -> None:
        with pytest.raises(WrongState, match="no PIN"):
            await home.access.set_open_role(Role.HOUSEHOLD)
        await _all_pins(home)
        for role in (Role.OWNER, Role.INSTALLER):
            with pytest.raises(WrongState, match="Only guest or household"):
                await home.access.set_open_role(role)
        await home.access.set_open_role(Role.HOUSEHOLD)
        assert home.access.open_role is Role.HOUSEHOLD
        await home.restart()
        assert home.access.open_role is Role.HOUSEHOLD
        await home.access.set_open_role(Role.GUEST)
        assert home.access.open_role is Role.GUEST

    at_home(body)


def test_of_two_who_set_the_first_pin_at_once_one_does(at_home: Any) -> None:
    async def body(home: Any) -> None:
        first = home.access.set_pin(Role.INSTALLER, Role.OWNER, OWNER)
        second = home.access.set_pin(Role.INSTALLER, Role.OWNER, INSTALLER)
        ends = await asyncio.gather(first, second, return_exceptions=True)
        assert ends[0] is None
        assert isinstance(ends[1], NotAllowed)
        await home.access.check(Role.OWNER, OWNER)

    at_home(body)


def test_a_pin_whose_setter_hangs_up_is_set_or_it_is_not(at_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(home: Any) -> None:
        keeping, go_on = threading.Event(), threading.Event()
        keep = home.secrets.set

        def keep_slowly(name: str, value: str) -> None:
            keeping.set()
            go_on.wait(10)
            keep(name, value)

        monkeypatch.setattr(home.secrets, "set", keep_slowly)
        setting = asyncio.create_task(home.access.set_pin(Role.INSTALLER, Role.OWNER, OWNER))
        await asyncio.to_thread(keeping.wait, 10)
        setting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait([setting])
        assert setting.cancelled()
        assert home.access.pins == (Role.OWNER,)
        await home.access.check(Role.OWNER, OWNER)

    at_home(body)
