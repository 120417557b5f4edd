"""The demo VTN's MQTT notifier: what ``GET /notifiers`` says of it, and how a change goes out."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from homeapp.demo.grid.accounts import Account, Role
from homeapp.demo.grid.notifier_broker import HOST, NotifierAuthentication, NotifierBroker
from homeapp.demo.grid.store import Json
from homeapp.demo.operator.pki import Credentials, StreetAuthority

_CONNECTED_S = 10.0


class MqttNotifier:
    """MQTTS with a broker of its own.

    Attributes:
        authentication: what clients are told to do; may be replaced at any time.
        ports: of 127.0.0.1, for each way to say who one is; those that clients are told are in ``told_ports``.
    """

    def __init__(self, directory: Path, authority: StreetAuthority) -> None:
        self.authentication = NotifierAuthentication.ANONYMOUS
        self._authority = authority
        self._broker = NotifierBroker(directory, authority)
        self.ports = dict(self._broker.ports)
        self.told_ports = dict(self.ports)
        self._certificates: dict[str, Credentials] = {}
        self._client: mqtt.Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = asyncio.Event()

    async def run(self, business: Sequence[str]) -> None:
        """Serve until cancelled; may be called again.

        Args:
            business: ids of clients that may read every topic.

        Raises:
            EnvironmentProblem: there is no mosquitto, or it does not start.
        """
        self._loop = asyncio.get_running_loop()
        await self._broker.start(business)
        try:
            self._client = await asyncio.to_thread(self._publisher)
            self._client.connect_async(HOST, self.ports[NotifierAuthentication.TOKEN], keepalive=30)
            self._client.loop_start()
            await asyncio.Event().wait()
        finally:
            self._up.clear()
            if self._client is not None:
                client, self._client = self._client, None
                client.disconnect()
                await asyncio.to_thread(client.loop_stop)
            await self._broker.stop()

    async def started(self) -> None:
        """Wait until it publishes.

        Raises:
            TimeoutError: it does not.
        """
        async with asyncio.timeout(_CONNECTED_S):
            await self._up.wait()

    async def logged_in(self, account: Account, token: str) -> None:
        """A client has a new token, which takes the place of the one before.

        Raises:
            EnvironmentProblem: the broker does not follow.
        """
        named = account.role is not Role.READER
        if named and self._up.is_set() and self.authentication is NotifierAuthentication.TOKEN:
            await self._broker.let_in(account.client_id, token)

    def binding(self, account: Account) -> Json:
        """The mqttNotifierBindingObject for a client."""
        return {
            "URIS": [f"mqtts://{HOST}:{self.told_ports[self.authentication]}"],
            "serialization": "JSON",
            "authentication": self._method_of(account),
        }

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a message to all who have subscribed; those who come later get it where it is retained.

        Without effect while it does not run.
        """
        if self._client is not None:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def _publisher(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="vtn")
        client.username_pw_set(*self._broker.publisher)
        client.tls_set_context(self._authority.client_context())
        client.on_connect = self._on_connect
        return client

    def _method_of(self, account: Account) -> Json:
        method: Json = {"method": str(self.authentication)}
        match self.authentication:
            case NotifierAuthentication.ANONYMOUS:
                return method
            case NotifierAuthentication.TOKEN:
                return method | {"username": "{clientID}"}
            case NotifierAuthentication.CERTIFICATE:
                if account.client_id not in self._certificates:
                    self._certificates[account.client_id] = self._authority.issue_client(account.client_id)
                own = self._certificates[account.client_id]
                return method | {
                    "caCert": self._authority.ca_pem.decode(),
                    "clientCert": own.certificate_pem.decode(),
                    "clientKey": own.key_pem.decode(),
                }

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _: Properties | None
    ) -> None:
        """Called in paho's thread."""
        if not reason.is_failure and self._loop is not None:
            self._loop.call_soon_threadsafe(self._up.set)
