"""The hub's endpoint with a way to a CSMS behind it; stations and CSMSs on both ends count every byte."""

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from devices.evce import schemas
from devices.evce.endpoint import OcppEndpoint
from devices.evce.schemas import Version
from devices.evce.upstream.csms_link import CsmsAccess
from devices.evce.upstream.station_way import Surroundings
from devices.evce.upstream.upstreams import Upstreams
from homeapp.model.live import LinkState
from homeapp.ports import StationMessage
from homeapp.store.database import Database
from homeapp.store.kept_stops import KeptStops
from homeapp.store.ledger import Ledger
from homeapp.store.station_outbox import StoredStationOutbox
from kit import schema_examples
from kit.evce_street import LIMITS, NAME, PASSWORD, CallError, MovableClock, Register, Tls
from kit.raw_csms import RawCsms, Way, payload_text

Json = dict[str, Any]
CSMS_PASSWORD = "the-csms-knows-this-1"
Body = Callable[["UpstreamStreet"], Awaitable[None]]
BOOT = {
    Version.V16: '{"chargePointVendor": "Acme", "chargePointModel" : "Box"}',
    Version.V201: '{"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model":  "Box"}}',
    Version.V21: '{"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model":  "Box"}}',
}
STATUS = {
    Version.V16: '{"connectorId": 1,"status":"Available","errorCode":"NoError"}',
    Version.V201: '{"evseId":1,"connectorId": 1,"connectorStatus":"Available","timestamp":"2027-01-15T12:00:00Z"}',
    Version.V21: '{"evseId":1,"connectorId": 1,"connectorStatus":"Available","timestamp":"2027-01-15T12:00:00Z"}',
}
NOTHING_HAPPENED = json.dumps(schema_examples.request(Version.V201, "NotifyEvent"))


