"""Looking for a HomeWizard meter at an address, over real sockets: meters of both generations, and what is none."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from devices.meters.homewizard import HomeWizardDriver
from devices.meters.homewizard.products import certificate_name, read_certificate_name
from homeapp.clock import SystemClock
from homeapp.demo.meter.certificate import MeterCertificate, issue_certificate
from homeapp.demo.meter.homewizard import DemoMeter, MeterFault
from homeapp.errors import DeviceRefused, DeviceUnreachable, HomeappError, NotFound
from homeapp.model.device import AdoptedDevice, Candidate, DeviceKind
from kit.in_loop import in_loop
from kit.running_peer import running

pytestmark = pytest.mark.usefixtures("hasty")
SERIAL = "5c2fafde3001"
PHASES = (2300.0, -460.0, 115.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a handshake takes no seconds, and one with a peer without TLS would last until its time is over."""
    monkeypatch.setattr("devices.meters.homewizard.lookup.ANSWER_WITHIN_S", 0.5)


def meter_of(api: str, product_type: str = "HWE-P1") -> DemoMeter:
    return DemoMeter(
        clock=SystemClock(),
        power=lambda: PHASES,
        api=api,
        serial=SERIAL,
        product_type=product_type,
        product_name="P1 meter" if product_type == "HWE-P1" else "kWh meter",
        announce=False,
    )


def driver_for(ca_pem: str | None) -> HomeWizardDriver:
    return HomeWizardDriver(clock=SystemClock(), time_zone="Europe/Amsterdam", ca_pem=ca_pem)


async def looked(address: str, ca_pem: str | None) -> Candidate:
    async with asyncio.timeout(25):
        return await driver_for(ca_pem).look(address)


async def refused(address: str, ca_pem: str | None = None) -> HomeappError:
    with pytest.raises(HomeappError) as caught:
        await looked(address, ca_pem)
    return caught.value


@pytest.mark.usecase("D1", "W4")
@pytest.mark.parametrize(
    ("api", "product_type", "product"),
    [
        ("v2", "HWE-P1", "HomeWizard P1 meter"),
        ("v1", "HWE-P1", "HomeWizard P1 meter"),
        ("v2", "HWE-KWH3", "HomeWizard kWh meter"),
        ("v1", "HWE-KWH1", "HomeWizard kWh meter"),
    ],
)
@in_loop
async def test_a_meter_says_without_a_token_who_it_is_and_is_then_paired_and_read(
    api: str, product_type: str, product: str
) -> None:
    async with running(meter_of(api, product_type)) as meter:
        found = await looked(meter.address(api), meter.ca_pem)
        assert (found.device_id, found.kind, found.product) == (f"homewizard:{SERIAL}", DeviceKind.METER, product)
        assert (found.address, found.properties["api"]) == (meter.address(api), api)
        meter.press_button()
        driver = driver_for(meter.ca_pem)
        secret = await driver.pair(found)
        device = AdoptedDevice(
            device_id=found.device_id,
            kind=found.kind,
            driver=found.driver,
            name="Meter",
            address=found.address,
            product=found.product,
            adopted_at=found.seen_at,
            properties=found.properties,
        )
        async with asyncio.timeout(20):
            async for reading in driver.open(device, secret).readings():
                assert reading.power_w == 1955
                break


@pytest.mark.usecase("D1", "W6")
@in_loop
async def test_a_meter_of_another_maker_is_none_however_it_is_named() -> None:
    async with running(meter_of("v2")) as meter:
        error = await refused(meter.address("v2"), issue_certificate("appliance/p1dongle/5c2fafde3001").ca_pem)
        assert isinstance(error, NotFound)
        assert f"What answers at {meter.address('v2')}" in str(error)
        assert "no HomeWizard meter" in str(error)


@pytest.mark.usecase("W4", "W6")
@in_loop
async def test_what_a_meter_cannot_do_yet_is_told_with_what_to_do_at_it() -> None:
    async with running(meter_of("v1")) as meter:
        meter.api_enabled = False
        error = await refused(meter.address("v1"))
        assert isinstance(error, DeviceRefused)
        assert 'switch "Local API" on' in str(error)
        meter.api_enabled = True
        meter.fault = MeterFault.GARBAGE
        assert isinstance(await refused(meter.address("v1")), NotFound)
    error = await refused(meter.address("v1"))
    assert isinstance(error, DeviceUnreachable)
    assert f"Nothing answers at {meter.address('v1')}. Check the address" in str(error)


@pytest.mark.parametrize(
    "name", ["appliance/battery/5c2fafde3001", "appliance/p1dongle/nobody", "router.example", "x/"]
)
@in_loop
async def test_a_certificate_of_the_maker_for_something_else_is_no_meter(name: str) -> None:
    certificate = issue_certificate(name)
    async with peer(lambda _head: http("401 Unauthorized", b"{}"), certificate) as address:
        error = await refused(address, certificate.ca_pem)
    assert isinstance(error, NotFound)
    assert "is no meter that the hub can use" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n<h1>no</h",
        b"HTTP/1.1 302 Found\r\nLocation: http://8.8.8.8/\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 57\r\n\r\n{"product_type":"HWE-SKT","serial":"5c2fafde3001","a":12}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 300_000,
    ],
)
@in_loop
async def test_whatever_else_answers_is_told_as_no_meter(answer: bytes) -> None:
    async with peer(lambda _head: answer) as address:
        assert isinstance(await refused(address), NotFound | DeviceUnreachable)


@in_loop
async def test_a_certificate_alone_is_no_api() -> None:
    certificate = issue_certificate(f"appliance/p1dongle/{SERIAL}")
    async with peer(lambda _head: http("404 Not Found", b"{}"), certificate) as address:
        assert isinstance(await refused(address, certificate.ca_pem), NotFound)


def test_the_name_in_a_certificate_is_read_as_it_is_checked() -> None:
    for kind, product_type in (("p1dongle", "HWE-P1"), ("energymeter", "SDM630-wifi")):
        name = certificate_name(SERIAL, product_type)
        told = read_certificate_name(name)
        assert told is not None
        assert (told.serial, told.kind) == (SERIAL, kind)
        assert certificate_name(told.serial, "", told.kind) == name
    with pytest.raises(DeviceRefused):
        certificate_name(SERIAL, "", "battery")


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def peer(answer: Callable[[bytes], bytes], certificate: MeterCertificate | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(answer(await reader.readuntil(b"\r\n\r\n") if certificate else await reader.read(4096)))
            await writer.drain()
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()

    context = certificate.server_context() if certificate else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
