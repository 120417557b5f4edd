"""Hostile frames over real sockets: the endpoint answers by the rules, and serves the station as before."""

from typing import Any

import pytest

from devices.evce.schemas import Version
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import ALL, DEVICE, Street, Tls, run
from kit.hostile_frames import HostileFrames, judge

BATCHES = 6
BATCH = 40


@pytest.mark.parametrize("version", ALL)
def test_the_endpoint_outlives_hostile_frames(tls: Tls, version: Version) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        source = HostileFrames(version, seed=3)
        for _ in range(BATCHES):
            async with street.station(version) as station:
                await station.call("Heartbeat", {})
                frames = [source.next() for _ in range(BATCH)]
                for frame in frames:
                    await station.socket.send(frame)
                await station.call("Heartbeat", {})
                answers: list[list[Any]] = []
                while not station.other.empty():
                    answers.append(station.other.get_nowait())
                judge(version, frames, answers)
        async with street.station(version) as station:
            await station.boot()
            await station.plug_in()
            transaction_id = await station.begin()
            await station.measure(transaction_id, 4000.0, 40)
            await street.register.until_status(EvceStatus.CHARGING)
            evce = street.endpoint.evce(DEVICE)
            assert evce is not None
            after = len(station.calls)
            await evce.apply(EvceCommand(limit_w=7000))
            await station.until_profile("TxProfile", after)

    run(tls, body, speed=100.0)
