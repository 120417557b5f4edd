"""``python -m homeapp.demo.grid``: the demo VTN by itself, for VENs under test.

It says on standard output where it is and who may log in, and serves until it is interrupted.
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from homeapp.clock import SharedClock
from homeapp.demo.grid.accounts import Account, Role
from homeapp.demo.grid.announcement import LocalVtn
from homeapp.demo.grid.dialect import Dialect
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.notifier_broker import NotifierAuthentication
from homeapp.demo.grid.oddities import departures
from homeapp.demo.grid.prices import PriceCurve, PriceKind
from homeapp.demo.grid.vtn import DemoVtn, VtnOptions
from homeapp.demo.operator.mosquitto import mosquitto_path
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.options import add_oddities

VEN, BUSINESS = "ven-0001", "bl-0001"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m homeapp.demo.grid", description="The demo VTN by itself.")
    parser.add_argument("--dialect", type=Dialect, choices=Dialect, default=Dialect.V3_1, help="version of OpenADR")
    parser.add_argument("--prices", type=PriceKind, choices=PriceKind, default=PriceKind.NORMAL, help="kind of tariff")
    parser.add_argument(
        "--notifier",
        type=NotifierAuthentication,
        choices=NotifierAuthentication,
        default=NotifierAuthentication.ANONYMOUS,
        help="how clients say at the MQTT broker who they are",
    )
    parser.add_argument("--announce", action="store_true", help="announce it by mDNS on this machine")
    add_oddities(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="demo-vtn-") as folder:
        try:
            asyncio.run(_serve(arguments, Path(folder)))
        except KeyboardInterrupt:
            return


async def _serve(arguments: argparse.Namespace, folder: Path) -> None:
    authority = StreetAuthority()
    ca_file = folder / "ca.pem"
    await asyncio.to_thread(ca_file.write_bytes, authority.ca_pem)
    passwords = {name: secrets.token_urlsafe(12) for name in (VEN, BUSINESS)}
    notifier = MqttNotifier(folder / "notifier", authority) if mosquitto_path() else None
    if notifier is not None:
        notifier.authentication = arguments.notifier
    vtn = DemoVtn(
        clock=SharedClock(datetime.now(UTC), time.time(), 1.0),
        tls=authority.server_context(),
        client_id=VEN,
        client_secret=passwords[VEN],
        prices=PriceCurve(arguments.prices),
        options=VtnOptions(
            dialect=arguments.dialect,
            accounts=(Account(BUSINESS, passwords[BUSINESS], Role.BUSINESS),),
            notifier=notifier,
            local=LocalVtn() if arguments.announce else None,
        ),
    )
    vtn.oddities = departures(*arguments.oddity)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(vtn.run())
        await vtn.started()
        told = {"url": vtn.url, "ca_file": str(ca_file), "clients": passwords}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        sys.stdout.flush()


main()
