"""``homeapp setup``: commission a home without a screen, from a file of answers, or say how far that has come."""

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client, connect_again
from homeapp.commands.terminal import ask_unseen, printable
from homeapp.commissioning.answers_file import read_answers
from homeapp.commissioning.walk import Desk, Walk
from homeapp.model.commissioning import CommissioningView

_BACK_WITHIN_S = 60.0


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``setup``."""
    setup = commands.add_parser(
        "setup",
        help="go through commissioning: answers from a file; PINs and passwords are asked for, or lines of a pipe",
        parents=[common],
    )
    what = setup.add_mutually_exclusive_group()
    what.add_argument("--answers", metavar="FILE.toml", help="without it: how far commissioning has come")
    what.add_argument("--apply", action="store_true", help="have the settings hold as they stand in settings.toml now")
    setup.set_defaults(command=_setup, lines=_lines)


async def _setup(client: Client, arguments: argparse.Namespace) -> object:
    if arguments.apply:
        await client.call(api.ApplySettings())
        return None
    if arguments.answers is None:
        return await client.call(api.GetCommissioning())
    path = Path(arguments.answers)
    answers = await asyncio.to_thread(read_answers, path)
    known = client

    def say(line: str) -> None:
        # What is done is told while it is done; the result follows on standard output.
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()

    async with contextlib.AsyncExitStack() as stack:

        async def reconnect() -> Client:
            nonlocal known
            known = await connect_again(known, stack, _BACK_WITHIN_S)
            return known

        desk = Desk(directory=path.parent, say=say, ask_secret=ask_unseen, reconnect=reconnect)
        return await Walk(client, answers, desk).run()


def _lines(view: CommissioningView, zone: ZoneInfo) -> list[str]:
    if view.finished_at is not None:
        lines = [f"Commissioned {view.finished_at.astimezone(zone):%Y-%m-%d %H:%M}. Report: {view.report_digest}"]
    else:
        lines = [f"Not finished. Next: {view.current or 'the report'}."]
    for step in view.steps:
        for check in step.checks:
            lines.append(f"{check.state:8}  {check.check}: {check.seen}".rstrip(": "))
            lines += [f"          -> {check.advice}"] if check.advice else []
    return lines
