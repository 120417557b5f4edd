"""Two providers over real sockets, each on its own flow through the communication operator of the street.

Nothing here is proven by time: a flow that waited for the other one would never get to the end of its round.
"""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.demo.operator.broker import Broker
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.uplink import HOST, DemoUplink, FlowCount
from homeapp.errors import EnvironmentProblem, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.offer import Receipt
from homeapp.model.record import DataRecord, Priority, RecordKind
from homeapp.ports import DecisionMessage, ProviderInbox
from homeapp.providers.onem2m.codec import Topics
from homeapp.providers.onem2m.mqtt_link import LinkEnd, LinkEnded, MqttLink, MqttVersion
from homeapp.relay import Relay
from homeapp.settings import UplinkSettings
from homeapp.store.database import Database
from homeapp.store.outbox import Outbox
from homeapp.store.uplink_use import UplinkUse
from homeapp.uplink.uplink import Uplink
from kit.clocks import LeapingClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
AUTHORITY = StreetAuthority()
PATIENCE_S = 150.0
"""Before a test that hangs is ended; nothing is proven by it."""
FLOWS = {"evc_sp": "evc", "pev_sp": "pev"}


@dataclass
class Company:
    """A provider's server: acknowledges every line, remembers what came, and sends lines of its own when told to."""

    events: list[str]
    name: str
    seen: Counter[str] = field(default_factory=Counter)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                record_id = json.loads(line)["id"]
                self.seen[record_id] += 1
                self.events.append(f"{self.name} has {record_id}")
                self.news.set()
                writer.write(b"taken\n")
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def until(self, record_id: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while record_id not in self.seen:
                self.news.clear()
                await self.news.wait()


@dataclass
class RemoteProvider:
    """The home's end: one mutual TLS connection, made again when it is lost."""

    sp_id: str
    port: int
    tls: ssl.SSLContext
    failures: int = 0
    name: str = "Provider"
    way: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, inbox: ProviderInbox) -> None:
        raise NotImplementedError

    async def deliver(self, message: DecisionMessage) -> Receipt:
        raise NotImplementedError

    async def erase(self, data_classes: Collection[DataClass]) -> None:
        raise NotImplementedError

    async def disclose(self, record: DataRecord) -> int:
        line = json.dumps({"id": record.record_id, "body": dict(record.body)}).encode() + b"\n"
        try:
            if self.way is None:
                self.way = await asyncio.open_connection(HOST, self.port, ssl=self.tls)
            reader, writer = self.way
            writer.write(line)
            await writer.drain()
            if await reader.readline() != b"taken\n":
                raise ConnectionResetError
        except OSError as error:
            self.failures += 1
            await self.close()
            raise ProviderUnreachable("The line is dead.") from error
        return len(line)

    async def close(self) -> None:
        way, self.way = self.way, None
        if way is not None:
            way[1].transport.abort()


@dataclass
class World:
    """A home, the communication operator and two companies behind it."""

    uplink: DemoUplink
    outbox: Outbox
    limits: Uplink
    clock: LeapingClock
    companies: dict[str, Company]
    providers: dict[str, RemoteProvider]
    events: list[str]
    notices: list[str]

    async def put(self, sp_id: str, *record_ids: str) -> None:
        await self.outbox.put(*(_record(record_id, sp_id, self.clock.now()) for record_id in record_ids))


def _record(record_id: str, sp_id: str, at: datetime) -> DataRecord:
    return DataRecord(
        record_id=record_id,
        sp_id=sp_id,
        data_class=DataClass.METERING,
        kind=RecordKind.METERING,
        priority=Priority.METERING,
        created_at=at,
        not_after=at + timedelta(days=30),
        body={"start": at.isoformat(), "import_wh": 120.5, "export_wh": 0.0, "quality": "good"},
    )


