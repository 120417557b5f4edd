"""The durable messages of one station on their way to the CSMS, in order, until each is taken or given up."""

import logging
from collections.abc import Awaitable, Callable

from devices.evce.frames import Frame, MessageType
from devices.evce.rpc import CallTimeout
from devices.evce.schemas import Version
from devices.evce.upstream.transaction_ids import TransactionIds
from homeapp.ports import Clock, CsmsWay, StationMessage, StationOutbox

logger = logging.getLogger(__name__)

RETRY_S = 10.0
MOST_REFUSALS = 3
MOST_SILENCES = 10
"""A CSMS that answers everything but one message does not have that one for ever."""
_REWRITTEN = frozenset({"StopTransaction", "MeterValues"})
_DEAD = (
    "The provider of charging does not take a message of the charger ({action}: {code}), so it is not sent again. "
    "What the provider bills may be wrong; ask it about this."
)

Send = Callable[[str, bytes, str], Awaitable[Frame]]
"""Passes a CALL on: action, payload, message id; the CALLRESULT or CALLERROR. Raises CallTimeout, DeviceUnreachable."""


class Replay:
    """Hands rows of the outbox over; all calls raise StoreUnavailable where the outbox does.

    Attributes:
        ids: of 1.6 transactions.
        version: the one that the station speaks.
    """

    def __init__(self, device_id: str, *, way: CsmsWay, outbox: StationOutbox, clock: Clock) -> None:
        self.ids = TransactionIds()
        self.version = Version.V16
        self._device_id = device_id
        self._way = way
        self._outbox = outbox
        self._clock = clock

    async def load(self) -> None:
        """Read what is kept of transaction ids."""
        self.ids.learn(await self._outbox.transactions(self._device_id))

    async def first_waiting(self) -> StationMessage | None:
        """The oldest row."""
        return await self._outbox.first_waiting(self._device_id)

    def outward(self, action: str, raw: bytes) -> bytes:
        """A payload as the CSMS has to get it."""
        return self.ids.to_csms(raw) if self.version is Version.V16 and action in _REWRITTEN else raw

    async def hand_over(self, row: StationMessage, send: Send) -> None:
        """Try once, and wait a while where it was not taken.

        Raises:
            DeviceUnreachable: there is no way any more.
        """
        try:
            answer = await send(row.action, self.outward(row.action, row.payload), row.message_id)
        except CallTimeout:
            await self._not_delivered(row, "no answer", MOST_SILENCES)
            return
        if answer.type is MessageType.CALLRESULT:
            await self.delivered(row, answer)
        else:
            await self._not_delivered(row, answer.code, MOST_REFUSALS)

    async def delivered(self, row: StationMessage, answer: Frame) -> None:
        """The CSMS has given this CALLRESULT."""
        theirs = answer.payload.get("transactionId") if row.transaction is not None else None
        theirs = theirs if isinstance(theirs, int) and theirs != row.transaction else None
        if theirs is not None and row.transaction is not None:
            # First: a connection that ends while this is being written does not take it back.
            self.ids.learn({row.transaction: theirs})
        await self._outbox.delivered(self._device_id, row, theirs)

    async def _not_delivered(self, row: StationMessage, code: str, most: int) -> None:
        failures = await self._outbox.failed(self._device_id, row)
        logger.warning("%s: the CSMS does not take a %s: %s", self._device_id, row.action, code)
        if failures < most:
            await self._clock.sleep(RETRY_S)
            return
        await self._outbox.give_up(self._device_id, row)
        self._way.notice(f"station_message_dead.{self._device_id}", _DEAD.format(action=row.action, code=code))
