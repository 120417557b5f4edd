"""``homeapp bench ocpp``: the same messages from station to CSMS directly and through the hub, in one run."""

import asyncio
import gc
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from homeapp import identity
from homeapp.bench.figures import Figures, IdleFigures, PathFigures, Spread, spread
from homeapp.bench.hub_side import (
    PASSWORD,
    BenchRegister,
    Endpoint,
    HubPlan,
    HubSide,
    MemorySecrets,
    OpenWay,
    listening,
    running,
)
from homeapp.bench.messages import boot
from homeapp.bench.options import BenchPlan
from homeapp.bench.overload import Charge, measure_overload
from homeapp.bench.part import Part
from homeapp.chargers.provider_rights import HomeRights
from homeapp.clock import SystemClock
from homeapp.lasting_objects import leave_out_of_collections
from homeapp.model.site import Site
from homeapp.store.database import Database
from homeapp.store.kept_profiles import KeptProfiles
from homeapp.store.ledger import Ledger
from homeapp.store.station_outbox import StoredStationOutbox

EVERY_S = 0.05
"""20 messages a second: as many as the hub lets a station or a CSMS send for long."""
CHARGING = "charging"
"""The station at which the fuse is overloaded; no provider limits it."""
WARM_UP_EACH = 5
HUB_EACH = 60
"""Exchanges of each station at full speed, within what the endpoint lets through at once."""
_SMAPS = Path("/proc/self/statm")
_PAGE = 4096


class OcppBench:
    """One run; peers and hub talk over the loopback interface."""

    def __init__(self, plan: BenchPlan, side: HubSide, stations: Part, csms: Part) -> None:
        self._plan = plan
        self._side = side
        self._stations = stations
        self._csms = csms
        self._clock = SystemClock()
        self._names = [f"bench-{number}" for number in range(plan.connections)]

    async def run(self) -> Figures:
        """Measure everything.

        Raises:
            HomeappError: something cannot be measured.
            TimeoutError: something did not come about.
        """
        csms_url = f"ws://127.0.0.1:{await self._csms.do('port')}"
        direct = await self._path(csms_url)
        relay = self._side.relay(csms_url, self._clock)
        async with running(relay.run):
            exchange = await self._path(f"ws://127.0.0.1:{await listening(relay)}", through_hub=True)
        with tempfile.TemporaryDirectory(prefix="homeapp-bench-") as folder:
            async with Database(Path(folder)) as database:
                hub, overload, idle = await self._through_hub(csms_url, Path(folder), database)
        rules = [*await self._stations.do("rules"), *await self._csms.do("rules")]
        return Figures(
            connections=self._plan.connections,
            direct=direct,
            exchange=exchange,
            hub=hub,
            overload=overload,
            idle=idle,
            broken_rules=tuple(dict.fromkeys(rules)),
        )

    async def _path(self, url: str, *, through_hub: bool = False) -> PathFigures:
        await self._stations.do("open", url=url, names=self._names)
        await self._warm_up()
        each = max(1, self._plan.messages // self._plan.connections)
        rate, cpu_us = await self._rate(each)
        latency = await self._latency()
        profile = await self._profiles()
        await self._stations.do("close")
        return PathFigures(
            exchanges_per_s=rate,
            hub_cpu_us=cpu_us if through_hub else None,
            latency=latency,
            profile=profile,
        )

    async def _through_hub(
        self, csms_url: str, folder: Path, database: Database
    ) -> tuple[PathFigures, Spread, IdleFigures]:
        site, register, way = Site(), BenchRegister(), OpenWay()
        authority = identity.LocalAuthority(MemorySecrets(), folder)
        tls = await asyncio.to_thread(identity.server_context, authority, ["127.0.0.1"])
        outbox = StoredStationOutbox(database, self._clock, csms_url)
        made = self._side.hub(
            HubPlan(
                tls=tls,
                clock=self._clock,
                site=site,
                csms_url=csms_url,
                outbox=outbox,
                keeper=KeptProfiles(Ledger(database, self._clock), "bench"),
                rights=HomeRights(),
            )
        )
        endpoint = made.endpoint
        async with running(lambda: made.upstreams.run(way), lambda: endpoint.run(register), made.background):
            await self._come(endpoint, authority.ca_file, [*self._names, CHARGING], way)
            await self._warm_up()
            leave_out_of_collections()
            rate, cpu_us = await self._rate(max(1, min(HUB_EACH, self._plan.messages // self._plan.connections)))
            latency = await self._latency()
            hub = PathFigures(
                exchanges_per_s=rate,
                hub_cpu_us=cpu_us,
                latency=latency,
                profile=await self._profiles(),
                kept_profile=await self._profiles(kept=True),
            )
            charge = Charge(
                station=CHARGING,
                stations=self._stations,
                endpoint=endpoint,
                register=register,
                site=site,
                clock=self._clock,
            )
            await register.until(lambda states: states[charge.device_id].granted_w is not None)
            overload = spread(await measure_overload(charge, self._plan.overloads))
            idle = await self._idle(endpoint, authority.ca_file, way)
            await self._stations.do("close")
        return hub, overload, idle

    async def _come(self, endpoint: Endpoint, ca_file: Path, names: Sequence[str], way: OpenWay) -> None:
        """Stations connect and introduce themselves, and have a way to the CSMS."""
        expected = len(way.up) + len(names)
        url = f"wss://127.0.0.1:{await listening(endpoint)}/ocpp"
        await self._stations.do("open", url=url, names=names, password=PASSWORD, ca_file=str(ca_file))
        for name in names:
            await self._stations.do("say", name=name, action="BootNotification", payload=boot())
        await way.until_up(expected)

    async def _idle(self, endpoint: Endpoint, ca_file: Path, way: OpenWay) -> IdleFigures:
        names = [f"idle-{number}" for number in range(self._plan.idle)]
        before = _memory()
        await self._come(endpoint, ca_file, names, way)
        after = _memory()
        kib_each = None if before is None or after is None else (after - before) / 1024 / max(1, len(names))
        return IdleFigures(stations=len(names), kib_each=kib_each, latency=await self._latency())

    async def _profiles(self, *, kept: bool = False) -> Spread:
        samples = self._plan.samples
        return spread(
            await self._csms.do("profiles", station=self._names[0], samples=samples, every_s=EVERY_S, kept=kept)
        )

    async def _warm_up(self) -> None:
        """The first message of a kind has its schema loaded."""
        await self._stations.do("rate", names=self._names, each=WARM_UP_EACH)
        await self._stations.do("latency", name=self._names[-1], samples=1, every_s=0.0)
        await self._csms.do("profiles", station=self._names[-1], samples=1, every_s=0.0)

    async def _rate(self, each: int) -> tuple[float, float]:
        """Exchanges per second, and microseconds of this process's CPU for each."""
        count = each * len(self._names)
        cpu = time.process_time()
        seconds = await self._stations.do("rate", names=self._names, each=each)
        return count / seconds, (time.process_time() - cpu) / count * 1e6

    async def _latency(self) -> Spread:
        samples = self._plan.samples
        return spread(await self._stations.do("latency", name=self._names[-1], samples=samples, every_s=EVERY_S))


def _memory() -> int | None:
    """Bytes of this process that are in memory, where the system tells."""
    gc.collect()
    try:
        return int(_SMAPS.read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError:
        return None
