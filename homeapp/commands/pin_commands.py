"""``homeapp pin``: set or remove the PIN of a role, say what needs none, and begin anew where one is forgotten."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.access.access_control import PIN_ROLES, secret_name
from homeapp.client import Client
from homeapp.clock import SystemClock
from homeapp.commands.terminal import ask_unseen
from homeapp.errors import SettingsInvalid
from homeapp.secrets import open_secret_store
from homeapp.settings import load
from homeapp.store.database import Database
from homeapp.store.lock import lock_data_directory
from homeapp.store.pin_attempts import PinAttempts


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``pin`` with its verbs."""
    pin = commands.add_parser("pin", help="set or remove PINs; say what needs none", parents=[common])
    verbs = pin.add_subparsers(dest="verb", required=True)
    for verb, words in (("set", "the PIN is asked for, or read from a pipe"), ("remove", "of the household")):
        parser = verbs.add_parser(verb, parents=[common], help=words)
        parser.add_argument("role", choices=[role.value for role in PIN_ROLES])
        parser.set_defaults(command=_set_pin, lines=_access_lines, before=_ask_new if verb == "set" else _ask_nothing)
    opened = verbs.add_parser("open", parents=[common], help="what needs no PIN at the wall")
    opened.add_argument("role", choices=[api.Role.GUEST.value, api.Role.HOUSEHOLD.value])
    opened.set_defaults(command=_open, lines=_access_lines)
    reset = verbs.add_parser("reset", parents=[common], help="remove all PINs, while no hub runs")
    reset.set_defaults(without_hub=_reset)


def _ask_new(arguments: argparse.Namespace) -> None:
    """Ask for the new PIN, at a terminal twice: a slip of the finger would lock its owner out."""
    typed = ask_unseen(f"New PIN of the {arguments.role}")
    if sys.stdin.isatty() and ask_unseen("The same again") != typed:
        raise SettingsInvalid("The two were different. The PIN stays as it was.")
    arguments.new_pin = typed


def _ask_nothing(arguments: argparse.Namespace) -> None:
    arguments.new_pin = ""


async def _set_pin(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.SetPin(for_role=api.Role(arguments.role), pin=arguments.new_pin))


async def _open(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.SetOpenRole(open_role=api.Role(arguments.role)))


def _access_lines(view: api.AccessView, _zone: ZoneInfo) -> list[str]:
    with_pin = ", ".join(view.pins) or "nobody"
    return [f"With a PIN: {with_pin}. Without one: {view.open_role}."]


def _reset(_arguments: argparse.Namespace, data_dir: Path) -> int:
    """For a PIN that is forgotten: whoever can stop the hub and use its account may do everything anyway."""
    os.umask(0o077)
    with lock_data_directory(data_dir):
        secrets = open_secret_store(data_dir, load(data_dir).secrets)
        asyncio.run(_note_reset(data_dir))
        for role in PIN_ROLES:
            secrets.delete(secret_name(role))
    sys.stdout.write("This home has no PIN now. Start the hub and set the owner's: homeapp pin set owner\n")
    return 0


async def _note_reset(data_dir: Path) -> None:
    async with Database(data_dir) as database:
        attempts = PinAttempts(database, SystemClock())
        for role in PIN_ROLES:
            await attempts.note("pin_removed", role, {"by": "the hub's account"}, reset=True)
