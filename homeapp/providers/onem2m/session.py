"""The hub's session with the system operator's CSE: registration, resource tree, notifications, catch-up.

The CSE delivers at most once and knows no duplicates, so every notification is only a hint: after every connection,
and from time to time, the inboxes themselves are read again.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any, NoReturn, Protocol, TypeVar

from homeapp.errors import MessageRejected, NotConsented, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.ports import Clock
from homeapp.providers.onem2m.appliances import STATUS_EVERY_S, ApplianceStatus, StatusPublisher
from homeapp.providers.onem2m.attempts import Attempts
from homeapp.providers.onem2m.codec import NotificationKind, Operation, ResourceType, Status
from homeapp.providers.onem2m.exchange import Exchange
from homeapp.providers.onem2m.http_link import HttpBinding
from homeapp.providers.onem2m.inbox_reader import LOST_ON, ContentListener, InboxReader
from homeapp.providers.onem2m.intake import CAPACITY
from homeapp.providers.onem2m.mqtt_transport import MqttBinding
from homeapp.providers.onem2m.reconnect import machine_uptime_s
from homeapp.providers.onem2m.registration import Registration
from homeapp.providers.onem2m.resources import Mailbox, content_instance
from homeapp.providers.onem2m.transport import Binding, Delivery, LinkEnd, LinkEnded, Transport
from homeapp.settings import SystemOperatorSettings
from homeapp.supervision import STEADY_AFTER_S, heeding_cancellation, jittered

logger = logging.getLogger(__name__)

_LEAVE_TIMEOUT_S = 30.0
_SHORTEST_LIFE = timedelta(seconds=5)
_CLOCK_SET_S = 60.0

_E = TypeVar("_E", bound=Exception)


class Listener(ContentListener, Protocol):
    """Who uses the session."""

    def link(self, state: LinkState, problem: str | None) -> None:
        """The way to the CSE changed."""

    async def begins_anew(self) -> None:
        """Nothing of the hub is there: what it has told before is lost, or it has never been there.

        It is asked again until it returns; only then the hub registers.
        """


class OneM2mSession:
    """Keeps one connection to the CSE as the AE of ``settings``, with a mailbox for each service provider.

    Over MQTT where the operator offers a broker, else over HTTP.

    Args:
        settings: of the CSE, the way to it and the hub's own AE.
        tls: context of the mutual TLS.
        clock: hub time.
        mailboxes: what each provider is to have; see ``mailbox_changed``.
        listener: gets messages and the state of the link.
        uptime_s: how long the machine has been up, s.
        random: source of the jitter.
    """

    def __init__(
        self,
        *,
        settings: SystemOperatorSettings,
        tls: ssl.SSLContext,
        clock: Clock,
        mailboxes: Sequence[Mailbox],
        listener: Listener,
        uptime_s: Callable[[], float] = machine_uptime_s,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._listener = listener
        self._uptime_s = uptime_s
        self._attempts = Attempts(settings.reconnect_spread_s, random or SystemRandom())
        self._binding: Binding = MqttBinding(settings, tls) if settings.broker_host else HttpBinding(settings, tls)
        self._exchange = Exchange(settings.ae_id)
        self._registration = Registration(
            settings,
            self._exchange,
            mailboxes,
            notified=self._binding.notifies,
            begins_anew=listener.begins_anew,
        )
        self._publishers = {
            mailbox.sp_id: StatusPublisher(self._registration.base, self._exchange) for mailbox in mailboxes
        }
        self._transport: Transport | None = None
        self._readers: dict[str, InboxReader] = {}
        self._early: deque[Delivery] | None = None
        self._tree = asyncio.Lock()
        self._rebuild = asyncio.Event()
        self._changed = asyncio.Event()
        self._left = asyncio.Event()
        self._closed = asyncio.Event()
        self._state = LinkState.DOWN
        self._was_up = False
        self._problem: str | None = None

    async def run(self) -> NoReturn:
        """Connect, stay connected and connect again, until cancelled; idle once the AE is erased."""
        self._closed.clear()
        try:
            await self._run()
        finally:
            self._closed.set()

    async def _run(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        await self._attempts.before_first(self._uptime_s())
        while True:
            if self._left.is_set():
                self._closed.set()
                await asyncio.Event().wait()
            begun = loop.time()
            self._report(LinkState.CONNECTING, self._problem)
            ended = await heeding_cancellation(self._one_connection())
            self._report(LinkState.DOWN, None if ended.end is LinkEnd.LEFT else str(ended))
            if ended.end is not LinkEnd.LEFT:
                await self._attempts.before_next(ended.end, lasted_s=loop.time() - begun, was_up=self._was_up)

    def hurry(self) -> None:
        """End a pause at once: the owner's own answer waits."""
        if self._state is not LinkState.UP:
            self._attempts.hurry()

    async def create_content(
        self,
        mailbox: Mailbox,
        data_class: DataClass,
        name: str,
        content: str,
        content_format: str,
        *,
        expires_at: datetime | None = None,
    ) -> int:
        """Put an instance into the provider's container for this kind of data; returns the response status code.

        Args:
            mailbox: the provider's.
            data_class: what it is about; IDENTITY is the outbox.
            name: makes it idempotent: of two with one name the second answer is CONFLICT.
            content: what the provider gets.
            content_format: ``cnf``.
            expires_at: hub time after which the CSE may delete it; a courtesy, not a promise.

        Raises:
            NotConsented: the owner has not agreed to this kind of data.
            ProviderUnreachable: no link or no answer in time; it may or may not have arrived.
        """
        self._check_consent(mailbox.sp_id, data_class)
        await self._make_ready(mailbox.sp_id, data_class)
        # It may have been withdrawn meanwhile.
        wanted = self._check_consent(mailbox.sp_id, data_class)
        # A CSE whose clock is far ahead takes the end for past: then without one.
        ends = [None] if expires_at is None else [self._by_the_machines_clock(expires_at), None]
        return await self._create(
            f"{self._registration.base}/{wanted.container(data_class)}",
            [content_instance(name, content, content_format, end) for end in ends],
        )

    async def erase(self, mailbox: Mailbox, data_classes: Collection[DataClass]) -> None:
        """Delete the containers of these kinds of data with all that is in them; idempotent.

        One that is erased is made again, empty and without subscriptions, when next used. With IDENTITY the whole AE
        goes and the session with the broker too; ``run`` is idle then and only a new session connects again.

        Raises:
            ProviderUnreachable: no link or no answer in time; try again later.
        """
        if self._left.is_set():
            return
        with _one_error():
            async with self._tree:
                if DataClass.IDENTITY not in data_classes:
                    await self._registration.erase(mailbox.sp_id, data_classes)
                    return
                await self._registration.leave()
                self._left.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                await self._closed.wait()

    def mailbox_changed(self, mailbox: Mailbox) -> None:
        """Give the provider from now on what this mailbox says, and delete what it has no more, with the next link."""
        self._registration.change(mailbox)
        if not mailbox.open_status:
            self._publishers[mailbox.sp_id].drop()
        self._changed.set()

    def publish_status(self, mailbox: Mailbox, status: ApplianceStatus) -> None:
        """Tell the provider's appliance resources what has changed; without effect where it is to have none."""
        if self._registration.mailbox(mailbox.sp_id).open_status:
            self._publishers[mailbox.sp_id].publish(status)

    def catch_up(self, mailbox: Mailbox) -> None:
        """Look into the provider's inbox soon."""
        reader = self._readers.get(mailbox.sp_id)
        if reader is not None:
            reader.catch_up()

    async def _one_connection(self) -> LinkEnded:
        """Connect and work until the connection ends; returns why it did."""
        transport = self._binding.transport(self._notified)
        self._was_up = False
        self._readers = {sp_id: self._reader(sp_id) for sp_id in self._publishers}
        self._early = deque(maxlen=CAPACITY)
        self._transport = transport
        self._exchange.attach(transport)
        ended = LinkEnded(LinkEnd.LOST)
        try:
            await transport.open()
            async with asyncio.TaskGroup() as group:
                group.create_task(_raise_when_ended(transport))
                group.create_task(self._raise_when_left())
                group.create_task(self._serve(transport))
        except* LinkEnded as ends:
            ended = _first(ends)
        finally:
            self._transport = None
            self._exchange.detach()
            await transport.close(forget=self._left.is_set())
            if self._left.is_set():
                ended = LinkEnded(LinkEnd.LEFT)
        self._binding.ended(ended.end)
        return ended

    async def _serve(self, transport: Transport) -> None:
        """Set up and work, and set up again where the CSE has gone or forgotten the hub while the broker stays."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            try:
                await heeding_cancellation(self._set_up_and_work(transport))
            except* (ProviderUnreachable, MessageRejected) as problems:
                self._report(LinkState.CONNECTING, str(_first(problems)))
            attempt = 0 if loop.time() - begun > STEADY_AFTER_S else attempt + 1
            await self._attempts.rest(jittered(attempt))

    async def _set_up_and_work(self, transport: Transport) -> None:
        """Handle what comes in; ends only by ProviderUnreachable."""
        self._rebuild.clear()
        await self._set_up()
        self._report(LinkState.UP, None)
        early, self._early = self._early or (), None
        for delivery in early:
            self._notified(delivery)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_now_and_then())
            group.create_task(self._set_up_when_changed())
            group.create_task(self._raise_when_forgotten())
            if not self._binding.notifies:
                group.create_task(self._poll())
            for sp_id, reader in self._readers.items():
                reader.catch_up()
                group.create_task(reader.run(transport))
                group.create_task(self._publish(sp_id))

    async def _look_now_and_then(self) -> NoReturn:
        before = self._clock_stands()
        while True:
            await self._clock.sleep(self._settings.catch_up_s)
            await self._set_up()
            now = self._clock_stands()
            if abs(now - before) > _CLOCK_SET_S:
                logger.info("system operator: the clock was set; what was refused for its time is looked at again")
                for reader in self._readers.values():
                    reader.catch_up()
            before = now
            self._look()

    def _clock_stands(self) -> float:
        """Changes when somebody sets the clock, and not as time goes by; s."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    async def _poll(self) -> NoReturn:
        while True:
            await self._clock.sleep(self._settings.poll_s)
            self._look()

    def _look(self) -> None:
        for reader in self._readers.values():
            reader.look()

    async def _set_up_when_changed(self) -> NoReturn:
        while True:
            await self._changed.wait()
            await self._set_up()

    async def _raise_when_forgotten(self) -> None:
        await self._rebuild.wait()
        raise ProviderUnreachable("The system operator's platform has lost the hub's data; the hub sets it up again.")

    async def _raise_when_left(self) -> None:
        await self._left.wait()
        raise LinkEnded(LinkEnd.LEFT)

    async def _publish(self, sp_id: str) -> NoReturn:
        publisher = self._publishers[sp_id]
        publisher.forget()
        while True:
            await publisher.news()
            await self._make_ready(sp_id, DataClass.IDENTITY)
            async with self._tree:
                try:
                    await publisher.tell(self._registration.mailbox(sp_id))
                except ProviderUnreachable:
                    self._registration.lost()
                    raise
            await self._clock.sleep(STATUS_EVERY_S)

    async def _set_up(self) -> None:
        with _one_error():
            async with self._tree:
                if not self._left.is_set():
                    self._changed.clear()
                    await self._registration.set_up()

    async def _make_ready(self, sp_id: str, data_class: DataClass) -> None:
        """Have what is to be written to in place, if that is still to be done or was erased."""
        with _one_error():
            async with self._tree:
                if not self._registration.stands:
                    await self._registration.set_up()
                await self._registration.renew(sp_id, data_class)

    def _check_consent(self, sp_id: str, data_class: DataClass) -> Mailbox:
        wanted = self._registration.mailbox(sp_id)
        if self._left.is_set() or (data_class is not DataClass.IDENTITY and data_class not in wanted.data):
            raise NotConsented(f"The owner does not let {sp_id} have data of the kind {data_class}.")
        return wanted

    async def _create(self, container: str, versions: Sequence[dict[str, Any]]) -> int:
        """Create the first of these instances that the CSE finds valid; returns the last response status code."""
        status = Status.BAD_REQUEST.value
        for version in versions:
            answer = await self._exchange.request(
                Operation.CREATE, container, kind=ResourceType.CONTENT_INSTANCE, content=version
            )
            status = answer.rsc
            if status != Status.BAD_REQUEST:
                break
        if status in LOST_ON:
            self._forgotten()
        return status

    def _forgotten(self) -> None:
        """The CSE does not know what the hub has set up."""
        self._registration.lost()
        self._rebuild.set()

    def _notified(self, delivery: Delivery) -> None:
        transport = self._transport
        if transport is None:
            return
        notification = delivery.notification
        if self._early is not None and notification.content is not None:
            # Whose it is comes out with the set-up. One that does not fit stays with the broker until the next time.
            self._early.append(delivery)
            return
        if notification.kind is NotificationKind.SUBSCRIPTION_DELETED:
            self._forgotten()
        if notification.content is not None:
            sp_id = self._registration.owner_of(notification.content.pi)
            if sp_id is not None:
                self._readers[sp_id].put(delivery)
                return
            # A container made anew by somebody else, perhaps: what counts is in the inboxes.
            self._look()
        transport.answer(delivery)

    def _reader(self, sp_id: str) -> InboxReader:
        mailbox = self._registration.mailbox(sp_id)
        return InboxReader(
            mailbox,
            f"{self._registration.base}/{mailbox.inbox}",
            exchange=self._exchange,
            listener=self._listener,
            forgotten=self._forgotten,
        )

    def _by_the_machines_clock(self, moment: datetime) -> datetime:
        """The CSE does not live in the hub's time."""
        return datetime.now(UTC) + max(moment - self._clock.now(), _SHORTEST_LIFE)

    def _report(self, state: LinkState, problem: str | None) -> None:
        if state is LinkState.UP:
            logger.info("system operator: connected")
            self._was_up = True
            self._attempts.arrived()
        elif problem is not None and problem != self._problem:
            logger.warning("system operator: %s", problem)
        self._state = state
        self._problem = problem
        self._listener.link(state, problem)


async def _raise_when_ended(transport: Transport) -> NoReturn:
    raise await transport.ended()


@contextmanager
def _one_error() -> Iterator[None]:
    """What was done side by side and failed is one failure to whoever asked for it."""
    try:
        yield
    except ExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[_E]) -> _E:
    """One of the errors in a group of groups."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
