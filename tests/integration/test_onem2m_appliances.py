"""Appliance resources of TS-0023 at a real CSE: opt-in, for one provider, and talkative only about changes."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from homeapp.demo.operator.onem2m_application import ChangedResource, EventType, Onem2mApplication, Operation
from homeapp.providers.onem2m.appliances import ApplianceStatus
from homeapp.providers.onem2m.codec import Request

if TYPE_CHECKING:
    from tests.integration.conftest import Flow, SystemOperatorSide

Run = Callable[[Coroutine[Any, Any, None]], None]

IDLE = ApplianceStatus(charging=None, power_w=0.0, soc_pct=None, fault=False)
CHARGING = ApplianceStatus(
    charging=True,
    power_w=7_360.0,
    soc_pct=41.6,
    fault=False,
    meter_import_wh=1_234_567.0,
    meter_export_wh=89_040.0,
    meter_power_w=7_512.0,
)
MODULES = ("evce/connector", "evce/battery", "evce/fault", "meter/import", "meter/export")


def updates(flow: "Flow") -> list[Request]:
    """Keeps what this session asks the CSE to change from now on."""
    seen: list[Request] = []
    transport = flow.session._transport
    assert transport is not None
    request = transport.request

    async def noting(primitive: Request) -> Any:
        if primitive.op in (Operation.CREATE, Operation.UPDATE):
            seen.append(primitive)
        return await request(primitive)

    transport.request = noting  # type: ignore[method-assign]
    return seen


async def until_there(operator: "SystemOperatorSide", flow: "Flow", path: str) -> dict[str, Any]:
    """The attributes of a module as the provider reads them, once it is there."""
    async with asyncio.timeout(20):
        while (found := await operator.says("Cevc-sp", f"{flow.base}/{path}")).status != 2000:
            await asyncio.sleep(0.05)
    attributes = next(iter(found.content.values()))
    assert isinstance(attributes, dict)
    return attributes


async def changed(provider: Onem2mApplication) -> ChangedResource:
    async with asyncio.timeout(20):
        return await provider.changes.get()


@pytest.mark.usecase("F1", "F3", "W1")
def test_a_subscribed_provider_is_notified_of_a_change(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            operator.flow(open_status=True) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            flow.session.publish_status(flow.mailbox, replace(CHARGING, charging=None, power_w=0.0))
            assert (await until_there(operator, flow, "evce/connector"))["sus"] is False
            for path in ("evce/connector", "evce/battery"):
                subscribed = await provider.subscribe(f"{flow.base}/{path}", EventType.UPDATE_OF_RESOURCE)
                assert subscribed.status == 2001
            flow.session.publish_status(flow.mailbox, CHARGING)
            told = {item.tag: item.attributes for item in (await changed(provider), await changed(provider))}
            assert told["cod:elVCr"]["sus"] is True
            assert (told["cod:bat"]["charg"], told["cod:bat"]["discg"]) == (True, False)

    run(body())


@pytest.mark.usecase("F2b", "W1", "W3")
def test_the_values_are_coarse_and_in_the_units_of_the_standard(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(open_status=True) as flow:
            flow.session.publish_status(flow.mailbox, replace(CHARGING, power_w=-7_360.0, meter_power_w=-2_480.0))
            battery = await until_there(operator, flow, "evce/battery")
            assert (battery["lvl"], battery["charg"], battery["discg"]) == (42, False, True)
            meter_in = await until_there(operator, flow, "meter/import")
            assert (meter_in["abECn"], meter_in["power"]) == (1_234_600.0, 0.0)
            out = await until_there(operator, flow, "meter/export")
            assert (out["roEGn"], out["mulFs"], out["poGDa"]) == (89_000, 1, 2_500.0)
            assert (await until_there(operator, flow, "evce/fault"))["sus"] is False

    run(body())


@pytest.mark.usecase("W4", "W8")
def test_a_foreign_application_is_refused_every_node(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(open_status=True) as flow:
            flow.session.publish_status(flow.mailbox, CHARGING)
            for path in MODULES:
                await until_there(operator, flow, path)
            async with operator.application("Cother", register=True) as other:
                for path in (*MODULES, "evce", "meter"):
                    to = f"{flow.base}/{path}"
                    assert (await other.request({"op": Operation.RETRIEVE, "to": to})).status == 4103
                    assert (await other.subscribe(to, EventType.UPDATE_OF_RESOURCE)).status == 4103
            changing = {"cod:bat": {"lvl": 1}}
            forged = await operator.says("Cevc-sp", f"{flow.base}/evce/battery", op=Operation.UPDATE, pc=changing)
            assert forged.status == 4103

    run(body())


@pytest.mark.usecase("W8")
def test_without_the_owners_wish_there_are_none_and_withdrawn_they_are_gone(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow() as flow:
            flow.session.publish_status(flow.mailbox, CHARGING)
            await flow.session._set_up()
            for path in ("evce", "meter"):
                assert (await operator.says("CAdmin", f"{flow.base}/{path}")).status == 4004
        async with operator.flow(flow.hub, open_status=True) as flow:
            flow.session.publish_status(flow.mailbox, CHARGING)
            await until_there(operator, flow, "evce/battery")
        async with operator.flow(flow.hub) as flow:
            flow.session.publish_status(flow.mailbox, IDLE)
            await flow.session._set_up()
            for path in ("evce", "meter"):
                assert (await operator.says("CAdmin", f"{flow.base}/{path}")).status == 4004
            assert (await operator.says("CAdmin", f"{flow.base}/acp-status-evc_sp")).status == 4004

    run(body())


@pytest.mark.usecase("W7")
def test_what_has_not_changed_is_not_told_again_and_quick_changes_are_told_as_one(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow(open_status=True) as flow:
            flow.session.publish_status(flow.mailbox, CHARGING)
            for path in MODULES:
                await until_there(operator, flow, path)
            asked = updates(flow)
            # Within the grain, and the same.
            flow.session.publish_status(flow.mailbox, replace(CHARGING, meter_power_w=7_530.0, soc_pct=41.9))
            flow.session.publish_status(flow.mailbox, CHARGING)
            for soc_pct in range(50, 60):
                flow.session.publish_status(flow.mailbox, replace(CHARGING, soc_pct=float(soc_pct)))
            async with asyncio.timeout(20):
                while not asked:
                    await asyncio.sleep(0.05)
            assert [(item.op, item.to.removeprefix(f"{flow.base}/"), item.pc) for item in asked] == [
                (Operation.UPDATE, "evce/battery", {"cod:bat": {"lvl": 59}})
            ]
            # What is not known any more is taken back, but for what the class must have.
            flow.session.publish_status(flow.mailbox, replace(IDLE, fault=True))
            async with asyncio.timeout(20):
                while len(asked) < 6:
                    await asyncio.sleep(0.05)
            told = {item.to.removeprefix(f"{flow.base}/"): item.pc for item in asked[1:]}
            assert told == {
                "evce/connector": {"cod:elVCr": {"sus": False}},
                "evce/battery": {"cod:bat": {"charg": None, "discg": None}},
                "evce/fault": {"cod:fauDn": {"sus": True}},
                "meter/import": {"cod:eneCn": {"power": None}},
                "meter/export": {"cod:eneGn": {"roEGn": None, "poGDa": None}},
            }

    run(body())


@pytest.mark.usecase("W6")
def test_appliances_that_somebody_deletes_come_back_with_their_values(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(open_status=True) as flow:
            flow.session.publish_status(flow.mailbox, CHARGING)
            await until_there(operator, flow, "meter/export")
            assert (await operator.says("CAdmin", f"{flow.base}/evce", op=Operation.DELETE)).status == 2002
            flow.session.publish_status(flow.mailbox, replace(CHARGING, soc_pct=77.0))
            assert (await until_there(operator, flow, "evce/battery"))["lvl"] == 77

    run(body())


@pytest.mark.usecase("W6")
def test_a_hub_that_starts_again_takes_back_what_is_not_known_any_more(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with operator.flow(open_status=True) as flow:
            flow.session.publish_status(flow.mailbox, CHARGING)
            await until_there(operator, flow, "meter/export")
        async with operator.flow(flow.hub, open_status=True) as flow:
            # The battery without a level cannot be made, so its last level stands; the connector tells that it is gone.
            flow.session.publish_status(flow.mailbox, replace(CHARGING, charging=None, power_w=0.0, soc_pct=40.0))
            async with asyncio.timeout(20):
                while (await until_there(operator, flow, "evce/battery")).get("charg") is not None:
                    await asyncio.sleep(0.05)
            assert (await until_there(operator, flow, "evce/connector"))["sus"] is False

    run(body())
