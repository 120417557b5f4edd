"""The grid operator of the latency measurement: a VTN that knows when it has handed out a limit, and to whom."""

import asyncio
import time
from datetime import datetime
from pathlib import Path

from homeapp.bench.part import serve_jobs
from homeapp.clock import SystemClock
from homeapp.demo.grid.objects import DrKind, DrOffer, offer_event
from homeapp.demo.grid.vtn import DemoVtn
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.demo.operator.pki import StreetAuthority

CLIENT_ID = "bench-home"
CLIENT_SECRET = "the-bench-vtn-knows-it"  # noqa: S105 - of a simulated VTN on the loopback interface
BARE_CLIENT = "bare"
HUB_CLIENT = "hub"
BARE_AGENT = "bench-bare"
EVENT_ID = "event-bench-limit"
_HANDED_OUT_TIMEOUT_S = 60.0
_APART_S = 1.1
"""Between two changes of the event: a VEN tells its revisions apart by full seconds."""


class TimedVtn(DemoVtn):
    """Notes the instant, by the monotonic clock, at which each client first gets the newest limit."""

    mark: bytes = b""

    def expect(self, mark: str) -> None:
        """From now on the event of this name is the newest."""
        self.mark = mark.encode()
        self.handed_out: dict[str, float] = {}
        self.news = asyncio.Event()

    async def _respond(self, request: HttpRequest) -> HttpAnswer | None:
        answer = await super()._respond(request)
        if answer is not None and self.mark and self.mark in answer.body and request.method == "GET":
            is_bare = request.headers.get("user-agent", "") == BARE_AGENT
            self.handed_out.setdefault(BARE_CLIENT if is_bare else HUB_CLIENT, time.monotonic())
            self.news.set()
        return answer


class VtnPart:
    """Serves the VTN and jobs."""

    def __init__(self) -> None:
        self._vtn: TimedVtn
        self._task: asyncio.Task[None]
        self._published_at = 0.0

    async def run(self) -> None:
        """Until standard input ends."""
        await serve_jobs({"start": self._start, "limit": self._limit})

    async def _start(self, directory: str) -> dict[str, str]:
        """Serve from now on; the URL, and the file with the authority that vouches for it."""
        authority = StreetAuthority()
        ca_file = Path(directory) / "vtn-ca.pem"
        ca_file.write_bytes(authority.ca_pem)
        self._vtn = TimedVtn(
            clock=SystemClock(),
            tls=authority.server_context(),
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        )
        self._task = asyncio.create_task(self._vtn.run())
        await self._vtn.started()
        return {"url": self._vtn.url, "ca_file": str(ca_file)}

    async def _limit(self, power_w: float, start: str, end: str) -> dict[str, float]:
        """Impose a limit in place of the one before; when each of the two clients was handed it."""
        await asyncio.sleep(max(0.0, self._published_at + _APART_S - time.monotonic()))
        self._published_at = time.monotonic()
        title = f"Limit {power_w:.0f} of {time.monotonic_ns()}"
        self._vtn.expect(title)
        offer = DrOffer(
            kind=DrKind.CAPACITY_LIMIT,
            start=datetime.fromisoformat(start),
            end=datetime.fromisoformat(end),
            power_w=power_w,
            title=title,
        )
        self._vtn.publish_event(offer_event(offer), EVENT_ID)
        async with asyncio.timeout(_HANDED_OUT_TIMEOUT_S):
            while len(self._vtn.handed_out) < 2:
                self._vtn.news.clear()
                await self._vtn.news.wait()
        return self._vtn.handed_out
