"""``homeapp bench planner`` and ``homeapp bench street``: carry them out and print what was measured."""

import argparse
import sys
from collections.abc import Sequence

import msgspec

from homeapp.bench import planner_bench, street_bench
from homeapp.bench.planner_problems import made_up_problems
from homeapp.bench.price_days import Season
from homeapp.planner.problem_file import read_problems


def run_planning_bench(arguments: argparse.Namespace) -> int:
    """Measure and print; the exit code says only whether it could be measured.

    Raises:
        EnvironmentProblem: a file or a package is missing, or the machine is too busy.
    """
    if arguments.verb == "street":
        street = street_bench.measure(arguments.homes, Season(arguments.season), arguments.event)
        _print(street, street_bench.lines_of(street), as_json=arguments.json)
        return 0
    problems = read_problems(arguments.problems) if arguments.problems else made_up_problems(arguments.count)
    figures = planner_bench.measure(problems, float(arguments.limit))
    _print(figures, planner_bench.lines_of(figures), as_json=arguments.json)
    return 0


def _print(figures: object, lines: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(figures), indent=2).decode() + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")
