"""Traps of a real CSE and a real broker, one test each: the CSE behaves as said, and the hub lives with it.

And what a flow has to survive: duplicates, storms, lost notifications, a CSE that forgets, a connection that is cut.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import Onem2mApplication, Operation, ResourceType
from homeapp.errors import ProviderUnreachable, StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.providers.onem2m import codec, mqtt_transport
from homeapp.providers.onem2m.codec import Request
from homeapp.providers.onem2m.intake import CAPACITY
from homeapp.providers.onem2m.mqtt_link import MqttVersion

if TYPE_CHECKING:
    from tests.integration.conftest import Flow, SystemOperatorSide

Run = Callable[[Coroutine[Any, Any, None]], None]

IDENTITY, CHARGING = DataClass.IDENTITY, DataClass.CHARGING
NEVER_S = 1e6
mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


async def send(application: Onem2mApplication, container: str, text: str) -> None:
    instance: dict[str, object] = {"rn": f"m-{uuid.uuid4().hex}", "cnf": "text/plain:0", "con": text}
    made = await application.create(container, ResourceType.CONTENT_INSTANCE, {"m2m:cin": instance})
    assert made.status == 2001


async def arrives(application: Onem2mApplication, flow: "Flow", text: str) -> None:
    await send(application, flow.inbox, text)
    await flow.listener.until(lambda: flow.listener.times(text) >= 1)


@contextlib.contextmanager
def cse_voice(operator: "SystemOperatorSide") -> Iterator[paho.Client]:
    """Somebody with the CSE's own right to speak at the broker; blocks."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="voice", protocol=paho.MQTTv311)
    client.username_pw_set(operator.broker.cse_user, operator.broker.cse_password)
    client.tls_set_context(operator.authority.client_context())
    client.connect(operator.broker.host, operator.broker.cse_port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def notification(container: str, text: str) -> bytes:
    cin = {"rn": "x", "pi": container, "con": text}
    content = {"m2m:sgn": {"nev": {"net": 3, "rep": {"m2m:cin": cin}}, "sur": "s"}}
    return json.dumps({"op": 5, "fr": "/id-in", "rqi": uuid.uuid4().hex, "pc": content}).encode()


def tell(operator: "SystemOperatorSide", flow: "Flow", *payloads: bytes) -> None:
    """Notify the hub in the CSE's name; received by the broker when this returns."""
    with cse_voice(operator) as client:
        sent = [client.publish(f"/oneM2M/req/id-in/{flow.hub}/json", payload, qos=1) for payload in payloads]
        for message in sent:
            message.wait_for_publish(20)


def container_id(flow: "Flow") -> str:
    return next(iter(flow.session._registration._inbox_ids))


@pytest.mark.usecase("W6", "W7")
def test_gotcha_1_a_storm_of_notifications_is_survived_and_the_hubs_own_address_makes_none(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow() as flow, operator.application("Cevc-sp", register=True) as provider:
            own = (await operator.says("CAdmin", flow.base)).content["m2m:ae"]
            assert isinstance(own, dict)
            # Two slashes and the AE: without them the CSE notifies itself, hundreds of times.
            assert own["poa"] == [f"mqtt://{operator.broker.host}:{operator.broker.cse_port}//{flow.hub}"]
            assert own["rr"] is True
            reads = _requests(flow, Operation.RETRIEVE)
            foreign = [notification("cnt-foreign", f"storm {number}") for number in range(450)]
            await asyncio.to_thread(tell, operator, flow, *foreign)
            await arrives(provider, flow, "after the storm")
            assert [text for text, _ in flow.listener.contents] == ["after the storm"] * flow.listener.times(
                "after the storm"
            )
            assert flow.listener.state is LinkState.UP
            # Each one is a reason to look, but all of them together only a few.
            assert len(reads) < 450

    run(body())


@pytest.mark.usecase("W6", "W7")
def test_gotcha_1_a_storm_to_the_hubs_own_inbox_loses_nothing(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow() as flow, operator.application("Cevc-sp", register=True) as provider:
            storm = [notification(container_id(flow), f"n {number}") for number in range(CAPACITY * 4 + 50)]
            await asyncio.to_thread(tell, operator, flow, *storm)
            await arrives(provider, flow, "in the container")
            assert flow.listener.state is LinkState.UP

    run(body())


@pytest.mark.usecase("W6")
def test_gotcha_2_the_broker_is_named_as_the_cse_names_it(run: Run, operator: "SystemOperatorSide") -> None:
    """Compared as text: a hub that named it as its own settings do would never be notified."""

    async def body() -> None:
        async with (
            operator.flow(broker_host="localhost") as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            await send(provider, flow.inbox, "notified")
            await flow.listener.until(lambda: ("notified", True) in flow.listener.contents)

    run(body())


@pytest.mark.usecase("F1", "F3")
def test_gotcha_3_a_subscription_without_event_types_is_not_told_of_new_content(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow() as flow, operator.application("Cevc-sp", register=True) as provider:
            outbox = f"{flow.base}/outEvc"
            silent: dict[str, object] = {"rn": "silent", "nu": ["Cevc-sp"], "nct": 1}
            made = await provider.create(outbox, ResourceType.SUBSCRIPTION, {"m2m:sub": silent})
            assert made.status == 2001
            default = await operator.says("CAdmin", f"{outbox}/silent")
            assert default.content["m2m:sub"]["enc"] == {"net": [1]}  # type: ignore[index]
            for name in ("unseen", "seen"):
                if name == "seen":
                    assert (await provider.subscribe(outbox)).status == 2001
                await flow.session.create_content(flow.mailbox, IDENTITY, name, name, "text/plain:0")
            async with asyncio.timeout(20):
                assert (await provider.notifications.get()).content == "seen"
            # The hub's own subscription says what it wants.
            hub = await operator.says("CAdmin", f"{flow.inbox}/hub")
            assert hub.content["m2m:sub"]["enc"] == {"net": [3]}  # type: ignore[index]

    run(body())


@pytest.mark.usecase("W4", "W8")
def test_gotcha_4_a_child_appliance_without_its_own_policy_is_its_creators_alone(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow(open_status=True) as flow:
            definition = "org.onem2m.common.moduleclass.energyConsumption"
            bare: dict[str, Any] = {"rn": "bare", "cnd": definition, "abECn": 1.0}
            parent = f"{flow.base}/meter"
            made = await flow.session._exchange.request(
                codec.Operation.CREATE, parent, kind=codec.ResourceType.FLEX_CONTAINER, content={"cod:eneCn": bare}
            )
            assert made.rsc == 2001
            assert (await operator.says("Cevc-sp", parent)).status == 2000
            assert (await operator.says("Cevc-sp", f"{parent}/bare")).status == 4103

    run(body())


@pytest.mark.usecase("W4")
def test_gotcha_5_a_hub_that_is_registered_already_goes_on(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow() as flow:
            own = {"m2m:ae": {"rn": "again", "api": "Norg.again", "rr": False, "srv": ["4"]}}
            again = await flow.session._exchange.request(
                codec.Operation.CREATE, "id-in", kind=codec.ResourceType.AE, content=own
            )
            assert again.rsc == 4117
        async with operator.flow(flow.hub) as flow, operator.application("Cevc-sp", register=True) as provider:
            await arrives(provider, flow, "registered twice")

    run(body())


@pytest.mark.usecase("W6")
def test_gotcha_5_a_notification_without_an_event_type(run: Run, operator: "SystemOperatorSide") -> None:
    """The CSE refuses to carry one; the hub, which lives by what is in it, reads one."""

    async def body() -> None:
        async with operator.flow() as flow:
            cin = {"rn": "x", "pi": container_id(flow), "con": "by hand"}
            by_hand = {"m2m:sgn": {"nev": {"rep": {"m2m:cin": cin}}, "sur": "s"}}
            refused = await operator.says("CAdmin", flow.base, op=Operation.NOTIFY, pc=by_hand)
            assert refused.status == 4000
            payload = json.dumps({"op": 5, "fr": "/id-in", "rqi": "q", "pc": by_hand}).encode()
            await asyncio.to_thread(tell, operator, flow, payload)
            await flow.listener.until(lambda: ("by hand", True) in flow.listener.contents)

    run(body())


@mosquitto_only
@pytest.mark.usecase("W4")
@pytest.mark.parametrize(
    ("version", "words"), [(MqttVersion.V5, "does not let the hub speak"), (MqttVersion.V3_1_1, "does not answer")]
)
def test_gotcha_6_a_denied_request_is_noticed_by_its_reason_or_by_silence(
    run: Run, operator: "SystemOperatorSide", monkeypatch: pytest.MonkeyPatch, version: MqttVersion, words: str
) -> None:
    """The certificate is another AE's, and only MQTT 5 says so."""
    monkeypatch.setattr(mqtt_transport, "ANSWER_TIMEOUT_S", 1.0)

    async def body() -> None:
        async with operator.flow("Chub-denied", certificate="Chub-other", wait=False) as flow:
            flow.session._binding.version = version  # type: ignore[attr-defined]  # before it has begun to connect
            await flow.listener.until(lambda: words in str(flow.listener.links))
            assert LinkState.UP not in [state for state, _ in flow.listener.links]

    run(body())


@mosquitto_only
def test_gotcha_7_the_broker_does_not_wait_for_more_before_it_sends(operator: "SystemOperatorSide") -> None:
    configuration = (operator.directory / "mosquitto.conf").read_text(encoding="utf-8").splitlines()
    assert "set_tcp_nodelay true" in configuration
    assert "use_username_as_clientid true" in configuration


@pytest.mark.usecase("F3", "W6")
def test_gotcha_8_what_comes_while_the_hub_is_away_is_read_from_the_container(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    """No polling channel: it needs rr=false, forgets within seconds, and the hub has an address that works."""

    async def body() -> None:
        async with operator.flow() as flow:
            children = await operator.says("CAdmin", flow.base, rcn=6)
            assert 15 not in {item["typ"] for item in children.content["m2m:rrl"]["rrf"]}  # type: ignore[index]
        async with operator.application("Cevc-sp", register=True) as provider:
            for number in range(3):
                await send(provider, flow.inbox, f"away {number}")
        async with operator.flow(flow.hub) as flow:
            await flow.listener.until(lambda: all(flow.listener.times(f"away {number}") for number in range(3)))

    run(body())


@pytest.mark.usecase("W6")
def test_the_same_request_twice_makes_one_instance_because_it_has_a_name(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow() as flow:
            transport = flow.session._transport
            assert transport is not None
            outbox, statuses = f"{flow.base}/outEvc", []
            for name in ({}, {"rn": "rsp-1"}):
                request = Request(
                    op=codec.Operation.CREATE,
                    to=outbox,
                    fr=flow.hub,
                    rqi=uuid.uuid4().hex,
                    ty=4,
                    pc={"m2m:cin": {**name, "con": "yes"}},
                )
                statuses += [(await transport.request(request)).rsc for _ in range(2)]
            # The CSE knows no duplicates by their request id: without a name there are two.
            assert statuses == [2001, 2001, 2001, 4105]
            found = await operator.says("CAdmin", outbox)
            assert found.content["m2m:cnt"]["cni"] == 3  # type: ignore[index]

    run(body())


@pytest.mark.usecase("W6")
def test_when_the_clock_is_set_the_whole_inbox_is_read_again(
    run: Run, operator: "SystemOperatorSide", monkeypatch: pytest.MonkeyPatch
) -> None:
    class Set(SharedClock):
        ahead = timedelta(days=1)

        def now(self) -> datetime:
            return super().now() + self.ahead

    async def body() -> None:
        clock = operator.clock
        monkeypatch.setattr(operator, "clock", Set(clock.origin, clock.epoch, clock.speed))
        async with (
            operator.flow(catch_up_s=20.0) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            await send(provider, flow.inbox, "one")
            # From the second time on it is found unchanged, unless the clock was set.
            for times in (2, 3, 4):
                await flow.listener.until(lambda times=times: flow.listener.times("one") >= times)  # type: ignore[misc]
                monkeypatch.setattr(Set, "ahead", Set.ahead - timedelta(days=1))

    run(body())


@pytest.mark.usecase("W6")
def test_a_notification_that_is_not_answered_is_found_in_the_inbox(run: Run, operator: "SystemOperatorSide") -> None:
    """The CSE sends it once and keeps the subscription."""

    async def body() -> None:
        async with operator.flow() as flow, operator.application("Cevc-sp", register=True) as provider:
            flow.listener.failure = StoreUnavailable("The disk is full.")
            await send(provider, flow.inbox, "unanswered")
            await flow.listener.until(lambda: flow.listener.times("failed unanswered") == 1)
            flow.listener.failure = None
            await send(provider, flow.inbox, "next")
            await flow.listener.until(lambda: ("next", True) in flow.listener.contents)
            flow.session.catch_up(flow.mailbox)
            await flow.listener.until(lambda: ("unanswered", False) in flow.listener.contents)

    run(body())


def _requests(flow: "Flow", operation: Operation) -> list[Request]:
    """Keeps what this session asks from now on."""
    seen: list[Request] = []
    transport = flow.session._transport
    assert transport is not None
    request = transport.request

    async def noting(primitive: Request) -> Any:
        if primitive.op == operation:
            seen.append(primitive)
        return await request(primitive)

    transport.request = noting  # type: ignore[method-assign]
    return seen


async def turns() -> None:
    """Let everybody do what needs no waiting."""
    for _ in range(20):
        await asyncio.sleep(0)


class Wire:
    """A way to the broker that can be cut."""

    def __init__(self, operator: "SystemOperatorSide") -> None:
        self._operator = operator
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[asyncio.StreamWriter] = []
        self.whole = True
        self.attempts = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.cut()
            server.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self.whole = False
        for writer in self._open:
            writer.transport.abort()
        self._open = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts += 1
        if not self.whole:
            writer.transport.abort()
            return
        broker = self._operator.broker
        far_reader, far_writer = await asyncio.open_connection(broker.host, broker.port)
        self._open += [writer, far_writer]
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_pump(source, target))
            self._tasks.add(task)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho leaves the socket of a failed handshake
@pytest.mark.usecase("L3", "W6")
def test_a_flow_whose_connection_is_cut_does_not_delay_the_other(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            Wire(operator).laid() as wire,
            operator.flow(broker_port=wire.port) as evc,
            operator.flow(provider="Cpev-sp") as pev,
            operator.application("Cevc-sp", register=True) as evc_sp,
            operator.application("Cpev-sp", register=True) as pev_sp,
        ):
            assert evc.hub != pev.hub
            # Neither may use the other's containers.
            assert (await operator.says("Cpev-sp", f"{evc.base}/outEvc")).status == 4103
            wire.cut()
            await evc.listener.until(lambda: evc.listener.state is not LinkState.UP)
            for number in range(3):
                await arrives(pev_sp, pev, f"undisturbed {number}")
                answered = await pev.session.create_content(
                    pev.mailbox, IDENTITY, f"answer-{number}", "yes", "text/plain:0"
                )
                assert answered == 2001
            assert [state for state, _ in pev.listener.links][-1] is LinkState.UP
            assert pev.listener.ups == 1
            await send(evc_sp, evc.inbox, "meanwhile")
            assert evc.listener.times("meanwhile") == 0
            wire.whole = True
            evc.session.hurry()
            await evc.listener.until(lambda: evc.listener.times("meanwhile") >= 1)

    run(body())


@pytest.mark.usecase("W7", "T2")
def test_the_owners_answer_does_not_wait_for_the_spread(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            Wire(operator).laid() as wire,
            operator.flow(broker_port=wire.port, reconnect_spread_s=NEVER_S) as flow,
        ):
            # Of no effect later: there is no pause to end.
            flow.session.hurry()
            wire.cut()
            await flow.listener.until(lambda: flow.listener.state is LinkState.DOWN)
            with pytest.raises(ProviderUnreachable):
                await flow.session.create_content(flow.mailbox, IDENTITY, "answer", "yes", "text/plain:0")
            wire.whole, wire.attempts = True, 0
            await turns()
            assert flow.listener.state is LinkState.DOWN
            flow.session.hurry()
            await flow.listener.up()
            assert wire.attempts == 1
            made = await flow.session.create_content(flow.mailbox, IDENTITY, "answer", "yes", "text/plain:0")
            assert made == 2001

    run(body())


@pytest.mark.usecase("W7")
@pytest.mark.parametrize(("uptime_s", "waits"), [(30.0, True), (601.0, False)])
def test_a_hub_that_starts_with_the_whole_town_spreads_its_first_attempt_too(
    run: Run, operator: "SystemOperatorSide", uptime_s: float, *, waits: bool
) -> None:
    async def body() -> None:
        async with (
            Wire(operator).laid() as wire,
            operator.flow(broker_port=wire.port, reconnect_spread_s=NEVER_S, uptime_s=uptime_s, wait=not waits) as flow,
        ):
            await turns()
            assert (flow.listener.links == []) is waits
            flow.session.hurry()
            await flow.listener.up()
            assert wire.attempts == 1

    run(body())


@pytest.mark.usecase("W6")
def test_a_cse_that_has_forgotten_everything_is_given_everything_again(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        # Looks at the CSE every real second.
        async with operator.flow(data=(CHARGING,), open_status=True, catch_up_s=20.0) as flow:
            await operator.cse.kill()
            await operator.cse.start()
            async with operator.application("Cevc-sp", register=True) as provider:
                async with asyncio.timeout(30):
                    while (await operator.says("CAdmin", f"{flow.base}/evce")).status != 2000:
                        await asyncio.sleep(0.1)
                await flow.listener.up()
                assert (await provider.subscribe(f"{flow.base}/charging")).status == 2001
                await arrives(provider, flow, "to the new one")

    run(body())
