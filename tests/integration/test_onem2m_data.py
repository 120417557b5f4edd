"""What a provider may read at the system operator: exactly what the owner lets it have, and no longer than that."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.onem2m_application import ContentInstance, Onem2mApplication, Operation, ResourceType
from homeapp.errors import NotConsented, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.providers.onem2m.mqtt_link import MqttVersion

if TYPE_CHECKING:
    from tests.integration.conftest import Flow, SystemOperatorSide

Run = Callable[[Coroutine[Any, Any, None]], None]

CHARGING, METERING, HEALTH = DataClass.CHARGING, DataClass.METERING, DataClass.HEALTH
mosquitto_only = pytest.mark.skipif(
    installed_broker() is not BrokerProgram.MOSQUITTO, reason="mosquitto is not installed"
)


async def put(flow: "Flow", data_class: DataClass, content: str, **options: Any) -> int:
    name = f"rec-{uuid.uuid4().hex}"
    return await flow.session.create_content(flow.mailbox, data_class, name, content, "text/plain:0", **options)


async def taken(application: Onem2mApplication) -> ContentInstance:
    async with asyncio.timeout(20):
        return await application.notifications.get()


@pytest.mark.usecase("F1", "F3", "S3", "W1", "W3", "W8")
def test_the_provider_subscribes_to_what_it_may_have_and_is_notified(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            operator.flow(data=(CHARGING, METERING)) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            for data_class in (CHARGING, METERING):
                assert (await provider.subscribe(f"{flow.base}/{data_class}")).status == 2001
                assert await put(flow, data_class, f"of {data_class}") == 2001
                assert (await taken(provider)).content == f"of {data_class}"

    run(body())


@pytest.mark.usecase("W4", "W8")
def test_nobody_else_may_retrieve_discover_or_subscribe(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,)) as flow:
            await put(flow, CHARGING, "private")
            charging = f"{flow.base}/charging"
            subscription = {"m2m:sub": {"rn": "spy", "nu": ["Cother"], "enc": {"net": [3]}}}
            async with operator.application("Cother", register=True) as other:
                tried = [
                    {"op": Operation.RETRIEVE, "to": charging},
                    {"op": Operation.RETRIEVE, "to": f"{charging}/la"},
                    {"op": Operation.CREATE, "to": charging, "ty": ResourceType.SUBSCRIPTION, "pc": subscription},
                    {"op": Operation.DELETE, "to": charging},
                    {"op": Operation.RETRIEVE, "to": flow.base},
                ]
                assert {(await other.request(primitive)).status for primitive in tried} == {4103}
                found = await other.request({"op": Operation.RETRIEVE, "to": "cse-in", "rcn": 11, "fc": {"fu": 1}})
                assert flow.base not in str(found.content)
            assert (await operator.says("Cevc-sp", f"{charging}/la")).status == 2000
            write = {"m2m:cin": {"con": "forged"}}
            written = await operator.says("Cevc-sp", charging, op=Operation.CREATE, ty=4, pc=write)
            assert written.status == 4103

    run(body())


@pytest.mark.usecase("W8")
def test_nothing_is_there_before_the_owner_agrees(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow() as flow:
            for data_class in DataClass:
                if data_class is not DataClass.IDENTITY:
                    with pytest.raises(NotConsented):
                        await put(flow, data_class, "too early")
                    assert (await operator.says("CAdmin", f"{flow.base}/{data_class}")).status == 4004
            assert await put(flow, DataClass.IDENTITY, "an answer") == 2001
            latest = await operator.says("Cevc-sp", f"{flow.base}/outEvc/la")
            assert latest.content["m2m:cin"]["con"] == "an answer"  # type: ignore[index]

    run(body())


@pytest.mark.usecase("W8")
def test_what_the_owner_agrees_to_is_made_and_what_is_withdrawn_is_deleted(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,)) as flow:
            await put(flow, CHARGING, "old")
        async with operator.flow(flow.hub, data=(METERING,)) as flow:
            with pytest.raises(NotConsented):
                await put(flow, CHARGING, "too late")
            assert await put(flow, METERING, "new") == 2001
            assert (await operator.says("CAdmin", f"{flow.base}/charging")).status == 4004
            assert (await operator.says("CAdmin", f"{flow.base}/acp-charging-evc_sp")).status == 4004
            assert (await operator.says("Cevc-sp", f"{flow.base}/metering/la")).status == 2000

    run(body())


@pytest.mark.usecase("W8")
def test_what_was_withdrawn_while_the_hub_was_away_is_deleted_when_it_comes_back(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING, METERING)) as flow:
            await put(flow, CHARGING, "old")
        async with operator.flow(flow.hub, data=(METERING,)):
            assert (await operator.says("CAdmin", f"{flow.base}/charging")).status == 4004
            assert (await operator.says("CAdmin", f"{flow.base}/metering")).status == 2000

    run(body())


@pytest.mark.usecase("W8")
def test_erased_data_is_gone_and_its_container_comes_back_empty_when_next_used(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with (
            operator.flow(data=(CHARGING, METERING)) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            charging, metering = f"{flow.base}/charging", f"{flow.base}/metering"
            assert (await provider.subscribe(charging)).status == 2001
            for data_class in (CHARGING, METERING):
                await put(flow, data_class, "personal")
            await taken(provider)
            for _ in range(2):
                await flow.session.erase(flow.mailbox, (CHARGING,))
                # A look at the tree does not bring it back.
                await flow.session._set_up()
                assert (await operator.says("CAdmin", charging)).status == 4004
            assert (await operator.says("CAdmin", f"{metering}/la")).status == 2000
            assert await put(flow, CHARGING, "fresh") == 2001
            assert [item.content for item in await provider.contents(charging)] == ["fresh"]
            subscriptions = await operator.says("CAdmin", charging, rcn=6)
            assert "watch-" not in str(subscriptions.content)
            assert provider.notifications.empty()

    run(body())


@pytest.mark.usecase("W8")
def test_without_a_link_erasing_is_to_be_tried_again(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,)) as flow:
            await put(flow, CHARGING, "personal")
        for kinds in ((CHARGING,), (DataClass.IDENTITY,)):
            with pytest.raises(ProviderUnreachable):
                await flow.session.erase(flow.mailbox, kinds)
        assert (await operator.says("CAdmin", f"{flow.base}/charging/la")).status == 2000

    run(body())


def session_is_kept(operator: "SystemOperatorSide", client_id: str, version: MqttVersion) -> bool:
    """Whether the broker still knows a session of this client; blocks."""
    five = version is MqttVersion.V5
    protocol = paho.MQTTv5 if five else paho.MQTTv311
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id, clean_session=None if five else False, protocol=protocol
    )
    client.tls_set_context(operator.authority.client_context(client_id))
    kept: list[bool] = []
    client.on_connect = lambda _client, _data, flags, _code, _properties: kept.append(flags.session_present)
    if five:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 60
        client.connect(operator.broker.host, operator.broker.port, clean_start=False, properties=properties)
    else:
        client.connect(operator.broker.host, operator.broker.port)
    while not kept:
        client.loop(0.1)
    client.disconnect()
    return kept[0]


@mosquitto_only
@pytest.mark.usecase("W8", "W9")
@pytest.mark.parametrize("version", list(MqttVersion))
def test_a_hub_that_leaves_leaves_nothing_behind(
    run: Run, operator: "SystemOperatorSide", version: MqttVersion
) -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,), wait=False) as flow:
            flow.session._binding.version = version  # type: ignore[attr-defined]  # before it has begun to connect
            await flow.listener.up()
            await put(flow, CHARGING, "personal")
        # The broker keeps the session of a hub that is merely away.
        assert await asyncio.to_thread(session_is_kept, operator, flow.hub, version)
        async with operator.flow(flow.hub, data=(CHARGING,), wait=False) as flow:
            flow.session._binding.version = version  # type: ignore[attr-defined]  # before it has begun to connect
            await flow.listener.up()
            for _ in range(2):
                await flow.session.erase(flow.mailbox, (DataClass.IDENTITY, CHARGING))
            assert flow.listener.links[-1] == (LinkState.DOWN, None)
            with pytest.raises(NotConsented):
                await put(flow, DataClass.IDENTITY, "too late")
            assert not flow.task.done()
            assert (await operator.says("CAdmin", flow.base)).status == 4004
            assert not await asyncio.to_thread(session_is_kept, operator, flow.hub, version)

    run(body())


@pytest.mark.usecase("W8")
def test_content_ends_at_the_cse_when_it_is_useless(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,)) as flow:
            now = operator.clock.now()
            assert await put(flow, CHARGING, "lasting", expires_at=now + timedelta(days=2)) == 2001
            lasting = (await operator.says("CAdmin", f"{flow.base}/charging/la")).content["m2m:cin"]
            # The CSE's clock is the machine's, and the hub's is another one.
            assert isinstance(lasting, dict)
            assert "20260101" < lasting["et"] < lasting["ct"][:8].replace("2026", "2035")
            assert await put(flow, CHARGING, "just over", expires_at=now - timedelta(days=2)) == 2001

    run(body())


@pytest.mark.usecase("W6")
def test_content_is_taken_by_a_cse_whose_clock_is_far_ahead(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,)) as flow:
            flow.session._by_the_machines_clock = lambda moment: moment - timedelta(days=3650)  # type: ignore[method-assign]
            expires_at = operator.clock.now() + timedelta(hours=1)
            assert await put(flow, CHARGING, "taken all the same", expires_at=expires_at) == 2001

    run(body())


@pytest.mark.usecase("W6")
def test_a_data_container_that_somebody_deletes_is_made_again(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,)) as flow:
            deleted = await operator.says("CAdmin", f"{flow.base}/charging", op=Operation.DELETE)
            assert deleted.status == 2002
            assert await put(flow, CHARGING, "lost") == 4004
            assert await put(flow, CHARGING, "again") == 2001

    run(body())


@pytest.mark.usecase("W8")
def test_an_answer_that_comes_while_all_is_erased_does_not_bring_it_back(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow() as flow:
            erasing = asyncio.create_task(flow.session.erase(flow.mailbox, (DataClass.IDENTITY,)))
            await asyncio.sleep(0)
            with pytest.raises(NotConsented):
                await put(flow, DataClass.IDENTITY, "too late")
            await erasing
            assert (await operator.says("CAdmin", flow.base)).status == 4004

    run(body())
