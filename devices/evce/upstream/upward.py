"""What a station says on its way to the CSMS: at once where that is possible, else by the durable outbox, in order.

The station is told that a message about a transaction has arrived only when the CSMS has answered or the message is
durable here (errata 2025-06 par. 4.2 to part 4 par. 6.3). What waits is passed on with the station's own message id, so
that a CSMS that has it already knows it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import Frame, MessageType
from devices.evce.rpc import ActionUnknown, CallRefused, CallTimeout, Priority, RpcPeer
from devices.evce.schemas import Version
from devices.evce.upstream.port import ProviderTokens, StationFacts
from devices.evce.upstream.refusals import passed_on, unreachable
from devices.evce.upstream.transaction_ids import TransactionIds
from homeapp.errors import DeviceUnreachable, ProtocolError, StoreUnavailable
from homeapp.ports import Clock, CsmsWay, StationMessage, StationOutbox

logger = logging.getLogger(__name__)

WRITE_THROUGH_S = 3.0
"""For so long a station waits for the CSMS before it gets the hub's answer. Real seconds, as all waits for peers."""
ASK_S = 5.0
RETRY_S = 10.0
MOST_REFUSALS = 3
MOST_SILENCES = 10
"""A CSMS that answers everything but one message does not have that one for ever."""
MOST_COPIES = 256
_REWRITTEN = frozenset({"StopTransaction", "MeterValues"})
_PERIODIC = frozenset({"MeterValuePeriodic", "MeterValueClock"})


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A message of a transaction on its way to the CSMS while the station still waits."""

    frame: Frame
    task: "asyncio.Task[Frame | None]"

    @property
    def answer(self) -> Frame | None:
        """What the CSMS has said, or None so far, or where the way broke."""
        return self.task.result() if self.task.done() and not self.task.cancelled() else None


class Upward:
    """One station's messages to its CSMS.

    Attributes:
        version: the one that the station speaks.
        station: what the hub knows of it.
        drained: nothing that is durable waits, as far as is known.
    """

    def __init__(
        self,
        station: StationFacts,
        *,
        way: CsmsWay,
        outbox: StationOutbox,
        clock: Clock,
        tokens: ProviderTokens | None,
        write_through_s: float = WRITE_THROUGH_S,
    ) -> None:
        self.version = Version.V16
        self.drained = False
        self.ids = TransactionIds()
        self.station = station
        self._way = way
        self._outbox = outbox
        self._clock = clock
        self._tokens = tokens
        self._write_through_s = write_through_s
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._peer: RpcPeer | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._flight: _Flight | None = None
        self._copies: deque[Frame | Outgoing] = deque(maxlen=MOST_COPIES)
        self._statuses: dict[tuple[object, object], Frame] = {}

    async def load(self) -> None:
        """Read what is kept.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        self.ids.learn(await self._outbox.transactions(self.station.device_id))

    async def write_through(self, frame: Frame, local: Payload | None) -> Payload | msgspec.Raw:
        """A message that must not be lost: the answer of the CSMS where it comes in time, else the hub's own.

        Raises:
            Refusal: the CSMS has refused it, or it can be neither passed on nor kept.
        """
        async with self._turn:
            flight = self._take_off(frame)
            if flight is not None:
                await asyncio.wait([flight.task], timeout=self._write_through_s)
                answer = flight.answer
                if answer is not None:
                    self._flight = None
                    return self._given(frame, local, answer)
            return await self._keep(frame, local)

    async def ask(self, frame: Frame, local: Payload | None, *, known: bool) -> Payload | msgspec.Raw:
        """A message whose answer is the CSMS's: that, or the hub's own where it does not come in time.

        Raises:
            ActionUnknown: nobody is there who might know the action.
            Refusal: the CSMS has refused it, or is away and the hub cannot answer.
        """
        try:
            async with asyncio.timeout(ASK_S):
                answer = await self._send(self._accepting(), frame.action, frame.raw, frame.id, Priority.OWNER)
        except (TimeoutError, CallTimeout, DeviceUnreachable) as error:
            if local is not None:
                return local
            if not known:
                raise ActionUnknown(frame.action) from error
            raise unreachable(self.version, "the provider cannot be reached") from error
        return self._given(frame, None, answer)

    async def note(self, frame: Frame) -> None:
        """A SEND: passed on as one, or lost."""
        try:
            peer = self._accepting()
            self._way.left(frame.action, frame.payload, len(frame.raw))
            await peer.send(frame.action, msgspec.Raw(frame.raw))
        except DeviceUnreachable:
            logger.debug("%s: a %s was left out", self.station.device_id, frame.action)

    def remember(self, frame: Frame) -> None:
        """The newest status of a connector, to be told with each new way."""
        self._statuses[frame.payload.get("evseId"), frame.payload.get("connectorId")] = frame

    def copy(self, frame: Frame) -> None:
        """Something to pass on while there is a way."""
        if frame.action == "StatusNotification" and self._peer is None:
            return
        self._copies.append(frame)
        self._news.set()

    def say(self, call: Outgoing) -> None:
        """A CALL of the hub's own to the CSMS, while there is a way."""
        self._copies.append(call)
        self._news.set()

    def forget(self) -> None:
        """The owner has taken the consent back: nothing that was heard before is passed on any more."""
        self._copies.clear()
        self.drained = False

    async def drain(self, peer: RpcPeer) -> None:
        """Pass on what waits and what comes, over a connection on which the CSMS has accepted the station."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks, self._peer = tasks, peer
            self._copies.extendleft(reversed(self._statuses.values()))
            try:
                while True:
                    await self._step(peer)
            finally:
                self._tasks = self._peer = self._flight = None
                self.drained = False

    async def _step(self, peer: RpcPeer) -> None:
        self._news.clear()
        try:
            if self._flight is not None:
                await self._land(self._flight)
            elif (row := await self._oldest()) is not None:
                await self._replay(peer, row)
            elif self._copies:
                await self._pass_copy(peer, self._copies.popleft())
            else:
                await self._news.wait()
        except StoreUnavailable as error:
            logger.error("%s: %s", self.station.device_id, error)
            await self._clock.sleep(RETRY_S)
        except DeviceUnreachable:
            # The connection is over; whoever runs this ends it.
            await self._clock.sleep(RETRY_S)

    def _take_off(self, frame: Frame) -> _Flight | None:
        if self._peer is None or self._tasks is None or not self.drained or self._flight is not None:
            return None
        raw = self._outward(frame.action, frame.raw)
        task = self._tasks.create_task(self._fly(self._peer, frame, raw))
        self._flight = _Flight(frame, task)
        self._news.set()
        return self._flight

    async def _fly(self, peer: RpcPeer, frame: Frame, raw: bytes) -> Frame | None:
        try:
            return await self._send(peer, frame.action, raw, frame.id, Priority.OWNER)
        except (CallTimeout, DeviceUnreachable):
            return None

    async def _land(self, flight: _Flight) -> None:
        """Nothing overtakes a message that is under way; its row is not needed where the answer came late."""
        await asyncio.wait([flight.task])
        async with self._turn:
            if self._flight is not flight:
                return
            self._flight = None
            row, answer = await self._outbox.first_waiting(self.station.device_id), flight.answer
            of_it = row is not None and (row.message_id, row.payload) == (flight.frame.id, flight.frame.raw)
            if row is not None and of_it and answer is not None and answer.type is MessageType.CALLRESULT:
                await self._delivered(row, answer)

    async def _oldest(self) -> StationMessage | None:
        async with self._turn:
            row = await self._outbox.first_waiting(self.station.device_id)
            self.drained = row is None
            return row

    async def _keep(self, frame: Frame, local: Payload | None) -> Payload:
        answer = local or {}
        if not self._way.may_relay():
            return answer
        transaction = answer.get("transactionId") if frame.action == "StartTransaction" else None
        message = StationMessage(
            message_id=frame.id,
            action=frame.action,
            payload=frame.raw,
            periodic=_is_periodic(frame),
            transaction=transaction,
        )
        self.drained = False
        try:
            kept = await self._outbox.put(self.station.device_id, message)
            if not self._way.may_relay():
                # Taken back meanwhile: it may have come too late to be void with the others.
                await self._outbox.void()
        except StoreUnavailable as error:
            logger.error("%s: a %s cannot be kept: %s", self.station.device_id, frame.action, error)
            raise unreachable(self.version, "it can neither be passed on nor kept; send it again") from error
        self._news.set()
        if kept is not None and kept != transaction:
            # The station repeats what it has begun before the hub started anew.
            self.station.renamed(str(transaction), str(kept))
            return answer | {"transactionId": kept}
        return answer

    def _given(self, frame: Frame, local: Payload | None, answer: Frame) -> msgspec.Raw:
        if answer.type is not MessageType.CALLRESULT:
            raise passed_on(answer)
        if self._tokens is not None:
            self._tokens.judged(frame, answer.payload, self.version)
        ours, theirs = (local or {}).get("transactionId"), answer.payload.get("transactionId")
        if frame.action == "StartTransaction" and ours is not None and theirs is not None and ours != theirs:
            self.station.renamed(str(ours), str(theirs))
        return msgspec.Raw(answer.raw)

    async def _replay(self, peer: RpcPeer, row: StationMessage) -> None:
        try:
            raw = self._outward(row.action, row.payload)
            answer = await self._send(peer, row.action, raw, row.message_id, Priority.PROVIDER)
        except CallTimeout:
            await self._not_delivered(row, "no answer", MOST_SILENCES)
            return
        if answer.type is MessageType.CALLRESULT:
            await self._delivered(row, answer)
        else:
            await self._not_delivered(row, answer.code, MOST_REFUSALS)

    async def _delivered(self, row: StationMessage, answer: Frame) -> None:
        theirs = answer.payload.get("transactionId") if row.transaction is not None else None
        theirs = theirs if isinstance(theirs, int) and theirs != row.transaction else None
        await self._outbox.delivered(self.station.device_id, row, theirs)
        if theirs is not None and row.transaction is not None:
            self.ids.learn({row.transaction: theirs})

    async def _not_delivered(self, row: StationMessage, code: str, most: int) -> None:
        device_id = self.station.device_id
        failures = await self._outbox.failed(device_id, row)
        logger.warning("%s: the CSMS does not take a %s: %s", device_id, row.action, code)
        if failures < most:
            await self._clock.sleep(RETRY_S)
            return
        await self._outbox.give_up(device_id, row)
        self._way.notice(f"station_message_dead.{device_id}", _DEAD.format(action=row.action, code=code))

    async def _pass_copy(self, peer: RpcPeer, item: Frame | Outgoing) -> None:
        try:
            if isinstance(item, Frame):
                await self._send(peer, item.action, item.raw, item.id, Priority.HOUSEKEEPING)
            else:
                self._allow(item.action, item.payload, len(msgspec.json.encode(item.payload)))
                await peer.call(item.action, item.payload)
        except (CallTimeout, CallRefused, ProtocolError) as error:
            logger.info("%s: %s was not taken by the CSMS: %s", self.station.device_id, item.action, error)

    async def _send(self, peer: RpcPeer, action: str, raw: bytes, message_id: str, priority: Priority) -> Frame:
        self._allow(action, msgspec.json.decode(raw), len(raw))
        return await peer.relay(action, raw, priority=priority, message_id=message_id)

    def _allow(self, action: str, payload: Mapping[str, object], size_bytes: int) -> None:
        if not self._way.may_relay():
            raise DeviceUnreachable("The owner does not agree that this leaves the home.")
        self._way.left(action, payload, size_bytes)

    def _accepting(self) -> RpcPeer:
        if self._peer is None:
            raise DeviceUnreachable("The provider of charging is not connected.")
        return self._peer

    def _outward(self, action: str, raw: bytes) -> bytes:
        if self.version is Version.V16 and action in _REWRITTEN:
            return self.ids.to_csms(raw)
        return raw


_DEAD = (
    "The provider of charging does not take a message of the charger ({action}: {code}), so it is not sent again. "
    "What the provider bills may be wrong; ask it about this."
)


def _is_periodic(frame: Frame) -> bool:
    if frame.action == "TransactionEvent":
        return frame.payload.get("eventType") == "Updated" and frame.payload.get("triggerReason") in _PERIODIC
    return frame.action == "MeterValues"
