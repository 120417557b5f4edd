"""The street's broker on a machine without mosquitto: amqtt in a process of its own.

``python -m homeapp.demo.operator.amqtt_broker CONFIGURATION.json``. MQTT 3.1.1, sessions in memory.

amqtt looks up a client's session, and with it the certificate of the connection before, ahead of asking who the client
is: whoever names the right client id would inherit both. So who a client is, is settled here at the door, from its own
connection and its CONNECT packet, before amqtt hears of it. Inside, the client id is the identity.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from amqtt.adapters import ReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from homeapp import event_loop

logger = logging.getLogger(__name__)

_LISTENER = "default"
_CONNECT_S = 10.0
_LARGEST_CONNECT = 4_096
_FLAG_WILL, _FLAG_PASSWORD, _FLAG_USER = 0x04, 0x40, 0x80


class SettledAtTheDoor(BaseAuthPlugin):  # type: ignore[misc] # amqtt comes without types
    """Lets in everybody who came so far."""

    async def authenticate(self, *, session: Session) -> bool:
        return bool(session.client_id)


class TopicsOfTheName(BaseTopicPlugin):  # type: ignore[misc] # amqtt comes without types
    """Each application has the topics that carry its name; the CSE has all of oneM2M."""

    @dataclass
    class Config:
        """Topics with ``{}`` in place of the name."""

        cse_clients: list[str] = field(default_factory=list)
        may_write: list[str] = field(default_factory=list)
        may_read: list[str] = field(default_factory=list)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        name = session.client_id if session is not None else None
        if not name or topic is None or action is None:
            return False
        if name in self.config.cse_clients:
            return topic.startswith("/oneM2M/")
        allowed = self.config.may_write if action == Action.PUBLISH else self.config.may_read
        return topic in {pattern.format(name) for pattern in allowed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration file.

    Attributes:
        host, port, cse_port: where to listen.
        cafile, certfile, keyfile: PEM files for TLS.
        crlfile: PEM file with the list of revoked client certificates.
        cse_clients: client ids that may log in with the password.
        user, password: of the CSE.
        may_write, may_read: topics of an application, with ``{}`` in place of its name.
    """

    host: str
    port: int
    cse_port: int
    cafile: str
    certfile: str
    keyfile: str
    crlfile: str
    cse_clients: list[str]
    user: str
    password: str
    may_write: list[str]
    may_read: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """What a client says of itself in its CONNECT packet (MQTT 3.1.1, section 3.1)."""

    client_id: str
    user: str = ""
    password: bytes = b""

    @classmethod
    def parse(cls, body: bytes) -> "Connect":
        """Read the packet without its fixed header.

        Raises:
            ValueError: it is malformed or not MQTT 3.1.1.
        """
        if body[:7] != b"\x00\x04MQTT\x04" or len(body) < 10:
            raise ValueError("not MQTT 3.1.1")
        flags, rest = body[7], body[10:]
        fields: list[bytes] = []
        for present in (True, flags & _FLAG_WILL, flags & _FLAG_WILL, flags & _FLAG_USER, flags & _FLAG_PASSWORD):
            size = int.from_bytes(rest[:2], "big") if present else 0
            if present and len(rest) < 2 + size:
                raise ValueError("the packet ends too early")
            fields.append(rest[2 : 2 + size] if present else b"")
            rest = rest[2 + size :] if present else rest
        return cls(client_id=fields[0].decode(), user=fields[3].decode(), password=fields[4])


_Admits = Callable[[Connect, ssl.SSLObject], bool]


class Door:
    """Takes connections, settles who it is and hands them to amqtt."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Listen until ``stack`` is left."""
        settings = self._settings
        listeners = ((settings.port, self._application, True), (settings.cse_port, self._cse, False))
        for port, admits, with_certificate in listeners:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings.certfile, settings.keyfile)
            if with_certificate:
                context.load_verify_locations(settings.cafile)
                context.load_verify_locations(settings.crlfile)
                context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
                context.verify_mode = ssl.CERT_REQUIRED
            server = await asyncio.start_server(partial(self._enter, admits), settings.host, port, ssl=context)
            stack.callback(server.close)

    async def _enter(self, admits: _Admits, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                packet, body = await _first_packet(reader)
            if not admits(Connect.parse(body), writer.get_extra_info("ssl_object")):
                raise ValueError("not admitted")
        except (ValueError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            logger.warning("a client was turned away: %s", error)
            writer.close()
            return
        await self._broker.external_connected(_Replayed(packet, reader), StreamWriterAdapter(writer), _LISTENER)

    def _application(self, connect: Connect, connection: ssl.SSLObject) -> bool:
        return connect.client_id == _common_name(connection)

    def _cse(self, connect: Connect, _connection: ssl.SSLObject) -> bool:
        known = connect.client_id in self._settings.cse_clients and connect.user == self._settings.user
        return known and hmac.compare_digest(connect.password, self._settings.password.encode())


async def serve(path: Path) -> None:
    """Run until SIGTERM.

    Args:
        path: JSON file with ``Settings``.
    """
    settings = Settings(**json.loads(await asyncio.to_thread(path.read_text, encoding="utf-8")))
    rights = {name: getattr(settings, name) for name in ("cse_clients", "may_write", "may_read")}
    broker = Broker(
        {
            "listeners": {_LISTENER: {"type": "external"}},
            "plugins": {f"{__name__}.SettledAtTheDoor": {}, f"{__name__}.TopicsOfTheName": rights},
        }
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await broker.start()
    async with contextlib.AsyncExitStack() as stack:
        await Door(settings, broker).open(stack)
        await ended.wait()
    await broker.shutdown()


class _Replayed(ReaderAdapter):  # type: ignore[misc] # amqtt comes without types
    """A stream whose beginning has been read already."""

    def __init__(self, beginning: bytes, rest: asyncio.StreamReader) -> None:
        self._beginning = beginning
        self._rest = rest

    async def read(self, n: int = -1) -> bytes:
        if not self._beginning:
            return await (self._rest.read(n) if n == -1 else self._rest.readexactly(n))
        wanted = len(self._beginning) if n == -1 else n
        taken, self._beginning = self._beginning[:wanted], self._beginning[wanted:]
        missing = wanted - len(taken)
        return taken + (await self._rest.readexactly(missing) if missing else b"")

    def feed_eof(self) -> None:
        self._rest.feed_eof()


async def _first_packet(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """A CONNECT packet: all of it, and without its fixed header.

    Raises:
        ValueError: it is another packet, or too large.
    """
    header = await reader.readexactly(2)
    size, shift = header[1] & 0x7F, 7
    while header[-1] & 0x80:
        header += await reader.readexactly(1)
        size |= (header[-1] & 0x7F) << shift
        shift += 7
        if shift > 14:
            raise ValueError("the first packet is too large")
    if header[0] != 0x10 or size > _LARGEST_CONNECT:
        raise ValueError("the first packet is not a CONNECT of a sensible size")
    body = await reader.readexactly(size)
    return header + body, body


def _common_name(connection: ssl.SSLObject) -> str | None:
    """The name in the client certificate, which TLS has verified."""
    certificate = connection.getpeercert()
    for relative_name in certificate["subject"] if certificate else ():
        for attribute in relative_name:
            if attribute[0] == "commonName":
                return str(attribute[1])
    return None


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    event_loop.run(serve(Path(sys.argv[1])))