class PlainStation:
    """A station that speaks texts.

    Attributes:
        calls: (message id, action, payload) of what it was asked, the payload as it stood on the wire.
        answers: payloads by action, as texts; None is silence. Else the least one that the schema allows.
        errors: CALLERRORs by action: code, description, details.
    """

    def __init__(self, socket: ClientConnection, version: Version) -> None:
        self.socket = socket
        self.version = version
        self.calls: list[tuple[str, str, str]] = []
        self.answers: dict[str, str | None] = {}
        self.errors: dict[str, list[Any]] = {}
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._news = asyncio.Event()

    async def read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    await self._serve(str(text), frame)
                elif frame[0] == 3:
                    assert self._waiting, frame
                    self._waiting.pop(frame[1]).set_result(payload_text(str(text)))
                else:
                    self._waiting.pop(frame[1]).set_exception(CallError(*frame[2:]))

    async def _serve(self, text: str, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        assert schemas.request_problem(self.version, action, payload) is None, (action, payload)
        self.calls.append((message_id, action, payload_text(text)))
        self._news.set()
        if action in self.errors:
            await self.socket.send(json.dumps([4, message_id, *self.errors[action]]))
            return
        known = action in schema_examples.actions(self.version)
        answer = self.answers.get(action, json.dumps(schema_examples.response(self.version, action)) if known else "{}")
        if answer is not None:
            await self.socket.send(f'[3,"{message_id}",{answer}]')

    async def say(self, action: str, payload: str, message_id: str | None = None) -> str:
        """A CALL with this very text as payload; the answer's payload as it stood on the wire, or CallError."""
        message_id = message_id or str(uuid.uuid4())
        self._waiting[message_id] = future = asyncio.get_running_loop().create_future()
        await self.socket.send(f'[2,"{message_id}","{action}",{payload}]')
        async with asyncio.timeout(10):
            answer = await future
        assert schemas.response_problem(self.version, action, json.loads(answer)) is None, (action, answer)
        return answer

    async def until_called(self, action: str, after: int = 0, having: str = "") -> tuple[str, str]:
        """The id and the payload of the first such CALL with this in its payload."""
        async with asyncio.timeout(10):
            while True:
                for message_id, name, payload in self.calls[after:]:
                    if name == action and having in payload:
                        return message_id, payload
                self._news.clear()
                await self._news.wait()

    def cut(self) -> None:
        self.socket.transport.abort()


class _NotingOutbox(StoredStationOutbox):
    """Tells when the hub has looked what waits."""

    def __init__(self, database: Database, clock: MovableClock, link: str, **more: Any) -> None:
        super().__init__(database, clock, link, **more)
        self.looked = asyncio.Event()

    async def first_waiting(self, device_id: str) -> StationMessage | None:
        found = await super().first_waiting(device_id)
        self.looked.set()
        return found


class UpstreamStreet:
    """A home with a provider."""

    def __init__(self, tls: Tls, database: Database, speed: float = 200.0, **around: Any) -> None:
        self.tls = tls
        self.clock = MovableClock(speed)
        self.register = Register()
        self.csms, self.way = RawCsms(), Way()
        self.around = around
        self.mirrors: list[RawCsms] = []
        self.password: str | None = CSMS_PASSWORD
        self.outbox = _NotingOutbox(database, self.clock, "csms", notice=self.way.notice)
        self._ledger = Ledger(database, self.clock)
        self.stops = self.stops_of("csms")

    def stops_of(self, csms: str) -> KeptStops:
        """What a CSMS has rejected."""
        return KeptStops(self._ledger, csms)

    async def start(self, tasks: asyncio.TaskGroup) -> list["asyncio.Task[None]"]:
        """The hub's two long tasks; the CSMS is listening already."""
        around = Surroundings(
            access=self.access(self.csms),
            outbox=self.outbox,
            clock=self.clock,
            mirrors=[self.access(mirror) for mirror in self.mirrors],
            stops=self.stops,
            **self.around,
        )
        self.upstreams = Upstreams(around)
        self.endpoint = OcppEndpoint(
            host="127.0.0.1",
            port=0,
            tls=self.tls[0],
            clock=self.clock,
            limits=lambda _: LIMITS,
            lease_s=60.0,
            upstreams=self.upstreams,
        )
        started = [
            tasks.create_task(self.upstreams.run(self.way)),
            tasks.create_task(self.endpoint.run(self.register)),
        ]
        await asyncio.wait_for(self.endpoint.started(), 10)
        return started

    def access(self, csms: RawCsms) -> CsmsAccess:
        async def password() -> str | None:
            return self.password

        async def no_tls() -> None:
            return None

        return CsmsAccess(
            name="Example Charging",
            url=f"ws://127.0.0.1:{csms.port}/ocpp",
            tls=no_tls,
            password=password,
            how_to_mend="Enter another password.",
        )

    @contextlib.asynccontextmanager
    async def station(self, version: Version, name: str = NAME) -> AsyncIterator[PlainStation]:
        """A station that has connected and said nothing yet."""
        self.register.passwords[f"ocpp:{name}"] = PASSWORD
        token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        async with connect(
            f"wss://127.0.0.1:{self.endpoint.port}/ocpp/{name}",
            ssl=self.tls[1],
            additional_headers={"Authorization": f"Basic {token}"},
            subprotocols=[version.value],  # type: ignore[list-item]
        ) as socket:
            station = PlainStation(socket, version)
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(station.read())
                try:
                    yield station
                finally:
                    reader.cancel()

    @contextlib.asynccontextmanager
    async def online(self, version: Version, name: str = NAME) -> AsyncIterator[PlainStation]:
        """A station whose CSMS has accepted it, with nothing under way."""
        async with self.station(version, name) as station:
            await station.say("BootNotification", BOOT[version])
            await self.up()
            yield station

    async def up(self) -> None:
        await self.way.until(lambda: bool(self.way.links) and self.way.links[-1][0] is LinkState.UP)
        await self.settled()

    async def settled(self, device_id: str = f"ocpp:{NAME}") -> None:
        """Until nothing waits for the CSMS any more, and the hub knows."""
        upward = self.upstreams._ways[device_id]._upward
        async with asyncio.timeout(10):
            while not upward.drained:
                self.outbox.looked.clear()
                await self.outbox.looked.wait()


def run(tls: Tls, directory: Path, body: Body, *mirrors: RawCsms, **options: Any) -> None:
    """``body`` with a running street in one event loop."""

    async def main() -> None:
        async with Database(directory) as database, contextlib.AsyncExitStack() as opened:
            street = UpstreamStreet(tls, database, **options)
            for csms in (street.csms, *mirrors):
                await opened.enter_async_context(csms.open())
            street.mirrors.extend(mirrors)
            async with asyncio.TaskGroup() as tasks:
                started = await street.start(tasks)
                try:
                    await asyncio.wait_for(body(street), 60)
                finally:
                    for task in started:
                        task.cancel()

    asyncio.run(main())
