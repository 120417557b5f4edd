"""One connection to the MQTT broker: paho-mqtt in its own network thread, seen from asyncio.

A link is opened once and never reconnects by itself; whoever owns it makes a new one. All callbacks reach the event
loop through ``call_soon_threadsafe``, none of them runs code of the hub in the network thread, and whatever happens to
that thread ends the link.
"""

import asyncio
import logging
import ssl
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Any

from paho.mqtt import MQTTException
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.codec import MAX_PAYLOAD
from homeapp.providers.onem2m.transport import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    SENTENCES,
    Inbound,
    LinkEnd,
    LinkEnded,
)

logger = logging.getLogger(__name__)

KEEPALIVE_S = 30
SESSION_EXPIRY_S = 86_400
RECEIVE_MAXIMUM = 20
_MAX_QUEUED = 64
_HEADROOM = 4096
_BAD_PACKET = (OSError, MQTTException, ValueError, TypeError, LookupError, struct.error)
"""What paho raises where the connection fails or the broker sends nonsense."""


class MqttVersion(StrEnum):
    """What the broker is spoken to in."""

    V5 = "5"
    V3_1_1 = "3.1.1"

    @property
    def other(self) -> "MqttVersion":
        """The one to try next."""
        return MqttVersion.V3_1_1 if self is MqttVersion.V5 else MqttVersion.V5


_WRONG_VERSION = 0x84
_CREDENTIALS = (0x85, 0x86, 0x87, 0x8A, 0x8C)
"""MQTT 5 clause 3.2.2.2: client id, user name or password, not authorized, banned, authentication method."""


