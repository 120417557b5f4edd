"""The hub's session with the system operator's CSE: registration, resource tree, notifications, catch-up.

The CSE delivers at most once and knows no duplicates, so every notification is only a hint: after every connection,
and from time to time, the inboxes themselves are read again.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Collection, Sequence
from typing import NoReturn, Protocol, TypeVar

from homeapp.errors import HomeappError, MessageRejected, ProviderError, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.ports import Clock
from homeapp.providers.onem2m import codec
from homeapp.providers.onem2m.codec import (
    Arrival,
    ContentInstance,
    NotificationKind,
    Operation,
    ResourceType,
    Status,
    Topics,
)
from homeapp.providers.onem2m.exchange import Exchange
from homeapp.providers.onem2m.intake import CAPACITY, Delivery, Intake
from homeapp.providers.onem2m.mqtt_link import Inbound, LinkEnd, LinkEnded, MqttLink, MqttVersion
from homeapp.providers.onem2m.registration import Registration
from homeapp.providers.onem2m.resources import Mailbox, content_instance
from homeapp.settings import SystemOperatorSettings
from homeapp.supervision import STEADY_AFTER_S, jittered

logger = logging.getLogger(__name__)

SLOW_PAUSE_S = 600.0
"""Between attempts with credentials that were refused: only a person can mend that."""
_SILENT_ATTEMPTS = 4
"""Closed connections without a word, after which they count as refused credentials too."""
_WITH_CHILDREN = 4
_REBUILD_ON = (Status.NOT_FOUND, Status.ORIGINATOR_HAS_NO_PRIVILEGE)

_E = TypeVar("_E", bound=ProviderError)


class Listener(Protocol):
    """Who uses the session."""

    async def content(self, mailbox: Mailbox, content: ContentInstance, *, live: bool) -> None:
        """Deal with a message; ``live`` is False where it was found by looking into the inbox.

        Raises:
            HomeappError: it is not dealt with; show it again later.
        """

    def link(self, state: LinkState, problem: str | None) -> None:
        """The way to the CSE changed."""


class OneM2mSession:
    """Keeps one connection to the CSE as the AE of ``settings``, with a mailbox for each service provider."""

    def __init__(
        self,
        *,
        settings: SystemOperatorSettings,
        tls: ssl.SSLContext,
        clock: Clock,
        mailboxes: Sequence[Mailbox],
        listener: Listener,
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._clock = clock
        self._mailboxes = {mailbox.sp_id: mailbox for mailbox in mailboxes}
        self._listener = listener
        self._topics = Topics(settings.ae_id, settings.cse_id)
        self._arrivals = self._topics.arrivals
        self._exchange = Exchange(self._topics)
        self._version = MqttVersion.V5
        self._link: MqttLink | None = None
        self._intakes: dict[str, Intake] = {}
        self._registration = Registration(settings, self._exchange, mailboxes)
        self._early: deque[Delivery] | None = None
        self._rebuild = asyncio.Event()
        self._problem: str | None = None

    async def run(self) -> NoReturn:
        """Connect, stay connected and connect again, until cancelled."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            self._report(LinkState.CONNECTING, self._problem)
            ended = await self._one_connection()
            self._report(LinkState.DOWN, str(ended))
            # Not sooner, or two hubs with one certificate would chase each other off without a pause.
            attempt = 0 if loop.time() - begun > STEADY_AFTER_S else attempt + 1
            # Real seconds: the broker does not live in the hub's time.
            await asyncio.sleep(_pause(ended.end, attempt))

    async def create_content(
        self, mailbox: Mailbox, data_class: DataClass, name: str, content: str, content_format: str
    ) -> int:
        """Put an instance where the provider reads data of this kind; returns the response status code.

        Raises:
            ProviderUnreachable: no link or no answer in time; it may or may not have arrived.
        """
        primitive = content_instance(name, content, content_format)
        address = f"{self._registration.base}/{mailbox.container(data_class)}"
        made = await self._exchange.request(
            Operation.CREATE, address, kind=ResourceType.CONTENT_INSTANCE, content=primitive
        )
        if made.rsc in _REBUILD_ON:
            self._rebuild.set()
        return made.rsc

    async def erase(self, mailbox: Mailbox, data_classes: Collection[DataClass]) -> None:
        """Delete the containers of these kinds of data; with IDENTITY among them, the hub's whole AE.

        Raises:
            ProviderUnreachable: no link, no answer in time, or the CSE does not agree.
        """
        names = {f"/{mailbox.container(item)}" for item in data_classes}
        for name in [""] if DataClass.IDENTITY in data_classes else sorted(names):
            gone = await self._exchange.request(Operation.DELETE, f"{self._registration.base}{name}")
            if gone.rsc not in (Status.DELETED, Status.NOT_FOUND):
                raise ProviderUnreachable(f"The system operator did not delete (code {gone.rsc}).")

    def catch_up(self, mailbox: Mailbox) -> None:
        """Look into the provider's inbox soon."""
        intake = self._intakes.get(mailbox.sp_id)
        if intake is not None:
            intake.catch_up()

    async def _one_connection(self) -> LinkEnded:
        """Connect and work until the connection ends; returns why it did."""
        link = MqttLink(
            host=self._settings.broker_host,
            port=self._settings.broker_port,
            tls=self._tls,
            client_id=self._settings.ae_id,
            version=self._version,
            on_message=self._arrived,
            on_refused=self._exchange.refused,
        )
        self._intakes = {sp_id: Intake() for sp_id in self._mailboxes}
        self._early = deque(maxlen=CAPACITY)
        self._link = link
        self._exchange.attach(link)
        ended = LinkEnded(LinkEnd.LOST)
        try:
            await link.open(self._arrivals)
            async with asyncio.TaskGroup() as group:
                group.create_task(_raise_when_ended(link))
                group.create_task(self._serve(link))
        except* LinkEnded as ends:
            ended = _first(ends)
        finally:
            self._link = None
            self._exchange.detach()
            await link.close()
        if ended.end in (LinkEnd.WRONG_VERSION, LinkEnd.SILENT):
            self._version = self._version.other
        return ended

    async def _serve(self, link: MqttLink) -> None:
        """Set up and work, and set up again where the CSE has gone or forgotten the hub while the broker stays."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            try:
                self._rebuild.clear()
                await self._registration.set_up()
                self._report(LinkState.UP, None)
                await self._work(link)
            except* (ProviderUnreachable, MessageRejected) as problems:
                self._report(LinkState.CONNECTING, str(_first(problems)))
            attempt = 0 if loop.time() - begun > STEADY_AFTER_S else attempt + 1
            await asyncio.sleep(jittered(attempt))

    async def _work(self, link: MqttLink) -> None:
        """Handle what comes in; ends only by ProviderUnreachable."""
        early, self._early = self._early or (), None
        for delivery in early:
            self._notified(link, delivery)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_now_and_then())
            group.create_task(self._raise_when_forgotten())
            for sp_id, intake in self._intakes.items():
                intake.catch_up()
                group.create_task(self._work_mailbox(link, self._mailboxes[sp_id], intake))

    async def _look_now_and_then(self) -> None:
        while True:
            await self._clock.sleep(self._settings.catch_up_s)
            await self._registration.set_up()
            for intake in self._intakes.values():
                intake.catch_up()

    async def _raise_when_forgotten(self) -> None:
        await self._rebuild.wait()
        raise ProviderUnreachable("The system operator's platform has lost the hub's data; the hub sets it up again.")

    async def _work_mailbox(self, link: MqttLink, mailbox: Mailbox, intake: Intake) -> None:
        while True:
            delivery = await intake.next()
            if delivery is not None:
                await self._handle(link, mailbox, intake, delivery)
                continue
            # An inbox that cannot be read must not take the other one down; the look at the base finds a dead CSE.
            try:
                await self._read_inbox(link, mailbox, intake)
            except (ProviderUnreachable, MessageRejected) as error:
                logger.warning("%s: its inbox was not read: %s", mailbox.sp_id, error)

    async def _handle(self, link: MqttLink, mailbox: Mailbox, intake: Intake, delivery: Delivery) -> None:
        if await self._pass_on(mailbox, delivery.notification.content, live=True):
            self._answer(link, delivery)
        else:
            intake.withhold(delivery.message)

    async def _read_inbox(self, link: MqttLink, mailbox: Mailbox, intake: Intake) -> None:
        withheld, intake.withheld = intake.withheld, []
        done = False
        try:
            inbox = await self._exchange.request(
                Operation.RETRIEVE, f"{self._registration.base}/{mailbox.inbox}", result_content=_WITH_CHILDREN
            )
            if inbox.rsc in _REBUILD_ON:
                self._rebuild.set()
            if inbox.rsc == Status.OK:
                passed = [await self._pass_on(mailbox, item, live=False) for item in codec.inbox_contents(inbox)]
                done = all(passed)
        finally:
            if not done:
                intake.withheld += withheld
        for message in withheld if done else ():
            link.acknowledge(message)

    async def _pass_on(self, mailbox: Mailbox, content: ContentInstance | None, *, live: bool) -> bool:
        """False where it has to be shown again later."""
        if content is None:
            return True
        try:
            await self._listener.content(mailbox, content, live=live)
        except ProviderUnreachable as error:
            logger.debug("%s: a message is left for later: %s", mailbox.sp_id, error)
            return False
        except HomeappError as error:
            logger.warning("%s: a message is left for later: %s", mailbox.sp_id, error)
            return False
        return True

    def _answer(self, link: MqttLink, delivery: Delivery) -> None:
        """Tell broker and CSE that a notification is dealt with."""
        answer = codec.encode_answer(
            request_id=delivery.notification.request_id,
            status=Status.OK,
            fr=f"{self._settings.cse_id}/{self._settings.ae_id}",
            to=self._settings.cse_id,
        )
        link.acknowledge(delivery.message)
        try:
            link.publish(self._topics.answer, answer)
        except ProviderUnreachable as error:
            logger.debug("system operator: a notification stays unanswered: %s", error)

    def _arrived(self, message: Inbound) -> None:
        """Sort what the broker delivers; called in the event loop."""
        link = self._link
        if link is None:
            return
        arrival = self._arrivals.get(message.topic)
        try:
            if arrival is Arrival.REQUEST:
                self._notified(link, Delivery(codec.decode_notification(message.payload), message))
                return
            if arrival is Arrival.RESPONSE:
                self._exchange.answered(codec.decode_response(message.payload))
        except MessageRejected as error:
            logger.warning("system operator: %s", error)
        link.acknowledge(message)

    def _notified(self, link: MqttLink, delivery: Delivery) -> None:
        notification = delivery.notification
        if self._early is not None and notification.content is not None:
            # Whose it is comes out with the set-up. One that does not fit stays with the broker until the next time.
            self._early.append(delivery)
            return
        if notification.kind is NotificationKind.SUBSCRIPTION_DELETED:
            self._rebuild.set()
        if notification.content is not None:
            sp_id = self._registration.owner_of(notification.content.pi)
            if sp_id is not None:
                self._intakes[sp_id].put(delivery)
                return
            # A container made anew by somebody else, perhaps: what counts is in the inboxes.
            for intake in self._intakes.values():
                intake.catch_up()
        self._answer(link, delivery)

    def _report(self, state: LinkState, problem: str | None) -> None:
        if state is LinkState.UP:
            logger.info("system operator: connected")
        elif problem is not None and problem != self._problem:
            logger.warning("system operator: %s", problem)
        self._problem = problem
        self._listener.link(state, problem)


async def _raise_when_ended(link: MqttLink) -> NoReturn:
    raise await link.ended()


def _pause(end: LinkEnd, attempt: int) -> float:
    credentials = end in (LinkEnd.TLS_FAILED, LinkEnd.REFUSED)
    if credentials or (end is LinkEnd.SILENT and attempt > _SILENT_ATTEMPTS):
        return SLOW_PAUSE_S + jittered(attempt)
    return jittered(attempt)


def _first(group: BaseExceptionGroup[_E]) -> _E:
    """One of the errors in a group of groups."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
