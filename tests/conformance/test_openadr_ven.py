"""Whatever the hub's VEN sends, and whatever it is answered, held against the Alliance's description (3.1.1)."""

import asyncio
import gc
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest
import yaml

from homeapp.demo.grid.notifier_broker import NotifierAuthentication
from homeapp.demo.grid.objects import PRICE_PROGRAM, rfc3339
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.vtn import BASE_PATH
from homeapp.demo.http_server import HttpAnswer, HttpRequest
from homeapp.model.consent import DataClass
from homeapp.model.grid_report import GridFigure, OperatingState
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferInterval, OfferKind
from homeapp.model.record import DataRecord
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp.acknowledgements import ack_report
from homeapp.providers.grid_sp.decisions import decision_report, plain_decision_report
from homeapp.providers.grid_sp.figures import figure_report
from homeapp.providers.grid_sp.objects import read_event
from homeapp.reporting.records import RecordMaker
from kit.grid_street import HUB, WITHIN_S, Street, decision_about, following, serving
from kit.openadr_description import SPECIFICATION, description

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
ENUMERATIONS = SPECIFICATION.parent / "enumerations"


@cache
def payload_schemas() -> Mapping[str, Any]:
    told = yaml.safe_load((ENUMERATIONS / "report-payloads.schema.yaml").read_text(encoding="utf-8"))
    definitions: Mapping[str, Any] = told["definitions"]
    return definitions


def check_report(report: Any) -> set[str]:
    """As a reportRequest, and its values as the enumerations have them; the types of payloads that these know."""
    description().validate("reportRequest", report)
    known = set()
    for resource in report["resources"]:
        for item in (item for interval in resource["intervals"] for item in interval["payloads"]):
            if item["type"] in payload_schemas():
                schema = {key: value for key, value in payload_schemas()[item["type"]].items() if key != "$id"}
                jsonschema_rs.Draft4Validator(schema).validate(item["values"])
                known.add(item["type"])
    return known


def figures(state: OperatingState = OperatingState.IDLE_NORMAL, soc_pct: float = 64.0) -> DataRecord:
    make = RecordMaker(home=HUB, key=bytes(32), car=lambda: None, now=lambda: NOON)
    body = {"event_id": "event-1", "at": NOON.isoformat(), "operating_state": state.value, "soc_pct": soc_pct}
    return make.grid_report("grid_sp", NOON, body | {"capacity_wh": 6e4, "max_charge_w": 11e3, "max_feed_w": 0.0})


@pytest.mark.usecase("T1", "A1")
@pytest.mark.parametrize("state", OperatingState)
@pytest.mark.parametrize("soc_pct", [0.0, 33.3, 100.0])
def test_figures_are_those_of_the_enumerations(state: OperatingState, soc_pct: float) -> None:
    assert check_report(figure_report(figures(state, soc_pct), "homeapp")) == set(GridFigure)


def test_an_acknowledgement_is_a_proper_report() -> None:
    event = read_event({"id": "event-1", "programID": "p", "reportDescriptors": [{"payloadType": "ACK"}]})
    check_report(ack_report(event, "homeapp"))


@pytest.mark.parametrize("choice", Choice)
def test_each_decision_is_a_proper_report(choice: Choice) -> None:
    offer = Offer(
        offer_id="event-1",
        revision=1,
        sp_id="grid_sp",
        sp_name="Grid operator",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOON,
        expires_at=NOON,
        intervals=(OfferInterval(start=NOON, end=NOON + timedelta(hours=1), setpoint_w=-5000.0),),
        title="Feed",
    )
    decision = Decision(
        decision_id="d",
        offer_key=offer.key,
        offer_revision=1,
        offer_digest=offer.digest(),
        choice=choice,
        decided_at=NOON,
        decided_by="owner",
    )
    message = DecisionMessage(decision=decision, offer=offer, not_after=NOON)
    partly = replace(message, decision=replace(decision, committed_w=2000.0, committed_wh=1500.0))
    assert check_report(decision_report(partly, client_name="homeapp", compact_jws="a.b.c")) == {"USAGE_FORECAST"}
    check_report(decision_report(message, client_name="homeapp", compact_jws="a.b.c"))
    check_report(plain_decision_report(message, client_name="homeapp"))


