"""Every command and option of ``homeapp``, the composition root's own among them."""

import argparse
from pathlib import Path

from homeapp import __version__
from homeapp.bench.options import add_bench_commands
from homeapp.commands.command_line import add_commands
from homeapp.demo.options import add_demo_options
from homeapp.settings import CSMS_SECRET, GRID_SP_SECRET, MIRROR_SECRETS


def command_parser() -> argparse.ArgumentParser:
    """The parser of ``homeapp``; ``what`` is the command, None for the screen."""
    # The same options are allowed before and after the command; what is not given must not undo what was.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--data-dir", help="where this home keeps its data")
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument(
        "--as",
        dest="as_role",
        choices=("household", "owner", "installer"),
        metavar="ROLE",
        help="as household, owner or installer; the PIN is asked for, or read from a pipe",
    )
    common.add_argument("--verbose", action="store_true", help="log more")
    parser = argparse.ArgumentParser(prog="homeapp", description="Home energy hub.", parents=[common])
    parser.add_argument("--version", action="version", version=f"homeapp {__version__}")
    parser.add_argument("--kiosk", action="store_true", help="full screen, for the wall")
    parser.add_argument("--theme", choices=("auto", "light", "dark"), default="auto")
    parser.add_argument("--pictures", metavar="DIR", help="save pictures of every page, and exit")
    commands = parser.add_subparsers(dest="what", title="commands", metavar="COMMAND")
    _add_own_commands(commands, common)
    add_commands(commands, common)
    return parser


def _add_own_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    hub = commands.add_parser("hub", help="run the hub without a screen", parents=[common])
    hub.add_argument("--clock", default="", help=argparse.SUPPRESS)
    secret = commands.add_parser("secret", help="enter a secret while no hub runs", parents=[common])
    secret.add_argument(
        "name",
        choices=[GRID_SP_SECRET, CSMS_SECRET, *MIRROR_SECRETS],
        help="which; itself it is asked for, or read from a pipe",
    )
    demo = commands.add_parser("demo", help="a whole street: home, hub, screen and providers", parents=[common])
    add_demo_options(demo)
    plan = commands.add_parser("plan", help="solve planning problems from a file, without a hub", parents=[common])
    plan.add_argument("problems", type=Path, metavar="PROBLEMS.json", help="the problems")
    plan.add_argument("plans", type=Path, metavar="PLANS.json", help="where the plans go")
    plan.set_defaults(without_hub=_plan_file)
    add_bench_commands(commands, common)


def _plan_file(arguments: argparse.Namespace, _data_dir: Path) -> int:
    from homeapp.commands.plan_file import plan_file

    return plan_file(arguments.problems, arguments.plans)
