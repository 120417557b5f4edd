"""What the demo VTN does oddly on demand, each as it was seen in the field."""

import base64
import re
from dataclasses import fields
from pathlib import Path

import pytest

from homeapp.demo.grid.dialect import Dialect
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.objects import GROUP, OTHER_PROGRAM, PRICE_PROGRAM, USAGE_EVENT
from homeapp.demo.grid.oddities import Oddities, Oddity, departures
from homeapp.demo.grid.store import Json
from homeapp.demo.operator.pki import StreetAuthority
from kit.vtn_client import BUSINESS, SECRETS, VEN, VtnClient, make_vtn

VEN_REQUEST: Json = {"objectType": "VEN_VEN_REQUEST", "venName": "home"}
REPORT: Json = {"eventID": USAGE_EVENT, "clientName": "homeapp", "reportName": "r", "resources": []}
CREDENTIALS = {"grant_type": "client_credentials", "client_id": VEN, "client_secret": SECRETS[VEN]}
BASIC = {"authorization": "Basic " + base64.b64encode(f"{VEN}:{SECRETS[VEN]}".encode()).decode()}


def odd(*oddities: Oddity) -> VtnClient:
    return VtnClient(make_vtn(oddities=departures(*oddities)), VEN, by_the_book=False).log_in()


def test_each_oddity_departs_somewhere_and_together_they_are_all_of_them() -> None:
    assert len(Oddity) == 11
    for oddity in Oddity:
        assert departures(oddity) != Oddities()
    together = departures(*Oddity)
    for field in fields(Oddities):
        parts = {getattr(departures(oddity), field.name) for oddity in Oddity} - {False, None}
        assert getattr(together, field.name) == next(iter(parts), field.default)
    assert departures() == Oddities()


def test_naive_times() -> None:
    program = odd(Oddity.NAIVE_TIMES).get("/programs")[0]
    assert program["createdDateTime"] == program["modificationDateTime"] == "2027-01-15 12:00:00"
    vtn = make_vtn(oddities=departures(Oddity.NAIVE_TIMES), dialect=Dialect.V3_0_1)
    old = VtnClient(vtn, VEN, by_the_book=False, base_path="/openadr3/3.0.1").log_in()
    assert old.get("/programs")[0]["createdDateTime"] == "12:00:00"


def test_token_without_expiry() -> None:
    status, told = odd(Oddity.TOKEN_WITHOUT_EXPIRY).send("POST", "/auth/token", form=CREDENTIALS)
    assert status == 200
    assert "expires_in" not in told
    assert isinstance(told["scope"], list)


def test_token_form_only() -> None:
    client = odd(Oddity.TOKEN_FORM_ONLY)
    grant = {"grant_type": "client_credentials"}
    assert client.send("POST", "/auth/token", form=grant, headers=BASIC)[0] == 400
    assert client.send("POST", "/auth/token", form=CREDENTIALS | {"client_secret": "wrong"})[0] == 403
    client.token = "made-up"
    client.refused(403, "GET", "/programs")
    client.token = None
    client.refused(401, "GET", "/programs")
    by_the_book = VtnClient(make_vtn(), VEN)
    assert by_the_book.send("POST", "/auth/token", form=grant, headers=BASIC, sound=False)[0] == 200
    wrong = {"authorization": "Basic !"}
    status, problem = by_the_book.send("POST", "/auth/token", form=grant, headers=wrong, sound=False)
    assert (status, problem["error"]) == (400, "invalid_request")


def test_foreign_and_double_events() -> None:
    events = odd(Oddity.FOREIGN_AND_DOUBLE_EVENTS).get("/events", programID=PRICE_PROGRAM)
    assert events[0]["programID"] == OTHER_PROGRAM
    assert events[::2] == events[1::2]


