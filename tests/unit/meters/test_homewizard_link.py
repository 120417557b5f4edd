"""The links to a HomeWizard meter against peers that do not behave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from websockets.utils import accept_key

from devices.meters.homewizard.api_v1 import MeterV1
from devices.meters.homewizard.api_v2 import MeterV2
from devices.meters.homewizard.driver import HomeWizardDriver
from devices.meters.homewizard.link import authority
from devices.meters.homewizard.pace import before_silence, poll
from devices.meters.homewizard.trust import HOMEWIZARD_CA_PEM, tls_context
from devices.registry import meter_drivers
from homeapp.clock import SystemClock
from homeapp.demo.meter.certificate import issue_certificate
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, NotSupported, PairingPending, ProtocolError
from homeapp.model.device import Candidate, DeviceKind
from homeapp.model.readings import MeterReading

ZONE = "Europe/Amsterdam"
SERIAL = "5c2fafaabbcc"
NAME = f"appliance/p1dongle/{SERIAL}"
CERTIFICATE = issue_certificate(NAME)
Handler = Callable[[bytes], bytes | None]
"""From the head of a request to the bytes of the answer; None for none at all. The connection is closed after it."""


class HandClock(SystemClock):
    """A clock that stands until it is moved on."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._moved = asyncio.Condition()
        self.sleepers = 0

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        until = self._seconds + seconds
        async with self._moved:
            self.sleepers += 1
            self._moved.notify_all()
            await self._moved.wait_for(lambda: self._seconds >= until)
            self.sleepers -= 1

    async def move(self, seconds: float) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self.sleepers > 0)
            self._seconds += seconds
            self._moved.notify_all()


@asynccontextmanager
async def peer(handler: Handler, *, encrypted: bool = False) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            answer = handler(await reader.readuntil(b"\r\n\r\n"))
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    context = CERTIFICATE.server_context() if encrypted else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def about(serial: str = SERIAL, product_type: str = "HWE-P1") -> bytes:
    return http(f'{{"serial":"{serial}","product_type":"{product_type}","api_version":"v1"}}'.encode())


def candidate(address: str, api: str, product_type: str = "HWE-P1") -> Candidate:
    return Candidate(
        device_id=f"homewizard:{SERIAL}",
        kind=DeviceKind.METER,
        driver="homewizard",
        address=address,
        product="P1 meter",
        seen_at=datetime(2026, 11, 23, tzinfo=UTC),
        properties={"api": api, "product_type": product_type},
    )


def driver() -> HomeWizardDriver:
    return HomeWizardDriver(clock=SystemClock(), time_zone=ZONE, ca_pem=CERTIFICATE.ca_pem)


def pairing_error(handler: Handler, api: str = "v1", product_type: str = "HWE-P1") -> DeviceError:
    async def scenario() -> DeviceError:
        async with asyncio.timeout(20), peer(handler, encrypted=api == "v2") as address:
            with pytest.raises(DeviceError) as caught:
                await driver().pair(candidate(address, api, product_type))
            return caught.value

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", ProtocolError),
        (b"", DeviceUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Le", DeviceUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", DeviceUnreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n", ProtocolError),
        (http(b"x" * 70_000), ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 70_000, ProtocolError),
        (http(b"\x1f\x8b\x08\x00", "200 OK\r\nContent-Encoding: gzip"), ProtocolError),
        (http(b"", "302 Found\r\nLocation: http://192.0.2.1/"), ProtocolError),
        (http(b"{}", "404 Not Found"), ProtocolError),
        (http(b"{}", "503 Busy"), DeviceUnreachable),
        (http(b"{}", "403 Forbidden"), DeviceRefused),
        (http(b"{}"), DeviceUnreachable),
        (about(serial="5c2fafaabbcd"), DeviceUnreachable),
        (about(product_type="HWE-SKT"), NotSupported),
    ],
)
def test_every_bad_answer_to_the_first_question_is_a_device_error(answer: bytes, expected: type[DeviceError]) -> None:
    error = pairing_error(lambda _: answer)
    assert type(error) is expected
    assert str(error).endswith(".")


def test_a_v1_meter_must_be_readable_to_be_paired() -> None:
    def without_power(head: bytes) -> bytes:
        return http(b'{"wifi_ssid":"x"}') if b"/data" in head else about()

    assert "Check its cable" in str(pairing_error(without_power))