class MqttLink:
    """A link that is opened once, with manual acknowledgement at QoS 1.

    Args:
        version: to speak to the broker in.
        on_message: called in the event loop for everything that comes in.
        on_refused: called in the event loop with the number of a message that the broker did not let pass (MQTT 5).
        persistent: whether the broker keeps the session, and what comes for it, over a loss of the connection.
        login: user name and password, where the certificate does not say who the hub is.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        client_id: str,
        version: MqttVersion,
        on_message: Callable[[Inbound], None],
        on_refused: Callable[[int], None],
        persistent: bool = True,
        login: tuple[str, str] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._granted: asyncio.Future[bool] = self._loop.create_future()
        self._end = LinkEnd.SILENT
        self._stopping = False
        self._on_message = on_message
        self._on_refused = on_refused
        self._version = version
        self._client = _client(client_id, version, partial(self._post, self._note_end), persistent=persistent)
        self._client.tls_set_context(tls)
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_connect = self._thread_connected
        self._client.on_subscribe = self._thread_subscribed
        self._client.on_message = self._thread_message
        self._client.on_publish = self._thread_published
        if version is MqttVersion.V5:
            self._client.connect_async(
                host,
                port,
                KEEPALIVE_S,
                clean_start=not persistent,
                properties=_connect_properties(persistent=persistent),
            )
        else:
            self._client.connect_async(host, port, KEEPALIVE_S)

    async def open(self, topics: Iterable[str]) -> None:
        """Connect and subscribe, where there are any topics.

        Raises:
            LinkEnded: it did not work; the link is of no further use.
        """
        self._client.loop_start()
        await self._unless_ended(self._answered)
        self._end = LinkEnd.LOST
        wanted = [(topic, 1) for topic in topics]
        if not wanted:
            return
        self._client.subscribe(wanted)
        if not await self._unless_ended(self._granted):
            raise LinkEnded(LinkEnd.REFUSED)

    async def ended(self) -> LinkEnded:
        """Wait until the link is gone and say why."""
        await self._ended.wait()
        return LinkEnded(self._end)

    def publish(self, topic: str, payload: bytes) -> int:
        """Send at QoS 1; returns the message's number.

        Raises:
            ProviderUnreachable: the link is down or its queue is full.
        """
        info = self._client.publish(topic, payload, qos=1)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ProviderUnreachable(SENTENCES[LinkEnd.LOST])
        return info.mid

    def acknowledge(self, message: Inbound) -> None:
        """Tell the broker that the message is dealt with and need not come again."""
        self._client.ack(message.mid, message.qos)

    async def close(self, *, forget: bool = False) -> None:
        """Disconnect and wait for the network thread.

        Args:
            forget: have the broker forget a persistent session; MQTT 3.1.1 cannot say that.
        """
        self._stopping = True
        self._client.disconnect(properties=_end_of_session() if forget and self._version is MqttVersion.V5 else None)
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_S + 1):
                await self._ended.wait()
        self._answered.cancel()
        self._granted.cancel()

    async def _unless_ended(self, answer: "asyncio.Future[Any]") -> Any:
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S + ANSWER_TIMEOUT_S):
                await asyncio.wait((answer, ended), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:
            raise LinkEnded(LinkEnd.UNREACHABLE) from error
        finally:
            ended.cancel()
        if answer.done():
            return answer.result()
        raise LinkEnded(self._end)

    def _post(self, callback: Callable[..., None], *arguments: Any) -> None:
        # The loop is closed where the hub stops faster than the network thread.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _note_end(self, end: LinkEnd | None) -> None:
        if end is not None and not self._answered.done():
            self._end = end
        self._ended.set()

    def _note_answer(self, refused: LinkEnd | None) -> None:
        if refused is not None:
            self._end = refused
        elif not self._answered.done():
            self._answered.set_result(None)

    def _note_grant(self, *, granted: bool) -> None:
        if not self._granted.done():
            self._granted.set_result(granted)

    def _thread_connected(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if self._stopping:
            client.disconnect()
        self._post(self._note_answer, _refusal(code))

    def _thread_subscribed(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        self._post(partial(self._note_grant, granted=not any(code.is_failure for code in codes)))

    def _thread_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with suppress(UnicodeDecodeError):
            inbound = Inbound(message.topic, bytes(message.payload), message.mid, message.qos)
            self._post(self._on_message, inbound)

    def _thread_published(
        self, _client: paho.Client, _data: object, mid: int, code: ReasonCode, _properties: object
    ) -> None:
        if code.is_failure:
            self._post(self._on_refused, mid)


class _NetworkClient(paho.Client):
    """paho's client, whose thread reports its own end whatever the cause."""

    on_thread_end: Callable[[LinkEnd | None], None]

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:  # noqa: FBT001, FBT002, ARG002 - the signature is paho's
        end: LinkEnd | None = None
        try:
            return super().loop_forever(timeout, retry_first_connection=False)
        except ssl.SSLError:
            end = LinkEnd.TLS_FAILED
            return MQTTErrorCode.MQTT_ERR_TLS
        except _BAD_PACKET as error:
            end = LinkEnd.UNREACHABLE if isinstance(error, OSError) else None
            logger.debug("system operator: network thread ended: %s", type(error).__name__)
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        finally:
            self.on_thread_end(end)


def _client(
    client_id: str, version: MqttVersion, on_thread_end: Callable[[LinkEnd | None], None], *, persistent: bool
) -> _NetworkClient:
    five = version is MqttVersion.V5
    client = _NetworkClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if five else not persistent,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.on_thread_end = on_thread_end
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.suppress_exceptions = True
    client.max_queued_messages_set(_MAX_QUEUED)
    return client


def _connect_properties(*, persistent: bool) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no type for it
    properties.SessionExpiryInterval = SESSION_EXPIRY_S if persistent else 0
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    properties.MaximumPacketSize = MAX_PAYLOAD + _HEADROOM
    return properties


def _end_of_session() -> Properties:
    """MQTT 5 clause 3.14.2.2.2: a session that is not to outlive this connection after all."""
    properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho has no type for it
    properties.SessionExpiryInterval = 0
    return properties


def _refusal(code: ReasonCode) -> LinkEnd | None:
    if not code.is_failure:
        return None
    if code.value == _WRONG_VERSION:
        return LinkEnd.WRONG_VERSION
    return LinkEnd.REFUSED if code.value in _CREDENTIALS else LinkEnd.UNREACHABLE
