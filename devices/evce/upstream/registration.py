"""A station's registration at a CSMS: BootNotification until it is accepted, then Heartbeats (B01, B02, B03)."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from devices.evce.fields import Payload, number, plain
from devices.evce.frames import MessageType
from devices.evce.rpc import CallRefused, CallTimeout, Priority, RpcPeer
from homeapp.errors import DeviceUnreachable
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

OWN_INTERVAL_S = 60.0
"""Where the CSMS leaves the choice to the station (interval 0), or says nothing sensible."""
_SILENT_CALLS = 2
_SHORTEST_INTERVAL_S, _LONGEST_INTERVAL_S = 1.0, 86_400.0


class Standing(StrEnum):
    """What the CSMS thinks of the station."""

    UNKNOWN = "unknown"
    """it has not answered on this connection"""
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Introducing(Protocol):
    """Who is registered."""

    async def introduction(self) -> bytes:
        """The payload of the station's newest BootNotification; waits for one."""

    def left(self, action: str, payload: Payload, size_bytes: int) -> None:
        """A message is leaving the home.

        Raises:
            DeviceUnreachable: it must not.
        """


class Registration:
    """The registration on one connection.

    Args:
        peer: the connection.
        clock: intervals are of its time.
        who: who is registered.
        changed: told each new standing.
        silent: told that the CSMS does not answer any more; ends the connection.

    Attributes:
        standing: of the moment. Nothing but BootNotification may be sent before it is ACCEPTED.
        due: set to have the station introduced anew.
    """

    def __init__(
        self,
        peer: RpcPeer,
        clock: Clock,
        who: Introducing,
        changed: Callable[[Standing], None],
        silent: Callable[[], None],
    ) -> None:
        self.standing = Standing.UNKNOWN
        self.due = asyncio.Event()
        self._peer = peer
        self._clock = clock
        self._who = who
        self._changed = changed
        self._silent = silent
        self._interval_s = OWN_INTERVAL_S

    async def run(self, body: Callable[[], Awaitable[None]]) -> None:
        """Keep registered until cancelled; ``body`` runs while the CSMS accepts the station."""
        while True:
            await self._until_accepted()
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(_awaited(body)), tasks.create_task(self._beat())]
                await self.due.wait()
                for other in others:
                    other.cancel()

    async def beat(self) -> None:
        """Send one Heartbeat."""
        try:
            self._who.left("Heartbeat", {}, len(b"{}"))
            await self._peer.call("Heartbeat", {})
        except (CallTimeout, CallRefused, DeviceUnreachable) as error:
            logger.info("a heartbeat was not answered: %s", error)
            if self._peer.silent_calls >= _SILENT_CALLS:
                self._silent()

    async def _until_accepted(self) -> None:
        while not await self._introduce():
            await self._pause(self._interval_s)

    async def _introduce(self) -> bool:
        self.due.clear()
        payload = await self._who.introduction()
        try:
            self._who.left("BootNotification", msgspec.json.decode(payload), len(payload))
            # It is the hub's own message, so it has an id of its own (part 4 par. 6.2).
            answer = await self._peer.relay(
                "BootNotification", payload, priority=Priority.OWNER, message_id=str(uuid.uuid4())
            )
        except (CallTimeout, DeviceUnreachable) as error:
            logger.info("a BootNotification was not answered: %s", error)
            return False
        accepted = answer.type is MessageType.CALLRESULT
        self._settle(answer.payload if accepted else {"status": Standing.REJECTED})
        return self.standing is Standing.ACCEPTED

    def _settle(self, answer: Payload) -> None:
        try:
            self.standing = Standing(plain(answer.get("status")))
        except ValueError:
            self.standing = Standing.REJECTED
        wanted = number(answer.get("interval")) or OWN_INTERVAL_S
        self._interval_s = max(_SHORTEST_INTERVAL_S, min(wanted, _LONGEST_INTERVAL_S))
        self._changed(self.standing)

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._interval_s)
            await self.beat()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until the CSMS asks for it."""
        async with asyncio.TaskGroup() as tasks:
            sleeping = tasks.create_task(self._clock.sleep(seconds))
            asked = tasks.create_task(_awaited(self.due.wait))
            await asyncio.wait((sleeping, asked), return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            asked.cancel()


async def _awaited(make: Callable[[], Awaitable[object]]) -> None:
    await make()
