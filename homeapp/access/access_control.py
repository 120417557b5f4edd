"""Who may do what: PINs per role, tries at them, and what needs none.

A home without a PIN is being set up: whoever may connect is the installer. From the first PIN on, nobody is more than
a guest, or one of the household where the owner has said so, until a PIN was given.

Tries are counted per role, over all connections, in the ledger and before the hash is looked at. When the next one is
allowed is decided by the monotonic clock alone, so that setting the civil clock, which a stranger on the network may be
able to do, shortens no pause. What a monotonic clock cannot know is how long the hub stood still: after a restart a
pause begins anew in full, an hour at most, until a right PIN has ended the count.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from argon2 import PasswordHasher

from homeapp.access import pins
from homeapp.api import Role
from homeapp.errors import NotAllowed, NotFound, SecretStoreUnavailable, WrongPin, WrongState
from homeapp.ports import Clock
from homeapp.secrets import SecretStore
from homeapp.store.ledger import Ledger
from homeapp.store.pin_attempts import PinAttempts
from homeapp.supervision import to_its_end

logger = logging.getLogger(__name__)

OPEN_ROLES = (Role.GUEST, Role.HOUSEHOLD)
PIN_ROLES = (Role.HOUSEHOLD, Role.OWNER, Role.INSTALLER)
_OPEN_ROLE = "open_role"
_MOST_CHANGES, _CHANGES_WITHIN_S = 10, 3600.0
"""Who may set PINs learns whether one is already another role's: not to be tried over and over."""


def secret_name(role: Role) -> str:
    """Name of the PIN's hash in the secret store."""
    return f"pin.{role}"


