"""Whoever is at the other end of one connection: the role in force, how it is raised, and how it falls back."""

import asyncio
from datetime import timedelta

from homeapp.access.access_control import AccessControl
from homeapp.api import AccessView, Role
from homeapp.errors import NotAllowed, WrongPin

RAISED_FOR_S = 120.0
"""How long a raised role outlives the last call that needed it."""


class Caller:
    """One connection's role. It begins with what needs no PIN; ``role`` is to be asked at the moment of each call.

    Attributes:
        failed_logins: since the last right PIN.
    """

    def __init__(self, access: AccessControl) -> None:
        self._access = access
        self._clock = access.clock
        self._raised: Role | None = None
        self._edition = 0
        self._until = 0.0
        self._risen = asyncio.Event()
        self.failed_logins = 0

    @property
    def role(self) -> Role:
        """In force now."""
        open_role = self._access.open_role
        return self._raised if self._raised is not None and self._holds(self._raised) else open_role

    @property
    def view(self) -> AccessView:
        """The same with all that belongs to it."""
        role, open_role = self.role, self._access.open_role
        left = timedelta(seconds=self._until - self._clock.monotonic())
        return AccessView(
            role=role,
            until=self._clock.now() + left if role is not open_role else None,
            open_role=open_role,
            pins=self._access.pins,
            locked=self._access.locked,
        )

    def permit(self, needed: Role) -> Role:
        """The role in force, for a call that needs ``needed``; one that needs more than looking prolongs it.

        Raises:
            NotAllowed: it is too low.
        """
        role = self.role
        if not role.covers(needed):
            raise NotAllowed(f"As {role} you may not do this. Log in as {needed} and try again.")
        if needed is not Role.GUEST and role is self._raised:
            self._until = self._clock.monotonic() + RAISED_FOR_S
        return role

    async def log_in(self, role: Role, pin: str) -> None:
        """Raise the role.

        Raises:
            WrongPin, NotFound: see ``AccessControl.check``.
        """
        try:
            await self._access.check(role, pin)
        except WrongPin:
            self.failed_logins += 1
            raise
        self.failed_logins = 0
        self._rise(role)

    def log_out(self) -> None:
        """Back to what needs no PIN."""
        self._raised = None

    async def set_pin(self, role: Role, pin: str) -> None:
        """Set a PIN; who has come in by the old one has to give the new one, but for this caller.

        Raises:
            NotAllowed, WrongState: see ``AccessControl.set_pin``.
        """
        own = role is self._raised and self._holds(role)
        await self._access.set_pin(self.role, role, pin)
        if own and role is self._raised:
            self._rise(role)

    async def falls_back(self) -> None:
        """Return when a raised role has run out; waits for one to be raised."""
        while True:
            if self._raised is None:
                self._risen.clear()
                await self._risen.wait()
                continue
            left = self._until - self._clock.monotonic()
            if left <= 0:
                self._raised = None
                return
            await self._clock.sleep(left)

    def _rise(self, role: Role) -> None:
        self._raised = role
        self._edition = self._access.edition(role)
        self._until = self._clock.monotonic() + RAISED_FOR_S
        self._risen.set()

    def _holds(self, raised: Role) -> bool:
        return (
            self._clock.monotonic() < self._until
            and self._edition == self._access.edition(raised)
            and raised.covers(self._access.open_role)
        )
