"""A small oneM2M application (AE) over MQTT, for the service providers of the street: TS-0010 binding, JSON.

It knows the standard and nothing of the hub. paho runs in its own thread; everything here happens in the event loop.
"""

import asyncio
import json
import logging
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from homeapp.errors import ProviderRefused, ProviderUnreachable

logger = logging.getLogger(__name__)

_CSE_ID = "id-in"
_CSE_BASE = "cse-in"
_RELEASE = "4"
_ANSWER_S = 5.0
_LINK_S = 10.0
_LARGEST_MESSAGE = 2_000_000
_MOST_WAITING = 1_000

_T = TypeVar("_T")


class Operation(IntEnum):
    """TS-0004 table 6.3.4.2.5-1, m2m:operation."""

    CREATE = 1
    RETRIEVE = 2
    UPDATE = 3
    DELETE = 4
    NOTIFY = 5


class ResourceType(IntEnum):
    """TS-0004 table 6.3.4.2.1-1, m2m:resourceType; those used here."""

    ACP = 1
    AE = 2
    CONTAINER = 3
    CONTENT_INSTANCE = 4
    CSE_BASE = 5
    SUBSCRIPTION = 23
    FLEX_CONTAINER = 28


class EventType(IntEnum):
    """TS-0004 table 6.3.4.2.19-1, m2m:notificationEventType; those used here."""

    UPDATE_OF_RESOURCE = 1
    CREATE_OF_DIRECT_CHILD = 3


class Status(IntEnum):
    """TS-0004 clause 6.6.3, response status codes; those used here."""

    OK = 2000
    CREATED = 2001
    DELETED = 2002
    UPDATED = 2004
    BAD_REQUEST = 4000
    NOT_FOUND = 4004
    ORIGINATOR_HAS_NO_PRIVILEGE = 4103
    CONFLICT = 4105
    ORIGINATOR_HAS_ALREADY_REGISTERED = 4117


