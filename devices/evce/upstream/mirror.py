"""A CSMS that only looks on: it gets copies of what goes up, may lose some, and may ask for nothing."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from devices.evce.fields import Payload
from devices.evce.frames import Frame, MessageType
from devices.evce.rpc import CallTimeout, Priority, Refusal, RpcPeer
from devices.evce.schemas import Version
from devices.evce.upstream.csms_link import CsmsAccess, CsmsLink
from devices.evce.upstream.registration import Introducing, Registration
from devices.evce.upstream.transaction_ids import TransactionIds, transaction_in
from homeapp.errors import DeviceUnreachable
from homeapp.model.live import LinkState
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

MOST_WAITING = 500
_OF_TRANSACTIONS = frozenset({"StopTransaction", "MeterValues"})


class Mirror:
    """One station's way to one CSMS that looks on.

    Args:
        statuses: the newest StatusNotification of each connector; told anew over each new connection.
    """

    def __init__(
        self,
        access: CsmsAccess,
        station: str,
        clock: Clock,
        who: Introducing,
        statuses: Callable[[], Sequence[Frame]],
    ) -> None:
        self._name = f"{access.name} of {station}"
        self._link = CsmsLink(access, station, clock, self._told)
        self._clock = clock
        self._who = who
        self._statuses = statuses
        self._waiting: deque[tuple[Frame, int | None]] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._ids = TransactionIds()
        self._registration: Registration | None = None

    def copy(self, frame: Frame, transaction: int | None) -> None:
        """Something that the station has said; ``transaction`` is what it calls the one that begins (1.6)."""
        self._waiting.append((frame, transaction))
        self._news.set()

    def introduce(self) -> None:
        """The station has said anew who it is."""
        if self._registration is not None:
            self._registration.due.set()

    def forget(self) -> None:
        """The owner has taken the consent back."""
        self._waiting.clear()

    async def keep(self, version: Version) -> NoReturn:
        """Pass copies on, until cancelled."""
        await self._link.keep(version, self._serve, self._use)

    async def _use(self, peer: RpcPeer) -> None:
        self._registration = Registration(
            peer, self._clock, self._who, lambda _standing: self._link.steady(), self._link.drop
        )
        await self._registration.run(lambda: self._pass_on(peer))

    async def _serve(self, frame: Frame) -> Payload | msgspec.Raw:
        wanted = frame.payload.get("requestedMessage")
        if frame.action == "TriggerMessage" and wanted == "BootNotification":
            self.introduce()
            return {"status": "Accepted"}
        raise Refusal("SecurityError", "this CSMS may only look on")

    def _begin(self) -> None:
        """It may have missed a status, and no older one may come after the newest."""
        others = [item for item in self._waiting if item[0].action != "StatusNotification"]
        self._waiting.clear()
        self._waiting.extend((frame, None) for frame in self._statuses())
        self._waiting.extend(others)

    async def _pass_on(self, peer: RpcPeer) -> None:
        self._begin()
        while True:
            self._news.clear()
            while self._waiting:
                frame, transaction = self._waiting.popleft()
                try:
                    await self._tell(peer, frame, transaction)
                except (CallTimeout, DeviceUnreachable) as error:
                    logger.info("%s: a %s is lost: %s", self._name, frame.action, error)
            await self._news.wait()

    async def _tell(self, peer: RpcPeer, frame: Frame, transaction: int | None) -> None:
        raw = self._ids.to_csms(frame.raw) if frame.action in _OF_TRANSACTIONS else frame.raw
        self._who.left(frame.action, frame.payload, len(raw))
        if frame.type is MessageType.SEND:
            await peer.send(frame.action, msgspec.Raw(raw))
            return
        answer = await peer.relay(frame.action, raw, priority=Priority.HOUSEKEEPING, message_id=frame.id)
        theirs = transaction_in(answer.raw) if answer.type is MessageType.CALLRESULT else None
        if transaction is not None and theirs is not None:
            self._ids.learn({transaction: theirs})

    def _told(self, state: LinkState, problem: str | None) -> None:
        logger.info("%s: %s %s", self._name, state, problem or "")
