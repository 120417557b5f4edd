"""``homeapp bench``: its options."""

import argparse
from dataclasses import dataclass

from homeapp.bench.planning_options import add_planning_verbs


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """How much is measured.

    Attributes:
        connections: stations that talk at the same time.
        messages: CALLs of all of them together, directly and through the exchange.
        samples: of each latency.
        overloads: how often the fuse is overloaded.
        idle: stations that are connected and silent.
    """

    connections: int = 20
    messages: int = 20_000
    samples: int = 200
    overloads: int = 20
    idle: int = 500


PARTS = ("stations", "csms", "vtn", "bare")
_DEFAULT = BenchPlan()
_LATENCY_SAMPLES = 80


def add_bench_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``bench`` with its verbs."""
    bench = commands.add_parser("bench", help="measure this machine with simulated peers", parents=[common])
    verbs = bench.add_subparsers(dest="verb", required=True, metavar="WHAT")
    ocpp = verbs.add_parser("ocpp", help="between charging stations and their CSMS", parents=[common])
    for name, of_what in (
        ("connections", "stations that talk at the same time"),
        ("messages", "CALLs of all of them together"),
        ("samples", "samples of each latency"),
        ("overloads", "how often the fuse is overloaded"),
        ("idle", "stations that are connected and silent"),
    ):
        ocpp.add_argument(f"--{name}", type=_count, default=getattr(_DEFAULT, name), help=of_what)
    add_planning_verbs(verbs, common, _count)
    latency = verbs.add_parser("latency", help="from a limit's arrival to the charging station", parents=[common])
    latency.add_argument("--samples", type=_count, default=_LATENCY_SAMPLES, help="limits that are imposed")
    latency.add_argument("--no-screen", action="store_true", help="without the screen running")
    latency.add_argument("--speed", type=float, default=1.0, help=argparse.SUPPRESS)
    part = verbs.add_parser("part")
    part.add_argument("part", choices=PARTS)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count