def _in_the_world(directory: Path, body: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            world = await _build(directory, stack)
            relay = Relay(
                outbox=world.outbox,
                uplink=world.limits,
                providers=world.providers,
                clock=world.clock,
                on_receipt=_no_receipt,
                may_leave=lambda _record: None,
                allows=lambda _sp_id, _class: True,
                notice=lambda code, _sentence: world.notices.append(code),
            )
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            running = tasks.create_task(relay.run())
            async with asyncio.timeout(2 * PATIENCE_S):
                await body(world)
            running.cancel()
            for provider in world.providers.values():
                await provider.close()

    asyncio.run(main())


async def _build(directory: Path, stack: AsyncExitStack) -> World:
    events: list[str] = []
    notices: list[str] = []
    companies = {sp_id: Company(events, sp_id) for sp_id in FLOWS}
    ways = {}
    for sp_id, company in companies.items():
        tls = AUTHORITY.server_context(require_client=True)
        server = await stack.enter_async_context(await asyncio.start_server(company.serve, HOST, 0, ssl=tls))
        ways[FLOWS[sp_id]] = (HOST, server.sockets[0].getsockname()[1])
    operator = await stack.enter_async_context(DemoUplink(directory / "operator", ways))
    (directory / "home").mkdir()
    database = await stack.enter_async_context(Database(directory / "home"))
    clock = LeapingClock(NOON)
    return World(
        uplink=operator,
        outbox=Outbox(database, clock),
        limits=Uplink(
            settings=UplinkSettings(),
            store=UplinkUse(database),
            clock=clock,
            notice=lambda code, _sentence: notices.append(code),
        ),
        clock=clock,
        companies=companies,
        providers={
            sp_id: RemoteProvider(sp_id, operator.port(flow), AUTHORITY.client_context("Chub-0001"))
            for sp_id, flow in FLOWS.items()
        },
        events=events,
        notices=notices,
    )


async def _no_receipt(receipt: Receipt) -> None:
    raise NotImplementedError


@pytest.mark.usecase("L3", "A5", "S3")
def test_the_loss_of_one_flow_delays_nothing_of_the_other(tmp_path: Path) -> None:
    rounds = 20

    async def body(world: World) -> None:
        evc, pev = world.companies["evc_sp"], world.companies["pev_sp"]
        await world.put("evc_sp", "e-before")
        await world.put("pev_sp", "p-before")
        await evc.until("e-before")
        await pev.until("p-before")

        await world.uplink.cut("evc")
        world.events.append("cut")
        for number in range(rounds):
            await world.put("evc_sp", f"e{number}")
            await world.put("pev_sp", f"p{number}")
            await pev.until(f"p{number}")
        async with asyncio.timeout(PATIENCE_S):
            while (await world.uplink.count())["evc"].refused == 0:
                await asyncio.sleep(0)
        world.events.append("restored")
        await world.uplink.restore("evc")
        await evc.until(f"e{rounds - 1}")

        cut, restored = world.events.index("cut"), world.events.index("restored")
        assert world.events[cut + 1 : restored] == [f"pev_sp has p{number}" for number in range(rounds)]
        assert world.events[restored + 1 :] == [f"evc_sp has e{number}" for number in range(rounds)]
        assert world.providers["pev_sp"].failures == 0
        assert world.providers["evc_sp"].failures > 0
        counts = await world.uplink.count()
        assert (counts["pev"].connections, counts["pev"].refused) == (1, 0)
        assert counts["evc"].connections == 2
        assert counts["evc"].refused > 0

    _in_the_world(tmp_path, body)


@pytest.mark.timeout(400)
@pytest.mark.usecase("L3", "A5", "S3", "W1")
def test_five_thousand_records_queued_while_a_flow_was_cut_for_a_day_all_arrive_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 5000

    async def body(world: World) -> None:
        evc = world.companies["evc_sp"]
        await world.uplink.cut("evc")
        begun = world.clock.at
        await world.put("evc_sp", *(f"m{number:04}" for number in range(count)))
        async with asyncio.timeout(PATIENCE_S):
            while world.clock.at < begun + timedelta(days=1):
                await asyncio.sleep(0.001)
        assert not evc.seen
        tries = world.providers["evc_sp"].failures
        refused = (await world.uplink.count())["evc"].refused

        await world.uplink.restore("evc")
        await evc.until(f"m{count - 1:04}")
        async with asyncio.timeout(PATIENCE_S):
            while await world.outbox.waiting():
                await asyncio.sleep(0.001)
        assert list(evc.seen) == [f"m{number:04}" for number in range(count)]
        assert set(evc.seen.values()) == {1}
        assert refused > 0
        assert tries < 24 * 60, "it was not knocked at all the time"
        carried = (await world.uplink.count())["evc"]
        view = world.limits.view().use[0]
        assert (view.messages, view.size_bytes <= carried.up_bytes) == (count, True)
        with capsys.disabled():
            print(
                f"\na day's cut: {tries} tries; then {count} of {count} records, once each and in order: "
                f"{view.size_bytes} bytes of messages, {carried.up_bytes} up and {carried.down_bytes} down on the line"
            )

    _in_the_world(tmp_path, body)


@pytest.mark.usecase("W7", "A5")
def test_one_that_floods_is_left_waiting_and_the_other_is_heard(tmp_path: Path) -> None:
    """The flood comes over a socket; what is not admitted is not acknowledged, and comes again until it is."""
    flood = 300

    async def body(world: World) -> None:
        heard: Counter[str] = Counter()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                sp_id, _, message = line.decode().strip().partition(" ")
                try:
                    await world.limits.admit(sp_id, len(line))
                except ProviderUnreachable:
                    writer.write(b"later\n")
                else:
                    heard[f"{sp_id} {message}"] += 1
                    writer.write(b"taken\n")
            writer.close()

        async def say(sp_id: str, message: str) -> bool:
            reader, writer = ways[sp_id]
            writer.write(f"{sp_id} {message}\n".encode())
            return await reader.readline() == b"taken\n"

        async with await asyncio.start_server(listen, HOST, 0) as home:
            port = home.sockets[0].getsockname()[1]
            ways = {sp_id: await asyncio.open_connection(HOST, port) for sp_id in FLOWS}
            left = [f"f{number}" for number in range(flood) if not await say("evc_sp", f"f{number}")]
            assert len(left) == flood - 120
            assert await say("pev_sp", "a health check")
            assert world.limits.view().throttled == ("evc_sp",)
            assert world.notices == ["uplink.throttled.evc_sp"]
            while left:
                world.clock.at += timedelta(minutes=1)
                left = [message for message in left if not await say("evc_sp", message)]
            world.clock.at += timedelta(minutes=2)
            assert await say("evc_sp", "an offer")
            assert world.limits.view().throttled == ()
            assert world.notices == ["uplink.throttled.evc_sp", "uplink.recovered.evc_sp"]
            assert set(heard.values()) == {1}
            assert len(heard) == flood + 2
            for _, writer in ways.values():
                writer.close()

    _in_the_world(tmp_path, body)


def _with_operator(directory: Path, body: Callable[[DemoUplink], Awaitable[None]]) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(4096):
            writer.write(chunk)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(echo, HOST, 0) as server:
            here = (HOST, server.sockets[0].getsockname()[1])
            nowhere = (HOST, 1)
            async with DemoUplink(directory, {"evc": here, "pev": here, "fleet": nowhere}) as uplink:
                await body(uplink)

    asyncio.run(main())


async def _say(uplink: DemoUplink, flow: str, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, uplink.port(flow))
    try:
        writer.write(words)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.usecase("A5")
def test_the_operator_counts_cuts_and_restores_each_flow_on_its_own(tmp_path: Path) -> None:
    async def body(uplink: DemoUplink) -> None:
        assert await _say(uplink, "evc", b"hello") == b"hello"
        assert await _say(uplink, "pev", b"good day") == b"good day"
        held, kept = [await asyncio.open_connection(HOST, uplink.port(flow)) for flow in ("evc", "pev")]
        for reader, writer in (held, kept):
            writer.write(b"!")
            assert await reader.readexactly(1) == b"!"
        await uplink.cut("evc")
        with pytest.raises(ConnectionResetError):
            await held[0].read()
        with pytest.raises(ConnectionResetError):
            await _say(uplink, "evc", b"hello")
        kept[1].write(b"?")
        assert await kept[0].readexactly(1) == b"?"
        assert await uplink.count() == {
            "evc": FlowCount(up_bytes=6, down_bytes=6, connections=2, refused=1),
            "pev": FlowCount(up_bytes=10, down_bytes=10, connections=2, refused=0),
            "fleet": FlowCount(),
        }
        await uplink.restore("evc")
        assert await _say(uplink, "evc", b"again") == b"again"
        for _, writer in (held, kept):
            writer.close()

    _with_operator(tmp_path, body)


@pytest.mark.usecase("A5")
def test_a_slow_flow_still_carries_everything_and_a_provider_that_is_away_looks_like_a_reset(tmp_path: Path) -> None:
    async def body(uplink: DemoUplink) -> None:
        await uplink.slow("evc", bytes_per_s=50_000, delay_ms=1)
        words = bytes(range(256)) * 100
        slow, fast = asyncio.create_task(_say(uplink, "evc", words)), asyncio.create_task(_say(uplink, "pev", words))
        order = []
        slow.add_done_callback(lambda _: order.append("evc"))
        fast.add_done_callback(lambda _: order.append("pev"))
        assert await slow == await fast == words
        assert order == ["pev", "evc"]
        with pytest.raises(ConnectionResetError):
            await _say(uplink, "fleet", b"hello")

    _with_operator(tmp_path, body)


def test_the_operator_obeys_the_street_alone(tmp_path: Path) -> None:
    async def body(uplink: DemoUplink) -> None:
        with pytest.raises(EnvironmentProblem, match="there is no flow 'gas'"):
            await uplink.cut("gas")
        with pytest.raises(EnvironmentProblem, match="cannot be that slow"):
            await uplink.slow("evc", bytes_per_s=0)
        configuration = json.loads((tmp_path / "uplink.json").read_text())
        assert (tmp_path / "uplink.json").stat().st_mode & 0o077 == 0
        for line in (b'{"token": "x", "do": "cut", "flow": "evc"}\n', b"cut\n", b"\n"):
            reader, writer = await asyncio.open_connection(HOST, configuration["control_port"])
            writer.write(line)
            assert "error" in json.loads(await reader.readline())
            writer.close()
        assert await _say(uplink, "evc", b"hello") == b"hello"

    _with_operator(tmp_path, body)


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho leaves the socket of a failed handshake
@pytest.mark.usecase("L3", "A5", "W4")
def test_mqtt_with_mutual_tls_goes_through_and_a_cut_is_a_lost_line_and_no_refused_certificate(tmp_path: Path) -> None:
    """A refused certificate would make the hub wait for a person."""

    def link(uplink: DemoUplink, flow: str) -> MqttLink:
        name = f"Chub-0001-{flow}"
        return MqttLink(
            host=HOST,
            port=uplink.port(flow),
            tls=AUTHORITY.client_context(name),
            client_id=name,
            version=MqttVersion.V3_1_1,
            on_message=lambda _: None,
            on_refused=lambda _: None,
        )

    def topics(flow: str) -> tuple[str, ...]:
        return tuple(Topics(f"Chub-0001-{flow}", "/id-in").arrivals)

    async def end_of_opening(uplink: DemoUplink) -> LinkEnd:
        tried = link(uplink, "evc")
        with pytest.raises(LinkEnded) as caught:
            await tried.open(topics("evc"))
        await tried.close()
        return caught.value.end

    async def main() -> None:
        broker = Broker(tmp_path, AUTHORITY)
        ways = dict.fromkeys(("evc", "pev"), (broker.host, broker.port))
        async with AsyncExitStack() as stack:
            await broker.start()
            stack.push_async_callback(broker.stop)
            uplink = await stack.enter_async_context(DemoUplink(tmp_path / "operator", ways))
            evc, pev = link(uplink, "evc"), link(uplink, "pev")
            for flow, opened in (("evc", evc), ("pev", pev)):
                stack.push_async_callback(opened.close)
                await opened.open(topics(flow))
            pev_ended = asyncio.ensure_future(pev.ended())
            await uplink.cut("evc")
            assert (await evc.ended()).end is LinkEnd.LOST
            assert {await end_of_opening(uplink) for _ in range(10)} == {LinkEnd.UNREACHABLE}
            assert (await uplink.count())["evc"].refused == 10
            await uplink.restore("evc")
            again = link(uplink, "evc")
            stack.push_async_callback(again.close)
            await again.open(topics("evc"))
            assert not pev_ended.done()
            assert pev.publish("/oneM2M/resp/id-in/Chub-0001-pev/json", b"{}") > 0
            pev_ended.cancel()
            counts = await uplink.count()
            assert (counts["pev"].connections, counts["evc"].connections) == (1, 2)

    asyncio.run(main())
