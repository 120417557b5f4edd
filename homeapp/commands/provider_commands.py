"""The commands about providers of a running hub: ``homeapp providers``."""

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.errors import SettingsInvalid, WrongState
from homeapp.model.local_vtn import FoundVtn
from homeapp.model.pairing import DescriptorView, PairedProvider

_LARGEST_FILE = 64 * 1024
_SHOWN_GROUPS = 4
_SP_IDS = ("evc_sp", "pev_sp", "fleet")


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``providers`` with its verbs."""
    providers = commands.add_parser("providers", help="pair with providers, and get certificates", parents=[common])
    verbs = providers.add_subparsers(dest="verb", required=True)
    listed = verbs.add_parser("list", help="which the home is paired with", parents=[common])
    listed.set_defaults(command=_list, lines=_provider_lines)
    read = verbs.add_parser("read", help="what a descriptor says; changes nothing", parents=[common])
    _add_file(read, "the provider's descriptor, or - for standard input")
    read.set_defaults(command=_read, lines=_descriptor_lines)
    pair = verbs.add_parser("pair", help="pair with the provider of a descriptor", parents=[common])
    _add_file(pair, "the provider's descriptor, or - for standard input (then with --fingerprint)")
    pair.add_argument("--fingerprint", default="", help="as the provider has printed it; else it is asked for")
    pair.set_defaults(command=_pair, lines=_provider_lines)
    _add_certificate_verbs(verbs, common)
    find = verbs.add_parser("find", help="grid operators' servers that announce themselves here", parents=[common])
    find.set_defaults(command=_find, lines=_found_lines)
    card = verbs.add_parser("card", help="the hub's public keys, for a provider's records", parents=[common])
    card.set_defaults(command=_card, lines=_text_lines)


def _add_certificate_verbs(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    enrol = verbs.add_parser(
        "enrol", help="get a certificate; user and password are asked for, or two lines of a pipe", parents=[common]
    )
    enrol.set_defaults(command=_enrol, lines=_provider_lines)
    request = verbs.add_parser("request", help="a certificate request to be signed by hand", parents=[common])
    request.set_defaults(command=_request, lines=_text_lines)
    bring_in = verbs.add_parser("import", help="bring a signed certificate in", parents=[common])
    bring_in.set_defaults(command=_import, lines=_provider_lines)
    unpair = verbs.add_parser("unpair", help="forget a provider, its certificate and its consents", parents=[common])
    unpair.set_defaults(command=_unpair)
    for parser in (enrol, request, bring_in, unpair):
        parser.add_argument("sp_id", choices=_SP_IDS)
    _add_file(bring_in, "PEM file, or - for standard input")


def _add_file(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("file", metavar="FILE", help=words)


async def _list(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListProviders())


async def _read(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.ReadDescriptor(text=await asyncio.to_thread(_text, arguments.file)))


async def _pair(client: Client, arguments: argparse.Namespace) -> object:
    text = await asyncio.to_thread(_text, arguments.file)
    fingerprint = arguments.fingerprint
    if not fingerprint:
        view = await client.call(api.ReadDescriptor(text=text))
        fingerprint = await asyncio.to_thread(_asked_fingerprint, view)
    return await client.call(api.PairProvider(text=text, fingerprint=fingerprint))


async def _enrol(client: Client, arguments: argparse.Namespace) -> object:
    user, password = await asyncio.to_thread(_login)
    return await client.call(api.EnrolProvider(sp_id=arguments.sp_id, user=user, password=password))


async def _request(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.GetCertificateRequest(sp_id=arguments.sp_id))


async def _import(client: Client, arguments: argparse.Namespace) -> object:
    pem = await asyncio.to_thread(_text, arguments.file)
    return await client.call(api.ImportCertificate(sp_id=arguments.sp_id, pem=pem))


async def _unpair(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.UnpairProvider(sp_id=arguments.sp_id))
    return None


async def _card(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.GetHubCard())


async def _find(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.FindVtns())


def _text(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_LARGEST_FILE + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise SettingsInvalid(f"{file} is larger than 64 kB: it is not what is asked for.")
        return content.decode()
    except OSError as error:
        raise SettingsInvalid(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"{file} is no text file.") from error


def _asked_fingerprint(view: DescriptorView) -> str:
    """Half of it is shown and half has to be typed, so that it is really compared with the provider's print."""
    if not sys.stdin.isatty():
        raise WrongState("Compare the fingerprint with the provider's own print, then give it with --fingerprint.")
    groups = view.fingerprint.split("-")
    shown = "-".join(groups[:_SHOWN_GROUPS])
    sys.stderr.write("".join(line + "\n" for line in _description(view)))
    sys.stderr.write(f"The fingerprint on the provider's own print must begin with {shown}\n")
    try:
        typed = input("If it does, type the rest of it from the print: ")
    except EOFError as error:
        raise WrongState("Nothing was changed: the fingerprint was not confirmed.") from error
    return f"{shown}-{typed}"


def _login() -> tuple[str, str]:
    if sys.stdin.isatty():
        return input("User: ").strip(), getpass.getpass("Password: ")
    return sys.stdin.readline().strip(), sys.stdin.readline().rstrip("\r\n")


def _provider_lines(result: Any, zone: ZoneInfo) -> list[str]:
    providers: tuple[PairedProvider, ...] = (result,) if isinstance(result, PairedProvider) else result
    lines = [line for provider in providers for line in _lines_of(provider, zone)]
    return lines or ["The home is paired with no provider."]


def _lines_of(provider: PairedProvider, zone: ZoneInfo) -> list[str]:
    end = "" if provider.not_after is None else f", until {provider.not_after.astimezone(zone):%Y-%m-%d %H:%M}"
    return [
        f"{provider.sp_id}  {provider.name}  ({provider.ae_id}, the hub is {provider.hub_ae_id} there)",
        f"           certificate {provider.enrolment}{end}",
        f"           fingerprint {provider.fingerprint}",
    ]


def _found_lines(found: Any, _zone: ZoneInfo) -> list[str]:
    lines = [line for vtn in found for line in _lines_of_vtn(vtn)]
    if not lines:
        return ["No grid operator's server announces itself in this home."]
    return [*lines, "None of them is used by itself. Ask the provider whether it is theirs, then enter vtn_url."]


def _lines_of_vtn(vtn: FoundVtn) -> list[str]:
    login = {True: "needs client id and secret", False: "readable by everybody", None: "does not say who may read"}
    return [
        f"{vtn.name}  OpenADR {vtn.version or '?'}  at {vtn.address}, {login[vtn.needs_login]}",
        f"           {vtn.url or 'offers no encrypted connection and cannot be used'}",
        f"           programs: {', '.join(vtn.programs) or 'not told'}",
    ]


def _text_lines(text: Any, _zone: ZoneInfo) -> list[str]:
    return list(text.splitlines())


def _descriptor_lines(view: Any, _zone: ZoneInfo) -> list[str]:
    return [*_description(view), f"fingerprint {view.fingerprint}"]


def _description(view: DescriptorView) -> list[str]:
    return [
        f"{view.sp_id}  {view.name}  ({view.ae_id})",
        f"reached over {view.operator}",
        f"asks for: {', '.join(view.data)}",
    ]
