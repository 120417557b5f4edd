"""The commands that talk to a running hub over the same contract as the screen, in whatever role a PIN gives.

Each area has a module with ``add_commands(commands, common)``. A command's parser sets as defaults:

- ``command``: ``async (client, arguments) -> result``;
- ``lines``: turns the result into text lines; without it the result is printed as it is;
- ``before``: asks for what is no argument, before there is a connection;
- ``without_hub`` instead of them: ``(arguments, data_dir) -> exit code``.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import connect
from homeapp.commands import (
    audit_commands,
    charger_commands,
    home_commands,
    offer_commands,
    pin_commands,
    price_commands,
    provider_commands,
    report_commands,
    schedule_commands,
    setup_commands,
    sharing_commands,
    why_commands,
)
from homeapp.commands.terminal import ask_unseen, print_error, print_result
from homeapp.doctor import examine_without_hub
from homeapp.errors import HomeappError, HubNotRunning, NotAllowed
from homeapp.server import socket_path

_AREAS = (
    home_commands,
    price_commands,
    schedule_commands,
    offer_commands,
    charger_commands,
    why_commands,
    pin_commands,
    sharing_commands,
    provider_commands,
    audit_commands,
    setup_commands,
    report_commands,
)


@dataclass(frozen=True, slots=True)
class _Login:
    role: api.Role
    pin: str


@dataclass(frozen=True, slots=True)
class _Done:
    """What a command has led to.

    Attributes:
        refused: the role is too low; ``asks`` is the lowest one with a PIN that is high enough, or None.
    """

    result: Any = None
    zone: str = "UTC"
    refused: NotAllowed | None = None
    asks: api.Role | None = None


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """All commands but those of the composition root."""
    for area in _AREAS:
        area.add_commands(commands, common)


def carry_out(arguments: argparse.Namespace, data_dir: Path) -> int:
    """Run one of the commands; the exit code."""
    try:
        if "without_hub" in arguments:
            code: int = arguments.without_hub(arguments, data_dir)
            return code
        done = _ask_hub(arguments, data_dir)
    except HubNotRunning as error:
        if arguments.command is not home_commands.ask_doctor:
            print_error(error, as_json=arguments.json)
            return 1
        done = _Done(examine_without_hub(data_dir, error))
    except HomeappError as error:
        print_error(error, as_json=arguments.json)
        return 1
    print_result(done.result, getattr(arguments, "lines", None), ZoneInfo(done.zone), as_json=arguments.json)
    return 1 if _reports_errors(done.result) else 0


def _ask_hub(arguments: argparse.Namespace, data_dir: Path) -> _Done:
    """Ask, and where the role is too low ask the person for the PIN of a higher one and the hub again.

    Questions are put outside the event loop, where Ctrl-C ends them.
    """
    login = _ask_login(api.Role(arguments.as_role)) if arguments.as_role else None
    if "before" in arguments:
        arguments.before(arguments)
    done = asyncio.run(_call(arguments, data_dir, login))
    if done.refused is not None and done.asks is not None and sys.stdin.isatty():
        done = asyncio.run(_call(arguments, data_dir, _ask_login(done.asks)))
    if done.refused is not None:
        raise done.refused
    return done


def _ask_login(role: api.Role) -> _Login:
    return _Login(role, ask_unseen(f"PIN of the {role}"))


async def _call(arguments: argparse.Namespace, data_dir: Path, login: _Login | None) -> _Done:
    async with connect(socket_path(data_dir)) as client:
        if login is not None:
            await client.call(api.LogIn(as_role=login.role, pin=login.pin))
        hello = await client.call(api.SayHello())
        try:
            return _Done(await arguments.command(client, arguments), hello.site.time_zone)
        except NotAllowed as error:
            access = await client.call(api.LogOut())
            needed = client.refused_for or api.Role.OWNER
            enough = [role for role in access.pins if role.covers(needed) and not hello.role.covers(role)]
            return _Done(refused=error, asks=enough[0] if enough else None)


def _reports_errors(result: object) -> bool:
    checks = result if isinstance(result, tuple) else ()
    return any(isinstance(check, api.Check) and check.level is api.CheckLevel.ERROR for check in checks)
