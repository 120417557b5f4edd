"""A service provider behind the system operator: checks what it sends, and signs what goes to it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn, Protocol

from homeapp.errors import (
    HomeappError,
    MessageRejected,
    NotSupported,
    ProviderRefused,
    ProviderUnreachable,
    RequestRefused,
)
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Receipt, ReceiptLevel
from homeapp.model.record import DataRecord
from homeapp.ports import Clock, DecisionMessage, ProviderInbox, Signer
from homeapp.providers import messages
from homeapp.providers.jose import VerifiedMessage, verification_key, verify
from homeapp.providers.messages import DECISION_TYPE, MessageType
from homeapp.providers.onem2m.codec import Status
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.settings import ServiceProviderSettings

logger = logging.getLogger(__name__)

CONTENT_FORMAT = "application/jose:0"

_DELIVERED = (Status.CREATED, Status.CONFLICT)
_FINAL = (Status.BAD_REQUEST, Status.CONTENTS_UNACCEPTABLE, Status.NOT_ACCEPTABLE)
"""The same message will be refused again; anything else may be mended by setting up the resources anew."""
_REMEMBERED = 1000

Act = Callable[[VerifiedMessage, ProviderInbox], Awaitable[None]]


class Post(Protocol):
    """The way to the providers' mailboxes."""

    async def create_content(self, mailbox: Mailbox, name: str, content: str, content_format: str) -> int:
        """See ``OneM2mSession.create_content``."""

    def catch_up(self, mailbox: Mailbox) -> None:
        """See ``OneM2mSession.catch_up``."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A message to be dealt with, and what its bringer waits for."""

    content: str
    live: bool
    done: "asyncio.Future[None]"

    def settle(self, failure: HomeappError | None) -> None:
        if self.done.done():
            return
        if failure is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(failure)


