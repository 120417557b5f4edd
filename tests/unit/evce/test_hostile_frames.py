"""Hostile frames by the thousand: each is answered or dropped by the rules, and the station works as before.

HOMEAPP_FUZZ says how many frames each version gets.
"""

import asyncio
import json
import logging
import os
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from devices.evce.calls_in import MOST_UNANSWERED
from devices.evce.dialect import Dialect
from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.rpc import RpcPeer
from devices.evce.schemas import Version
from devices.evce.station import Station
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from homeapp.clock import SystemClock
from homeapp.model.readings import EvceStatus
from kit.evce_street import LIMITS, Register
from kit.hostile_frames import HostileFrames, expected, judge
from kit.ocpp_wire import fast

FRAMES = int(os.environ.get("HOMEAPP_FUZZ", "1500"))
BATCH = 50
DIALECTS: dict[Version, type[Ocpp16] | type[Ocpp201]] = {
    Version.V16: Ocpp16,
    Version.V201: Ocpp201,
    Version.V21: Ocpp21,
}


class Line:
    """A socket that gives a batch of frames and then waits for what is said to them."""

    def __init__(self) -> None:
        self.answers: list[list[Any]] = []
        self.frames: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.news = asyncio.Event()

    async def send(self, message: str) -> None:
        self.answers.append(json.loads(message))
        self.news.set()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (frame := await self.frames.get()) is not None:
            yield frame

    async def say(self, frames: list[str | bytes]) -> list[list[Any]]:
        """What comes back until the Heartbeat behind the frames is answered, or the connection has ended."""
        self.answers.clear()
        for frame in (*frames, '[2,"the end","Heartbeat",{}]'):
            self.frames.put_nowait(frame)
        async with asyncio.timeout(60):
            while not self.answers or self.answers[-1][1] != "the end":
                self.news.clear()
                await self.news.wait()
        return self.answers[:-1]


class Home:
    """A station and one connection of it after the other."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.dialect: Dialect = DIALECTS[version]()
        self.station = Station("ocpp:x", LIMITS, SystemClock(), Register())
        self.station.came(version)
        self.station.secure()
        self.peers: list[RpcPeer] = []

    async def _serve(self, frame: Frame) -> Payload | msgspec.Raw:
        return self.dialect.answer(frame.action, frame.payload, self.station)

    async def converse(self, frames: list[str | bytes]) -> list[list[Any]]:
        line = Line()
        peer = RpcPeer("x", self.version, line, self._serve, fast())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(peer.run())
            answers = await line.say(frames)
            line.frames.put_nowait(None)
        assert len(peer._in._answered) <= 64
        assert len(peer._conformity._complained) <= 64
        assert not peer._in._queue
        assert not peer._out._queue
        return answers


async def proper_transaction(home: Home) -> None:
    """A station that behaves is served and understood as ever."""
    now = datetime.now(UTC).isoformat()
    if home.version is Version.V16:
        start: Any = {"connectorId": 1, "idTag": "owner-tag", "meterStart": 5, "timestamp": now}
        sample: Any = [{"value": "4000", "measurand": "Power.Active.Import", "unit": "W"}]
        boot: Any = {"chargePointVendor": "Acme", "chargePointModel": "Box"}
        status: Any = {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "timestamp": now}
    else:
        sample = [{"value": 4000, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}}]
        boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "Box"}}
        status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": now}
        start = {"eventType": "Started", "timestamp": now, "triggerReason": "Authorized", "seqNo": 0}
        start |= {"transactionInfo": {"transactionId": "proper", "chargingState": "Charging"}, "evse": {"id": 1}}
    action = "StartTransaction" if home.version is Version.V16 else "TransactionEvent"
    calls = [("BootNotification", boot), ("StatusNotification", status), (action, start)]
    answers = await home.converse([json.dumps([2, f"p{k}", name, body]) for k, (name, body) in enumerate(calls)])
    assert [answer[:2] for answer in answers] == [[3, "p0"], [3, "p1"], [3, "p2"]]
    home.station.secure()
    meter: Any = {"meterValue": [{"timestamp": now, "sampledValue": sample}]}
    if home.version is Version.V16:
        transaction_id = answers[2][2]["transactionId"]
        text = json.dumps([2, "m", "MeterValues", meter | {"connectorId": 1, "transactionId": transaction_id}])
    else:
        transaction_id = "proper"
        text = json.dumps([2, "m", "TransactionEvent", start | meter | {"eventType": "Updated", "seqNo": 1}])
    assert (await home.converse([text]))[0][:2] == [3, "m"]
    state = home.station.state
    assert (state.status, state.transaction_id, state.power_w) == (EvceStatus.CHARGING, str(transaction_id), 4000.0)


@pytest.mark.parametrize("version", list(Version))
def test_hostile_frames_are_answered_by_the_rules_and_leave_no_trace(
    version: Version, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def main() -> None:
        home, source = Home(version), HostileFrames(version, seed=1)

        async def hurl() -> None:
            for _ in range(0, FRAMES // 2, BATCH):
                frames = [source.next() for _ in range(BATCH)]
                judge(version, frames, await home.converse(frames))

        await hurl()
        tracemalloc.start()
        try:
            await hurl()
            grown = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert grown < 2_000_000, "nothing is kept of what was dropped"
        station = home.station
        assert len(station._connectors) <= 65
        assert len(station._over) <= 256
        await proper_transaction(home)

    asyncio.run(main())


def test_the_frames_are_of_all_kinds() -> None:
    for version in Version:
        source = HostileFrames(version, seed=2)
        rules = [expected(source.next()) for _ in range(2000)]
        kinds = Counter((rule.answer is not None, rule.minus_one, rule.either) for rule in rules)
        assert len(kinds) >= 4, kinds
        assert min(kinds[True, False, False], kinds[False, True, False], kinds[False, False, False]) > 100
        assert BATCH < MOST_UNANSWERED