@pytest.mark.parametrize(
    ("answer", "expected", "sentence"),
    [
        (http(b'{"error":"user:creation-not-enabled"}', "403 Forbidden"), PairingPending, "30 seconds"),
        (http(b'{"error":"user:no-storage"}', "403 Forbidden"), DeviceRefused, "Remove one"),
        (http(b'{"error":"user:\\u0000new"}', "403 Forbidden"), DeviceRefused, "user:new"),
        (http(b"[]", "403 Forbidden"), ProtocolError, "something other"),
        (http(b'{"error":"request:api-version-not-supported"}', "400 Bad"), NotSupported, "Update it"),
        (http(b'{"error":"user:name-invalid"}', "400 Bad"), ProtocolError, "name-invalid"),
        (http(b'{"error":"x"}', "500 Oops"), DeviceUnreachable, "not ready"),
        (http(b'{"token":"short"}'), ProtocolError, "no token"),
        (http(b'{"token":5}'), ProtocolError, "no token"),
        (http(b"token"), ProtocolError, "cannot be read"),
    ],
)
def test_every_bad_answer_to_the_pairing_is_a_device_error(
    answer: bytes, expected: type[DeviceError], sentence: str
) -> None:
    error = pairing_error(lambda _: answer, "v2")
    assert type(error) is expected
    assert sentence in str(error)


def test_the_pairing_asks_as_the_documentation_says() -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return http(b'{"token":"0123456789ABCDEF0123456789ABCDEF","name":"local/x"}')

    async def scenario() -> str | None:
        async with peer(answer, encrypted=True) as address:
            return await driver().pair(candidate(address, "v2"))

    assert asyncio.run(scenario()) == "0123456789ABCDEF0123456789ABCDEF"
    assert heads[0].startswith(b"POST /api/user HTTP/1.1\r\n")
    assert b"\r\nx-api-version: 2\r\n" in heads[0].lower()


def test_a_product_without_a_certificate_type_is_refused_before_anything_is_sent() -> None:
    error = pairing_error(lambda _: pytest.fail("nothing may be sent"), "v2", product_type="HWE-BAT")
    assert type(error) is DeviceRefused


@pytest.mark.parametrize(
    ("after_head", "expected"),
    [
        (b"\x81\x05hello", ProtocolError),
        (b"\x81\x02{}", ProtocolError),
        (b"\x81\x04\xff\xfe\xff\xfe", ProtocolError),
        (b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", ProtocolError),
        (b"\x83\x00", ProtocolError),
        (b"\x81\x7e", DeviceUnreachable),
        (b"\x88\x02\x03\xe8", DeviceUnreachable),
        (b'\x81\x38{"type":"error","data":{"message":"user:unauthorized"}}  ', DeviceRefused),
        (b'\x81\x36{"type":"error","data":{"message":"request:too-large"}}', ProtocolError),
    ],
)
def test_every_bad_websocket_message_is_a_device_error(after_head: bytes, expected: type[DeviceError]) -> None:
    error = asyncio.run(reading_error(lambda head: switching(head) + after_head))
    assert type(error) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 101", DeviceUnreachable),
        (b"garbage\r\n\r\n", ProtocolError),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ProtocolError),
    ],
)
def test_every_bad_handshake_is_a_device_error(answer: bytes, expected: type[DeviceError]) -> None:
    error = asyncio.run(reading_error(lambda _: answer))
    assert type(error) is expected


def test_a_redirected_websocket_is_not_followed_and_polled_instead() -> None:
    asked: list[bytes] = []

    def answer(head: bytes) -> bytes:
        asked.append(head.split(b" ")[1])
        if asked[-1] == b"/api/ws":
            return http(b"", "302 Found\r\nLocation: https://[bad")
        return http(b"{}", "401 Unauthorized")

    error = asyncio.run(reading_error(answer))
    assert type(error) is DeviceRefused
    assert asked == [b"/api/ws", b"/api/measurement"]


async def reading_error(handler: Handler) -> DeviceError:
    async with asyncio.timeout(20), peer(handler, encrypted=True) as address:
        meter = MeterV2(
            device_id=f"homewizard:{SERIAL}",
            address=address,
            certificate_name=NAME,
            clock=SystemClock(),
            zone=driver()._zone,
            token="0" * 32,
            ca_pem=CERTIFICATE.ca_pem,
        )
        with pytest.raises(DeviceError) as caught:
            async for _ in meter.readings():
                pass
        return caught.value


def switching(head: bytes) -> bytes:
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key.decode())}\r\n\r\n"
    ).encode()


