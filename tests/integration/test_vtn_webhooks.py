"""The demo VTN calls back those who have subscribed, over HTTPS, after it has made sure whose address it is."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from homeapp.clock import SharedClock
from homeapp.demo.grid.accounts import Account, Role
from homeapp.demo.grid.objects import GROUP, OFFER_PROGRAM, PRICE_PROGRAM, usage_event
from homeapp.demo.grid.oddities import Oddity, departures
from homeapp.demo.grid.vtn import DemoVtn, VtnOptions
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.demo.https_server import HttpsServer
from homeapp.demo.operator.pki import StreetAuthority
from kit.openadr_description import description

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
WITHIN_S = 10.0
SECRETS = {"ven-0001": "secret 1", "bl-0001": "secret 2"}


class Callback(HttpsServer):
    """Gives the echo and notes what it is told."""

    def __init__(self, authority: StreetAuthority) -> None:
        super().__init__(authority.server_context())
        self.echoes = True
        self.failed = 0
        self.told: list[tuple[str, Any]] = []
        self._news = asyncio.Event()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()

    async def _respond(self, request: HttpRequest) -> HttpAnswer:
        if request.method == "GET":
            (echo,) = parse_qs(urlsplit(request.path).query)["echo"]
            return HttpAnswer(200, echo.encode() if self.echoes else b"no")
        if request.path == "/fails":
            self.failed += 1
            return HttpAnswer(500, b"{}")
        self.told.append((request.headers["authorization"], json.loads(request.body)))
        self._news.set()
        return HttpAnswer(200, b"{}")


class Scene:
    """A VTN that serves, a callback that serves, and a client of the VTN."""

    def __init__(self) -> None:
        self.authority = StreetAuthority()
        self.callback = Callback(self.authority)
        accounts = (Account("bl-0001", SECRETS["bl-0001"], Role.BUSINESS),)
        self.vtn = DemoVtn(
            clock=SharedClock(NOON, time.time(), 1.0),
            tls=self.authority.server_context(),
            client_id="ven-0001",
            client_secret=SECRETS["ven-0001"],
            options=VtnOptions(accounts=accounts, callback_tls=self.authority.client_context()),
        )

    def subscription(self, **terms: Any) -> dict[str, Any]:
        operations = {
            "objects": ["EVENT"],
            "operations": ["CREATE", "DELETE"],
            "callbackUrl": f"{self.callback.origin}/told",
            "bearerToken": "mine",
        }
        return {"clientName": "homeapp", "objectOperations": [operations]} | terms

    async def call(self, client_id: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with httpx.AsyncClient(verify=self.authority.client_context(), trust_env=False) as http:
            form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": SECRETS[client_id]}
            token = (await http.post(f"{self.vtn.url}/auth/token", data=form)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = await http.request(method, self.vtn.url + path, json=body, headers=headers)
            return answer.status_code, answer.json()


def with_scene(body: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        scene = Scene()
        async with asyncio.TaskGroup() as tasks:
            serving = [tasks.create_task(peer.run()) for peer in (scene.vtn, scene.callback)]
            await asyncio.gather(scene.vtn.started(), scene.callback.started())
            await body(scene)
            for task in serving:
                task.cancel()

    asyncio.run(main())


def publish(scene: Scene, **terms: Any) -> str:
    return scene.vtn.publish_event(usage_event(NOON) | terms)


def test_who_subscribes_is_told_what_it_asked_for_and_may_see() -> None:
    async def body(scene: Scene) -> None:
        wanted = scene.subscription(programID=PRICE_PROGRAM)
        status, made = await scene.call("ven-0001", "POST", "/subscriptions", wanted)
        assert status == 201
        description().validate("subscription", made)
        first = publish(scene)
        scene.vtn.publish_event(usage_event(NOON), first)
        publish(scene, programID=OFFER_PROGRAM)
        publish(scene, targets=[GROUP])
        scene.vtn.withdraw(first)
        await scene.callback.until(2)
        last = publish(scene)
        await scene.callback.until(3)
        assert {authorization for authorization, _ in scene.callback.told} == {"Bearer mine"}
        for _, told in scene.callback.told:
            description().validate("notification", told)
        assert [(told["operation"], told["object"]["id"]) for _, told in scene.callback.told] == [
            ("CREATE", first), ("DELETE", first), ("CREATE", last),
        ]  # fmt: skip
        place = f"/subscriptions/{made['id']}"
        assert (await scene.call("ven-0001", "GET", place))[1] == made
        assert (await scene.call("ven-0001", "GET", "/subscriptions?objects=EVENT&clientName=homeapp"))[1] == [made]
        assert (await scene.call("ven-0001", "GET", "/subscriptions?objects=REPORT"))[1] == []
        assert (await scene.call("ven-0001", "PUT", place, scene.subscription()))[0] == 200
        assert (await scene.call("ven-0001", "DELETE", place))[0] == 200
        assert (await scene.call("ven-0001", "GET", place))[0] == 404

    with_scene(body)


def test_targets_that_were_granted_and_asked_for_are_told_and_no_others() -> None:
    async def body(scene: Scene) -> None:
        ven = {"objectType": "BL_VEN_REQUEST", "clientID": "ven-0001", "venName": "home", "targets": [GROUP, "b"]}
        await scene.call("bl-0001", "POST", "/vens", ven)
        await scene.call("ven-0001", "POST", "/subscriptions", scene.subscription(targets=[GROUP]))
        publish(scene, targets=["b"])
        seen = publish(scene, targets=[GROUP, "c"])
        await scene.callback.until(1)
        ((_, told),) = scene.callback.told
        assert (told["object"]["id"], told["targets"]) == (seen, [GROUP])

    with_scene(body)


@pytest.mark.parametrize("change", [{"callbackUrl": "http://127.0.0.1:1/"}, {"callbackUrl": "https://127.0.0.1:1/"}])
def test_an_address_that_is_not_safe_or_does_not_answer_is_refused(change: dict[str, str]) -> None:
    async def body(scene: Scene) -> None:
        wanted = scene.subscription()
        wanted["objectOperations"][0] |= change
        assert (await scene.call("ven-0001", "POST", "/subscriptions", wanted))[0] == 400
        scene.callback.echoes = False
        assert (await scene.call("ven-0001", "POST", "/subscriptions", scene.subscription()))[0] == 400
        assert scene.vtn.objects("subscriptions") == []

    with_scene(body)


def test_an_address_that_fails_is_called_no_more() -> None:
    async def body(scene: Scene) -> None:
        failing = scene.subscription()
        failing["objectOperations"][0]["callbackUrl"] = f"{scene.callback.origin}/fails"
        for wanted in (failing, scene.subscription()):
            assert (await scene.call("ven-0001", "POST", "/subscriptions", wanted))[0] == 201
        for _ in range(3):
            publish(scene)
        await scene.callback.until(3)
        assert scene.callback.failed == 1

    with_scene(body)


def test_broken_webhooks_take_any_address_and_say_it_twice_over() -> None:
    async def body(scene: Scene) -> None:
        scene.vtn.oddities = departures(Oddity.BROKEN_WEBHOOKS)
        dead = scene.subscription()
        dead["objectOperations"][0]["callbackUrl"] = "http://127.0.0.1:1/"
        await scene.call("bl-0001", "POST", "/subscriptions", dead)
        await scene.call("bl-0001", "POST", "/subscriptions", scene.subscription())
        event_id = publish(scene)
        await scene.callback.until(1)
        ((_, told),) = scene.callback.told
        assert json.loads(told)["object"]["id"] == event_id
        ven = {"objectType": "VEN_VEN_REQUEST", "venName": "home"}
        assert (await scene.call("ven-0001", "POST", "/vens", ven))[0] == 500
        assert [item["venName"] for item in scene.vtn.objects("vens")] == ["home"]

    with_scene(body)
