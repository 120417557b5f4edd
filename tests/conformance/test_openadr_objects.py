"""Each request of the hub's VEN and each answer of the demo VTN against the Alliance's own description (3.1.1)."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jsonschema_rs
import pytest
import yaml

from homeapp.clock import SharedClock
from homeapp.demo.grid.objects import DrKind, DrOffer, offer_event, programs, receipt_event
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.vtn import BASE_PATH, DemoVtn
from homeapp.demo.http_server import HttpRequest
from homeapp.model.consent import DataClass
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferInterval, OfferKind, Receipt
from homeapp.model.period import Quality
from homeapp.model.record import DataRecord, Value
from homeapp.model.tariff import Tariff
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp import client
from homeapp.providers.grid_sp.decisions import decision_report
from homeapp.providers.grid_sp.provider import GridSp
from homeapp.providers.grid_sp.usage import usage_report
from homeapp.reporting.records import RecordMaker
from homeapp.settings import GridSpSettings

SPECIFICATION = Path(__file__).parent / "openadr-3.1.1" / "openadr3.yaml"
NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)

Validate = Callable[[str, object], None]


_LEFT_OUT = ("nullable", "example", "default")


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 says ``nullable`` where JSON Schema has a second type."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _as_json_schema(value) for key, value in node.items() if key not in _LEFT_OUT}
    if node.get("nullable") and isinstance(node.get("type"), str):
        made["type"] = [node["type"], "null"]
    return made


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    told = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    for name in ("BlVenRequest", "BlResourceRequest"):
        # As published no ven and no resource can exist: objectMetadata demands objectType VEN, this BL_VEN_REQUEST.
        del told["components"]["schemas"][name]["properties"]["objectType"]
    assert isinstance(told, dict)
    return told


@pytest.fixture(scope="module")
def validate(specification: dict[str, Any]) -> Validate:
    components = _as_json_schema(specification["components"])

    def check(reference: str, value: object) -> None:
        schema = _as_json_schema({"$ref": reference}) if reference.startswith("#") else json.loads(reference)
        root = {"allOf": [schema], "components": components}
        validator = jsonschema_rs.Draft4Validator(root, validate_formats=True)
        validator.validate(json.loads(json.dumps(value, default=float)))

    return check


def _named(name: str) -> str:
    return f"#/components/schemas/{name}"


def _offer(kind: DrKind) -> DrOffer:
    start = NOON + timedelta(hours=3)
    return DrOffer(
        kind=kind,
        start=start,
        end=start + timedelta(hours=1),
        power_w=4200.0,
        title="Tonight",
        text="Less wind",
        reward=Decimal("1.92"),
        min_soc_pct=50.0,
        max_feed_wh=6000.0,
        expires_at=start,
    )


class Streamed(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class WireTap:
    """Stands between VEN and VTN and holds each exchange against the description of its operation."""

    def __init__(self, vtn: DemoVtn, specification: dict[str, Any], validate: Validate) -> None:
        self.checked: set[tuple[str, str, int]] = set()
        self._vtn = vtn
        self._specification = specification
        self._validate = validate

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        target = request.url.raw_path.decode()
        answer = await self._vtn._respond(HttpRequest(request.method, target, headers, request.content))
        assert answer is not None
        template, operation = self._operation(request.method, request.url.path.removeprefix(BASE_PATH))
        self._check_parameters(template, operation, request.url.params)
        if request.content:
            self._check_body(operation["requestBody"], request)
        self._check_answer(operation, answer.status, json.loads(answer.body))
        self.checked.add((request.method, template, answer.status))
        return httpx.Response(answer.status, stream=Streamed(answer.body))

    @asynccontextmanager
    async def http_client(self, _context: ssl.SSLContext) -> AsyncGenerator[httpx.AsyncClient, None]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(self)) as http:
            yield http

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        for template, item in self._specification["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in item:
                return template, item[method.lower()]
        raise AssertionError((method, path))

    def _check_parameters(self, template: str, operation: dict[str, Any], told: Mapping[str, str]) -> None:
        known = {item["name"]: item["schema"] for item in operation.get("parameters", ()) if item["in"] == "query"}
        for name, value in told.items():
            schema = known[name]
            number = schema.get("type") == "integer"
            self._validate(json.dumps(_as_json_schema(schema)), int(value) if number else value)

    def _check_body(self, description: dict[str, Any], request: httpx.Request) -> None:
        ((media_type, content),) = description["content"].items()
        assert request.headers["content-type"] == media_type
        if media_type == "application/json":
            body: object = json.loads(request.content)
        else:
            body = dict(parse_qsl(request.content.decode()))
        self._validate(json.dumps(content["schema"]), body)

    def _check_answer(self, operation: dict[str, Any], status: int, body: object) -> None:
        described = operation["responses"].get(str(status))
        if described is None:
            # Status codes that the description leaves out still carry a problem.
            self._validate(_named("problem"), body)
            return
        if "$ref" in described:
            described = self._specification["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
        self._validate(json.dumps(_as_json_schema(described["content"]["application/json"]["schema"])), body)


class CollectingInbox:
    def __init__(self) -> None:
        self.offers: list[Offer] = []
        self.receipts: list[Receipt] = []
        self.rejections: list[str] = []
        self.polled = asyncio.Event()

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        assert tariff.slots

    async def offer(self, offer: Offer) -> None:
        self.offers.append(offer)

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        raise AssertionError(offer_id)

    def open_offers(self, sp_id: str) -> tuple[str, ...]:
        return ()

    def report_wishes(self, sp_id: str, wishes: object) -> None:
        pass

    async def receipt(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self.polled.set()

    async def health(self, alert: object) -> None:
        raise AssertionError(alert)

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        raise AssertionError(message_id)

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        self.rejections.append(sentence)

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        assert state is not LinkState.DOWN, problem
        if state is LinkState.UP:
            self.polled.set()


class UncheckedSigner:
    key_id = "none"

    def sign(self, payload: bytes, typ: str) -> str:
        return f"{typ}.{len(payload)}.signature"


def _decision(offer: Offer, choice: Choice) -> DecisionMessage:
    decision = Decision(
        decision_id=f"decision-{choice}",
        offer_key=offer.key,
        offer_revision=offer.revision,
        offer_digest=offer.digest(),
        choice=choice,
        decided_at=NOON,
        decided_by="owner",
    )
    return DecisionMessage(decision=decision, offer=offer, not_after=offer.end)


def _plain_offer() -> Offer:
    start = NOON + timedelta(hours=1)
    return Offer(
        offer_id="event-1",
        revision=1,
        sp_id="grid_sp",
        sp_name="Grid operator",
        kind=OfferKind.LOAD_SHED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOON,
        expires_at=start,
        intervals=(OfferInterval(start=start, end=start + timedelta(hours=1), max_w=1400.0),),
        title="Tonight",
    )


def _vtn() -> DemoVtn:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    clock = SharedClock(NOON, time.time(), 20.0)
    return DemoVtn(clock=clock, tls=tls, client_id="ven-0001", client_secret="secret")


def _ven(vtn: DemoVtn) -> GridSp:
    settings = GridSpSettings(name="Grid operator", vtn_url=vtn.url, client_id="ven-0001", poll_s=1.0)
    clock = SharedClock(NOON, time.time(), 20.0)
    return GridSp(settings=settings, client_secret="secret", signer=UncheckedSigner(), hub_id="Chub-0001", clock=clock)


def test_the_published_description_refuses_what_is_not_in_it(validate: Validate) -> None:
    event = {"programID": "p", "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.1]}]}]}
    validate(_named("eventRequest"), event)
    for wrong in (
        {},
        {"programID": "a/b"},
        {"programID": "p", "duration": "1h"},
        {"programID": "p", "intervals": [{}]},
    ):
        with pytest.raises(jsonschema_rs.ValidationError):
            validate(_named("eventRequest"), wrong)
    with pytest.raises(jsonschema_rs.ValidationError):
        validate(_named("objectMetadata"), {"id": "x", "objectType": "EVENT"})


def test_all_that_the_demo_grid_operator_publishes(validate: Validate) -> None:
    for program in programs().values():
        validate(_named("programRequest"), program)
    for asked in DrKind:
        validate(_named("eventRequest"), offer_event(_offer(asked)))
    vtn = _vtn()
    vtn.publish_event(receipt_event("program-tariff", NOON, {"DECISION_ID": "x", "DECISION_STATUS": "CONFIRMED"}))
    for event in vtn.objects("events"):
        validate(_named("event"), event)
    assert len(vtn.objects("events")) == 6


@pytest.mark.parametrize("choice", Choice)
def test_all_decisions_are_proper_report_requests(validate: Validate, choice: Choice) -> None:
    report = decision_report(_decision(_plain_offer(), choice), client_name="homeapp", compact_jws="a.b.c")
    validate(_named("reportRequest"), report)
    with pytest.raises(jsonschema_rs.ValidationError):
        validate(_named("reportRequest"), {key: value for key, value in report.items() if key != "eventID"})


def _quarter(number: int, quality: str) -> DataRecord:
    start = NOON + number * timedelta(minutes=15)
    body: dict[str, Value] = {
        "start": start.isoformat(), "end": (start + timedelta(minutes=15)).isoformat(), "quality": quality,
    }  # fmt: skip
    if quality != "MISSING":
        body |= {"import_wh": 151, "export_wh": 0.5, "evce_charged_wh": 7.0, "evce_fed_wh": 0.0}
    records = RecordMaker(home="Chub-0001", key=bytes(32), car=lambda: None, now=lambda: NOON)
    return records.quarter("grid_sp", body)


@pytest.mark.usecase("S4", "A1")
@pytest.mark.parametrize("quality", Quality)
def test_all_quarter_hours_are_proper_report_requests(validate: Validate, quality: Quality) -> None:
    report = usage_report(_quarter(0, quality), event_id="event-1", client_name="homeapp")
    validate(_named("reportRequest"), report)


@pytest.mark.usecase("S4", "A1", "L4")
def test_readings_are_handed_over_and_deleted_by_the_description(
    specification: dict[str, Any], validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        vtn = _vtn()
        tap = WireTap(vtn, specification, validate)
        monkeypatch.setattr(client, "http_client", tap.http_client)
        ven = _ven(vtn)
        for number, quality in enumerate(Quality):
            await ven.disclose(_quarter(number, quality))
        for item in vtn.objects("reports"):
            validate(_named("report"), item)
        assert {reading.quality for reading in vtn.usage} == set(Quality)
        await ven.erase({DataClass.METERING})
        assert vtn.usage == ()
        assert tap.checked >= {
            ("GET", "/reports", 200),
            ("POST", "/reports", 201),
            ("DELETE", "/reports/{reportID}", 200),
        }

    asyncio.run(body())


@pytest.mark.usecase("A1", "W9")
@pytest.mark.parametrize("oddities", [Oddities(), Oddities(no_auth_server=True, duplicate_events=True)])
def test_a_whole_conversation_follows_the_description(
    specification: dict[str, Any], validate: Validate, monkeypatch: pytest.MonkeyPatch, oddities: Oddities
) -> None:
    async def body() -> None:
        vtn = _vtn()
        vtn.oddities = oddities
        tap = WireTap(vtn, specification, validate)
        monkeypatch.setattr(client, "http_client", tap.http_client)
        for asked in DrKind:
            vtn.publish_offer(_offer(asked))
        ven = _ven(vtn)
        inbox = CollectingInbox()
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            first_life = group.create_task(ven.run(inbox))
            await inbox.polled.wait()
            for offer, choice in zip(inbox.offers, (Choice.ACCEPT, Choice.DECLINE, Choice.ACKNOWLEDGE), strict=True):
                await ven.deliver(_decision(offer, choice))
            inbox.polled.clear()
            vtn.confirm("decision-accept", name_the_report=True)
            await inbox.polled.wait()
            first_life.cancel()
            later = CollectingInbox()
            second_life = group.create_task(_ven(vtn).run(later))
            await later.polled.wait()
            second_life.cancel()
        assert inbox.rejections == []
        assert [receipt.decision_id for receipt in inbox.receipts] == ["decision-accept"]
        assert tap.checked >= {
            ("POST", "/auth/token", 200),
            ("POST", "/vens", 201),
            ("POST", "/vens", 409),
            ("GET", "/vens", 200),
            ("GET", "/programs", 200),
            ("GET", "/programs/{programID}", 200),
            ("GET", "/events", 200),
            ("GET", "/events/{eventID}", 200),
            ("GET", "/reports", 200),
            ("GET", "/reports/{reportID}", 200),
            ("POST", "/reports", 201),
        }
        for kind in ("vens", "reports"):
            for item in vtn.objects(kind):
                validate(_named(kind.removesuffix("s")), item)

    asyncio.run(body())
