"""A service provider behind the system operator: checks what it sends; signs and seals what goes to it."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, NoReturn, Protocol

from homeapp.errors import (
    HomeappError,
    MessageRejected,
    ProviderRefused,
    ProviderUnreachable,
    RequestRefused,
    SettingsInvalid,
)
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import OfferKind, Receipt, ReceiptLevel
from homeapp.model.record import DataRecord
from homeapp.ports import Clock, DecisionMessage, ProviderInbox, Signer
from homeapp.providers import inbound, offer_messages, outbound
from homeapp.providers.inbound import MessageType
from homeapp.providers.jose import VerifiedMessage, verify
from homeapp.providers.onem2m.codec import Status
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.peer import Jwk, KeyRing, Peer
from homeapp.providers.replay import ReplayGuard
from homeapp.providers.sealing import HubUnsealer

logger = logging.getLogger(__name__)

CONTENT_FORMAT = "application/jose:0"

_DELIVERED = (Status.CREATED, Status.CONFLICT)
_FINAL = (Status.BAD_REQUEST, Status.CONTENTS_UNACCEPTABLE, Status.NOT_ACCEPTABLE)
"""The same message will be refused again; anything else may be mended by setting up the resources anew."""
_REMEMBERED = 1000
_RESOURCE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

Act = Callable[[VerifiedMessage, ProviderInbox], Awaitable[None]]
KeysChanged = Callable[[str, tuple[Jwk, ...], datetime], Awaitable[None]]
"""Called with the provider's id, its new keys and until when the old ones hold; durable when it returns."""


class Post(Protocol):
    """The way to the providers' mailboxes."""

    async def create_content(
        self, mailbox: Mailbox, data_class: DataClass, name: str, content: str, content_format: str
    ) -> int:
        """See ``OneM2mSession.create_content``."""

    async def erase(self, mailbox: Mailbox, data_classes: Collection[DataClass]) -> None:
        """See ``OneM2mSession.erase``."""

    def catch_up(self, mailbox: Mailbox) -> None:
        """See ``OneM2mSession.catch_up``."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A message to be dealt with, and what its bringer waits for."""

    content: str
    live: bool
    done: "asyncio.Future[bool]"

    def settle(self, outcome: bool | HomeappError) -> None:  # noqa: FBT001 - one of two answers
        """``outcome``: whether it was new, or why it is not dealt with."""
        if self.done.done():
            return
        if isinstance(outcome, bool):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)


