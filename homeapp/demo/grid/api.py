"""Every path of OpenADR 3.1 at the demo VTN, and those of 3.0.1 on wish."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from homeapp.demo.grid.accounts import Account, Scope
from homeapp.demo.grid.dialect import Dialect, from_3_0_1, in_3_0_1
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.odd_answers import odd_events, plain_dates
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.grid.registry import WRITE_SCOPES, Registry
from homeapp.demo.grid.store import OBJECT_TYPES, Json, VtnStore
from homeapp.demo.grid.tariff_days import TariffDays
from homeapp.demo.grid.tokens import Tokens
from homeapp.demo.grid.topics import Topics
from homeapp.demo.grid.views import Query, Views, page_of
from homeapp.demo.grid.webhooks import Webhooks
from homeapp.demo.http_server import HttpRequest
from homeapp.ports import Clock

_FOR_ALL = (Scope.READ_TARGETS, Scope.READ_ALL)
_FOR_OWNER = (Scope.READ_VEN_OBJECTS, Scope.READ_ALL)
_TOPICS = ["notifiers", "mqtt", "topics"]


class VtnApi:
    """Answers requests.

    Attributes:
        oddities: how it misbehaves; see ``show``.
        problem_status: answer everything but logins with this status, or None.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        dialect: Dialect,
        store: VtnStore,
        views: Views,
        tokens: Tokens,
        tariff: TariffDays,
        webhooks: Webhooks,
        topics: Topics,
        notifier: MqttNotifier | None,
        public: bool,
    ) -> None:
        self.oddities = Oddities()
        self.problem_status: int | None = None
        self.base_path = f"/openadr3/{dialect}"
        self._clock = clock
        self._dialect = dialect
        self._store = store
        self._views = views
        self._tokens = tokens
        self._tariff = tariff
        self._webhooks = webhooks
        self._notifier = notifier
        self._public = public
        self._registry = Registry(store, views)
        self._topics = topics

    def show(self, oddities: Oddities) -> None:
        """Misbehave like this from now on."""
        self.oddities = self._registry.oddities = self._webhooks.oddities = oddities

    async def answer(self, request: HttpRequest, origin: str) -> tuple[int, object]:
        """Status and body for a request.

        Args:
            request: its path includes the base path.
            origin: of this server, for the address of the token endpoint.
        """
        url = urlsplit(request.path)
        parts = url.path.removeprefix(self.base_path).strip("/").split("/")
        try:
            return await self._routed(request, parts, parse_qs(url.query, keep_blank_values=True), origin)
        except VtnRefusal as refusal:
            return refusal.status, refusal.problem()

    def shown(self, item: Json) -> Json:
        """An object in the dialect of this VTN, with its oddities."""
        if self._dialect is Dialect.V3_0_1:
            item = in_3_0_1(item, self._program_of, self._resources_of)
        return plain_dates(item, self._dialect) if self.oddities.plain_dates else item

    async def _routed(self, request: HttpRequest, parts: list[str], query: Query, origin: str) -> tuple[int, object]:
        match request.method, parts:
            case "GET", ["auth", "server"] if not self.oddities.no_auth_server:
                # Where the client has come to, which may be the port of somebody who passes it on.
                host = request.headers.get("host")
                return 200, {"tokenURL": f"{f'https://{host}' if host else origin}{self.base_path}/auth/token"}
            case "POST", ["auth", "token"]:
                account, told = self._tokens.issue(request, self.oddities)
                if self._notifier is not None:
                    await self._notifier.logged_in(account, str(told["access_token"]))
                return 200, told
            case _, ["auth", *_]:
                raise VtnRefusal(404, "There is no such path")
        account = self._tokens.owner(request, self.oddities, public=self._public and request.method == "GET")
        if self.problem_status is not None:
            raise VtnRefusal(self.problem_status, "As ordered")
        return await self._for(account, request, parts, query)

    async def _for(self, account: Account, request: HttpRequest, parts: list[str], query: Query) -> tuple[int, object]:
        self._tariff.refresh()
        ven_id = None
        if self._dialect is Dialect.V3_0_1:
            parts, ven_id = _resources_of_3_0_1(parts)
            query = _query_of_3_0_1(query, ven_id)
        elif request.method == "GET" and parts[0] == "notifiers":
            return 200, self._notifiers(account, parts)
        if parts[0] not in OBJECT_TYPES or len(parts) > 2:
            raise VtnRefusal(404, "There is no such path")
        self._permit(account, request.method, parts[0])
        body = _body(request) if request.method in ("POST", "PUT") else {}
        if self._dialect is Dialect.V3_0_1:
            body = from_3_0_1(parts[0], body, ven_id=ven_id)
        return await self._object(account, request.method, parts, query, body)

    def _permit(self, account: Account, method: str, kind: str) -> None:
        reading = _FOR_ALL if kind in ("programs", "events") else _FOR_OWNER
        scopes = reading if method == "GET" else (WRITE_SCOPES[kind],)
        if not account.may(*scopes):
            raise VtnRefusal(403, f"The token does not allow {method} of {kind}")

    async def _object(
        self, account: Account, method: str, parts: list[str], query: Query, body: Json
    ) -> tuple[int, object]:
        match method, parts:
            case "GET", [kind]:
                return 200, [self.shown(item) for item in self._found(account, kind, query)]
            case "POST", [kind]:
                return 201, self.shown(await self._created(account, kind, body))
            case "GET", [kind, object_id]:
                return 200, self.shown(self._views.one(account, kind, object_id))
            case "PUT", [kind, object_id]:
                if kind == "subscriptions":
                    await self._webhooks.verify(self._registry.checked(account, kind, body))
                return 200, self.shown(self._registry.update(account, kind, object_id, body))
            case "DELETE", [kind, object_id]:
                return 200, self.shown(self._registry.delete(account, kind, object_id))
        raise VtnRefusal(404, "There is no such path")

    def _found(self, account: Account, kind: str, query: Query) -> list[Json]:
        if kind == "reports" and self.oddities.one_report_per_name:
            raise VtnRefusal(403, "Reports cannot be listed")
        if kind == "events" and self.oddities.foreign_events:
            query = {key: values for key, values in query.items() if key != "programID"}
        items = self._views.every(account, kind, query)
        if kind == "events":
            items = odd_events(items, self.oddities, self._clock, self._tariff)
        return page_of(items, query)

    async def _created(self, account: Account, kind: str, body: Json) -> Json:
        if kind == "subscriptions":
            await self._webhooks.verify(self._registry.checked(account, kind, body))
        made = self._registry.create(account, kind, body)
        if self.oddities.broken_webhooks and not account.sees_all:
            raise VtnRefusal(500, "A webhook does not answer")
        return made

    def _notifiers(self, account: Account, parts: Sequence[str]) -> object:
        if list(parts) == ["notifiers"]:
            told: Json = {"WEBHOOK": True}
            return told if self._notifier is None else told | {"MQTT": self._notifier.binding(account)}
        if list(parts[:3]) == _TOPICS and self._notifier is not None:
            return self._topics.answer(account, parts[3:], self.oddities)
        raise VtnRefusal(404, "There is no such path")

    def _program_of(self, event_id: object) -> object:
        return self._store.one("events", event_id)["programID"] if self._store.has("events", event_id) else None

    def _resources_of(self, ven_id: object) -> list[Json]:
        return [item for item in self._store.every("resources") if item["venID"] == ven_id]


def _resources_of_3_0_1(parts: list[str]) -> tuple[list[str], str | None]:
    """``/vens/{venID}/resources`` is ``/resources`` in 3.1."""
    match parts:
        case ["vens", ven_id, "resources", *rest]:
            return ["resources", *rest], ven_id
        case ["resources", *_]:
            raise VtnRefusal(404, "There is no such path")
    return parts, None


def _query_of_3_0_1(query: Query, ven_id: str | None) -> Query:
    told = {**query, "targets": query["targetValues"]} if "targetValues" in query else {**query}
    return told if ven_id is None else {**told, "venID": [ven_id]}


def _body(request: HttpRequest) -> Json:
    with suppress(ValueError, RecursionError):
        told: object = json.loads(request.body)
        if isinstance(told, dict):
            members: Mapping[str, Any] = told
            return dict(members)
    raise VtnRefusal(400, "The body is not a JSON object")