class ServiceProvider:
    """Implements ``homeapp.ports.Provider`` for one mailbox.

    Messages are dealt with inside ``run``, one after the other, so that whatever goes wrong there ends this provider's
    task and no other.

    Args:
        mailbox: the provider's.
        settings: its name, AE-ID and public key.
        hub_id: the hub's AE-ID.
        post: the way to the mailbox.
        signer: of the hub's answers.
        clock: hub time.

    Raises:
        SettingsInvalid: the provider's key cannot be used.
    """

    def __init__(
        self,
        *,
        mailbox: Mailbox,
        settings: ServiceProviderSettings,
        hub_id: str,
        post: Post,
        signer: Signer,
        clock: Clock,
    ) -> None:
        self._mailbox = mailbox
        self._settings = settings
        self._hub_id = hub_id
        self._post = post
        self._signer = signer
        self._clock = clock
        self._keys = (verification_key(settings.key),)
        self._inbox: ProviderInbox | None = None
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._link: tuple[LinkState, str | None] = (LinkState.DOWN, None)
        self._settled: OrderedDict[bytes, None] = OrderedDict()
        self._unfinished: set[str] = set()

    @property
    def sp_id(self) -> str:
        return self._mailbox.sp_id

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def actions(self) -> Mapping[str, Act]:
        """What this provider may send, by ``typ``, and what is then done."""
        return {
            MessageType.OFFER: self._offer,
            MessageType.OFFER_CANCEL: self._offer_cancel,
            MessageType.RECEIPT: self._receipt,
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
        payload = messages.decision_payload(message, issuer=self._hub_id, audience=self._settings.ae_id, now=now)
        compact = self._signer.sign(payload, DECISION_TYPE)
        name = f"rsp-{message.decision.decision_id}"
        status = await self._post.create_content(self._mailbox, name, compact, CONTENT_FORMAT)
        if status in _FINAL:
            raise ProviderRefused(f"The system operator refuses the answer to {self.name} for good (code {status}).")
        if status not in _DELIVERED:
            raise ProviderUnreachable(f"The system operator did not take the answer to {self.name} (code {status}).")
        return Receipt(
            decision_id=message.decision.decision_id,
            sp_id=self.sp_id,
            level=ReceiptLevel.TRANSPORT,
            received_at=self._clock.now(),
            reference=name,
        )

    async def disclose(self, record: DataRecord) -> int:
        raise ProviderRefused(f"{self.name} takes no records of the kind {record.kind}.")

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        raise NotSupported(f"{self.name} has to be asked to delete: {', '.join(sorted(data_classes))}.")

    def link_changed(self, state: LinkState, problem: str | None) -> None:
        """The way to the mailbox changed."""
        self._link = (state, problem)
        if self._inbox is not None:
            self._inbox.link(self.sp_id, state, problem)

    async def take(self, content: str, *, live: bool) -> None:
        """Have ``run`` deal with a message; ``live`` is False where it may have lain in the mailbox for long.

        Raises:
            HomeappError: it is not dealt with; bring it again.
        """
        if self._inbox is None:
            raise self._not_running()
        job = _Job(content, live, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        await job.done

    def _not_running(self) -> ProviderUnreachable:
        return ProviderUnreachable(f"The connection to {self.name} is being started.")

    async def _carry_out(self, job: _Job, inbox: ProviderInbox) -> None:
        failure: HomeappError | None = self._not_running()
        try:
            await self._receive(job, inbox)
            failure = None
        except HomeappError as error:
            failure = error
        finally:
            job.settle(failure)

    async def _receive(self, job: _Job, inbox: ProviderInbox) -> None:
        digest = sha256(job.content.encode("utf-8", "surrogatepass")).digest()
        if digest in self._settled:
            return
        try:
            await self._check_and_act(job.content, inbox)
        except MessageRejected as error:
            expired = error.code == "expired"
            # What lay in the mailbox while the hub was away is often out of date; that is nobody's fault.
            if job.live or not expired:
                inbox.rejected(self.sp_id, error.code, str(error))
            if expired:
                return
        except RequestRefused as error:
            logger.warning("%s: a message has no effect: %s", self.sp_id, error)
        self._settled[digest] = None
        if len(self._settled) > _REMEMBERED:
            self._settled.popitem(last=False)

    async def _check_and_act(self, compact: str, inbox: ProviderInbox) -> None:
        actions = self.actions
        message = verify(
            compact,
            keys=self._keys,
            allowed_types=actions,
            issuer=self._settings.ae_id,
            audience=self._hub_id,
            now=self._clock.now(),
        )
        if not await self._is_new(message, inbox):
            logger.debug("%s: %s came again", self.sp_id, message.jti)
            return
        self._unfinished.discard(message.jti)
        try:
            await actions[message.typ](message, inbox)
            await inbox.seen(self.sp_id, message.jti, message.expires_at)
        except (MessageRejected, RequestRefused):
            raise
        except HomeappError:
            self._unfinished.add(message.jti)
            raise

    async def _is_new(self, message: VerifiedMessage, inbox: ProviderInbox) -> bool:
        """Two marks, because ``seen`` marks while it asks: only what was begun and ended before is a duplicate.

        A message that was begun before a sudden death is thus acted upon once more, but not for ever.
        """
        if message.jti in self._unfinished:
            return True
        # A message id has no blank, so this mark cannot be the id of another message.
        begun = await inbox.seen(self.sp_id, f"begun {message.jti}", message.expires_at)
        return not (begun and await inbox.seen(self.sp_id, message.jti, message.expires_at))

    async def _offer(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        now = self._clock.now()
        await inbox.offer(messages.offer(message, sp_id=self.sp_id, sp_name=self.name, now=now))

    async def _offer_cancel(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.withdrawn(self.sp_id, messages.cancelled_offer_id(message))

    async def _receipt(self, message: VerifiedMessage, inbox: ProviderInbox) -> None:
        await inbox.receipt(messages.receipt(message, sp_id=self.sp_id, now=self._clock.now()))
