"""Options of ``homeapp demo``; apart from the demo itself, which not every installation can import."""

import argparse
from datetime import date

from homeapp.demo.grid.oddities import Oddity
from homeapp.demo.grid.prices import PriceKind


def add_demo_options(demo: argparse.ArgumentParser) -> None:
    """Add them to the command's parser."""
    demo.add_argument("--check", action="store_true", help="go through the main job, say what was seen, and exit")
    demo.add_argument("--setup", action="store_true", help="a home that is not commissioned, to try the setup wizard")
    demo.add_argument("--screenshots", metavar="DIR", help="save pictures of every page, and exit")
    demo.add_argument("--seconds", type=float, help="end after so many seconds (without a screen: 60)")
    demo.add_argument("--directory", metavar="DIR", help="keep the street's files here")
    demo.add_argument("--speed", type=float, default=None, help="how much faster than real time (default 10)")
    demo.add_argument("--prices", type=PriceKind, choices=PriceKind, default=PriceKind.NORMAL, help="kind of tariff")
    demo.add_argument("--day", type=date.fromisoformat, metavar="YYYY-MM-DD", help="begin on this day (default today)")
    add_oddities(demo)


def add_oddities(parser: argparse.ArgumentParser) -> None:
    """How a VTN may depart from the standard."""
    parser.add_argument(
        "--oddity",
        type=Oddity,
        choices=Oddity,
        action="append",
        default=[],
        help="let the grid operator's server behave like some of those in the field; may be repeated",
    )
