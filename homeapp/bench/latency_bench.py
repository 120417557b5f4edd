"""``homeapp bench latency``: from a mandatory limit's arrival until its frame is at the charging station.

Both paths take the same limit from the same VTN at the same time: the bare one has nothing between its answer and the
frame; the other is the whole hub, a process of its own with its databases, control, and the screen.
"""

import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homeapp.bench import messages
from homeapp.bench.figures import Spread, spread
from homeapp.bench.hub_side import PASSWORD
from homeapp.bench.part import Part
from homeapp.bench.vtn_part import BARE_CLIENT, HUB_CLIENT
from homeapp.bench.whole_hub import STATION, Screen, WholeHub, whole_hub
from homeapp.clock import SharedClock

BARE_STATION = "bench-bare"
POLL_S = 0.5
"""Between two questions at the VTN; the wait for the next one is no part of the figures."""
HIGHEST_W, LOWEST_W, STEP_W = 11_000.0, 4_300.0, 75.0
"""Each limit is lower than the one before by more than what a charger is not told for; then the charge rises anew."""
WARM_UP = 3
_TOLERATED_W = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlan:
    """How much is measured.

    Attributes:
        samples: limits that are imposed.
        screen: it is drawn meanwhile.
        speed: of the hub's clock; a faster one only shortens the time in which a charge begins.
    """

    samples: int = 80
    screen: bool = True
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyFigures:
    """From the VTN's answer with a limit until the frame is at the station.

    Attributes:
        bare: with nothing in between.
        hub: through the whole hub.
        screen_cpu_s: what the screen has used meanwhile; None without one.
        broken_rules: sentences on what the station saw the hub do against the standard.
    """

    bare: Spread
    hub: Spread
    screen_cpu_s: float | None
    broken_rules: tuple[str, ...]


class LatencyBench:
    """One run over the loopback interface, with peers in processes of their own."""

    def __init__(self, plan: LatencyPlan, stations: Part, vtn: Part, bare: Part) -> None:
        self._plan = plan
        self._stations = stations
        self._vtn = vtn
        self._bare = bare
        self._limit_w = HIGHEST_W

    async def run(self) -> LatencyFigures:
        """Measure everything.

        Raises:
            HomeappError: something cannot be measured.
            TimeoutError: something did not come about.
        """
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeapp-bench-")))
            told = await self._vtn.do("start", directory=str(folder))
            at = await self._bare.do("start", directory=str(folder), poll_s=POLL_S, **told)
            clock = SharedClock(datetime.now(UTC), time.time(), self._plan.speed)
            hub = await stack.enter_async_context(
                whole_hub(folder, clock, vtn_url=told["url"], vtn_ca_file=told["ca_file"], poll_s=POLL_S)
            )
            screen = await stack.enter_async_context(Screen(hub.data_dir)) if self._plan.screen else None
            await self._stations.do("open", url=at["url"], names=[BARE_STATION], ca_file=at["ca_file"])
            await self._charge(hub)
            for _ in range(WARM_UP):
                await self._sample()
            samples = [await self._sample() for _ in range(self._plan.samples)]
            figures = LatencyFigures(
                bare=spread([bare for bare, _ in samples]),
                hub=spread([through_hub for _, through_hub in samples]),
                screen_cpu_s=None if screen is None else screen.cpu_s,
                broken_rules=tuple(dict.fromkeys(await self._stations.do("rules"))),
            )
            await self._stations.do("close")
        return figures

    async def _charge(self, hub: WholeHub) -> None:
        """A car comes to the hub's station and charges with all it can take."""
        ca_file = str(hub.ca_file)
        await self._stations.do("open", url=hub.url, names=[STATION], password=PASSWORD, ca_file=ca_file)
        for action, payload in (
            ("BootNotification", messages.boot()),
            ("StatusNotification", messages.plugged()),
            ("TransactionEvent", messages.event("Started", 0)),
        ):
            await self._stations.do("say", name=STATION, action=action, payload=payload)
        await self._stations.do("raised_at", name=STATION, after=0.0, least_w=HIGHEST_W)

    async def _sample(self) -> tuple[float, float]:
        """Seconds of the bare path and of the hub for a limit that is lower than the one before."""
        if self._limit_w - STEP_W < LOWEST_W:
            handed_out = await self._impose(HIGHEST_W)
            await self._stations.do("raised_at", name=STATION, after=handed_out[HUB_CLIENT], least_w=HIGHEST_W - STEP_W)
        handed_out = await self._impose(self._limit_w - STEP_W)
        seconds = []
        for station, client in ((BARE_STATION, BARE_CLIENT), (STATION, HUB_CLIENT)):
            begun = handed_out[client]
            most_w = self._limit_w + _TOLERATED_W
            seconds.append(await self._stations.do("limited_at", name=station, after=begun, most_w=most_w) - begun)
        return seconds[0], seconds[1]

    async def _impose(self, limit_w: float) -> dict[str, float]:
        """When each of the two was handed the limit."""
        self._limit_w = limit_w
        now = datetime.now(UTC)
        start, end = now - timedelta(minutes=1), now + timedelta(hours=2)
        handed_out: dict[str, float] = await self._vtn.do(
            "limit", power_w=limit_w, start=start.isoformat(), end=end.isoformat()
        )
        return handed_out


def latency_table(figures: LatencyFigures) -> list[str]:
    """Lines for people; what is aimed for stands in brackets."""
    bare, hub, cpu_s = figures.bare, figures.hub, figures.screen_cpu_s
    screen = "without a screen" if cpu_s is None else f"screen running ({cpu_s:.1f} s of CPU)"
    return [
        f"A mandatory limit, from the VTN's answer to the frame at the station; {screen}; all on this machine.",
        f"bare      {bare}",
        f"hub       {hub} [p50 <= 5, p99 <= 50]",
        f"{'':9} the hub adds {hub.p50 - bare.p50:.2f} at p50, {hub.p99 - bare.p99:.2f} ms at p99",
        *(f"A rule was broken: {rule}." for rule in figures.broken_rules),
    ]
