"""Listens to a broker over MQTTS, as a VEN does."""

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

WITHIN_S = 10.0


class MqttEar:
    """Connects once; an async context manager.

    Attributes:
        heard: topic and content of each message, in the order in which they came.
        let_in: whether the broker took the connection, or None.
        lost: whether the broker has ended it.
        refused: topics that may not be subscribed to.
    """

    def __init__(self, port: int, tls: ssl.SSLContext, user: str = "", password: str = "") -> None:
        self.heard: list[tuple[str, Any]] = []
        self.let_in: bool | None = None
        self.lost = False
        self.subscribed = 0
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self._client.tls_set_context(tls)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    async def __aenter__(self) -> "MqttEar":
        self._client.connect_async("127.0.0.1", self._port)
        self._client.loop_start()
        await self.until(lambda: self.let_in is not None or self.lost)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def listen(self, *topics: str) -> None:
        """Subscribe, and wait until the broker has heard of it."""
        wanted = self.subscribed + len(topics)
        for topic in topics:
            self._client.subscribe(topic, qos=1)
        await self.until(lambda: self.subscribed == wanted)

    def publish(self, topic: str, text: str) -> None:
        self._client.publish(topic, text, qos=1)

    async def until(self, predicate: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not predicate():
                await self._news.wait()

    def _note(self, change: Callable[[], None]) -> None:
        def noted() -> None:
            change()
            self._news.set()
            self._news = asyncio.Event()

        self._loop.call_soon_threadsafe(noted)

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _: Properties | None
    ) -> None:
        self._note(lambda: setattr(self, "let_in", not reason.is_failure))

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, _reason: ReasonCode, _: Properties | None
    ) -> None:
        self._note(lambda: setattr(self, "lost", True))

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _id: int, _reasons: list[ReasonCode], _: Properties | None
    ) -> None:
        self._note(lambda: setattr(self, "subscribed", self.subscribed + 1))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        told = message.topic, json.loads(message.payload)
        self._note(lambda: self.heard.append(told))