def test_nobody_there_is_unreachable() -> None:
    async def scenario() -> None:
        async with peer(lambda _: b"") as address:
            pass
        for api in ("v1", "v2"):
            with pytest.raises(DeviceUnreachable, match="cannot be reached"):
                await driver().pair(candidate(address, api))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.20", "192.168.1.20:80"),
        ("192.168.1.20:8080", "192.168.1.20:8080"),
        ("fd00::1", "[fd00::1]:80"),
        ("[fd00::1]:8080", "[fd00::1]:8080"),
        ("[fd00::1]", "[fd00::1]:80"),
        ("fe80::1%eth0", "[fe80::1%eth0]:80"),
        ("[fe80::1%eth0]:8080", "[fe80::1%eth0]:8080"),
    ],
)
def test_addresses_are_literal(address: str, expected: str) -> None:
    assert authority(address, 80) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "meter.local",
        "10.0.0.1:x",
        "10.0.0.1:0",
        "10.0.0.1:70000",
        "10.0.0.1/a@b:80",
        "10.0.0.1:",
        "[fd00::1]x",
    ],
)
def test_anything_else_is_no_address(address: str) -> None:
    with pytest.raises(DeviceUnreachable):
        authority(address, 80)


def test_the_makers_authority_is_the_published_one() -> None:
    certificate = x509.load_pem_x509_certificate(HOMEWIZARD_CA_PEM.encode())
    assert certificate.subject.rfc4514_string() == "CN=Appliance Access CA,O=HomeWizard,ST=ZH,C=NL"
    assert certificate.fingerprint(hashes.SHA256()).hex() == (
        "4ec277e62033fae8bc373e3f2a976676d3f665683873f1ea8e3bdf78ac680003"
    )
    certificate.verify_directly_issued_by(certificate)
    assert len(tls_context().get_ca_certs()) == 1
    assert len(tls_context(CERTIFICATE.ca_pem).get_ca_certs()) == 2


def test_an_unreadable_additional_authority_is_refused() -> None:
    with pytest.raises(DeviceRefused):
        tls_context("no certificate")


def test_silence_is_measured_on_the_hubs_clock() -> None:
    async def scenario() -> None:
        clock = HandClock()

        async def forever() -> None:
            await asyncio.Event().wait()

        async with asyncio.timeout(20):
            waiting = asyncio.create_task(before_silence(clock, forever()))
            await clock.move(9)
            assert not waiting.done()
            await clock.move(2)
            with pytest.raises(DeviceUnreachable, match="silent"):
                await waiting

    asyncio.run(scenario())


def test_single_lost_polls_are_passed_over_but_not_ten_seconds_of_them() -> None:
    async def scenario() -> None:
        clock = HandClock()
        reading = MeterReading(device_id="homewizard:x", received_at=datetime(2026, 1, 1, tzinfo=UTC), power_w=1)
        outcomes: list[MeterReading | None] = [reading, None, reading] + [None] * 20

        async def fetch() -> MeterReading:
            if (outcome := outcomes.pop(0)) is None:
                raise DeviceUnreachable("Lost.")
            return outcome

        async def ticks() -> None:
            while True:
                await clock.move(1)
                await asyncio.sleep(0)

        async with asyncio.timeout(20):
            ticking = asyncio.create_task(ticks())
            polled = poll(clock, fetch)
            assert await anext(polled) is reading
            assert await anext(polled) is reading
            with pytest.raises(DeviceUnreachable):
                await anext(polled)
            assert clock.monotonic() >= 12
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    asyncio.run(scenario())


def test_the_first_lost_poll_is_told_at_once() -> None:
    async def scenario() -> None:
        async def fetch() -> MeterReading:
            raise DeviceUnreachable("Lost.")

        with pytest.raises(DeviceUnreachable):
            await anext(poll(HandClock(), fetch))

    asyncio.run(scenario())


def test_the_registry_names_the_drivers_as_their_device_ids_do() -> None:
    drivers = meter_drivers(clock=SystemClock(), time_zone=ZONE)
    assert {name: driver.name for name, driver in drivers.items()} == {"homewizard": "homewizard"}


def test_ids_of_other_drivers_are_refused() -> None:
    meter = MeterV1(device_id="ocpp:1", address="127.0.0.1:9", clock=SystemClock(), zone=driver()._zone)
    other: Awaitable[None] = meter.test()
    with pytest.raises(DeviceError):
        asyncio.run(_awaited(other))


async def _awaited(work: Awaitable[None]) -> None:
    await work
