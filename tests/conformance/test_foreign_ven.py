"""A VEN that is not of this project, ``python-oa3-client``, at the demo VTN: over HTTPS, MQTTS and mDNS."""

import asyncio
import importlib.util
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp.clock import SharedClock
from homeapp.demo.grid.announcement import LocalVtn
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.objects import PRICE_PROGRAM, USAGE_EVENT, DrKind, DrOffer, usage_event
from homeapp.demo.grid.oddities import Oddity, departures
from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.vtn import DemoVtn, VtnOptions
from homeapp.demo.operator.mosquitto import mosquitto_path
from homeapp.demo.operator.pki import StreetAuthority
from kit.vtn_client import NOON

SCRIPT = Path(__file__).parent / "openadr" / "foreign_ven.py"
PATIENCE_S = 30
CURVE = PriceCurve()
BEYOND_IT = {
    Oddity.FOREIGN_AND_DOUBLE_EVENTS: "an event that stands for ever is beyond its calendar",
    Oddity.BROKEN_WEBHOOKS: "it gives up where its ven cannot be made",
    Oddity.UNCHECKED_VALUES: "it gives up where a price is no number",
    Oddity.HIDDEN_TARGETS: "it does not ask for its targets",
    Oddity.STALE_TOKENS: "it keeps its token for ever",
}
"""What the foreign VEN cannot live with, and why."""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openadr3_client") is None and "CI" not in os.environ,
    reason="python-oa3-client is not installed: it is in the extra dev",
)


class ForeignVen:
    """The process; see the script for what it can do."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, step: str, **more: Any) -> Any:
        self.write({"do": step, **more})
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self._process.stdout.readline()
        assert line, f"it has failed at {step}"
        return json.loads(line)

    def write(self, told: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told).encode() + b"\n")

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            await self._process.wait()


@asynccontextmanager
async def foreign_ven(vtn: DemoVtn, ca_file: Path) -> AsyncIterator[ForeignVen]:
    """Start it, and end it when the block is left; httpx takes its authority from the environment."""
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "SSL_CERT_FILE": str(ca_file)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", SCRIPT, stdin=pipe, stdout=pipe, env=environment, limit=1 << 22
    )
    ven = ForeignVen(process)
    try:
        ven.write({"url": vtn.url, "client_id": "ven-0001", "client_secret": "secret"})
        yield ven
        await ven.end()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def served(folder: Path, *oddities: Oddity) -> AsyncIterator[tuple[DemoVtn, ForeignVen]]:
    """A VTN with all that it can have, and the foreign VEN registered there."""
    authority = StreetAuthority()
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.ca_pem)
    notifier = MqttNotifier(folder / "notifier", authority) if mosquitto_path() else None
    vtn = DemoVtn(
        clock=SharedClock(NOON, time.time(), 1.0),
        tls=authority.server_context(),
        client_id="ven-0001",
        client_secret="secret",
        prices=CURVE,
        options=VtnOptions(notifier=notifier, local=LocalVtn(name=f"VTN {os.getpid()}")),
    )
    vtn.oddities = departures(*oddities)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(vtn.run())
        await vtn.started()
        async with foreign_ven(vtn, ca_file) as ven:
            yield vtn, ven
        running.cancel()


@pytest.mark.usecase("A1", "T1")
def test_it_registers_reads_reports_and_is_told(tmp_path: Path) -> None:
    async def body() -> None:
        async with served(tmp_path) as (vtn, ven):
            ven_id = await ven.do("register", name="foreign")
            assert ven_id == await ven.do("register", name="foreign") == vtn.objects("vens")[0]["id"]
            assert [PRICE_PROGRAM, "HomeTariff"] in await ven.do("programs")
            told = await ven.do("prices", program="HomeTariff")
            today = CURVE.local_day(NOON)
            days = [CURVE.day(day) for day in (today, today + timedelta(days=1))]
            assert [Decimal(price) for price in told["prices"]] == [item.import_price for day in days for item in day]
            assert await ven.do("resource", name="meter") == {"status": 201, "listed": ["meter"]}
            assert await ven.do("report", event_id=USAGE_EVENT) == {"status": 201, "listed": [USAGE_EVENT]}
            assert [reading.kwh for reading in vtn.usage] == [0.25]
            (found,) = [item for item in await ven.do("discover") if item[0].startswith(f"VTN {os.getpid()}")]
            assert found[1:] == [vtn.url, "3.1.1", "True"]

    asyncio.run(body())


@pytest.mark.skipif(mosquitto_path() is None, reason="mosquitto is not installed")
def test_it_is_told_of_events(tmp_path: Path) -> None:
    async def body() -> None:
        async with served(tmp_path) as (vtn, ven):
            await ven.do("register", name="foreign")
            assert await ven.do("topics", program_id=PRICE_PROGRAM) == {"allowed": [True] * 7, "events": 403}
            assert await ven.do("subscribe", program="HomeTariff")
            # Its subscription is on the way: what is told is told again until it has heard.
            event_id = vtn.publish_event(usage_event(NOON))
            while not (heard := await ven.do("heard", count=1)):
                vtn.publish_event(usage_event(NOON), event_id)
            assert {item[1] for item in heard} == {event_id}
            await ven.do("stop")

    asyncio.run(body())


@pytest.mark.parametrize("oddity", sorted(set(Oddity) - set(BEYOND_IT)))
def test_it_reads_prices_from_an_odd_vtn(tmp_path: Path, oddity: Oddity) -> None:
    async def body() -> None:
        async with served(tmp_path, oddity) as (vtn, ven):
            start = NOON + timedelta(hours=3)
            end = start + timedelta(hours=1)
            vtn.publish_offer(DrOffer(kind=DrKind.LOAD_SHED, start=start, end=end, power_w=1400.0, title="Less"))
            await ven.do("register", name="foreign")
            told = await ven.do("prices", program="HomeTariff")
            assert len(told["prices"]) >= 192

    asyncio.run(body())
