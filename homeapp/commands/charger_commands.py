"""``homeapp tokens`` and ``homeapp control``: the household's cards, and who controls a charger."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.commands.terminal import ask_unseen
from homeapp.model.charger import ControlSpan, OwnerControl, TokenView


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``tokens`` and ``control`` with their verbs."""
    tokens = commands.add_parser("tokens", help="list, add or remove cards that may charge", parents=[common])
    verbs = tokens.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list, lines=_tokens_lines)
    add = verbs.add_parser("add", parents=[common], help="its number is asked for, or read from a pipe")
    add.add_argument("name", help="what to call the card")
    add.add_argument("--last", action="store_true", help="the unknown card that was shown at the charger last")
    add.set_defaults(command=_add, lines=_token_lines, before=_ask_number)
    remove = verbs.add_parser("remove", parents=[common])
    remove.add_argument("name", help="as 'tokens list' shows it")
    remove.set_defaults(command=_remove)

    control = commands.add_parser("control", help="take control of a charger back from its provider", parents=[common])
    verbs = control.add_subparsers(dest="verb", required=True)
    take = verbs.add_parser("take", parents=[common])
    take.add_argument("device_id", help="as 'devices list' shows it")
    take.add_argument("--span", choices=[span.value for span in ControlSpan], default=ControlSpan.HOUR.value)
    take.set_defaults(command=_take, lines=_control_lines)
    give = verbs.add_parser("give-back", parents=[common])
    give.add_argument("device_id")
    give.set_defaults(command=_give_back)


def _ask_number(arguments: argparse.Namespace) -> None:
    arguments.token = "" if arguments.last else ask_unseen("Number of the card")


async def _list(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListTokens())


async def _add(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.AddToken(name=arguments.name, token=arguments.token))


async def _remove(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.RemoveToken(name=arguments.name))
    return None


async def _take(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.TakeControl(device_id=arguments.device_id, span=ControlSpan(arguments.span)))


async def _give_back(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.GiveControlBack(device_id=arguments.device_id))
    return None


def _tokens_lines(tokens: tuple[TokenView, ...], zone: ZoneInfo) -> list[str]:
    return [line for token in tokens for line in _token_lines(token, zone)]


def _token_lines(token: TokenView, zone: ZoneInfo) -> list[str]:
    return [f"{token.name}  added {_local(token.added_at, zone)}"]


def _control_lines(held: OwnerControl, zone: ZoneInfo) -> list[str]:
    until = "you give it back" if held.until is None else _local(held.until, zone)
    return [f"You have control of the charger until {until}."]


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