class Witness:
    """Sits in the server and holds each exchange against the description of its operation."""

    def __init__(self, street: Street) -> None:
        self.checked: set[tuple[str, str, int]] = set()
        self.faults: list[str] = []
        self._answer = street.vtn._respond
        street.vtn._respond = self._respond  # type: ignore[method-assign]

    async def _respond(self, request: HttpRequest) -> HttpAnswer | None:
        answer = await self._answer(request)
        assert answer is not None
        url = urlsplit(request.path)
        path = url.path.removeprefix(BASE_PATH)
        content_type = request.headers.get("content-type", "").partition(";")[0]
        try:
            description().check_request(request.method, path, parse_qs(url.query), content_type, request.body)
            description().check_answer(request.method, path, answer.status, json.loads(answer.body))
        except (jsonschema_rs.ValidationError, AssertionError, KeyError) as error:
            self.faults.append(f"{request.method} {request.path}: {str(error)[:500]}")
        template, _ = description().operation(request.method, path)
        self.checked.add((request.method, template, answer.status))
        return answer


# httpcore leaves the socket of a request that is cancelled to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usecase("T1", "T2", "S4", "S6", "A1", "W5", "W6")
@pytest.mark.skipif(shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None, reason="there is no mosquitto")
def test_a_life_of_the_ven_from_registration_to_erasure(tmp_path: Path) -> None:
    street = Street(tmp_path, mqtt=True)
    assert street.vtn.notifier is not None
    street.vtn.notifier.authentication = NotifierAuthentication.CERTIFICATE
    street.vtn.oddities = Oddities(hidden_targets=True)
    witness = Witness(street)
    agreed = (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)
    asks = {
        "programID": PRICE_PROGRAM,
        "intervalPeriod": {"start": rfc3339(street.clock.now()), "duration": "PT0S"},
        "reportDescriptors": [{"payloadType": name, "frequency": 0} for name in (*GridFigure, "ACK")],
    }

    async def body() -> None:
        async with serving(street):
            async with following(ven := street.ven(agreed=agreed)) as inbox:
                await inbox.until(lambda: inbox.links[-1:] == [(LinkState.UP, None)])
                street.vtn.grant()
                street.vtn.publish_offer(street.offer())
                event_id = street.vtn.publish_event(asks)
                await inbox.until(lambda: inbox.offers and inbox.wishes and inbox.wishes[-1])
                await ven.deliver(decision_about(inbox.offers[0]))
                record = figures()
                await ven.disclose(replace(record, body={**record.body, "event_id": event_id}))
                polls = street.count("GET", "/programs")
                await street.vtn.wait_for(lambda: street.count("GET", "/programs") > polls + 2, WITHIN_S)
            await street.ven().erase(set(DataClass))

    asyncio.run(body())
    gc.collect()
    assert witness.faults == []
    assert witness.checked >= {
        ("GET", "/auth/server", 200),
        ("POST", "/auth/token", 200),
        ("POST", "/vens", 201),
        ("GET", "/vens/{venID}", 200),
        ("POST", "/resources", 201),
        ("GET", "/resources", 200),
        ("GET", "/notifiers", 200),
        ("GET", "/notifiers/mqtt/topics/vens/{venID}", 200),
        ("GET", "/notifiers/mqtt/topics/vens/{venID}/events", 200),
        ("GET", "/notifiers/mqtt/topics/vens/{venID}/programs", 200),
        ("GET", "/notifiers/mqtt/topics/programs", 200),
        ("GET", "/notifiers/mqtt/topics/programs/{programID}/events", 200),
        ("POST", "/reports", 201),
        ("DELETE", "/reports/{reportID}", 200),
        ("DELETE", "/resources/{resourceID}", 200),
        ("DELETE", "/vens/{venID}", 200),
    }
