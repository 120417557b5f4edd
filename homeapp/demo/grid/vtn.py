"""The grid operator of the demo street: an OpenADR 3.1 VTN over HTTPS, with the oddities of those in the field."""

import asyncio
import json
import secrets
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from homeapp.demo.grid import objects as vtn_objects
from homeapp.demo.grid.decisions import ReceivedDecision, TrustedHub, read_decision
from homeapp.demo.grid.objects import DrOffer
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.store import VtnRefusal, VtnStore
from homeapp.demo.grid.usage import UsageReading, read_usage
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.demo.https_server import HttpsServer
from homeapp.ports import Clock

BASE_PATH = "/openadr3/3.1.1"
_TOKEN_LIFE_S = 3600
_LONGEST_NAME = 128
_PUBLIC = ("programs", "events")


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request and how it was answered; the path without the base and the query."""

    at: datetime
    method: str
    path: str
    status: int


class DemoVtn(HttpsServer):
    """A VTN on a port of its own choice; keeps port and objects when ``run`` is called again, as after an outage.

    Attributes:
        reports: decisions in the order in which they came.
        history: the last 1,000 requests.
        problem_status: answer everything but logins with this status, or None.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tls: ssl.SSLContext,
        client_id: str,
        client_secret: str,
        prices: PriceCurve | None = None,
        hub_key: Mapping[str, str] | None = None,
        hub_id: str = "Chub-0001",
        auto_confirm: bool = False,
        readers: Mapping[str, str] | None = None,
    ) -> None:
        """Serve nothing yet.

        Args:
            clock: the street's.
            tls: of the server, with its certificate.
            client_id: of the one VEN that is known.
            client_secret: its secret.
            prices: what the tariff program announces for today and tomorrow.
            hub_key: the hub's public JWK; without it no decision counts as verified.
            hub_id: ``iss`` of its decisions.
            auto_confirm: confirm every verified OPT_IN at once.
            readers: secrets of other clients by id, who may read programs and events and nothing else.
        """
        super().__init__(tls)
        self.reports: list[ReceivedDecision] = []
        self.history: deque[SeenRequest] = deque(maxlen=1000)
        self.problem_status: int | None = None
        self._clock = clock
        self._credentials = (client_id, client_secret)
        self._readers = dict(readers or {})
        self._hub_id = hub_id
        self._hub = None if hub_key is None else TrustedHub(hub_id, hub_key)
        self._auto_confirm = auto_confirm
        self._store = VtnStore(clock, prices or PriceCurve())
        self._tokens: dict[str, tuple[str, float]] = {}
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """The base URL, for the hub's setting ``vtn_url``; it must have been started."""
        return f"{self.origin}{BASE_PATH}"

    @property
    def oddities(self) -> Oddities:
        """How it misbehaves; may be replaced at any time."""
        return self._store.oddities

    @oddities.setter
    def oddities(self, oddities: Oddities) -> None:
        self._store.oddities = oddities

    @property
    def usage(self) -> tuple[UsageReading, ...]:
        """Energy as reported, in the order in which it came, without what was deleted."""
        return tuple(reading for report in self._store.every("reports") for reading in read_usage(report))

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        """Return when ``predicate`` holds; it is tried again after all that happens here.

        Args:
            predicate: about this VTN.
            timeout_s: s of the machine's time.

        Raises:
            TimeoutError: it did not come to hold.
        """
        async with asyncio.timeout(timeout_s):
            while not predicate():
                await self._news.wait()

    def trust_hub(self, jwk: Mapping[str, str]) -> None:
        """Accept decisions that are signed with the hub's public key."""
        self._hub = TrustedHub(self._hub_id, jwk)

    def publish_offer(self, offer: DrOffer, event_id: str | None = None) -> str:
        """Publish a request; return its event id. With the id of an earlier one it takes that one's place."""
        return self.publish_event(vtn_objects.offer_event(offer), event_id)

    def publish_event(self, event: Mapping[str, Any], event_id: str | None = None) -> str:
        """Publish any eventRequest, sound or not; return its id."""
        identifier: str = self._store.put("EVENT", event, event_id)["id"]
        self._happened()
        return identifier

    def withdraw(self, event_id: str) -> None:
        """Delete an event.

        Raises:
            KeyError: there is none.
        """
        self._store.delete("events", event_id)
        self._happened()

    def confirm(
        self, decision_id: str, *, confirmed: bool = True, reason: str = "", name_the_report: bool = False
    ) -> str:
        """Publish the grid operator's word about a decision that it has received; return the event id.

        Args:
            decision_id: of one in ``reports``.
            confirmed: or rejected.
            reason: for people.
            name_the_report: give only the report's id, as the Dutch DER profile does.

        Raises:
            StopIteration: there is no such decision.
        """
        report = next(item for item in self.reports if item.decision_id == decision_id)
        about = {"REPORT_ID": report.report_id} if name_the_report else {"DECISION_ID": decision_id}
        told = about | {"DECISION_STATUS": "CONFIRMED" if confirmed else "REJECTED", "DECISION_REASON": reason}
        program_id = vtn_objects.OFFER_PROGRAM
        if self._store.has("events", report.event_id):
            program_id = self._store.one("events", report.event_id)["programID"]
        return self.publish_event(vtn_objects.receipt_event(program_id, self._clock.now(), told))

    def revoke_tokens(self) -> None:
        """Forget all tokens, as after a restart of the login server."""
        self._tokens.clear()

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All ``programs``, ``events``, ``vens``, ``resources`` or ``reports`` as they go over the wire."""
        return self._store.every(kind)

    def _happened(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _respond(self, request: HttpRequest) -> HttpAnswer | None:
        url = urlsplit(request.path)
        path = url.path.removeprefix(BASE_PATH)
        try:
            status, body = self._routed(request, path, {key: found[0] for key, found in parse_qs(url.query).items()})
        except VtnRefusal as refusal:
            status, body = refusal.status, {"title": str(refusal), "status": refusal.status}
        self.history.append(SeenRequest(self._clock.now(), request.method, path, status))
        self._happened()
        cut = self.oddities.lost_report_answer and (request.method, path) == ("POST", "/reports")
        return HttpAnswer(status, json.dumps(body, default=float).encode(), cut=cut)

    def _routed(self, request: HttpRequest, path: str, query: Mapping[str, str]) -> tuple[int, object]:
        parts = path.strip("/").split("/")
        match request.method, parts:
            case "GET", ["auth", "server"] if not self.oddities.no_auth_server:
                return 200, {"tokenURL": f"{self.url}/auth/token"}
            case "POST", ["auth", "token"]:
                return 200, self._token(request)
            case _, ["auth", *_]:
                raise VtnRefusal(404, "Not found")
        return self._object(request, parts, query)

    def _object(self, request: HttpRequest, parts: list[str], query: Mapping[str, str]) -> tuple[int, object]:
        client_id = self._client_of(request)
        if client_id != self._credentials[0] and (request.method != "GET" or parts[0] not in _PUBLIC):
            raise VtnRefusal(403, "This client may read programs and events")
        match request.method, parts:
            case "GET", [kind]:
                return 200, self._store.page(kind, query)
            case "GET", [kind, object_id]:
                return 200, self._store.one(kind, object_id)
            case "POST", ["vens"]:
                return 201, self._add_ven(_body(request))
            case "POST", ["resources"]:
                return 201, self._add_resource(_body(request))
            case "POST", ["reports"]:
                return 201, self._add_report(_body(request))
            case "DELETE", ["reports", report_id]:
                return 200, self._delete_report(report_id)
        raise VtnRefusal(404, "Not found")

    def _token(self, request: HttpRequest) -> dict[str, object]:
        """RFC 6749, 4.4: id and secret in the form body; HTTP Basic is not understood."""
        form = {key: found[0] for key, found in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            raise VtnRefusal(400, "unsupported_grant_type")
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if (self._readers | dict([self._credentials])).get(client_id) != secret:
            raise VtnRefusal(403, "invalid_client")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = client_id, self._clock.monotonic() + _TOKEN_LIFE_S
        answer: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
        if self.oddities.no_expiry:
            return answer | {"scope": ["read_targets", "write_reports"]}
        return answer | {"scope": "read_targets read_ven_objects write_reports", "expires_in": _TOKEN_LIFE_S}

    def _client_of(self, request: HttpRequest) -> str:
        told = request.headers.get("authorization", "")
        if not told:
            raise VtnRefusal(401, "No token")
        client_id, over_s = self._tokens.get(told.removeprefix("Bearer "), ("", 0.0))
        if over_s <= self._clock.monotonic():
            raise VtnRefusal(403 if self.oddities.forbidden_for_dead_token else 401, "The token is not valid")
        if self.problem_status is not None:
            raise VtnRefusal(self.problem_status, "As ordered")
        return client_id

    def _add_ven(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One for each client."""
        if body.get("objectType") != "VEN_VEN_REQUEST":
            raise VtnRefusal(400, "A VEN may only send a VEN_VEN_REQUEST")
        ven = {"venName": _name(body, "venName"), "clientID": self._credentials[0]}
        if self._store.every("vens"):
            raise VtnRefusal(409, "This client has a ven object already")
        return self._made("VEN", ven)

    def _add_resource(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("objectType") != "VEN_RESOURCE_REQUEST" or not self._store.has("vens", body.get("venID")):
            raise VtnRefusal(400, "A resource belongs to a ven object")
        name = _name(body, "resourceName")
        return self._made("RESOURCE", {"resourceName": name, "venID": body["venID"], "clientID": self._credentials[0]})

    def _add_report(self, body: Mapping[str, Any]) -> dict[str, Any]:
        _name(body, "clientName")
        if not isinstance(body.get("resources"), list):
            raise VtnRefusal(400, "A report has resources")
        if not self._store.has("events", body.get("eventID")):
            raise VtnRefusal(404, "There is no such event")
        known = {report.get("reportName") for report in self._store.every("reports")}
        if self.oddities.one_report_per_name and body.get("reportName") in known:
            raise VtnRefusal(409, "There is a report of that name")
        report = self._made("REPORT", {**body, "clientID": self._credentials[0]})
        if not read_usage(report):
            self._take(read_decision(report, self._hub, self._clock.now()))
        return report

    def _delete_report(self, report_id: str) -> dict[str, Any]:
        if self.oddities.no_deletion:
            raise VtnRefusal(403, "Reports are kept")
        report = self._store.one("reports", report_id)
        self._store.delete("reports", report_id)
        return report

    def _take(self, decision: ReceivedDecision) -> None:
        """A decision acts once, however often it is reported."""
        repeated = any(item.decision_id == decision.decision_id for item in self.reports)
        self.reports.append(decision)
        if self._auto_confirm and decision.is_agreed and not repeated:
            self.confirm(decision.decision_id)

    def _made(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._store.one(f"{kind.lower()}s", self._store.put(kind, body)["id"])


def _body(request: HttpRequest) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        told = json.loads(request.body)
        if isinstance(told, dict):
            return told
    raise VtnRefusal(400, "The body is not a JSON object")


def _name(body: Mapping[str, Any], key: str) -> str:
    told = body.get(key)
    if not isinstance(told, str) or not 1 <= len(told) <= _LONGEST_NAME:
        raise VtnRefusal(400, f"{key} is missing or too long")
    return told
