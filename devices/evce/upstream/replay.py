"""The durable messages of one station on their way to the CSMS, in order, until each is taken or given up."""

import logging
from collections.abc import Awaitable, Callable

from devices.evce.fields import Payload
from devices.evce.frames import Frame, MessageType
from devices.evce.rpc import CallTimeout
from devices.evce.schemas import Version
from devices.evce.upstream.transaction_ids import TransactionIds
from homeapp.ports import Clock, CsmsWay, StationMessage, StationOutbox

logger = logging.getLogger(__name__)

RETRY_S = 10.0
ATTEMPT_INTERVAL_S = 20.0
"""MessageAttemptInterval: a message is repeated after so long, times how often it was sent (E13, 1.6 par. 9.1.17)."""
MOST_REFUSALS = 3
MOST_SILENCES = 10
"""After each the CSMS has to prove anew that it lives. One message that it never answers is not sent for ever."""
_REWRITTEN = frozenset({"StopTransaction", "MeterValues"})
_DEAD = (
    "The provider of charging does not take a message of the charger ({action}: {code}), so it is not sent again. "
    "What the provider bills may be wrong; ask it about this."
)

Send = Callable[[str, bytes, str], Awaitable[Frame]]
"""Passes a CALL on: action, payload, message id; the CALLRESULT or CALLERROR. Raises CallTimeout, DeviceUnreachable."""


class Replay:
    """Hands rows of the outbox over; all calls raise StoreUnavailable where the outbox does.

    Args:
        answered: told each answer of the CSMS to a message that the station has been answered before; the message
            counts as delivered once this returns.
        silent: told that the CSMS has not answered; ends the connection.

    Attributes:
        ids: of 1.6 transactions.
        version: the one that the station speaks.
    """

    def __init__(
        self,
        device_id: str,
        *,
        way: CsmsWay,
        outbox: StationOutbox,
        clock: Clock,
        answered: Callable[[StationMessage, Payload], Awaitable[None]],
        silent: Callable[[], None],
    ) -> None:
        self.ids = TransactionIds()
        self.version = Version.V16
        self._device_id = device_id
        self._way = way
        self._outbox = outbox
        self._clock = clock
        self._answered = answered
        self._silent = silent

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
        """Try once, and wait a while where it was refused.

        Raises:
            DeviceUnreachable: there is no way any more.
        """
        try:
            answer = await send(row.action, self.outward(row.action, row.payload), row.message_id)
        except CallTimeout:
            await self._failed(row, "no answer", MOST_SILENCES)
            self._silent()
            return
        if answer.type is MessageType.CALLRESULT:
            await self.delivered(row, answer)
        elif (failures := await self._failed(row, answer.code, MOST_REFUSALS)) < MOST_REFUSALS:
            await self._clock.sleep(ATTEMPT_INTERVAL_S * failures)

    async def delivered(self, row: StationMessage, answer: Frame) -> None:
        """The CSMS has given this CALLRESULT."""
        theirs = answer.payload.get("transactionId") if row.transaction is not None else None
        theirs = theirs if isinstance(theirs, int) and theirs != row.transaction else None
        if theirs is not None and row.transaction is not None:
            # First: a connection that ends while this is being written does not take it back.
            self.ids.learn({row.transaction: theirs})
        await self._answered(row, answer.payload)
        await self._outbox.delivered(self._device_id, row, theirs)

    async def _failed(self, row: StationMessage, code: str, most: int) -> int:
        """It was not taken, for the how many-th time; after ``most`` it is given up."""
        failures = await self._outbox.failed(self._device_id, row)
        logger.warning("%s: the CSMS does not take a %s: %s", self._device_id, row.action, code)
        if failures >= most:
            await self._outbox.give_up(self._device_id, row)
            self._way.notice(f"station_message_dead.{self._device_id}", _DEAD.format(action=row.action, code=code))
        return failures
