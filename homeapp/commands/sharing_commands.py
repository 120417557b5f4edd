"""The commands about what leaves the home: list, allow and revoke over a running hub; export and erase without one."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.errors import NotFound, SettingsInvalid, WrongState
from homeapp.model.consent import DataClass, ProviderSharing, SharingEntry
from homeapp.settings import load
from homeapp.sharing.erase import check_is_home, erase_home
from homeapp.sharing.takeout import export

ERASE_WORD = "erase"


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``sharing`` with its verbs, ``export`` and ``erase``; the last two set ``without_hub`` instead of ``command``."""
    sharing = commands.add_parser("sharing", help="what providers may get, and what they got", parents=[common])
    verbs = sharing.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list, lines=_lines)
    allow = verbs.add_parser("allow", parents=[common], help="agree to the words that 'sharing list' shows")
    allow.add_argument("sp_id", metavar="SP", help="for instance evc_sp")
    allow.add_argument("data_class", metavar="CLASS", choices=[str(kind) for kind in DataClass])
    allow.add_argument("--version", type=int, default=0, help="of the words that you read: refuse if changed since")
    allow.set_defaults(command=_allow, lines=_lines)
    revoke = verbs.add_parser("revoke", parents=[common], help="take one kind back, or all of it")
    revoke.add_argument("sp_id", metavar="SP")
    revoke.add_argument("data_class", metavar="CLASS", nargs="?", choices=[str(kind) for kind in DataClass])
    revoke.set_defaults(command=_revoke, lines=_lines, data_class=str(DataClass.IDENTITY))
    takeout = commands.add_parser("export", help="all personal data as one JSON document", parents=[common])
    takeout.add_argument("file", nargs="?", metavar="FILE", help="a new file; standard output without it")
    takeout.set_defaults(without_hub=_export)
    erase = commands.add_parser("erase", help="delete this home for good while no hub runs", parents=[common])
    erase.add_argument("--keep-settings", action="store_true", help="leave settings.toml there")
    erase.set_defaults(without_hub=_erase)


async def _list(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.GetSharing())


async def _allow(client: Client, arguments: argparse.Namespace) -> object:
    data_class = DataClass(arguments.data_class)
    entry = _entry(await client.call(api.GetSharing()), arguments.sp_id, data_class)
    if arguments.version not in (0, entry.text_version):
        raise WrongState("The words have changed since you read them. Read them again: homeapp sharing list")
    return await _set(client, arguments.sp_id, entry, granted=True)


async def _revoke(client: Client, arguments: argparse.Namespace) -> object:
    entry = _entry(await client.call(api.GetSharing()), arguments.sp_id, DataClass(arguments.data_class))
    return await _set(client, arguments.sp_id, entry, granted=False)


async def _set(client: Client, sp_id: str, entry: SharingEntry, *, granted: bool) -> tuple[ProviderSharing, ...]:
    call = api.SetConsent(sp_id=sp_id, data_class=entry.data_class, granted=granted, text_version=entry.text_version)
    return (await client.call(call),)


def _entry(sharing: tuple[ProviderSharing, ...], sp_id: str, data_class: DataClass) -> SharingEntry:
    for provider in sharing:
        for entry in provider.entries:
            if (provider.sp_id, entry.data_class) == (sp_id, data_class):
                return entry
    raise NotFound(f"There is no provider {sp_id!r} that asks for {data_class} data. See: homeapp sharing list")


def _lines(sharing: Any, zone: ZoneInfo) -> list[str]:
    lines = []
    for provider in sharing:
        lines.append(f"{provider.sp_id}  {provider.name}")
        for entry in provider.entries:
            state = "allowed" if entry.granted else "not allowed"
            if entry.outdated:
                state += ", the words have changed since somebody agreed"
            lines.append(f"  {entry.data_class}: {state}  (words, version {entry.text_version})")
            lines += [f"    {line}" for line in entry.text.splitlines()]
            lines.append(f"    at most: {', '.join(entry.fields)}")
            lines.append(f"    {_left(entry, zone)}")
    return lines or ["This home is paired with no provider."]


def _left(entry: SharingEntry, zone: ZoneInfo) -> str:
    done = entry.disclosed
    if done is None:
        return "nothing has left the home"
    return (
        f"has left: {done.count} messages, {done.size_bytes} bytes, the last {_local(done.last_at, zone)}; "
        f"in them: {', '.join(done.fields)}"
    )


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def _export(arguments: argparse.Namespace, data_dir: Path) -> int:
    export(data_dir, Path(arguments.file) if arguments.file else None)
    return 0


def _erase(arguments: argparse.Namespace, data_dir: Path) -> int:
    check_is_home(data_dir)
    _confirm(data_dir)
    erase_home(data_dir, keep_settings=arguments.keep_settings)
    sys.stdout.write(f"Erased: {data_dir}\n")
    return 0


def _confirm(data_dir: Path) -> None:
    """A person types the home's name or the word; a pipe has it as its first line."""
    try:
        name = load(data_dir).site.name
    except SettingsInvalid:
        name = ""
    answers = {ERASE_WORD, name} - {""}
    if sys.stdin.isatty():
        sys.stderr.write(
            f"This deletes the home in {data_dir} for good: devices, requests, readings, keys and certificates.\n"
            "What providers have already stays with them: to have it deleted, first stop everything under Sharing.\n"
            f"Type {' or '.join(sorted(answers))} to go on: "
        )
        sys.stderr.flush()
    if sys.stdin.readline().strip() not in answers:
        raise WrongState(f"Nothing was erased: type the name of the home, or the word {ERASE_WORD}.")