STANDS = frozenset({Status.CREATED, Status.CONFLICT, Status.ORIGINATOR_HAS_ALREADY_REGISTERED})
"""Answers to a create after which the resource is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The way of one application to the system operator.

    Attributes:
        host, port: of the broker's listener for applications.
        context: TLS with the application's client certificate.
    """

    host: str
    port: int
    context: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the CSE answered.

    Attributes:
        status: response status code (TS-0004 clause 6.6.3).
        content: primitive content, empty where there is none.
    """

    status: int
    content: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentInstance:
    """One message in a container, as the CSE tells of it.

    Attributes:
        resource_id: unique in the CSE (``ri``).
        name: unique in its container (``rn``).
        content: its ``con``.
    """

    resource_id: str
    name: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedResource:
    """A resource of TS-0023 that has changed, as the CSE tells of it.

    Attributes:
        tag: short name of its class, for example ``cod:bat``.
        attributes: all of them, or only those that have changed.
    """

    tag: str
    attributes: dict[str, object]


class Onem2mApplication:
    """One AE with its own client certificate.

    Use as an async context manager: inside, the link is kept up and re-established after a loss. New messages in the
    containers it has subscribed to come out of ``notifications``, resources that have changed out of ``changes``; each
    has been answered already.

    Attributes:
        ae_id: AE-ID-Stem, equal to the common name of the certificate.
        resource_name: name of its AE resource: the AE-ID without its first letter.
        notifications, changes: what the CSE has told of; the oldest are dropped when nobody takes them.
    """

    def __init__(self, ae_id: str, access: Access, link_changed: Callable[[], None] | None = None) -> None:
        """Connect nothing yet.

        Args:
            ae_id: see above.
            access: where the broker is and the certificate to show.
            link_changed: called in the event loop when the link has come or gone.
        """
        self.ae_id = ae_id
        self.resource_name = ae_id.removeprefix("C")
        self.notifications: asyncio.Queue[ContentInstance] = asyncio.Queue(_MOST_WAITING)
        self.changes: asyncio.Queue[ChangedResource] = asyncio.Queue(_MOST_WAITING)
        self._address = (access.host, access.port)
        self._link_changed = link_changed or (lambda: None)
        self._linked = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=ae_id, clean_session=False, protocol=mqtt.MQTTv311
        )
        self._client.tls_set_context(access.context)
        self._client.reconnect_delay_set(1, 4)
        # Else an exception in a callback would end paho's thread and with it the link, for good.
        self._client.suppress_exceptions = True
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def linked(self) -> bool:
        """Whether the broker is connected and delivers."""
        return self._linked.is_set()

    async def __aenter__(self) -> "Onem2mApplication":
        """Connect.

        Raises:
            ProviderUnreachable: the broker does not let it in within 10 s.
        """
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(*self._address, keepalive=30)
        self._client.loop_start()
        try:
            await self.wait_linked()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def wait_linked(self) -> None:
        """Return when the link is up.

        Raises:
            ProviderUnreachable: it is not within 10 s.
        """
        try:
            async with asyncio.timeout(_LINK_S):
                await self._linked.wait()
        except TimeoutError as error:
            raise ProviderUnreachable(f"{self.ae_id}: the broker of the system operator does not answer.") from error

    async def register(self) -> None:
        """Create the AE resource; without effect where it is there.

        The CSE notifies only at the very address that it uses for the broker itself (compared as text), so that one is
        taken from its CSEBase.

        Raises:
            ProviderUnreachable: no answer.
            ProviderRefused: the CSE does not want it.
        """
        resource = {
            "rn": self.resource_name,
            "api": f"Norg.homeapp.{self.resource_name}",
            "rr": True,
            "srv": [_RELEASE],
            "poa": [f"{await self._broker_as_the_cse_knows_it()}//{self.ae_id}"],
        }
        primitive = _create(_CSE_ID, ResourceType.AE, {"m2m:ae": resource})
        response = await self._exchange(f"/oneM2M/reg_req/{self.ae_id}/{_CSE_ID}/json", primitive)
        self._demand_standing(response, "The registration")

    async def create(self, parent: str, kind: ResourceType, content: dict[str, object]) -> Response:
        """Create a resource below ``parent``, for example ``cse-in/name/container``.

        Raises:
            ProviderUnreachable: no answer; whether it was created is unknown, so name it and try again.
        """
        return await self.request(_create(parent, kind, content))

    async def ensure(self, parent: str, kind: ResourceType, content: dict[str, object]) -> None:
        """Create a resource unless it is there.

        Raises:
            ProviderUnreachable: no answer.
            ProviderRefused: the CSE does not want it.
        """
        self._demand_standing(await self.create(parent, kind, content), f"A resource in {parent}")

    async def subscribe(self, resource: str, event: EventType = EventType.CREATE_OF_DIRECT_CHILD) -> Response:
        """Ask to be told of new content instances in a container, or of changes of any resource.

        Raises:
            ProviderUnreachable: no answer.
        """
        subscription = {
            "rn": f"watch-{self.resource_name}",
            "nu": [self.ae_id],
            "nct": 1,
            "enc": {"net": [event]},
        }
        return await self.create(resource, ResourceType.SUBSCRIPTION, {"m2m:sub": subscription})

    async def contents(self, container: str) -> list[ContentInstance]:
        """All content instances that are in ``container``.

        Raises:
            ProviderUnreachable: no answer.
            ProviderRefused: there is no such container, or it must not be read.
        """
        response = await self.request({"op": Operation.RETRIEVE, "to": container, "rcn": 4})
        if response.status != Status.OK:
            raise ProviderRefused(f"{self.ae_id}: {container} cannot be read ({response.status}).")
        instances = _mapping(response.content.get("m2m:cnt")).get("m2m:cin")
        found = [_content_instance(item) for item in instances] if isinstance(instances, list) else []
        return [item for item in found if item is not None]

    async def request(self, primitive: dict[str, object]) -> Response:
        """Send a request primitive; ``fr``, ``rqi`` and ``rvi`` are added.

        Raises:
            ProviderUnreachable: no answer within 5 s, or the link was lost meanwhile.
        """
        return await self._exchange(f"/oneM2M/req/{self.ae_id}/{_CSE_ID}/json", primitive)

    async def _broker_as_the_cse_knows_it(self) -> str:
        response = await self.request({"op": Operation.RETRIEVE, "to": _CSE_BASE})
        addresses = _mapping(response.content.get("m2m:cb")).get("poa")
        for address in addresses if isinstance(addresses, list) else []:
            if isinstance(address, str) and address.startswith("mqtt://"):
                return address.rstrip("/")
        raise ProviderRefused(f"{self.ae_id}: the CSE does not say where it can be reached ({response.status}).")

    def _demand_standing(self, response: Response, what: str) -> None:
        if response.status not in STANDS:
            raise ProviderRefused(f"{self.ae_id}: {what} was refused with {response.status}.")

    async def _exchange(self, topic: str, primitive: dict[str, object]) -> Response:
        await self.wait_linked()
        identifier = uuid.uuid4().hex
        message = {**primitive, "fr": self.ae_id, "rqi": identifier, "rvi": _RELEASE}
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[identifier] = answer
        try:
            async with asyncio.timeout(_ANSWER_S):
                self._client.publish(topic, json.dumps(message), qos=1)
                return await answer
        except TimeoutError as error:
            raise ProviderUnreachable(f"{self.ae_id}: the system operator did not answer in time.") from error
        finally:
            del self._waiting[identifier]

    async def _close(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        self._linked.clear()

    # The four below run in paho's thread.

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        if reason.is_failure:
            logger.warning("%s: the broker refuses: %s", self.ae_id, reason)
            return
        own = (f"req/{_CSE_ID}/{self.ae_id}", f"resp/{self.ae_id}/{_CSE_ID}", f"reg_resp/{self.ae_id}/{_CSE_ID}")
        client.subscribe([(f"/oneM2M/{topic}/json", 1) for topic in own])

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _id: int, _reasons: list[ReasonCode], _: Properties | None
    ) -> None:
        self._in_loop(self._link_is_up)

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.DisconnectFlags,
        _reason: ReasonCode,
        _: Properties | None,
    ) -> None:
        self._in_loop(self._link_is_down)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._in_loop(self._received, message.topic, message.payload)

    def _in_loop(self, function: Callable[..., None], *values: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *values)

    # From here on in the event loop again.

    def _link_is_up(self) -> None:
        logger.debug("%s: the link to the broker is up", self.ae_id)
        self._linked.set()
        self._link_changed()

    def _link_is_down(self) -> None:
        if self._linked.is_set():
            logger.debug("%s: the link to the broker is down", self.ae_id)
        self._linked.clear()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ProviderUnreachable(f"{self.ae_id}: the link to the system operator was lost."))
        self._link_changed()

    def _received(self, topic: str, payload: bytes) -> None:
        primitive = _primitive(payload)
        identifier = primitive.get("rqi")
        if not isinstance(identifier, str):
            logger.debug("%s: a message without identifier came in", self.ae_id)
        elif topic.startswith("/oneM2M/req/"):
            self._notified(identifier, primitive)
        elif (answer := self._waiting.get(identifier)) is not None and not answer.done():
            status = primitive.get("rsc")
            answer.set_result(
                Response(status=status if isinstance(status, int) else 0, content=_mapping(primitive.get("pc")))
            )

    def _notified(self, identifier: str, primitive: dict[str, object]) -> None:
        fr = f"/{_CSE_ID}/{self.ae_id}"
        answer = {"rsc": Status.OK, "rqi": identifier, "rvi": _RELEASE, "to": f"/{_CSE_ID}", "fr": fr}
        self._client.publish(f"/oneM2M/resp/{_CSE_ID}/{self.ae_id}/json", json.dumps(answer), qos=1)
        notification = _mapping(_mapping(primitive.get("pc")).get("m2m:sgn"))
        event = _mapping(_mapping(notification.get("nev")).get("rep"))
        instance = _content_instance(event.get("m2m:cin"))
        if instance is not None:
            self._keep(self.notifications, instance)
        for tag, attributes in event.items():
            if not tag.startswith("m2m:"):
                self._keep(self.changes, ChangedResource(tag=tag, attributes=_mapping(attributes)))

    def _keep(self, queue: asyncio.Queue[_T], item: _T) -> None:
        if queue.full():
            queue.get_nowait()
            logger.warning("%s: nobody takes the notifications; the oldest is dropped", self.ae_id)
        queue.put_nowait(item)


def _create(parent: str, kind: ResourceType, content: dict[str, object]) -> dict[str, object]:
    return {"op": Operation.CREATE, "to": parent, "ty": kind, "pc": content}


def _primitive(payload: bytes) -> dict[str, object]:
    if len(payload) > _LARGEST_MESSAGE:
        return {}
    try:
        return _mapping(json.loads(payload))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _content_instance(value: object) -> ContentInstance | None:
    fields = _mapping(value)
    identifier, name, content = fields.get("ri"), fields.get("rn"), fields.get("con")
    if not isinstance(identifier, str) or not isinstance(name, str) or not isinstance(content, str):
        return None
    return ContentInstance(resource_id=identifier, name=name, content=content)
