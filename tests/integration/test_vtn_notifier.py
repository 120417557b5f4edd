"""The demo VTN tells changes by MQTT, over TLS, to those who may know."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from homeapp.clock import SharedClock
from homeapp.demo.grid.accounts import Account, Role
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.notifier_broker import NotifierAuthentication
from homeapp.demo.grid.objects import GROUP, PRICE_PROGRAM, usage_event
from homeapp.demo.grid.oddities import Oddity, departures
from homeapp.demo.grid.vtn import DemoVtn, VtnOptions
from homeapp.demo.operator.mosquitto import mosquitto_path
from homeapp.demo.operator.pki import StreetAuthority
from kit.mqtt_ear import MqttEar
from kit.openadr_description import description

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SECRETS = {"ven-0001": "secret 1", "ven-0002": "secret 2", "bl-0001": "secret 3"}
EVENTS = f"openadr3/programs/{PRICE_PROGRAM}/events"

pytestmark = pytest.mark.skipif(mosquitto_path() is None, reason="mosquitto is not installed")


class Operator:
    """A VTN with its broker, and what a client does at it."""

    def __init__(self, folder: Path) -> None:
        self.authority = StreetAuthority()
        self.notifier = MqttNotifier(folder / "notifier", self.authority)
        others = Account("ven-0002", SECRETS["ven-0002"]), Account("bl-0001", SECRETS["bl-0001"], Role.BUSINESS)
        self.vtn = DemoVtn(
            clock=SharedClock(NOON, time.time(), 1.0),
            tls=self.authority.server_context(),
            client_id="ven-0001",
            client_secret=SECRETS["ven-0001"],
            options=VtnOptions(accounts=others, notifier=self.notifier),
        )

    async def log_in(self, http: httpx.AsyncClient, client_id: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": SECRETS[client_id]}
        answer = await http.post(f"{self.vtn.url}/auth/token", data=form)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    async def call(self, http: httpx.AsyncClient, token: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await http.request(method, self.vtn.url + path, json=body, headers=headers)
        return answer.raise_for_status().json()

    def ear(self, user: str = "", password: str = "", tls: ssl.SSLContext | None = None) -> MqttEar:
        port = self.notifier.ports[self.notifier.authentication]
        return MqttEar(port, tls or self.authority.client_context(), user, password)

    def publish(self, **terms: Any) -> str:
        return self.vtn.publish_event(usage_event(NOON) | terms)


Body = Callable[[Operator, httpx.AsyncClient, AsyncExitStack], Awaitable[None]]


def with_operator(folder: Path, body: Body, method: NotifierAuthentication = NotifierAuthentication.ANONYMOUS) -> None:
    async def main() -> None:
        operator = Operator(folder)
        operator.notifier.authentication = method
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(operator.vtn.run())
            await operator.vtn.started()
            async with AsyncExitStack() as stack:
                http = httpx.AsyncClient(verify=operator.authority.client_context(), trust_env=False)
                await body(operator, await stack.enter_async_context(http), stack)
            running.cancel()

    asyncio.run(main())


def test_every_change_of_an_event_is_told_by_the_description(tmp_path: Path) -> None:
    async def body(operator: Operator, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        token = await operator.log_in(http, "ven-0001")
        path = f"/notifiers/mqtt/topics/programs/{PRICE_PROGRAM}/events"
        topics = (await operator.call(http, token, "GET", path))["topics"]
        ear = await stack.enter_async_context(operator.ear())
        await ear.listen(*(topics[operation] for operation in ("CREATE", "UPDATE", "DELETE")))
        event_id = operator.publish()
        operator.vtn.publish_event(usage_event(NOON) | {"priority": 1}, event_id)
        operator.vtn.withdraw(event_id)
        await ear.until(lambda: len(ear.heard) == 3)
        for _, told in ear.heard:
            description().validate("notification", told)
            assert told["object"]["id"] == event_id
        assert [told["operation"] for _, told in ear.heard] == ["CREATE", "UPDATE", "DELETE"]

    with_operator(tmp_path, body)


@pytest.mark.usecase("W8")
def test_without_a_name_only_what_is_for_all_is_heard_and_nobody_else_can_tell_anything(tmp_path: Path) -> None:
    async def body(operator: Operator, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        ear = await stack.enter_async_context(operator.ear())
        await ear.listen("#")
        ear.publish(f"{EVENTS}/create", '"forged"')
        operator.publish(targets=[GROUP])
        operator.vtn.publish_event(usage_event(NOON) | {"eventName": "for all"})
        await ear.until(lambda: ear.heard)
        assert [(topic, told["object"]["eventName"]) for topic, told in ear.heard] == [(f"{EVENTS}/create", "for all")]

    with_operator(tmp_path, body)


@pytest.mark.usecase("W4", "W5")
def test_a_token_is_the_password_and_a_newer_one_ends_it(tmp_path: Path) -> None:
    async def body(operator: Operator, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        token = await operator.log_in(http, "ven-0001")
        binding = (await operator.call(http, token, "GET", "/notifiers"))["MQTT"]
        assert binding["authentication"] == {"method": "OAUTH2_BEARER_TOKEN", "username": "{clientID}"}
        stranger = await stack.enter_async_context(operator.ear("ven-0001", "guessed"))
        assert stranger.let_in is False
        ear = await stack.enter_async_context(operator.ear("ven-0001", token))
        ven = await operator.call(http, token, "POST", "/vens", {"objectType": "VEN_VEN_REQUEST", "venName": "home"})
        topics = await operator.call(http, token, "GET", f"/notifiers/mqtt/topics/vens/{ven['id']}/events")
        await ear.listen(topics["topics"]["CREATE"], f"{EVENTS}/create", "openadr3/events/create")
        operator.vtn.grant()
        targeted, public = operator.publish(targets=[GROUP, "not for this one"]), operator.publish()
        await ear.until(lambda: len(ear.heard) == 2)
        assert [told["object"]["id"] for _, told in ear.heard] == [targeted, public]
        assert ear.heard[0][1]["targets"] == ear.heard[0][1]["object"]["targets"] == [GROUP]
        await operator.log_in(http, "ven-0002")
        operator.publish()
        await ear.until(lambda: len(ear.heard) == 3)
        assert not ear.lost, "the token of another client changes nothing"
        newer = await operator.log_in(http, "ven-0001")
        await ear.until(lambda: ear.lost)
        assert (await stack.enter_async_context(operator.ear("ven-0001", newer))).let_in

    with_operator(tmp_path, body, NotifierAuthentication.TOKEN)


@pytest.mark.usecase("W4", "W5", "W8")
def test_a_certificate_opens_what_is_for_its_client_and_nothing_for_another(tmp_path: Path) -> None:
    async def body(operator: Operator, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        ears = {}
        for client_id in ("ven-0001", "ven-0002"):
            token = await operator.log_in(http, client_id)
            told = (await operator.call(http, token, "GET", "/notifiers"))["MQTT"]["authentication"]
            ven = {"objectType": "VEN_VEN_REQUEST", "venName": client_id}
            await operator.call(http, token, "POST", "/vens", ven)
            tls = await asyncio.to_thread(_client_context, tmp_path, told)
            ears[client_id] = await stack.enter_async_context(operator.ear(tls=tls))
            await ears[client_id].listen("#")
        report = {"eventID": "event-meter-readings", "clientName": "a", "resources": []}
        await operator.call(http, token, "POST", "/reports", report)
        first, second = operator.vtn.objects("vens")
        business = await operator.log_in(http, "bl-0001")
        granting = {
            "objectType": "BL_VEN_REQUEST", "clientID": "ven-0001", "venName": "ven-0001", "targets": [GROUP],
        }  # fmt: skip
        await operator.call(http, business, "PUT", f"/vens/{first['id']}", granting)
        operator.publish(targets=[GROUP])
        operator.publish()
        await ears["ven-0002"].until(lambda: ears["ven-0002"].heard)
        await ears["ven-0001"].until(lambda: len(ears["ven-0001"].heard) == 3)
        own = f"openadr3/clients/ven-0001/vens/{first['id']}"
        assert [topic for topic, _ in ears["ven-0001"].heard] == [
            f"{own}/update", f"{own}/events/create", f"{EVENTS}/create",
        ]  # fmt: skip
        assert [topic for topic, _ in ears["ven-0002"].heard] == [f"{EVENTS}/create"]
        nameless = await stack.enter_async_context(operator.ear())
        assert not nameless.let_in
        assert second["clientID"] == "ven-0002"

    with_operator(tmp_path, body, NotifierAuthentication.CERTIFICATE)


def test_retained_and_in_snake_case(tmp_path: Path) -> None:
    async def body(operator: Operator, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        operator.vtn.oddities = departures(Oddity.RETAINED_SNAKE_CASE)
        event_id = operator.publish()
        operator.vtn.withdraw(event_id)
        token = await operator.log_in(http, "ven-0001")
        path = f"/notifiers/mqtt/topics/programs/{PRICE_PROGRAM}/events"
        topics = (await operator.call(http, token, "GET", path))["topics"]
        ear = await stack.enter_async_context(operator.ear())
        await ear.listen(topics["ALL"])
        await ear.listen(topics["CREATE"])
        await ear.until(lambda: ear.heard)
        ((_, told),) = ear.heard
        assert (told["operation"], told["object"]["id"]) == ("CREATE", event_id), "of what is gone"
        assert told["object"]["program_id"] == PRICE_PROGRAM
        assert told["object_type"] == "EVENT"

    with_operator(tmp_path, body)


def test_after_an_outage_it_tells_again(tmp_path: Path) -> None:
    async def body(operator: Operator, _http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        ear = await stack.enter_async_context(operator.ear())
        await ear.listen(f"{EVENTS}/create")
        operator.publish()
        await ear.until(lambda: ear.heard)

    async def main() -> None:
        operator = Operator(tmp_path)
        for _ in range(2):
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(operator.vtn.run())
                await operator.vtn.started()
                async with AsyncExitStack() as stack, httpx.AsyncClient() as http:
                    await body(operator, http, stack)
                running.cancel()

    asyncio.run(main())


def _client_context(folder: Path, told: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=told["caCert"])
    chain = folder / "chain.pem"
    chain.write_text(told["clientKey"] + told["clientCert"])
    context.load_cert_chain(chain)
    chain.unlink()
    return context
