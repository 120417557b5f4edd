"""Many homes in one process for the reconnect storm: ``storm_clients.py PORT CA-FILE FIRST COUNT SPREAD-S FOLDER``.

Each home has its own client certificate, ``FOLDER/<name>.pem``. Prints one JSON line when all are connected and one
when all have been lost and are back; ends with its standard input.
"""

import asyncio
import json
import random
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from homeapp.providers.onem2m.codec import Topics
from homeapp.providers.onem2m.mqtt_link import LinkEnded, MqttLink, MqttVersion

HOST = "127.0.0.1"
CONNECT_WITHIN_S = 5.0


@dataclass
class Tally:
    """What happened to the homes of this process.

    Attributes:
        failures: of attempts to come back: when each began (monotonic, s) and how it ended.
    """

    lost: int = 0
    back: int = 0
    standing: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)


class Home:
    def __init__(self, name: str, port: int, tls: ssl.SSLContext) -> None:
        self._name, self._port, self._tls = name, port, tls
        self._topics = tuple(Topics(name, "/id-in").arrivals)
        self.link = self._make()

    async def connect(self) -> None:
        await asyncio.sleep(random.uniform(0, CONNECT_WITHIN_S))
        await self.link.open(self._topics)

    async def come_back(self, tally: Tally, spread_s: float) -> None:
        await self.link.ended()
        tally.lost += 1
        await self.link.close()
        while True:
            await asyncio.sleep(random.uniform(0, spread_s))
            begun = time.monotonic()
            self.link = self._make()
            try:
                await self.link.open(self._topics)
            except LinkEnded as error:
                tally.failures.append((begun, error.end))
                await self.link.close()
            else:
                tally.back += 1
                return

    def _make(self) -> MqttLink:
        return MqttLink(
            host=HOST,
            port=self._port,
            tls=self._tls,
            client_id=self._name,
            version=MqttVersion.V5,
            on_message=lambda _: None,
            on_refused=lambda _: None,
        )


def _context(ca_file: str, chain: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.load_cert_chain(chain)
    return context


async def main(port: int, ca_file: str, first: int, count: int, spread_s: float, folder: Path) -> None:
    names = [f"Chub-{number:04}" for number in range(first, first + count)]
    homes = [Home(name, port, _context(ca_file, folder / f"{name}.pem")) for name in names]
    async with asyncio.TaskGroup() as connecting:
        for home in homes:
            connecting.create_task(home.connect())
    print(json.dumps({"connected": count}), flush=True)
    tally = Tally()
    async with asyncio.TaskGroup() as returning:
        for home in homes:
            returning.create_task(home.come_back(tally, spread_s))
    ends = [asyncio.ensure_future(home.link.ended()) for home in homes]
    await asyncio.sleep(0)
    tally.standing = sum(not end.done() for end in ends)
    for end in ends:
        end.cancel()
    print(json.dumps(asdict(tally)), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(home.link.close() for home in homes))


if __name__ == "__main__":
    port, ca_file, first, count, spread_s, folder = sys.argv[1:]
    asyncio.run(main(int(port), ca_file, int(first), int(count), float(spread_s), Path(folder)))
