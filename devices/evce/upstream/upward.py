"""What a station says on its way to the CSMS: at once where that is possible, else by the durable outbox, in order.

The station is told that a message about a transaction has arrived only when the CSMS has answered or the message is
durable here (errata 2025-06 par. 4.2 to part 4 par. 6.3). What waits is passed on with the station's own message id, so
that a CSMS that has it already knows it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload
from devices.evce.frames import Frame, MessageType
from devices.evce.provider.provider_words import needs_answer
from devices.evce.rpc import ActionUnknown, CallRefused, CallTimeout, Priority, RpcPeer
from devices.evce.schemas import Version
from devices.evce.time_limit import Patience
from devices.evce.upstream.copies import Copies, Copy
from devices.evce.upstream.deauthorized import rejected_transaction
from devices.evce.upstream.own_token import is_hubs_token, with_verdict
from devices.evce.upstream.port import ProviderProfiles, ProviderTokens, StationFacts
from devices.evce.upstream.refusals import passed_on, unreachable
from devices.evce.upstream.replay import RETRY_S, Replay
from homeapp.errors import DeviceUnreachable, ProtocolError, StoreUnavailable
from homeapp.ports import Clock, CsmsWay, StationMessage, StationOutbox

logger = logging.getLogger(__name__)

WRITE_THROUGH_S = 3.0
"""For so long a station waits for the CSMS before it gets the hub's answer. Real seconds, as all waits for peers."""
ASK_S = 5.0
_PERIODIC = frozenset({"MeterValuePeriodic", "MeterValueClock"})


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A message of a transaction on its way to the CSMS while the station still waits."""

    frame: Frame
    answered: "asyncio.Future[Frame]"

    @property
    def answer(self) -> Frame | None:
        """What the CSMS has said, or None so far, or where the way broke."""
        ended = self.answered.done() and not self.answered.cancelled()
        return self.answered.result() if ended and self.answered.exception() is None else None


class Upward:
    """One station's messages to its CSMS.

    Args:
        silent: told that the CSMS has not answered; ends the connection.
        rejected: told a transaction, by the station's id, whose card the CSMS rejects after the hub has let it charge.

    Attributes:
        station: what the hub knows of it.
        drained: nothing that is durable waits, as far as is known.
        copies: what may be lost.
        replay: what may not.
    """

    def __init__(
        self,
        station: StationFacts,
        *,
        way: CsmsWay,
        outbox: StationOutbox,
        clock: Clock,
        tokens: ProviderTokens | None,
        silent: Callable[[], None],
        rejected: Callable[[str], Awaitable[None]],
        profiles: ProviderProfiles | None = None,
        write_through_s: float = WRITE_THROUGH_S,
    ) -> None:
        self.station = station
        self.drained = False
        self.copies = Copies()
        self.replay = Replay(
            station.device_id, way=way, outbox=outbox, clock=clock, answered=self._answered_late, silent=silent
        )
        self._way = way
        self._outbox = outbox
        self._clock = clock
        self._tokens = tokens
        self._rejected = rejected
        self._profiles = profiles
        self._write_through_s = write_through_s
        self._patience = Patience()
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._peer: RpcPeer | None = None
        self._flight: _Flight | None = None

    @property
    def version(self) -> Version:
        """The one that the station speaks."""
        return self.replay.version

    @property
    def is_agreed(self) -> bool:
        """The owner agrees that there is a way to the CSMS."""
        return self._way.may_relay()

    async def write_through(self, frame: Frame, local: Payload | None) -> Payload | msgspec.Raw:
        """A message that must not be lost: the answer of the CSMS where it comes in time, else the hub's own.

        Raises:
            Refusal: the CSMS has refused it, or it can be neither passed on nor kept.
        """
        async with self._turn:
            flight = self._take_off(frame)
            if flight is not None:
                try:
                    await self._patience.wait(flight.answered, self._write_through_s)
                    answer = flight.answer
                    if answer is not None:
                        self._flight = None
                        return self._given(frame, local, answer)
                finally:
                    if self._flight is flight:
                        # Whoever drains has to see it land.
                        self._news.set()
            return await self._keep(frame, local)

    async def ask(self, frame: Frame, local: Payload | None, *, known: bool) -> Payload | msgspec.Raw:
        """A message whose answer is the CSMS's: that, or the hub's own where it does not come in time.

        Raises:
            ActionUnknown: nobody is there who might know the action.
            Refusal: the CSMS has refused it, or is away and the hub cannot answer.
        """
        if local is not None and self._is_households(frame):
            return local
        try:
            async with asyncio.timeout(ASK_S):
                answer = await self._send_frame(self._accepting(), Priority.OWNER, frame, frame.raw)
        except (TimeoutError, CallTimeout, DeviceUnreachable) as error:
            if local is not None:
                return self._in_its_place(frame, local)
            if not known:
                raise ActionUnknown(frame.action) from error
            raise unreachable(self.version, "the provider cannot be reached") from error
        return self._given(frame, None, answer)

    async def note(self, frame: Frame) -> None:
        """A SEND: passed on as one, or lost."""
        try:
            peer = self._accepting()
            self._allow(frame.action, frame.payload, len(frame.raw))
            await peer.send(frame.action, msgspec.Raw(frame.raw))
        except DeviceUnreachable:
            logger.debug("%s: a %s was left out", self.station.device_id, frame.action)

    def copy(self, frame: Frame) -> None:
        """Something to pass on while there is a way; a status is told anew with each new way."""
        if self._peer is not None or frame.action != "StatusNotification":
            self.copies.put(frame)
            self._news.set()

    def say(self, call: Outgoing) -> None:
        """A CALL of the hub's own to the CSMS, while there is a way."""
        self.copies.say(call)
        self._news.set()

    async def call(self, call: Outgoing) -> Payload:
        """A CALL of the hub's own to the CSMS, and its answer.

        Raises:
            DeviceError: it is away, refuses the call, or does not answer in time.
        """
        peer = self._accepting()
        self._allow(call.action, call.payload, len(msgspec.json.encode(call.payload)))
        try:
            return await peer.call(call.action, call.payload)
        except (CallTimeout, CallRefused) as error:
            raise DeviceUnreachable(f"The provider of charging has not answered {call.action}.") from error

    def forget(self) -> None:
        """The owner has taken the consent back: nothing that was heard before is passed on any more."""
        self.copies.clear()
        self.drained = False

    async def drain(self, peer: RpcPeer) -> None:
        """Pass on what waits and what comes, over a connection on which the CSMS has accepted the station."""
        self._peer = peer
        self.copies.begin()
        try:
            while True:
                await self._step(peer)
        finally:
            self.pause()

    def pause(self) -> None:
        """Nothing can be passed on just now."""
        self._peer = self._flight = None
        self.drained = False

    async def _step(self, peer: RpcPeer) -> None:
        self._news.clear()
        try:
            if self._flight is not None:
                await self._land(self._flight)
            elif not self.drained and (row := await self._oldest()) is not None:
                await self.replay.hand_over(row, partial(self._send, peer, Priority.PROVIDER))
            elif self.copies:
                await self._pass_copy(peer, self.copies.take())
            else:
                await self._news.wait()
        except StoreUnavailable as error:
            logger.error("%s: %s", self.station.device_id, error)
            await self._clock.sleep(RETRY_S)
        except DeviceUnreachable:
            # The connection is over; whoever runs this ends it.
            await self._clock.sleep(RETRY_S)

    def _take_off(self, frame: Frame) -> _Flight | None:
        if self._peer is None or not self.drained or self._flight is not None:
            return None
        raw = self.replay.outward(frame.action, frame.raw)
        try:
            self._allow(frame.action, frame.payload, len(raw))
            answered = self._peer.relay_soon(frame.action, raw, priority=Priority.OWNER, message_id=frame.id)
        except DeviceUnreachable:
            return None
        self._flight = _Flight(frame, answered)
        return self._flight

    async def _land(self, flight: _Flight) -> None:
        """Nothing overtakes a message that is under way; its row is not needed where the answer came late."""
        await asyncio.wait([flight.answered])
        async with self._turn:
            if self._flight is not flight:
                return
            self._flight = None
            row, answer = await self.replay.first_waiting(), flight.answer
            of_it = row is not None and (row.message_id, row.payload) == (flight.frame.id, flight.frame.raw)
            if row is not None and of_it and answer is not None and answer.type is MessageType.CALLRESULT:
                await self.replay.delivered(row, answer)

    async def _oldest(self) -> StationMessage | None:
        async with self._turn:
            row = await self.replay.first_waiting()
            self.drained = row is None
            return row

    async def _keep(self, frame: Frame, local: Payload | None) -> Payload:
        answer = self._in_its_place(frame, local or {})
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
        kept = await self._put(message)
        if kept is not None and kept != transaction:
            # The station repeats what it has begun before the hub started anew.
            self._renamed(transaction, kept)
            return answer | {"transactionId": kept}
        return answer

    async def _put(self, message: StationMessage) -> int | None:
        self.drained = False
        try:
            kept = await self._outbox.put(self.station.device_id, message)
            if not self._way.may_relay():
                # Taken back meanwhile: it may have come too late to be void with the others.
                await self._outbox.void()
        except StoreUnavailable as error:
            logger.error("%s: a %s cannot be kept: %s", self.station.device_id, message.action, error)
            raise unreachable(self.version, "it can neither be passed on nor kept; send it again") from error
        self._news.set()
        return kept

    def _given(self, frame: Frame, local: Payload | None, answer: Frame) -> Payload | msgspec.Raw:
        if answer.type is not MessageType.CALLRESULT:
            raise passed_on(answer)
        if self._tokens is not None:
            self._tokens.judged(frame, answer.payload, self.version)
        ours, theirs = (local or {}).get("transactionId"), answer.payload.get("transactionId")
        if frame.action == "StartTransaction" and ours is not None and theirs is not None and ours != theirs:
            self._renamed(ours, theirs)
        if local is not None and self._is_households(frame):
            return with_verdict(answer.payload, local)
        if frame.action == "NotifyEVChargingNeeds" and (needed := needs_answer(answer.payload)) != answer.payload:
            return needed
        return msgspec.Raw(answer.raw)

    async def _answered_late(self, row: StationMessage, answer: Payload) -> None:
        """The station goes by the hub's own verdict about a card."""
        said = Frame(MessageType.CALL, row.message_id, row.action, msgspec.json.decode(row.payload))
        if self._tokens is not None:
            self._tokens.judged(said, answer, self.version)
        transaction_id = rejected_transaction(row, said.payload, answer, self.version)
        if transaction_id is not None and not self._is_households(said):
            await self._rejected(transaction_id)

    def _in_its_place(self, frame: Frame, local: Payload) -> Payload:
        return local if self._tokens is None else self._tokens.in_its_place(frame, local, self.version)

    def _is_households(self, frame: Frame) -> bool:
        """Who lives here charges here, whatever a CSMS knows of it."""
        return is_hubs_token(frame.payload) or (
            self._tokens is not None and self._tokens.is_households(frame, self.version)
        )

    def _renamed(self, old: object, new: object) -> None:
        if self._profiles is not None:
            self._profiles.renamed(str(old), str(new))
        self.station.renamed(str(old), str(new))

    async def _pass_copy(self, peer: RpcPeer, item: Copy | Outgoing) -> None:
        try:
            if isinstance(item, Outgoing):
                self._allow(item.action, item.payload, len(msgspec.json.encode(item.payload)))
                await peer.call(item.action, item.payload)
            else:
                frame = item.frame
                await self._send_frame(peer, Priority.HOUSEKEEPING, frame, frame.raw)
        except (CallTimeout, CallRefused, ProtocolError) as error:
            logger.info("%s: the CSMS did not take a copy: %s", self.station.device_id, error)

    async def _send(self, peer: RpcPeer, priority: Priority, action: str, raw: bytes, message_id: str) -> Frame:
        self._allow(action, msgspec.json.decode(raw), len(raw))
        return await peer.relay(action, raw, priority=priority, message_id=message_id)

    async def _send_frame(self, peer: RpcPeer, priority: Priority, frame: Frame, raw: bytes) -> Frame:
        """``_send`` of what the station has said just now: it has been read already."""
        self._allow(frame.action, frame.payload, len(raw))
        return await peer.relay(frame.action, raw, priority=priority, message_id=frame.id)

    def _allow(self, action: str, payload: Mapping[str, object], size_bytes: int) -> None:
        if not self._way.may_relay():
            raise DeviceUnreachable("The owner does not agree that this leaves the home.")
        self._way.left(action, payload, size_bytes)

    def _accepting(self) -> RpcPeer:
        if self._peer is None:
            raise DeviceUnreachable("The provider of charging is not connected.")
        return self._peer


def _is_periodic(frame: Frame) -> bool:
    if frame.action == "TransactionEvent":
        return frame.payload.get("eventType") == "Updated" and frame.payload.get("triggerReason") in _PERIODIC
    return frame.action == "MeterValues"
