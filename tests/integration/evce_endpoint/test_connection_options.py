"""What a station and the endpoint agree on below the messages."""

import asyncio
from typing import Any

import pytest
from websockets.frames import OP_PONG, Frame

from devices.evce.endpoint import OcppEndpoint
from devices.evce.keepalive import STRIKES, Keepalive
from devices.evce.schemas import Version
from homeapp.model.readings import EvceStatus
from kit.evce_street import DEVICE, LIMITS, Street, Tls, run


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


def test_a_station_that_answers_no_pings_stays_connected(tls: Tls) -> None:
    async def body(street: Street) -> None:
        street.endpoint._keepalive = keepalive = Keepalive(every_s=0.02, patience_s=0.4)
        async with street.secured(Version.V201) as (station, _):
            send = station.socket.protocol.send_frame

            def send_no_pong(frame: Frame, **options: Any) -> None:
                if frame.opcode is not OP_PONG:
                    send(frame, **options)

            station.socket.protocol.send_frame = send_no_pong  # type: ignore[method-assign]
            async with asyncio.timeout(10):
                while keepalive.pings(DEVICE):
                    await station.call("Heartbeat", {})
            assert keepalive._strikes[DEVICE] == STRIKES
            assert street.register.state is not None
            assert street.register.state.status is not EvceStatus.OFFLINE

    run(tls, body, speed=30.0)
