"""``homeapp bench``: carries it out and prints what was measured."""

import argparse
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol, TypeVar

import msgspec

from homeapp import event_loop
from homeapp.bench.bare_part import BarePart
from homeapp.bench.csms_part import Csms
from homeapp.bench.figures import table
from homeapp.bench.hub_side import HubSide
from homeapp.bench.latency_bench import LatencyBench, LatencyPlan, latency_table
from homeapp.bench.ocpp_bench import OcppBench
from homeapp.bench.options import BenchPlan
from homeapp.bench.part import Part
from homeapp.bench.stations_part import Stations
from homeapp.bench.vtn_part import VtnPart
from homeapp.errors import EnvironmentProblem, HomeappError

F = TypeVar("F")


class _Peer(Protocol):
    async def run(self) -> None:
        """Serve until standard input ends."""


_PEERS: dict[str, Callable[[], _Peer]] = {"stations": Stations, "csms": Csms, "vtn": VtnPart, "bare": BarePart}


def run_part(name: str) -> int:
    """Be one of the peers; the exit code."""
    logging.getLogger().setLevel(logging.ERROR)
    event_loop.run(_PEERS[name]().run())
    return 0


def run_bench(arguments: argparse.Namespace, side: HubSide) -> int:
    """Measure and print; the exit code says only whether it could be measured."""
    logging.getLogger().setLevel(logging.DEBUG if arguments.verbose else logging.ERROR)
    if arguments.verb == "latency":
        plan = LatencyPlan(samples=arguments.samples, screen=not arguments.no_screen, speed=arguments.speed)
        _print(
            _measured(("stations", "vtn", "bare"), lambda *peers: LatencyBench(plan, *peers).run()),
            latency_table,
            arguments,
        )
    else:
        ocpp = BenchPlan(**{name: getattr(arguments, name) for name in BenchPlan.__dataclass_fields__})
        _print(_measured(("stations", "csms"), lambda *peers: OcppBench(ocpp, side, *peers).run()), table, arguments)
    return 0


def _print(figures: F, lines: Callable[[F], Sequence[str]], arguments: argparse.Namespace) -> None:
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() + "\n")
    else:
        sys.stdout.write("\n".join(lines(figures)) + "\n")


def _measured(parts: Sequence[str], measure: Callable[..., Awaitable[F]]) -> F:
    """What ``measure`` makes of its peers, which run meanwhile."""

    async def main() -> F:
        async with AsyncExitStack() as stack:
            return await measure(*[await stack.enter_async_context(Part(name)) for name in parts])

    async def explained() -> F:
        try:
            return await main()
        except* HomeappError as group:
            raise HomeappError(str(_leaf(group))) from group
        except* TimeoutError as group:
            raise EnvironmentProblem(
                "This machine is too busy to measure anything: a message was not answered in time. Try again later."
            ) from group

    return event_loop.run(explained())


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
