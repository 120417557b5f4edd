"""The demo charging station as a process of its own, so that it can be killed at any instant and started again.

It plugs its car in and shows a card at its first start. On later starts its memory tells it how things stand.
"""

import argparse
import asyncio
import contextlib
import ssl
from pathlib import Path

from homeapp import event_loop
from homeapp.clock import SharedClock, SystemClock
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.ocpp.schemas import Version

_PATIENCE_S = 60.0


def main() -> None:
    """Run until killed or interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        event_loop.run(_live(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m homeapp.demo.charger", description=__doc__)
    parser.add_argument("url", help="of the CSMS, with the station's identity at its end")
    parser.add_argument("state_file", type=Path, help="its flash memory")
    parser.add_argument("--protocol", choices=[version.value for version in Version], default=Version.V21.value)
    parser.add_argument("--clock", type=SharedClock.parse, help="TIME@EPOCH*SPEED; the machine's without")
    parser.add_argument("--ca", type=Path, help="PEM of whom it trusts; the machine's authorities without")
    parser.add_argument("--card", help="to show at the first start")
    return parser.parse_args()


async def _live(chosen: argparse.Namespace) -> None:
    fresh = not chosen.state_file.exists()
    tls = None if chosen.ca is None else await asyncio.to_thread(ssl.create_default_context, cafile=str(chosen.ca))
    station = DemoStation(
        station_id=chosen.url.rstrip("/").rpartition("/")[2],
        url=chosen.url,
        protocol=chosen.protocol,
        tls=tls,
        password=None,
        clock=chosen.clock or SystemClock(),
        car=Car(60_000, 50, 11_000, 6_000, 3),
        state_file=chosen.state_file,
        vendor="Demo",
        model="Process",
        retry_s=0.2,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(station.run())
        if fresh and chosen.card is not None:
            await station.wait_for(lambda seen: seen.registered, _PATIENCE_S)
            station.plug_in()
            station.present_card(chosen.card)


if __name__ == "__main__":
    main()
