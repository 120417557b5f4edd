"""The same session where the operator offers no broker: HTTP with polling, against the HTTP binding of a real CSE.

This CSE asks for no client certificate over HTTP, so here only the server proves who it is; ``test_http_link`` has a
front end that asks for one.
"""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from homeapp.demo.operator.onem2m_application import Onem2mApplication, Operation, ResourceType
from homeapp.errors import StoreUnavailable
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.providers.onem2m.appliances import ApplianceStatus
from homeapp.providers.onem2m.codec import Request
from kit import cancelled_requests

pytestmark = cancelled_requests.MARKS

if TYPE_CHECKING:
    from tests.integration.conftest import Flow, SystemOperatorSide

Run = Callable[[Coroutine[Any, Any, None]], None]

CHARGING = DataClass.CHARGING


def over_http(operator: "SystemOperatorSide", **members: Any) -> dict[str, Any]:
    return {"broker_host": "", "http_url": operator.cse.http_url, "poll_s": 4.0, **members}


async def send(application: Onem2mApplication, flow: "Flow", text: str) -> None:
    instance: dict[str, object] = {"rn": f"m-{uuid.uuid4().hex}", "cnf": "text/plain:0", "con": text}
    made = await application.create(flow.inbox, ResourceType.CONTENT_INSTANCE, {"m2m:cin": instance})
    assert made.status == 2001


@pytest.mark.usecase("A6", "F3", "W1", "W2")
def test_what_the_provider_sends_is_found_by_polling_and_the_answer_arrives(
    run: Run, operator: "SystemOperatorSide"
) -> None:
    async def body() -> None:
        async with (
            operator.flow(data=(CHARGING,), **over_http(operator)) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            for text in ("first", "second"):
                await send(provider, flow, text)
                await flow.listener.until(lambda text=text: flow.listener.times(text) == 1)  # type: ignore[misc]
            assert flow.listener.contents == [("first", False), ("second", False)] or flow.listener.times("first") > 1
            for name in ("answer", "answer"):
                await flow.session.create_content(flow.mailbox, DataClass.IDENTITY, name, "yes", "text/plain:0")
            assert [item.content for item in await provider.contents(f"{flow.base}/outEvc")] == ["yes"]
            made = await flow.session.create_content(flow.mailbox, CHARGING, "rec", "plugged in", "text/plain:0")
            assert made == 2001
            assert [item.content for item in await provider.contents(f"{flow.base}/charging")] == ["plugged in"]

    run(body())


@pytest.mark.usecase("W7")
def test_an_inbox_that_has_not_changed_is_not_read_again(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            operator.flow(**over_http(operator, poll_s=1.0)) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            await send(provider, flow, "once")
            await flow.listener.until(lambda: flow.listener.times("once") == 1)
            asked = _retrievals(flow)
            # Read once more where it came in between the two questions of one look, then only asked whether it changed.
            async with asyncio.timeout(20):
                while [(item.to, item.rcn) for item in asked[-5:]] != [(flow.inbox, None)] * 5:
                    await asyncio.sleep(0.02)
            assert flow.listener.times("once") <= 2

    run(body())


def _retrievals(flow: "Flow") -> list[Request]:
    seen: list[Request] = []
    transport = flow.session._transport
    assert transport is not None
    request = transport.request

    async def noting(primitive: Request) -> Any:
        seen.append(primitive)
        return await request(primitive)

    transport.request = noting  # type: ignore[method-assign]
    return seen


@pytest.mark.usecase("W6")
def test_a_message_that_could_not_be_stored_is_shown_again(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            operator.flow(**over_http(operator)) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            flow.listener.failure = StoreUnavailable("The disk is full.")
            await send(provider, flow, "important")
            await flow.listener.until(lambda: flow.listener.times("failed important") >= 2)
            flow.listener.failure = None
            await flow.listener.until(lambda: flow.listener.times("important") == 1)

    run(body())


@pytest.mark.usecase("F3", "W6")
def test_what_came_while_the_hub_was_away_is_caught_up(run: Run, operator: "SystemOperatorSide") -> None:
    """No polling channel is used: what waits in one is gone after seconds, what lies in a container stays."""

    async def body() -> None:
        async with operator.flow(**over_http(operator)) as flow:
            pass
        async with operator.application("Cevc-sp", register=True) as provider:
            await send(provider, flow, "while away")
        async with operator.flow(flow.hub, **over_http(operator)) as flow:
            await flow.listener.until(lambda: flow.listener.times("while away") == 1)
            children = await operator.says("CAdmin", flow.base, rcn=6)
            kinds = {item["typ"] for item in children.content["m2m:rrl"]["rrf"]}  # type: ignore[index]
            assert kinds == {ResourceType.ACP, ResourceType.CONTAINER, ResourceType.CONTENT_INSTANCE}

    run(body())


@pytest.mark.usecase("W8")
def test_status_erasing_and_leaving_work_the_same(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with operator.flow(data=(CHARGING,), open_status=True, **over_http(operator)) as flow:
            status = ApplianceStatus(charging=True, power_w=3_000.0, soc_pct=50.0, fault=False)
            flow.session.publish_status(flow.mailbox, status)
            async with asyncio.timeout(20):
                while (await operator.says("Cevc-sp", f"{flow.base}/evce/battery")).status != 2000:
                    await asyncio.sleep(0.05)
            await flow.session.create_content(flow.mailbox, CHARGING, "rec", "personal", "text/plain:0")
            await flow.session.erase(flow.mailbox, (CHARGING,))
            assert (await operator.says("CAdmin", f"{flow.base}/charging")).status == 4004
            await flow.session.erase(flow.mailbox, (DataClass.IDENTITY,))
            assert (await operator.says("CAdmin", flow.base)).status == 4004
            assert flow.listener.links[-1] == (LinkState.DOWN, None)

    run(body())


@pytest.mark.usecase("W6")
def test_a_deleted_inbox_is_made_again(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        async with (
            operator.flow(**over_http(operator)) as flow,
            operator.application("Cevc-sp", register=True) as provider,
        ):
            ups = flow.listener.ups
            deleted = await operator.says("CAdmin", flow.inbox, op=Operation.DELETE)
            assert deleted.status == 2002
            await flow.listener.until(lambda: flow.listener.ups > ups)
            await send(provider, flow, "again")
            await flow.listener.until(lambda: flow.listener.times("again") == 1)

    run(body())


@pytest.mark.usecase("W6")
def test_a_server_that_is_away_is_waited_for(run: Run, operator: "SystemOperatorSide") -> None:
    async def body() -> None:
        members = over_http(operator, http_url="https://127.0.0.1:9")
        async with operator.flow(wait=False, **members) as flow:
            await flow.listener.until(lambda: "cannot be reached" in str(flow.listener.links))
            assert not flow.task.done()

    run(body())


@pytest.mark.usecase("W6")
def test_gotcha_5_a_retrieval_that_names_a_type_is_refused(run: Run, operator: "SystemOperatorSide") -> None:
    """So the hub names one only with what it creates."""

    async def body() -> None:
        async with httpx.AsyncClient(verify=await operator.context(None), base_url=operator.cse.http_url) as client:
            heads = {"X-M2M-Origin": "CAdmin", "X-M2M-RI": "r-1", "X-M2M-RVI": "4"}
            typed = heads | {"Content-Type": "application/json;ty=4"}
            statuses = [(await client.get("/cse-in", headers=item)).headers["X-M2M-RSC"] for item in (heads, typed)]
        assert statuses == ["2000", "4000"]

    run(body())
