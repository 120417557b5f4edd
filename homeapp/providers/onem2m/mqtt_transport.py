"""The MQTT binding (TS-0010): requests and their answers, and notifications, over one link to the broker."""

import asyncio
import logging
import ssl
from collections.abc import Callable

from homeapp.errors import MessageRejected, ProviderUnreachable
from homeapp.providers.onem2m import codec
from homeapp.providers.onem2m.codec import Arrival, Operation, Request, ResourceType, Response, Status, Topics
from homeapp.providers.onem2m.mqtt_link import MqttLink, MqttVersion
from homeapp.providers.onem2m.transport import (
    ANSWER_TIMEOUT_S,
    NO_ANSWER,
    Delivery,
    Inbound,
    LinkEnd,
    LinkEnded,
)
from homeapp.settings import SystemOperatorSettings

logger = logging.getLogger(__name__)

RESEND_AFTER_S = 3.0


class MqttBinding:
    """Transports to the broker of ``settings``.

    Attributes:
        version: of MQTT for the next one; where the broker seems not to know it, the other one is tried.
    """

    notifies = True

    def __init__(self, settings: SystemOperatorSettings, tls: ssl.SSLContext) -> None:
        self.version = MqttVersion.V5
        self._settings = settings
        self._tls = tls

    def transport(self, notified: Callable[[Delivery], None]) -> "MqttTransport":
        return MqttTransport(self._settings, self._tls, self.version, notified)

    def ended(self, end: LinkEnd) -> None:
        if end in (LinkEnd.WRONG_VERSION, LinkEnd.SILENT):
            self.version = self.version.other


class MqttTransport:
    """Implements ``Transport``.

    A CSE answers at QoS 0 and loses a message now and then, so a request is sent again while its answer is missing:
    everything the hub asks for is idempotent, because what it creates has a name.
    """

    def __init__(
        self,
        settings: SystemOperatorSettings,
        tls: ssl.SSLContext,
        version: MqttVersion,
        notified: Callable[[Delivery], None],
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._version = version
        self._notified = notified
        self._topics = Topics(settings.ae_id, settings.cse_id)
        self._arrivals = self._topics.arrivals
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self._published: dict[int, str] = {}
        self._link = self._new_link(persistent=True)

    async def open(self) -> None:
        await self._link.open(self._arrivals)

    async def ended(self) -> LinkEnded:
        return await self._link.ended()

    async def request(self, request: Request) -> Response:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request.rqi] = answer
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while not answer.done():
                    self._published[self._publish(request)] = request.rqi
                    await asyncio.wait((answer,), timeout=RESEND_AFTER_S)
                return answer.result()
        except TimeoutError as error:
            raise ProviderUnreachable(NO_ANSWER) from error
        finally:
            del self._waiting[request.rqi]
            self._published = {number: owner for number, owner in self._published.items() if owner != request.rqi}

    def answer(self, delivery: Delivery) -> None:
        self._link.acknowledge(delivery.message)
        answer = codec.encode_answer(
            request_id=delivery.notification.request_id,
            status=Status.OK,
            fr=f"{self._settings.cse_id}/{self._settings.ae_id}",
            to=self._settings.cse_id,
        )
        try:
            self._link.publish(self._topics.answer, answer)
        except ProviderUnreachable as error:
            logger.debug("system operator: a notification stays unanswered: %s", error)

    def acknowledge(self, message: Inbound) -> None:
        self._link.acknowledge(message)

    async def close(self, *, forget: bool) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkEnded(LinkEnd.LOST))
        await self._link.close(forget=forget)
        if forget and self._version is MqttVersion.V3_1_1:
            await self._end_session()

    async def _end_session(self) -> None:
        """MQTT 3.1.1 knows no other way than to connect once more with a clean session (clause 3.1.2.4)."""
        link = self._new_link(persistent=False)
        try:
            await link.open(())
        except LinkEnded as error:
            logger.warning("system operator: the broker may still keep the hub's session: %s", error)
        finally:
            await link.close()

    def _publish(self, request: Request) -> int:
        registering = request.op is Operation.CREATE and request.ty == ResourceType.AE
        topic = self._topics.registration if registering else self._topics.request
        return self._link.publish(topic, codec.encode_request(request))

    def _arrived(self, message: Inbound) -> None:
        """Sort what the broker delivers; called in the event loop."""
        arrival = self._arrivals.get(message.topic)
        try:
            if arrival is Arrival.REQUEST:
                self._notified(Delivery(codec.decode_notification(message.payload), message))
                return
            if arrival is Arrival.RESPONSE:
                self._answered(codec.decode_response(message.payload))
        except MessageRejected as error:
            logger.warning("system operator: %s", error)
        self._link.acknowledge(message)

    def _answered(self, response: Response) -> None:
        """An answer has come in; one that nobody waits for is ignored."""
        answer = self._waiting.get(response.rqi)
        if answer is not None and not answer.done():
            answer.set_result(response)

    def _refused(self, number: int) -> None:
        """The broker did not let the message of this number pass (MQTT 5)."""
        answer = self._waiting.get(self._published.get(number, ""))
        if answer is not None and not answer.done():
            answer.set_exception(ProviderUnreachable("The system operator's broker does not let the hub speak there."))

    def _new_link(self, *, persistent: bool) -> MqttLink:
        return MqttLink(
            host=self._settings.broker_host,
            port=self._settings.broker_port,
            tls=self._tls,
            client_id=self._settings.ae_id,
            version=self._version,
            on_message=self._arrived,
            on_refused=self._refused,
            persistent=persistent,
        )
