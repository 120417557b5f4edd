"""The CSMS of the measurements."""

import asyncio
import time

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from homeapp.bench import messages
from homeapp.bench.frame_peer import FramePeer, Json
from homeapp.bench.part import serve_jobs
from homeapp.errors import ProtocolError


class Csms:
    """Accepts everything from everybody on the loopback interface."""

    def __init__(self) -> None:
        self.port = 0
        self._stations: dict[str, FramePeer] = {}
        self._broken_rules: list[str] = []

    async def run(self) -> None:
        """Serve stations and jobs."""
        async with serve(
            self._receive,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol(messages.PROTOCOL)],
            compression=None,
            ping_interval=None,
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            await serve_jobs({"port": self._port, "profiles": self._profiles, "rules": self._rules})

    async def _receive(self, socket: ServerConnection) -> None:
        name = (socket.request.path if socket.request else "").rpartition("/")[2]
        self._stations[name] = peer = FramePeer(socket, _answer, "csms")
        await peer.read()
        self._broken_rules += peer.broken_rules
        if self._stations.get(name) is peer:
            del self._stations[name]

    async def _port(self) -> int:
        return self.port

    async def _rules(self) -> list[str]:
        return self._broken_rules + [rule for peer in self._stations.values() for rule in peer.broken_rules]

    async def _profiles(self, station: str, samples: int, every_s: float, *, kept: bool = False) -> list[float]:
        """Seconds from SetChargingProfile to its answer, of each; ``kept`` ones have to outlive a restart."""
        peer = self._stations.get(station)
        if peer is None:
            raise ProtocolError(f"{station} is not connected.")
        seconds = []
        for _ in range(samples):
            payload = messages.profile(kept=kept)
            begun = time.perf_counter()
            answer = await peer.call("SetChargingProfile", payload)
            seconds.append(time.perf_counter() - begun)
            if answer.get("status") != "Accepted":
                raise ProtocolError(f"{station} does not take a charging profile: {answer}")
            await asyncio.sleep(max(0.0, every_s - seconds[-1]))
        return seconds


def _answer(action: str, _payload: Json) -> Json:
    answers: dict[str, Json] = {
        "BootNotification": messages.boot_answer(),
        "Heartbeat": {"currentTime": messages.boot_answer()["currentTime"]},
        "DataTransfer": {"status": "Accepted"},
    }
    return answers.get(action, {})
