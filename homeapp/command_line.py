"""The commands that talk to a running hub over the same contract as the screen: devices, offers, doctor.

``audit`` needs no hub: it reads the file.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from homeapp import api, audit
from homeapp.client import Client, connect
from homeapp.doctor import examine_without_hub
from homeapp.errors import HomeappError, HubNotRunning, WrongState
from homeapp.model.device import DeviceView
from homeapp.model.offer import Choice, OfferCase
from homeapp.server import socket_path
from homeapp.sharing_commands import add_commands as add_sharing_commands

Command = Callable[[Client, argparse.Namespace], Awaitable[object]]
_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class _Shown:
    """A request with all its particulars, for ``offers show``."""

    case: OfferCase


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``devices``, ``offers``, ``doctor`` and ``audit`` with their verbs."""
    devices = commands.add_parser("devices", help="list, adopt or forget devices", parents=[common])
    verbs = devices.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list_devices)
    adopt = verbs.add_parser("adopt", parents=[common])
    adopt.add_argument("device_id")
    adopt.add_argument("--name", default="", help="what to call it")
    adopt.set_defaults(command=_adopt)
    forget = verbs.add_parser("forget", parents=[common])
    forget.add_argument("device_id")
    forget.set_defaults(command=_forget)

    offers = commands.add_parser("offers", help="list, show, approve or decline requests", parents=[common])
    verbs = offers.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list_offers)
    for verb, command in (("show", _show_offer), ("approve", _approve), ("decline", _decline)):
        parser = verbs.add_parser(verb, parents=[common])
        parser.add_argument("key", help="as 'offers list' shows it, for instance evc_sp/1234")
        if verb != "show":
            parser.add_argument("--digest", default="", help="as 'offers show' told it: refuse if changed since")
        parser.set_defaults(command=command)

    doctor = commands.add_parser("doctor", help="say how the hub is and what to do", parents=[common])
    doctor.set_defaults(command=_doctor)
    _add_audit(commands, common)
    add_sharing_commands(commands, common)


def carry_out(arguments: argparse.Namespace, data_dir: Path) -> int:
    """Run one of the commands; the exit code."""
    if arguments.what == "audit":
        return _audit(arguments, data_dir)
    if "without_hub" in arguments:
        code: int = arguments.without_hub(arguments, data_dir)
        return code
    try:
        result, zone = asyncio.run(_call(arguments, data_dir))
    except HubNotRunning as error:
        if arguments.command is not _doctor:
            _print_error(error, as_json=arguments.json)
            return 1
        result, zone = examine_without_hub(data_dir, error), "UTC"
    except HomeappError as error:
        _print_error(error, as_json=arguments.json)
        return 1
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")
    else:
        lines = getattr(arguments, "lines", _lines)
        sys.stdout.write("".join(_printable(line) + "\n" for line in lines(result, ZoneInfo(zone))))
    is_report = isinstance(result, tuple) and bool(result) and isinstance(result[0], api.Check)
    return 1 if is_report and any(check.level is api.CheckLevel.ERROR for check in result) else 0