class ServiceProvider:
    """Implements ``homeapp.ports.Provider`` for one mailbox.

    Messages are dealt with inside ``run``, one after the other, so that whatever goes wrong there ends this provider's
    task and no other. What a message may do hangs on its signature alone: neither the resource that it lay in nor the
    originator that the CSE names is looked at.

    Args:
        mailbox: the provider's.
        peer: who it is, what it may say, and its keys.
        post: the way to the mailbox.
        signer: of what the hub says.
        unsealer: of what is encrypted to the hub.
        clock: hub time.
        keys_changed: keeps the provider's new keys before they hold.

    Raises:
        SettingsInvalid: one of the provider's keys is missing or cannot be used.
    """

    SP_ID: ClassVar[str]
    LABEL: ClassVar[str]
    OFFERS: ClassVar[frozenset[OfferKind]] = frozenset()
    """Kinds of requests that are this provider's to make."""

    def __init__(
        self,
        *,
        mailbox: Mailbox,
        peer: Peer,
        post: Post,
        signer: Signer,
        unsealer: HubUnsealer,
        clock: Clock,
        keys_changed: KeysChanged,
    ) -> None:
        self._mailbox = mailbox
        self._peer = peer
        self._keys = KeyRing(peer)
        self._post = post
        self._signer = signer
        self._unsealer = unsealer
        self._clock = clock
        self._keys_changed = keys_changed
        self._inbox: ProviderInbox | None = None
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._link: tuple[LinkState, str | None] = (LinkState.DOWN, None)
        self._settled: OrderedDict[bytes, None] = OrderedDict()
        self._early: OrderedDict[bytes, None] = OrderedDict()
        self._replays = ReplayGuard(mailbox.sp_id)

    @property
    def sp_id(self) -> str:
        return self._mailbox.sp_id

    @property
    def name(self) -> str:
        return self._peer.name

    @property
    def peer(self) -> Peer:
        """The provider with the keys that are in force now."""
        return self._peer

    @property
    def actions(self) -> Mapping[MessageType, Act]:
        """What this kind of provider may send, by ``typ``, and what is then done."""
        return {
            MessageType.OFFER: self._offer,
            MessageType.OFFER_CANCEL: self._offer_cancel,
            MessageType.RECEIPT: self._receipt,
            MessageType.KEYS: self._roll_keys,
        }

    async def run(self, inbox: ProviderInbox) -> NoReturn:
        self._inbox = inbox
        inbox.link(self.sp_id, *self._link)
        self._post.catch_up(self._mailbox)
        try:
            while True:
                await self._carry_out(await self._jobs.get(), inbox)
        finally:
            self._inbox = None
            while not self._jobs.empty():
                self._jobs.get_nowait().settle(self._not_running())

    async def deliver(self, message: DecisionMessage) -> Receipt:
        now = self._clock.now()
        if message.not_after <= now:
            raise ProviderRefused(f"The answer to {self.name} could not be sent in time and is void.")
        payload = outbound.decision_payload(message, **self._addresses, now=now)
        name = f"rsp-{message.decision.decision_id}{_again(message.again)}"
        size = await self._send(DataClass.IDENTITY, name, payload, outbound.DECISION_TYPE)
        return Receipt(
            decision_id=message.decision.decision_id,
            sp_id=self.sp_id,
            level=ReceiptLevel.TRANSPORT,
            received_at=self._clock.now(),
            reference=name,
            size_bytes=size,
        )

    async def disclose(self, record: DataRecord) -> int:
        now = self._clock.now()
        if record.data_class not in self._peer.data:
            raise ProviderRefused(f"{self.name} takes no records of the kind {record.kind}.")
        if record.not_after <= now:
            raise ProviderRefused(f"A record for {self.name} could not be sent in time and is void.")
        payload = outbound.record_payload(record, **self._addresses, now=now)
        return await self._send(record.data_class, _resource_name(record), payload, outbound.record_type(record))

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        await self._post.erase(self._mailbox, data_classes)

    def link_changed(self, state: LinkState, problem: str | None) -> None:
        """The way to the mailbox changed."""
        self._link = (state, problem)
        if self._inbox is not None:
            self._inbox.link(self.sp_id, state, problem)

    async def take(self, content: str, *, live: bool) -> bool:
        """Have ``run`` deal with a message; ``live`` is False where it may have lain in the mailbox for long.

        Returns:
            Whether it was new: False where it was dealt with before or is out of date.

        Raises:
            HomeappError: it is not dealt with; bring it again.
        """
        if self._inbox is None:
            raise self._not_running()
        job = _Job(content, live, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        return await job.done

    @property
    def _addresses(self) -> dict[str, str]:
        return {"issuer": self._peer.hub_ae_id, "audience": self._peer.ae_id}

    async def _send(self, data_class: DataClass, name: str, payload: bytes, typ: str) -> int:
        """Sign, seal and hand over; returns the size. ``name`` makes it idempotent at the CSE."""
        sealed = self._keys.seal.seal(self._signer.sign(payload, typ))
        status = await self._post.create_content(self._mailbox, data_class, name, sealed, CONTENT_FORMAT)
        if status in _FINAL:
            raise ProviderRefused(f"The system operator refuses a message to {self.name} for good (code {status}).")
        if status not in _DELIVERED:
            raise ProviderUnreachable(f"The system operator did not take a message to {self.name} (code {status}).")
        return len(sealed)

    def _not_running(self) -> ProviderUnreachable:
        return ProviderUnreachable(f"The connection to {self.name} is being started.")

    async def _carry_out(self, job: _Job, inbox: ProviderInbox) -> None:
        outcome: bool | HomeappError = self._not_running()
        try:
            outcome = await self._receive(job, inbox)
        except HomeappError as error:
            outcome = error
        finally:
            job.settle(outcome)

    async def _receive(self, job: _Job, inbox: ProviderInbox) -> bool:
        digest = sha256(job.content.encode("utf-8", "surrogatepass")).digest()
        if digest in self._settled:
            return False
        is_new = True
        try:
            is_new = await self._check_and_act(job.content, inbox)
        except MessageRejected as error:
            if error.code == "clock":
                self._too_early(digest, error, inbox)
            expired = error.code == "expired"
            # What lay in the mailbox while the hub was away is often out of date; that is nobody's fault.
            if job.live or not expired:
                inbox.rejected(self.sp_id, error.code, str(error))
            if expired:
                return False
        except RequestRefused as error:
            logger.warning("%s: a message has no effect: %s", self.sp_id, error)
        _remember(self._settled, digest)
        return is_new

    def _too_early(self, digest: bytes, error: MessageRejected, inbox: ProviderInbox) -> NoReturn:
        """Told once, and left in the mailbox until its time has come or the clock is right."""
        if digest not in self._early:
            inbox.rejected(self.sp_id, error.code, str(error))
            _remember(self._early, digest)
        raise ProviderUnreachable(f"A message of {self.name} is dated in the future; it is looked at again.") from error

    async def _check_and_act(self, content: str, inbox: ProviderInbox) -> bool:
        message = self._checked(content)
        if not await self._replays.is_new(message, inbox):
            return False
        try:
            refusal = await self._act(message, inbox)
            await self._replays.done(message, inbox)
        except HomeappError:
            self._replays.failed(message)
            raise
        if refusal is not None:
            raise refusal
        return True

    def _checked(self, content: str) -> VerifiedMessage:
        """Everything but what the message is about: seal, signature, addresses, time, purpose."""
        now = self._clock.now()
        message = verify(
            self._unsealer.open(content),
            keys=self._keys.signing,
            allowed_types=self.actions,
            issuer=self._peer.ae_id,
            audience=self._peer.hub_ae_id,
            now=now,
        )
        if not self._keys.holds(message.key_id, now):
            raise MessageRejected(
                "expired",
                "A message was refused because it is signed with a key that its sender has replaced. Nothing was done "
                "with it.",
            )
        if MessageType(message.typ).purpose not in self._peer.purposes:
            raise self._not_its_purpose()
        return message

    async def _act(self, message: VerifiedMessage, inbox: ProviderInbox) -> MessageRejected | RequestRefused | None:
        """Why the message has no effect for good, or None where it has one."""
        try:
            await self.actions[MessageType(message.typ)](message, inbox)
        except (MessageRejected, RequestRefused) as refusal:
            return refusal
        return None

    def _not_its_purpose(self) -> MessageRejected:
        return MessageRejected(
            "purpose",
            f"A message was refused because {self.name} may not ask for this. Nothing was done with it. Ask the "
            "provider why it does.",
        )

    async def _offer(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        offer = offer_messages.offer(message, sp_id=self.sp_id, sp_name=self.name, now=self._clock.now())
        if offer.kind not in self.OFFERS:
            raise self._not_its_purpose()
        await inbox.offer(offer)

    async def _offer_cancel(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.withdrawn(self.sp_id, inbound.cancelled_offer_id(message))

    async def _receipt(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.receipt(inbound.receipt(message, sp_id=self.sp_id, now=self._clock.now()))

    async def _roll_keys(self, message: VerifiedMessage, _inbox: ProviderInbox) -> None:
        rolled = inbound.key_roll_over(message, now=self._clock.now())
        if rolled.keys == self._peer.keys:
            # Kept already when the hub died over this message.
            return
        if not self._keys.is_current(message.key_id):
            raise MessageRejected(
                "signature",
                f"New keys of {self.name} were refused because they are signed with a key that was replaced itself. If "
                "this goes on, ask the provider.",
            )
        renewed = self._peer.with_keys(rolled.keys, rolled.old_keys_until)
        try:
            keys = KeyRing(renewed)
        except SettingsInvalid as error:
            raise MessageRejected("value", f"New keys of {self.name} were refused. {error}") from error
        await self._keys_changed(self.sp_id, rolled.keys, rolled.old_keys_until)
        self._peer, self._keys = renewed, keys
        logger.warning("%s: has new keys; the old ones hold until %s", self.sp_id, rolled.old_keys_until)


def _remember(digests: OrderedDict[bytes, None], digest: bytes) -> None:
    digests[digest] = None
    if len(digests) > _REMEMBERED:
        digests.popitem(last=False)


def _resource_name(record: DataRecord) -> str:
    """The same for the same record, and fit for a structured address."""
    if _RESOURCE_NAME.fullmatch(record.record_id):
        return f"rec-{record.record_id}{_again(record.again)}"
    return f"rec-{sha256(record.record_id.encode()).hexdigest()}{_again(record.again)}"


def _again(count: int) -> str:
    """What was sent in vain keeps its name at the platform."""
    return f"-{count}" if count else ""
