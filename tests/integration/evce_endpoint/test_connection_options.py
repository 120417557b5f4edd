"""What a station and the endpoint agree on below the messages."""

import asyncio
from typing import Any

import pytest
from websockets.frames import OP_PONG, Frame

from devices.evce.capability import Capability, ForgetfulKeeper, capability_key, decode
from devices.evce.endpoint import OcppEndpoint
from devices.evce.keepalive import Keepalive
from devices.evce.schemas import Version
from homeapp.model.readings import EvceStatus
from kit.evce_street import DEVICE, LIMITS, RawStation, Street, Tls, run


@pytest.mark.parametrize("compression", [False, True])
def test_compression_is_agreed_on_only_where_it_is_set(tls: Tls, compression: bool) -> None:
    async def body(street: Street) -> None:
        async with street.station(Version.V201, compression="deflate") as station:
            assert bool(station.socket.protocol.extensions) is compression
            assert (await station.boot())["status"] == "Accepted"
        async with street.station(Version.V201, compression=None) as station:
            assert (await station.boot())["status"] == "Accepted"

    async def main() -> None:
        street = Street(*tls, speed=1.0)
        street.adopt()
        street.endpoint = OcppEndpoint(
            host="127.0.0.1",
            port=0,
            tls=tls[0],
            clock=street.clock,
            limits=lambda _: LIMITS,
            lease_s=60.0,
            compression=compression,
        )
        task = asyncio.create_task(street.endpoint.run(street.register))
        await asyncio.wait_for(street.endpoint.started(), 10)
        try:
            await asyncio.wait_for(body(street), 20)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def sends_no_pongs(station: RawStation) -> None:
    send = station.socket.protocol.send_frame

    def send_no_pong(frame: Frame, **options: Any) -> None:
        if frame.opcode is not OP_PONG:
            send(frame, **options)

    station.socket.protocol.send_frame = send_no_pong  # type: ignore[method-assign]


def brisk(street: Street) -> Keepalive:
    """The endpoint's own keepalive, with pings that come soon."""
    street.endpoint._keepalive = keepalive = Keepalive(street.endpoint._keepalive._book, every_s=0.02, patience_s=0.4)
    return keepalive


def test_a_station_that_answers_no_pings_stays_connected(tls: Tls) -> None:
    async def body(street: Street) -> None:
        keepalive = brisk(street)
        async with street.secured(Version.V201) as (station, _):
            sends_no_pongs(station)
            async with asyncio.timeout(10):
                while keepalive.every_s(DEVICE):
                    await station.call("Heartbeat", {})
            assert street.register.state is not None
            assert street.register.state.status is not EvceStatus.OFFLINE

    run(tls, body, speed=30.0)


@pytest.mark.parametrize(("firmware", "kept_s"), [("9", 0.0), ("10", None)])
def test_what_a_station_bears_is_kept_until_it_has_new_firmware(tls: Tls, firmware: str, kept_s: float | None) -> None:
    keeper = ForgetfulKeeper()

    async def kept() -> Capability:
        known = decode(await keeper.value(capability_key(DEVICE)))
        assert known is not None
        return known

    async def first(street: Street) -> None:
        keepalive = brisk(street)
        async with street.secured(Version.V201) as (station, _):
            sends_no_pongs(station)
            async with asyncio.timeout(10):
                while keepalive.every_s(DEVICE) or (await kept()).ping_every_s is None:
                    await station.call("Heartbeat", {})

    async def second(street: Street) -> None:
        keepalive = brisk(street)
        street.adopt()
        async with street.station(Version.V201) as station:
            await station.boot(firmware)
            assert keepalive.every_s(DEVICE) == 0.0
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert (await kept()).ping_every_s == kept_s
        async with street.station(Version.V201) as station:
            await station.boot(firmware)
            assert keepalive.every_s(DEVICE) == (0.02 if kept_s is None else kept_s)

    run(tls, first, speed=30.0, keeper=keeper)
    run(tls, second, speed=30.0, keeper=keeper)
