"""``homeapp bench planner`` and ``homeapp bench street``: their options."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_planning_verbs(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    count: Callable[[str], int],
) -> None:
    """Both verbs; ``count`` reads a whole number above 0."""
    planner = verbs.add_parser("planner", help="the planner beside HiGHS", parents=[common])
    planner.add_argument("problems", type=Path, nargs="?", metavar="PROBLEMS.json", help="instead of made-up ones")
    planner.add_argument("--count", type=count, default=12, help="made-up problems")
    planner.add_argument("--limit", type=count, default=60, help="seconds that HiGHS may take for a problem")
    street = verbs.add_parser("street", help="what many homes do together on one price", parents=[common])
    street.add_argument("--homes", type=count, default=2_000, help="simulated homes")
    street.add_argument(
        "--season", choices=("winter", "summer", "scarcity"), default="winter", help="what the prices are"
    )
    street.add_argument("--event", choices=("evening", "night"), default="evening", help="when no car may charge")
