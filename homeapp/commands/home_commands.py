"""``homeapp devices``, ``offers`` and ``doctor``."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.errors import WrongState
from homeapp.model.device import DeviceView
from homeapp.model.offer import Choice, OfferCase

_DIGEST_SHOWN = 12


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``devices``, ``offers`` and ``doctor`` with their verbs."""
    devices = commands.add_parser("devices", help="list, adopt or forget devices", parents=[common])
    verbs = devices.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list_devices, lines=_devices_lines)
    adopt = verbs.add_parser("adopt", parents=[common])
    adopt.add_argument("device_id")
    adopt.add_argument("--name", default="", help="what to call it")
    adopt.set_defaults(command=_adopt, lines=_device_lines)
    forget = verbs.add_parser("forget", parents=[common])
    forget.add_argument("device_id")
    forget.set_defaults(command=_forget)
    secure = verbs.add_parser(
        "raise-security", help="have a charger use a certificate of its own, not its password", parents=[common]
    )
    secure.add_argument("device_id")
    secure.set_defaults(command=_raise_security)

    offers = commands.add_parser("offers", help="list, show, approve or decline requests", parents=[common])
    verbs = offers.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list_offers, lines=_offers_lines)
    for verb, command in (("show", _show_offer), ("approve", _approve), ("decline", _decline)):
        parser = verbs.add_parser(verb, parents=[common])
        parser.add_argument("key", help="as 'offers list' shows it, for instance evc_sp/1234")
        if verb != "show":
            parser.add_argument("--digest", default="", help="as 'offers show' told it: refuse if changed since")
        parser.set_defaults(command=command, lines=_shown_lines if verb == "show" else _offer_lines)

    doctor = commands.add_parser("doctor", help="say how the hub is and what to do", parents=[common])
    doctor.set_defaults(command=ask_doctor, lines=_checks_lines)


async def ask_doctor(client: Client, _arguments: argparse.Namespace) -> object:
    """The hub's own report."""
    return await client.call(api.AskDoctor())


async def _list_devices(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListDevices())


async def _adopt(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.AdoptDevice(device_id=arguments.device_id, name=arguments.name))


async def _forget(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.ForgetDevice(device_id=arguments.device_id))
    return None


async def _raise_security(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.RaiseSecurity(device_id=arguments.device_id))
    return None


async def _list_offers(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListOffers())


async def _show_offer(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.ShowOffer(key=arguments.key))


async def _approve(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.ACCEPT)


async def _decline(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.DECLINE)


async def _decide(client: Client, arguments: argparse.Namespace, choice: Choice) -> OfferCase:
    case = await client.call(api.ShowOffer(key=arguments.key))
    if not case.digest.startswith(arguments.digest):
        raise WrongState("This request has changed since you saw it. Look at it again: homeapp offers show")
    return await client.call(api.DecideOffer(key=arguments.key, digest=case.digest, choice=choice))


def _checks_lines(checks: tuple[api.Check, ...], _zone: ZoneInfo) -> list[str]:
    mark = {api.CheckLevel.OK: "ok     ", api.CheckLevel.WARNING: "WARNING", api.CheckLevel.ERROR: "ERROR  "}
    lines: list[str] = []
    for check in checks:
        lines.append(f"{mark[check.level]}  {check.name}: {check.finding}")
        lines += [f"           -> {check.advice}"] if check.advice else []
    return lines


def _devices_lines(devices: tuple[DeviceView, ...], zone: ZoneInfo) -> list[str]:
    return [line for device in devices for line in _device_lines(device, zone)]


def _device_lines(device: DeviceView, _zone: ZoneInfo) -> list[str]:
    adopted = "adopted" if device.adopted else "not adopted"
    problem = [f"           -> {device.problem}"] if device.problem else []
    return [f"{device.device_id}  {device.kind}  {device.link}, {adopted}  {device.name}", *problem]


def _offers_lines(cases: tuple[OfferCase, ...], zone: ZoneInfo) -> list[str]:
    return [line for case in cases for line in _offer_lines(case, zone)]


def _offer_lines(case: OfferCase, zone: ZoneInfo) -> list[str]:
    offer = case.offer
    reward = f"  earns {offer.reward} {offer.currency}" if offer.reward is not None else ""
    problem = [f"           -> {case.problem}"] if case.problem else []
    span = f"{_local(offer.start, zone)} to {_local(offer.end, zone)}"
    return [f"{offer.key}  {case.state}  {offer.title}  ({offer.sp_name}, {span}){reward}", *problem]


def _shown_lines(case: OfferCase, zone: ZoneInfo) -> list[str]:
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
    return [*_offer_lines(case, zone), *("           " + line for line in lines)]


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %H:%M}"
