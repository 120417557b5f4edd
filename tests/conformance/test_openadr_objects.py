"""Each request of the hub's VEN and each answer of the demo VTN against the Alliance's own description (3.1.1)."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import jsonschema_rs
import pytest

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
from kit.openadr_description import description

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)


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

    def __init__(self, vtn: DemoVtn) -> None:
        self.checked: set[tuple[str, str, int]] = set()
        self._vtn = vtn

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        target = request.url.raw_path.decode()
        answer = await self._vtn._respond(HttpRequest(request.method, target, headers, request.content))
        assert answer is not None
        path = request.url.path.removeprefix(BASE_PATH)
        template, _ = description().operation(request.method, path)
        content_type = request.headers.get("content-type", "")
        query = {key: request.url.params.get_list(key) for key in request.url.params}
        description().check_request(request.method, path, query, content_type, request.content)
        description().check_answer(request.method, path, answer.status, json.loads(answer.body))
        self.checked.add((request.method, template, answer.status))
        return httpx.Response(answer.status, stream=Streamed(answer.body))

    @asynccontextmanager
    async def http_client(self, _context: ssl.SSLContext) -> AsyncGenerator[httpx.AsyncClient, None]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(self)) as http:
            yield http


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


def test_the_published_description_refuses_what_is_not_in_it() -> None:
    event = {"programID": "p", "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.1]}]}]}
    description().validate("eventRequest", event)
    for wrong in (
        {},
        {"programID": "a/b"},
        {"programID": "p", "duration": "1h"},
        {"programID": "p", "intervals": [{}]},
    ):
        with pytest.raises(jsonschema_rs.ValidationError):
            description().validate("eventRequest", wrong)
    with pytest.raises(jsonschema_rs.ValidationError):
        description().validate("objectMetadata", {"id": "x", "objectType": "EVENT"})


def test_all_that_the_demo_grid_operator_publishes() -> None:
    for program in programs().values():
        description().validate("programRequest", program)
    for asked in DrKind:
        description().validate("eventRequest", offer_event(_offer(asked)))
    vtn = _vtn()
    vtn.publish_event(receipt_event("program-tariff", NOON, {"DECISION_ID": "x", "DECISION_STATUS": "CONFIRMED"}))
    for event in vtn.objects("events"):
        description().validate("event", event)
    assert len(vtn.objects("events")) == 6


@pytest.mark.parametrize("choice", Choice)
def test_all_decisions_are_proper_report_requests(choice: Choice) -> None:
    report = decision_report(_decision(_plain_offer(), choice), client_name="homeapp", compact_jws="a.b.c")
    description().validate("reportRequest", report)
    with pytest.raises(jsonschema_rs.ValidationError):
        description().validate("reportRequest", {key: value for key, value in report.items() if key != "eventID"})


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
def test_all_quarter_hours_are_proper_report_requests(quality: Quality) -> None:
    report = usage_report(_quarter(0, quality), event_id="event-1", client_name="homeapp")
    description().validate("reportRequest", report)


@pytest.mark.usecase("S4", "A1", "L4")
def test_readings_are_handed_over_and_deleted_by_the_description(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        vtn = _vtn()
        tap = WireTap(vtn)
        monkeypatch.setattr(client, "http_client", tap.http_client)
        ven = _ven(vtn)
        for number, quality in enumerate(Quality):
            await ven.disclose(_quarter(number, quality))
        for item in vtn.objects("reports"):
            description().validate("report", item)
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
def test_a_whole_conversation_follows_the_description(monkeypatch: pytest.MonkeyPatch, oddities: Oddities) -> None:
    async def body() -> None:
        vtn = _vtn()
        vtn.oddities = oddities
        tap = WireTap(vtn)
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
                description().validate(kind.removesuffix("s"), item)

    asyncio.run(body())
