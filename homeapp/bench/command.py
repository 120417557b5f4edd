"""``homeapp bench``: carries it out and prints what was measured."""

import argparse
import logging
import sys

import msgspec

from homeapp import event_loop
from homeapp.bench.csms_part import Csms
from homeapp.bench.figures import Figures, table
from homeapp.bench.hub_side import HubSide
from homeapp.bench.ocpp_bench import OcppBench
from homeapp.bench.options import BenchPlan
from homeapp.bench.part import Part
from homeapp.bench.stations_part import Stations
from homeapp.errors import EnvironmentProblem, HomeappError


def run_part(name: str) -> int:
    """Be one of the peers; the exit code."""
    logging.getLogger().setLevel(logging.ERROR)
    event_loop.run(Stations().run() if name == "stations" else Csms().run())
    return 0


def run_bench(arguments: argparse.Namespace, side: HubSide) -> int:
    """Measure and print; the exit code says only whether it could be measured."""
    logging.getLogger().setLevel(logging.DEBUG if arguments.verbose else logging.ERROR)
    plan = BenchPlan(**{name: getattr(arguments, name) for name in BenchPlan.__dataclass_fields__})
    figures = event_loop.run(_measure(plan, side))
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() + "\n")
    else:
        sys.stdout.write("\n".join(table(figures)) + "\n")
    return 0


async def _measure(plan: BenchPlan, side: HubSide) -> Figures:
    try:
        async with Part("csms") as csms, Part("stations") as stations:
            return await OcppBench(plan, side, stations, csms).run()
    except* HomeappError as group:
        raise HomeappError(str(_leaf(group))) from group
    except* TimeoutError as group:
        raise EnvironmentProblem(
            "This machine is too busy to measure anything: a message was not answered in time. Try again later."
        ) from group


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