def _add_audit(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    log = commands.add_parser("audit", help="verify or export the audit log, with or without a hub", parents=[common])
    verbs = log.add_subparsers(dest="verb", required=True)
    verbs.add_parser("verify", parents=[common], help="look whether anybody has changed it")
    verbs.add_parser("export", parents=[common], help="print it as JSON lines, newest last")


def _audit(arguments: argparse.Namespace, data_dir: Path) -> int:
    try:
        if arguments.verb == "export":
            return _export(data_dir)
        verdict = audit.examine(data_dir)
    except HomeappError as error:
        _print_error(error, as_json=arguments.json)
        return 1
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n")
    else:
        finding = f"The audit log is broken: {verdict.problem}" if verdict.problem else "unbroken."
        sys.stdout.write(_printable(f"{verdict.count} rows, {finding}" if not verdict.problem else finding) + "\n")
    return 1 if verdict.problem else 0


def _export(data_dir: Path) -> int:
    try:
        for row in audit.read_rows(data_dir):
            sys.stdout.write(audit.json_line(row) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; nothing more may be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


async def _call(arguments: argparse.Namespace, data_dir: Path) -> tuple[Any, str]:
    async with connect(socket_path(data_dir)) as client:
        hello = await client.call(api.SayHello())
        return await arguments.command(client, arguments), hello.site.time_zone


async def _list_devices(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListDevices())


async def _adopt(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.AdoptDevice(device_id=arguments.device_id, name=arguments.name))


async def _forget(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.ForgetDevice(device_id=arguments.device_id))
    return None


async def _list_offers(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListOffers())


async def _show_offer(client: Client, arguments: argparse.Namespace) -> object:
    case = await client.call(api.ShowOffer(key=arguments.key))
    return case if arguments.json else _Shown(case)


async def _approve(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.ACCEPT)


async def _decline(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.DECLINE)


async def _decide(client: Client, arguments: argparse.Namespace, choice: Choice) -> OfferCase:
    case = await client.call(api.ShowOffer(key=arguments.key))
    if not case.digest.startswith(arguments.digest):
        raise WrongState("This request has changed since you saw it. Look at it again: homeapp offers show")
    return await client.call(api.DecideOffer(key=arguments.key, digest=case.digest, choice=choice))


async def _doctor(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.AskDoctor())


def _print_error(error: HomeappError, *, as_json: bool) -> None:
    if as_json:
        body = {"error": {"kind": type(error).__name__, "message": str(error)}}
        sys.stdout.write(msgspec.json.encode(body).decode() + "\n")
    else:
        sys.stderr.write(f"homeapp: {error}\n")


def _lines(result: object, zone: ZoneInfo) -> list[str]:
    match result:
        case None:
            return ["Done."]
        case ():
            return ["Nothing."]
        case tuple():
            return [line for item in result for line in _lines(item, zone)]
        case api.Check():
            mark = {api.CheckLevel.OK: "ok     ", api.CheckLevel.WARNING: "WARNING", api.CheckLevel.ERROR: "ERROR  "}
            advice = [f"           -> {result.advice}"] if result.advice else []
            return [f"{mark[result.level]}  {result.name}: {result.finding}", *advice]
        case DeviceView():
            adopted = "adopted" if result.adopted else "not adopted"
            problem = [f"           -> {result.problem}"] if result.problem else []
            return [f"{result.device_id}  {result.kind}  {result.link}, {adopted}  {result.name}", *problem]
        case OfferCase():
            return _offer_lines(result, zone)
        case _Shown():
            return [*_offer_lines(result.case, zone), *_particulars(result.case, zone)]
        case _:
            return [str(result)]


def _offer_lines(case: OfferCase, zone: ZoneInfo) -> list[str]:
    offer = case.offer
    reward = f"  earns {offer.reward} {offer.currency}" if offer.reward is not None else ""
    problem = [f"           -> {case.problem}"] if case.problem else []
    span = f"{_local(offer.start, zone)} to {_local(offer.end, zone)}"
    return [f"{offer.key}  {case.state}  {offer.title}  ({offer.sp_name}, {span}){reward}", *problem]


def _particulars(case: OfferCase, zone: ZoneInfo) -> list[str]:
    offer = case.offer
    lines = [offer.description] if offer.description else []
    for item in offer.intervals:
        asked = "" if item.setpoint_w is None else f"  {item.setpoint_w:+.0f} W"
        most = "" if item.max_w is None else f"  at most {item.max_w:.0f} W"
        lines.append(f"{_local(item.start, zone)} to {_local(item.end, zone)}{asked}{most}")
    if offer.min_soc_pct is not None:
        lines.append(f"not below {offer.min_soc_pct:.0f} % of the battery")
    if offer.max_feed_wh is not None:
        lines.append(f"at most {offer.max_feed_wh:.0f} Wh")
    lines += [f"answer before {_local(offer.expires_at, zone)}", f"digest {case.digest[:_DIGEST_SHOWN]}"]
    return ["           " + line for line in lines]


def _printable(line: str) -> str:
    """Names and titles come from outside: none of them may steer the terminal or begin a line of its own."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %H:%M}"
