"""One MQTT link against brokers that misbehave: each end has its name, and no thread is left behind."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

import pytest

from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.attempts import Loss, pause_after
from homeapp.providers.onem2m.mqtt_link import MqttLink, MqttVersion
from homeapp.providers.onem2m.transport import Inbound, LinkEnd, LinkEnded

AUTHORITY = StreetAuthority()
ACCEPTED = {MqttVersion.V5: b"\x20\x03\x00\x00\x00", MqttVersion.V3_1_1: b"\x20\x02\x00\x00"}
GRANTED = {MqttVersion.V5: b"\x90\x04\x00\x01\x00\x01", MqttVersion.V3_1_1: b"\x90\x03\x00\x01\x01"}
DENIED = {MqttVersion.V5: b"\x90\x04\x00\x01\x00\x87", MqttVersion.V3_1_1: b"\x90\x03\x00\x01\x80"}
BOTH = pytest.mark.parametrize("version", list(MqttVersion))


class Broker:
    """Sends one canned answer for each packet that comes in, then closes, or stays where told to."""

    def __init__(self, *answers: bytes, stays: bool = False) -> None:
        self.connect = b""
        self.last = b""
        self._answers = answers
        self._stays = stays

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            for answer in self._answers:
                packet = await reader.read(4096)
                self.connect = self.connect or packet
                writer.write(answer)
                await writer.drain()
            if self._stays:
                self.last = await reader.read(4096)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def with_link(
    broker: Broker,
    version: MqttVersion,
    body: Callable[[MqttLink], Awaitable[None]],
    on_message: Callable[[Inbound], None] = lambda _: None,
) -> None:
    async def main() -> None:
        server = await asyncio.start_server(broker.serve, "127.0.0.1", 0, ssl=AUTHORITY.server_context())
        async with server:
            link = MqttLink(
                host="127.0.0.1",
                port=server.sockets[0].getsockname()[1],
                tls=AUTHORITY.client_context(),
                client_id="Chub-0001",
                version=version,
                on_message=on_message,
                on_refused=lambda _: None,
            )
            try:
                async with asyncio.timeout(20):
                    await body(link)
            finally:
                await link.close()

    asyncio.run(main())
    assert [thread.name for thread in threading.enumerate() if "paho" in thread.name and not _ends(thread)] == []


def _ends(thread: threading.Thread) -> bool:
    thread.join(5)
    return not thread.is_alive()


def end_of(broker: Broker, version: MqttVersion) -> LinkEnd:
    ends: list[LinkEnd] = []

    async def body(link: MqttLink) -> None:
        with pytest.raises(LinkEnded) as caught:
            await link.open(("a",))
        ends.append(caught.value.end)

    with_link(broker, version, body)
    return ends[0]


@pytest.mark.parametrize(
    ("version", "answer", "end"),
    [
        (MqttVersion.V5, b"\x20\x03\x00\x87\x00", LinkEnd.REFUSED),
        (MqttVersion.V5, b"\x20\x03\x00\x86\x00", LinkEnd.REFUSED),
        (MqttVersion.V5, b"\x20\x03\x00\x84\x00", LinkEnd.WRONG_VERSION),
        (MqttVersion.V5, b"\x20\x02\x00\x01", LinkEnd.WRONG_VERSION),
        (MqttVersion.V5, b"\x20\x03\x00\x88\x00", LinkEnd.UNREACHABLE),
        (MqttVersion.V3_1_1, b"\x20\x02\x00\x05", LinkEnd.REFUSED),
        (MqttVersion.V3_1_1, b"\x20\x02\x00\x03", LinkEnd.UNREACHABLE),
        (MqttVersion.V5, b"", LinkEnd.SILENT),
        (MqttVersion.V3_1_1, b"", LinkEnd.SILENT),
        (MqttVersion.V5, b"\x20\x00", LinkEnd.SILENT),
        (MqttVersion.V5, b"HTTP/1.1 400 Bad Request\r\n\r\n", LinkEnd.SILENT),
        (MqttVersion.V5, b"\x20\xff\xff\xff\xff\xff\xff", LinkEnd.SILENT),
        (MqttVersion.V5, b"\x20\x04\x00\x00\x01\xff", LinkEnd.SILENT),
    ],
)
def test_each_refusal_has_its_name(version: MqttVersion, answer: bytes, end: LinkEnd) -> None:
    assert end_of(Broker(answer), version) is end


@BOTH
def test_the_session_is_persistent_and_the_clients_name_fixed(version: MqttVersion) -> None:
    broker = Broker(ACCEPTED[version], GRANTED[version], stays=True)

    async def body(link: MqttLink) -> None:
        await link.open(("a",))

    with_link(broker, version, body)
    level, flags = broker.connect[8], broker.connect[9]
    assert level == (5 if version is MqttVersion.V5 else 4)
    assert flags & 0x02 == 0
    assert b"\x00\x09Chub-0001" in broker.connect
    if version is MqttVersion.V5:
        assert b"\x11" + (86_400).to_bytes(4, "big") in broker.connect
        assert b"\x21" + (20).to_bytes(2, "big") in broker.connect
    assert broker.last[:1] == b"\xe0"


@BOTH
def test_topics_that_are_not_granted_are_a_refusal(version: MqttVersion) -> None:
    assert end_of(Broker(ACCEPTED[version], DENIED[version], stays=True), version) is LinkEnd.REFUSED


@BOTH
def test_a_link_that_was_up_is_lost(version: MqttVersion) -> None:
    async def body(link: MqttLink) -> None:
        await link.open(("a",))
        assert (await link.ended()).end is LinkEnd.LOST
        with pytest.raises(ProviderUnreachable):
            link.publish("a", b"")

    with_link(Broker(ACCEPTED[version], GRANTED[version]), version, body)


def test_a_message_is_not_acknowledged_before_it_is_told_to() -> None:
    publish = b"\x32\x06\x00\x01a\x00\x07!"
    broker = Broker(ACCEPTED[MqttVersion.V3_1_1], GRANTED[MqttVersion.V3_1_1] + publish, stays=True)
    arrived: list[Inbound] = []

    async def body(link: MqttLink) -> None:
        await link.open(("a",))
        while not arrived:
            await asyncio.sleep(0)
        assert broker.last == b""
        link.acknowledge(arrived[0])
        await link.ended()

    with_link(broker, MqttVersion.V3_1_1, body, arrived.append)
    assert arrived == [Inbound("a", b"!", 7, 1)]
    assert broker.last == b"\x40\x02\x00\x07"


def test_a_failing_handler_does_not_end_the_network_thread() -> None:
    publish = b"\x32\x06\x00\x01a\x00\x07!\x32\x06\x00\x01a\x00\x08?"
    broker = Broker(ACCEPTED[MqttVersion.V3_1_1], GRANTED[MqttVersion.V3_1_1] + publish, stays=True)
    arrived: list[Inbound] = []

    def fail(message: Inbound) -> None:
        arrived.append(message)
        raise ZeroDivisionError

    async def body(link: MqttLink) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        await link.open(("a",))
        while len(arrived) < 2:
            await asyncio.sleep(0)
        link.acknowledge(arrived[1])
        await link.ended()

    with_link(broker, MqttVersion.V3_1_1, body, fail)
    assert broker.last == b"\x40\x02\x00\x08"


def pause(end: LinkEnd, attempt: int, **loss: bool) -> float:
    return pause_after(Loss(end=end, attempt=attempt, **loss), 90.0, Random(attempt))


def test_refused_credentials_are_not_tried_again_soon() -> None:
    for end in (LinkEnd.REFUSED, LinkEnd.TLS_FAILED):
        assert pause(end, 1) >= 600
    assert pause(LinkEnd.SILENT, 5) >= 600
    for end in (LinkEnd.LOST, LinkEnd.UNREACHABLE, LinkEnd.SILENT, LinkEnd.WRONG_VERSION):
        assert pause(end, 1) <= 1
    assert max(pause(LinkEnd.UNREACHABLE, attempt) for attempt in range(1, 200)) <= 300


@pytest.mark.usecase("W7")
def test_a_connection_that_was_up_comes_back_within_the_spread() -> None:
    steady = [pause_after(LOST_STEADY, 90.0, Random(seed)) for seed in range(200)]
    assert 80 < max(steady) <= 90
    later = [pause_after(LOST_LATER, 90.0, Random(seed)) for seed in range(200)]
    assert 280 < max(later) <= 300


LOST_STEADY = Loss(end=LinkEnd.LOST, attempt=0, was_up=True, shared=True)
LOST_LATER = Loss(end=LinkEnd.UNREACHABLE, attempt=1, was_up=False, shared=True)
