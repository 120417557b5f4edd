"""``homeapp devices`` and ``doctor``."""

import argparse
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.model.device import DeviceView


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``devices`` and ``doctor`` with their verbs."""
    devices = commands.add_parser("devices", help="list, look for, adopt or forget devices", parents=[common])
    verbs = devices.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list_devices, lines=_devices_lines)
    look = verbs.add_parser("look", help="ask whether a meter is at an address", parents=[common])
    look.add_argument("address", help="such as 192.168.1.20, as the router shows it")
    look.set_defaults(command=_look, lines=_device_lines)
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

    doctor = commands.add_parser("doctor", help="say how the hub is and what to do", parents=[common])
    doctor.set_defaults(command=ask_doctor, lines=_checks_lines)


async def ask_doctor(client: Client, _arguments: argparse.Namespace) -> object:
    """The hub's own report."""
    return await client.call(api.AskDoctor())


async def _list_devices(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListDevices())


async def _look(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.LookForMeter(address=arguments.address))


async def _adopt(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.AdoptDevice(device_id=arguments.device_id, name=arguments.name))


async def _forget(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.ForgetDevice(device_id=arguments.device_id))
    return None


async def _raise_security(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.RaiseSecurity(device_id=arguments.device_id))
    return None


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
