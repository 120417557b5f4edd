"""Requests of the hub to the CSE and their answers, matched by request id."""

import asyncio
import uuid
from typing import Any

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.codec import Operation, Request, ResourceType, Response, Topics, encode_request
from homeapp.providers.onem2m.mqtt_link import ANSWER_TIMEOUT_S, LinkEnd, LinkEnded, MqttLink

RESEND_AFTER_S = 3.0


class Exchange:
    """Sends requests over whatever link is attached.

    A CSE answers at QoS 0 and loses a message now and then, so a request is sent again while its answer is missing:
    everything the hub asks for is idempotent, because what it creates has a name.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._link: MqttLink | None = None
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self._published: dict[int, str] = {}

    def attach(self, link: MqttLink) -> None:
        """Send over this link from now on."""
        self._link = link

    def detach(self) -> None:
        """The link is gone: so are the answers that are still waited for."""
        self._link = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkEnded(LinkEnd.LOST))

    async def request(
        self,
        operation: Operation,
        to: str,
        *,
        kind: ResourceType | None = None,
        result_content: int | None = None,
        content: dict[str, Any] | None = None,
    ) -> Response:
        """Send a request and wait for its answer, whatever that says.

        Args:
            operation: what is asked for.
            to: address of the resource.
            kind: of a resource to create.
            result_content: what the answer shall contain (TS-0004 clause 6.3.4.2.7).
            content: primitive content.

        Raises:
            ProviderUnreachable: no link, or no answer within 10 s.
        """
        link = self._link
        if link is None:
            raise ProviderUnreachable("There is no connection to the system operator at the moment.")
        request_id = uuid.uuid4().hex
        primitive = Request(
            op=operation, to=to, fr=self._topics.ae_id, rqi=request_id, ty=kind, rcn=result_content, pc=content
        )
        registering = operation is Operation.CREATE and kind is ResourceType.AE
        topic = self._topics.registration if registering else self._topics.request
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while not answer.done():
                    number = link.publish(topic, encode_request(primitive))
                    self._published[number] = request_id
                    await asyncio.wait((answer,), timeout=RESEND_AFTER_S)
                return answer.result()
        except TimeoutError as error:
            raise ProviderUnreachable(
                "The system operator's platform does not answer. The hub keeps trying."
            ) from error
        finally:
            del self._waiting[request_id]
            self._published = {number: owner for number, owner in self._published.items() if owner != request_id}

    def answered(self, response: Response) -> None:
        """An answer has come in; one that nobody waits for is ignored."""
        answer = self._waiting.get(response.rqi)
        if answer is not None and not answer.done():
            answer.set_result(response)

    def refused(self, number: int) -> None:
        """The broker did not let the message of this number pass (MQTT 5)."""
        answer = self._waiting.get(self._published.get(number, ""))
        if answer is not None and not answer.done():
            answer.set_exception(ProviderUnreachable("The system operator's broker does not let the hub speak there."))