def test_topics_do_magic(tmp_path: Path) -> None:
    notifier = MqttNotifier(tmp_path, StreetAuthority())
    vtn = make_vtn(oddities=departures(Oddity.TOPICS_DO_MAGIC), notifier=notifier)
    client = VtnClient(vtn, VEN, by_the_book=False).log_in()
    ven_id = client.post("/vens", VEN_REQUEST)["id"]
    assert client.get(f"/notifiers/mqtt/topics/vens/{ven_id}/events") == "do some magic!"
    client.refused(403, "GET", "/notifiers/mqtt/topics/events")
    client.refused(403, "GET", f"/notifiers/mqtt/topics/programs/{PRICE_PROGRAM}/events")
    assert client.get("/notifiers/mqtt/topics/programs")["topics"]["CREATE"]


def test_one_ven_per_client() -> None:
    client = odd(Oddity.ONE_VEN_PER_CLIENT)
    made = client.post("/vens", VEN_REQUEST)
    client.refused(409, "POST", "/vens", VEN_REQUEST | {"venName": "another"})
    assert client.get("/vens") == [made]
    usual = VtnClient(make_vtn(), VEN).log_in()
    for name in ("home", "another"):
        usual.post("/vens", VEN_REQUEST | {"venName": name})


def test_broken_webhooks_store_what_they_answer_with_500() -> None:
    client = odd(Oddity.BROKEN_WEBHOOKS)
    for path, body in (("/vens", VEN_REQUEST), ("/reports", REPORT)):
        client.refused(500, "POST", path, body)
        assert len(client.get(path)) == 1


def test_unchecked_values() -> None:
    vtn = make_vtn(oddities=departures(Oddity.UNCHECKED_VALUES))
    business = VtnClient(vtn, BUSINESS, by_the_book=False).log_in()
    event = {"programID": PRICE_PROGRAM, "priority": "high", "colour": "green", "intervals": "many"}
    assert business.post("/events", event)["colour"] == "green"
    vtn.publish_event(event | {"targets": [{"type": "GROUP"}, 5]})
    told = str(business.get("/events"))
    for sign in ("'abc'", "nan", "'-PT1H'"):
        assert sign in told


@pytest.mark.usecase("W8")
def test_hidden_targets_are_seen_when_the_operator_gives_them() -> None:
    vtn = make_vtn(oddities=departures(Oddity.HIDDEN_TARGETS))
    ven = VtnClient(vtn, VEN, by_the_book=False).log_in()
    ven.post("/vens", VEN_REQUEST)
    assert ven.get("/programs")
    assert ven.get("/events") == ven.get("/events", targets=[GROUP]) == []
    vtn.grant()
    assert ven.get("/vens")[0]["targets"] == [GROUP]
    assert ven.get("/events") == []
    events = ven.get("/events", targets=[GROUP])
    assert {event["programID"] for event in events} == {PRICE_PROGRAM}
    assert all(event["targets"] == [GROUP] for event in events)


def test_stale_tokens() -> None:
    client = odd(Oddity.STALE_TOKENS)
    for _ in range(3):
        client.get("/programs")
    client.refused(403, "GET", "/programs")
    client.log_in().get("/programs")


def test_reports_of_one_name_and_nothing_deleted() -> None:
    vtn = make_vtn(oddities=Oddities(one_report_per_name=True, no_deletion=True))
    client = VtnClient(vtn, VEN, by_the_book=False).log_in()
    made = client.post("/reports", REPORT)
    client.refused(409, "POST", "/reports", REPORT)
    client.refused(403, "GET", "/reports")
    client.refused(403, "DELETE", f"/reports/{made['id']}")


def test_no_login_discovery_and_no_wish_for_readings() -> None:
    vtn = make_vtn(oddities=Oddities(no_auth_server=True, no_usage_wanted=True))
    client = VtnClient(vtn, VEN, by_the_book=False).log_in()
    client.refused(404, "GET", "/auth/server")
    events = client.get("/events")
    assert events
    assert not any(re.fullmatch(USAGE_EVENT, event["id"]) for event in events)