class AccessControl:
    """The PINs of one home. Nothing is open before ``load``.

    Attributes:
        clock: the hub's; roles that were raised fall back by it.

    Raises (all that is awaited):
        StoreUnavailable: the ledger cannot be read or written; a PIN is not looked at then.
        SecretStoreUnavailable: the place of the PINs cannot be used.
    """

    def __init__(
        self,
        *,
        secrets: SecretStore,
        attempts: PinAttempts,
        ledger: Ledger,
        clock: Clock,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._secrets = secrets
        self._attempts = attempts
        self._ledger = ledger
        self.clock = clock
        self._hasher = hasher or pins.hasher()
        self._kept: dict[Role, str] = {}
        self._without_pins = Role.GUEST
        self._open_role = Role.GUEST
        self._failures: dict[Role, int] = {}
        self._locked: dict[Role, float] = {}
        self._editions: dict[Role, int] = {}
        self._changes: deque[float] = deque(maxlen=_MOST_CHANGES)
        # One try at a time: each takes 19 MiB, and each is counted before the next one is looked at.
        self._one_by_one = asyncio.Lock()

    async def load(self) -> None:
        """Read PINs and counts."""
        for role in PIN_ROLES:
            kept = await asyncio.to_thread(self._secrets.get, secret_name(role))
            if kept is not None:
                self._kept[role] = kept
        counted = await self._attempts.failures()
        for role in PIN_ROLES:
            self._failures[role] = counted.get(role, 0)
            self._lock(role, pins.pause_s(self._failures[role]))
        if await self._ledger.value(_OPEN_ROLE) == Role.HOUSEHOLD:
            self._open_role = Role.HOUSEHOLD
        self._without_pins = Role.INSTALLER

    @property
    def open_role(self) -> Role:
        """What needs no PIN."""
        return self._open_role if self._kept else self._without_pins

    @property
    def pins(self) -> tuple[Role, ...]:
        """Roles that have a PIN."""
        return tuple(role for role in PIN_ROLES if role in self._kept)

    @property
    def locked(self) -> dict[Role, datetime]:
        """Until when no PIN is looked at, for those roles of which too many were wrong."""
        now = self.clock.now()
        left = {role: self._left_s(role) for role in self._locked}
        return {role: now + timedelta(seconds=seconds) for role, seconds in left.items() if seconds > 0}

    def edition(self, role: Role) -> int:
        """A number that changes with the PIN of ``role``: what an old PIN has opened is not open for ever."""
        return self._editions.get(role, 0)

    async def check(self, role: Role, pin: str) -> None:
        """Look at a PIN, and say no to all that is not the PIN of ``role``.

        Raises:
            WrongPin: it is not, or it is not looked at yet; the sentence says what is left.
            NotFound: this role has no PIN.
        """
        async with self._one_by_one:
            kept = self._kept.get(role)
            if kept is None:
                raise NotFound(f"The {role} has no PIN.")
            await self._refuse_while_locked(role)
            failures = self._failures.get(role, 0) + 1
            pause = pins.pause_s(failures)
            until = self.clock.now() + timedelta(seconds=pause) if pause else None
            # Before the hash is looked at: whoever kills the hub over a wrong PIN wins no try.
            await self._attempts.count(role, failures, until)
            self._failures[role] = failures
            self._lock(role, pause)
            if not (pins.is_pin(pin) and await asyncio.to_thread(pins.matches, self._hasher, kept, pin)):
                await self._failed(role, failures, pause)
            await self._attempts.note("login", role, {}, reset=True)
            self._forget_failures(role)
        logger.info("access: the %s has logged in", role)

    async def set_pin(self, by: Role, role: Role, pin: str) -> None:
        """Set the PIN of ``role`` for whoever is ``by``, or remove that of the household with an empty one.

        Raises:
            NotAllowed: the installer's PIN is set by the installer, or by the owner where there is none yet; or
                somebody else has just set the first PIN of the home.
            WrongState: too short, too easy to guess, another role's, not this one first, or too often.
        """
        await to_its_end(self._set_or_remove(by, role, pin, had_pins=bool(self._kept)))

    async def set_open_role(self, role: Role) -> None:
        """What needs no PIN from now on.

        Raises:
            WrongState: it is neither guest nor household, or the home has no PIN.
        """
        if role not in OPEN_ROLES:
            raise WrongState("Only guest or household can be open without a PIN.")
        if not self._kept:
            raise WrongState("This home has no PIN, so everything is open. Set the owner's PIN first.")
        await self._ledger.keep_value(_OPEN_ROLE, role)
        self._open_role = role

    async def _set_or_remove(self, by: Role, role: Role, pin: str, *, had_pins: bool) -> None:
        async with self._one_by_one:
            if self._kept and not had_pins:
                raise NotAllowed("Somebody has just set the first PIN of this home. Log in with it first.")
            if role is Role.INSTALLER and role in self._kept and not by.covers(role):
                raise NotAllowed("Only the installer changes the installer's PIN.")
            if pin:
                await self._set(by, role, pin)
            else:
                await self._remove(by, role)
            self._editions[role] = self.edition(role) + 1
            self._forget_failures(role)

    async def _refuse_while_locked(self, role: Role) -> None:
        left = self._left_s(role)
        if left > 0:
            await self._attempts.note("login_failed", role, {"reason": "locked", "wait_s": round(left)})
            logger.warning("access: a PIN of the %s was not looked at: too many were wrong before", role)
            raise WrongPin(f"Too many wrong PINs. The next try is possible in {_in_words(left)}.")

    async def _failed(self, role: Role, failures: int, pause: float) -> None:
        await self._attempts.note("login_failed", role, {"reason": "wrong", "failures": failures})
        logger.warning("access: a wrong PIN of the %s, %d in a row", role, failures)
        if pause:
            await self._attempts.note("pin_locked", role, {"failures": failures, "pause_s": round(pause)})
            raise WrongPin(f"The PIN is wrong. The next try is possible in {_in_words(pause)}.")
        left = pins.FREE_TRIES - failures
        tries = "1 more try" if left == 1 else f"{left} more tries"
        raise WrongPin(f"The PIN is wrong. {tries} before a pause.")

    async def _set(self, by: Role, role: Role, pin: str) -> None:
        pins.check_pin(role, pin)
        if not self._kept and role is Role.HOUSEHOLD:
            raise WrongState("Set the owner's PIN first, then the household's.")
        self._spend_change()
        for other, kept in self._kept.items():
            if other is not role and await asyncio.to_thread(pins.matches, self._hasher, kept, pin):
                raise WrongState("This PIN cannot be used here. Choose another one.")
        made = await asyncio.to_thread(self._hasher.hash, pin)
        await self._change("pin_set", by, role, lambda: self._secrets.set(secret_name(role), made))
        self._kept[role] = made

    async def _remove(self, by: Role, role: Role) -> None:
        if role is not Role.HOUSEHOLD:
            raise WrongState("Only the PIN of the household can be removed. Set another one instead.")
        await self._change("pin_removed", by, role, lambda: self._secrets.delete(secret_name(role)))
        self._kept.pop(role, None)

    async def _change(self, kind: str, by: Role, role: Role, change: Callable[[], None]) -> None:
        """The row of the audit log comes first: no change without one."""
        await self._attempts.note(kind, role, {"by": by}, reset=True)
        try:
            await asyncio.to_thread(change)
        except SecretStoreUnavailable:
            await self._attempts.note(f"{kind}_failed", role, {"by": by})
            raise

    def _spend_change(self) -> None:
        now = self.clock.monotonic()
        if len(self._changes) == _MOST_CHANGES and now - self._changes[0] < _CHANGES_WITHIN_S:
            raise WrongState("PINs were changed too often. Try again in an hour.")
        self._changes.append(now)

    def _lock(self, role: Role, pause: float) -> None:
        self._locked[role] = self.clock.monotonic() + pause

    def _left_s(self, role: Role) -> float:
        ends = self._locked.get(role)
        return 0.0 if ends is None else max(0.0, ends - self.clock.monotonic())

    def _forget_failures(self, role: Role) -> None:
        self._failures.pop(role, None)
        self._locked.pop(role, None)


def _in_words(seconds: float) -> str:
    if seconds > 90:
        return f"{round(seconds / 60)} minutes"
    return f"{max(1, round(seconds))} seconds"
