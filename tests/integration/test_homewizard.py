"""The HomeWizard driver and the discoverer against a simulated meter over real sockets and real mDNS."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import cast

import pytest

from devices.meters.homewizard import HomeWizardDriver
from devices.registry import discoverers, meter_drivers
from homeapp.clock import SharedClock
from homeapp.demo.meter.homewizard import DemoMeter, MeterFault
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, PairingPending, ProtocolError
from homeapp.model.device import AdoptedDevice, Candidate, DeviceKind
from homeapp.model.readings import MeterReading
from homeapp.ports import Meter
from kit.running_peer import running

ZONE = "Europe/Amsterdam"
SERIAL = "5c2fafde3001"
PHASES = (2300.0, -460.0, 115.0)


def fast_clock(speed: float = 20.0) -> SharedClock:
    return SharedClock(datetime(2026, 11, 23, 18, 0, tzinfo=UTC), time.time(), speed)


def demo_meter(clock: SharedClock, api: str = "v2", *, announce: bool = False, serial: str = SERIAL) -> DemoMeter:
    return DemoMeter(clock=clock, power=lambda: PHASES, api=api, serial=serial, announce=announce)


def candidate(meter: DemoMeter, api: str, *, serial: str = SERIAL, product_type: str = "HWE-P1") -> Candidate:
    return Candidate(
        device_id=f"homewizard:{serial}",
        kind=DeviceKind.METER,
        driver="homewizard",
        address=meter.address(api),
        product="HomeWizard P1 meter",
        seen_at=datetime(2026, 11, 23, tzinfo=UTC),
        properties={"api": api, "product_type": product_type, "serial": serial},
    )


def adopted(found: Candidate) -> AdoptedDevice:
    return AdoptedDevice(
        device_id=found.device_id,
        kind=found.kind,
        driver=found.driver,
        name="Meter",
        address=found.address,
        product=found.product,
        adopted_at=found.seen_at,
        properties=found.properties,
    )


async def take(meter: Meter, count: int) -> list[MeterReading]:
    taken: list[MeterReading] = []
    async with asyncio.timeout(20), aclosing(cast(AsyncGenerator[MeterReading, None], meter.readings())) as readings:
        async for reading in readings:
            taken.append(reading)
            if len(taken) == count:
                break
    return taken


async def failure_of(meter: Meter) -> DeviceError:
    """The error that ends the readings."""
    async with asyncio.timeout(20):
        with pytest.raises(DeviceError) as caught:
            async for _ in meter.readings():
                pass
    return caught.value


async def exhausted(readings: AsyncIterator[MeterReading]) -> None:
    async with asyncio.timeout(20):
        async for _ in readings:
            pass


async def paired(driver: HomeWizardDriver, meter: DemoMeter) -> Meter:
    found = candidate(meter, "v2")
    async with asyncio.timeout(20):
        while True:
            meter.press_button()
            # With a fast clock the 30 s after it may be over before the request is there.
            with suppress(PairingPending):
                return driver.open(adopted(found), await driver.pair(found))


@pytest.mark.usecase("D1", "W1", "W4")
def test_a_meter_is_found_paired_read_and_read_again_after_each_fault() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock, "both", announce=True)) as meter:
            driver = meter_drivers(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)["homewizard"]
            found = await find(clock, "v2")
            assert found.address == meter.address("v2")
            assert found.device_id == f"homewizard:{SERIAL}"

            with pytest.raises(PairingPending, match="Press the button"):
                await driver.pair(found)
            meter.press_button()
            token = await driver.pair(found)
            assert token is not None
            assert any(entry.startswith("paired local/homeapp-") for entry in meter.history)

            device = driver.open(adopted(found), token)
            first, second = await take(device, 2)
            assert first.power_w == 1955
            assert first.phase_power_w == (2300, -460, 115)
            assert first.phase_current_a == (9.94, -1.99, 0.5)
            assert second.import_wh is not None
            assert first.import_wh is not None
            assert second.import_wh >= first.import_wh > 13_779_000
            assert first.meter_time is not None
            assert abs((first.meter_time - first.received_at).total_seconds()) < 60
            assert any(entry.startswith("websocket opened from 127.0.0.1") for entry in meter.history)

            meter.fault = MeterFault.GARBAGE
            assert isinstance(await failure_of(device), ProtocolError)
            meter.fault = MeterFault.CUT
            assert isinstance(await failure_of(device), DeviceUnreachable)
            meter.fault = MeterFault.SILENT
            silence = await failure_of(device)
            assert isinstance(silence, DeviceUnreachable)
            assert "silent" in str(silence)
            meter.fault = None
            assert (await take(device, 1))[0].power_w == 1955

    asyncio.run(scenario())


async def find(clock: SharedClock, api: str) -> Candidate:
    """The first candidate that the discoverer reports with this generation of the API."""
    seen: asyncio.Queue[Candidate] = asyncio.Queue()
    (discoverer,) = discoverers(clock=clock, interfaces=("127.0.0.1",))
    task = asyncio.create_task(discoverer.run(seen.put_nowait))
    try:
        async with asyncio.timeout(20):
            while True:
                found = await seen.get()
                if found.device_id == f"homewizard:{SERIAL}" and found.properties["api"] == api:
                    return found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_power_cut_ends_the_readings_and_the_token_outlives_it() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        meter = demo_meter(clock)
        async with running(meter):
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            device = await paired(driver, meter)
            readings = device.readings()
            await anext(readings)
        with pytest.raises(DeviceUnreachable):
            await exhausted(readings)
        assert isinstance(await failure_of(device), DeviceUnreachable)
        async with running(meter):
            assert await take(device, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("websocket_refused", [False, True])
def test_a_very_fast_clock_is_not_taken_for_silence(websocket_refused: bool) -> None:
    async def scenario() -> None:
        clock = fast_clock(1000)
        async with running(demo_meter(clock)) as meter:
            meter.websocket_refused = websocket_refused
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            assert len(await take(await paired(driver, meter), 4)) == 4

    asyncio.run(scenario())


def test_the_simulated_meter_outlives_clients_that_misbehave() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock, "both")) as meter:
            for generation in ("v1", "v2"):
                host, _, port = meter.address(generation).partition(":")
                for sent in (b"", b"GET / HTTP/1.1\r\n", b"nonsense\r\n\r\n", b"x" * 40_000):
                    _, writer = await asyncio.open_connection(host, int(port))
                    writer.write(sent)
                    writer.transport.abort()
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            device = await paired(driver, meter)
            assert await take(device, 1)
            assert await take(device, 1)

    asyncio.run(scenario())


def test_a_meter_that_refuses_the_websocket_is_polled() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock)) as meter:
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            meter.websocket_refused = True
            device = await paired(driver, meter)
            assert [reading.power_w for reading in await take(device, 3)] == [1955, 1955, 1955]
            assert not any("websocket" in entry for entry in meter.history)
            meter.fault = MeterFault.GARBAGE
            assert isinstance(await failure_of(device), ProtocolError)
            meter.fault = MeterFault.CUT
            assert "middle of its answer" in str(await failure_of(device))

    asyncio.run(scenario())


@pytest.mark.usecase("W4", "W9")
@pytest.mark.parametrize("websocket_refused", [False, True])
def test_a_wrong_token_is_refused_and_says_to_pair_again(websocket_refused: bool) -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock)) as meter:
            meter.websocket_refused = websocket_refused
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            device = driver.open(adopted(candidate(meter, "v2")), "0" * 32)
            error = await failure_of(device)
            assert isinstance(error, DeviceRefused)
            assert "pair it again" in str(error)

    asyncio.run(scenario())


def test_the_pairing_window_closes_after_thirty_seconds_of_the_clock() -> None:
    async def scenario() -> None:
        clock = fast_clock(100)
        async with running(demo_meter(clock)) as meter:
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            meter.press_button()
            await clock.sleep(31)
            with pytest.raises(PairingPending):
                await driver.pair(candidate(meter, "v2"))

    asyncio.run(scenario())


@pytest.mark.usecase("W4")
def test_a_meter_of_another_authority_is_not_trusted() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock)) as meter:
            meter.press_button()
            for driver in (
                HomeWizardDriver(clock=clock, time_zone=ZONE),
                HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=demo_meter(clock).ca_pem),
            ):
                with pytest.raises(DeviceUnreachable, match="cannot prove"):
                    await driver.pair(candidate(meter, "v2"))
                device = driver.open(adopted(candidate(meter, "v2")), "0" * 32)
                assert "cannot prove" in str(await failure_of(device))

    asyncio.run(scenario())


@pytest.mark.usecase("W4")
def test_another_meter_at_the_address_is_noticed_by_the_name_in_its_certificate() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock)) as meter:
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE, ca_pem=meter.ca_pem)
            meter.press_button()
            for wrong in (
                candidate(meter, "v2", serial="5c2fafde3002"),
                candidate(meter, "v2", product_type="HWE-KWH3"),
            ):
                with pytest.raises(DeviceUnreachable, match="cannot prove"):
                    await driver.pair(wrong)
                assert "cannot prove" in str(await failure_of(driver.open(adopted(wrong), "0" * 32)))

    asyncio.run(scenario())


def test_api_v1_is_polled_and_needs_no_secret() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock, "v1")) as meter:
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE)
            found = candidate(meter, "v1")
            assert await driver.pair(found) is None
            device = driver.open(adopted(found), None)
            (reading, _) = await take(device, 2)
            assert reading.phase_power_w == (2300, -460, 115)
            assert reading.meter_time is None
            meter.fault = MeterFault.GARBAGE
            assert isinstance(await failure_of(device), ProtocolError)
            meter.fault = MeterFault.CUT
            assert isinstance(await failure_of(device), DeviceUnreachable)
            meter.fault = None
            assert await take(device, 1)

    asyncio.run(scenario())


def test_a_closed_api_v1_says_what_to_switch_on() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock, "v1")) as meter:
            meter.api_enabled = False
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE)
            with pytest.raises(DeviceRefused, match='switch "Local API" on'):
                await driver.pair(candidate(meter, "v1"))

    asyncio.run(scenario())


def test_another_meter_at_the_address_is_noticed_by_its_serial_in_api_v1() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        async with running(demo_meter(clock, "v1")) as meter:
            driver = HomeWizardDriver(clock=clock, time_zone=ZONE)
            with pytest.raises(DeviceUnreachable, match="Another device"):
                await driver.pair(candidate(meter, "v1", serial="5c2fafde3002"))

    asyncio.run(scenario())


def test_a_v2_meter_without_a_secret_wants_to_be_paired() -> None:
    async def scenario() -> None:
        clock = fast_clock()
        meter = demo_meter(clock)
        meter.ports["v2"] = 9
        device = HomeWizardDriver(clock=clock, time_zone=ZONE).open(adopted(candidate(meter, "v2")), None)
        assert isinstance(await failure_of(device), DeviceRefused)

    asyncio.run(scenario())
