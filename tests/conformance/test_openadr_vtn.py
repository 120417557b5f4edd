"""The demo VTN against the Alliance's own description (3.1.1): every path, every object, both ways."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeapp.demo.grid.notification import encoded, notification
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.notifier_broker import NotifierAuthentication
from homeapp.demo.grid.objects import OFFER_PROGRAM, PRICE_PROGRAM, USAGE_EVENT
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.grid.requests import (
    REQUESTS,
    BlResourceRequest,
    BlVenRequest,
    VenResourceRequest,
    VenVenRequest,
    checked,
)
from homeapp.demo.grid.store import Json, Operation
from homeapp.demo.operator.pki import StreetAuthority
from kit.openadr_description import description
from kit.vtn_client import BUSINESS, OTHER_VEN, READER, VEN, VtnClient, make_vtn

PERIOD = {"start": "2027-01-15T15:00:00Z", "duration": "PT1H", "randomizeStart": "PT5M"}
INTERVALS = [
    {"id": 0, "payloads": [{"type": "PRICE", "values": [0.25, 1, "0.3", True, {"x": 1.0, "y": 2.0}]}]},
    {"id": 1, "intervalPeriod": {"start": "0001-01-01T00:00:00Z", "duration": "P9999Y"}, "payloads": []},
]
EVENT_DESCRIPTOR = {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE", "units": "KWH", "currency": "EUR"}
REPORT_DESCRIPTOR = {
    "objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": "USAGE", "readingType": "DIRECT_READ", "units": "KWH",
    "accuracy": 0.5, "confidence": 90,
}  # fmt: skip
WANTED = {
    "payloadType": "USAGE", "readingType": None, "units": "KWH", "targets": ["group-1"], "aggregate": True,
    "startInterval": 0, "numIntervals": 4, "historical": True, "frequency": 1, "repeat": -1,
    "reportIntervals": "OPEN_INTERVALS",
}  # fmt: skip
ATTRIBUTES = [{"type": "PROGRAM_TYPE", "values": ["V2G_OFFER-1.0.0"]}]
PROGRAM: Json = {
    "programName": "Night rate",
    "intervalPeriod": PERIOD,
    "programDescriptions": [{"URL": "https://operator.example/night-rate"}],
    "payloadDescriptors": [EVENT_DESCRIPTOR, REPORT_DESCRIPTOR],
    "attributes": ATTRIBUTES,
    "targets": None,
}
EVENT: Json = {
    "programID": PRICE_PROGRAM,
    "eventName": "Tonight",
    "duration": "P1D",
    "priority": 0,
    "targets": None,
    "reportDescriptors": [WANTED],
    "payloadDescriptors": [EVENT_DESCRIPTOR],
    "intervalPeriod": PERIOD,
    "intervals": INTERVALS,
}
REPORT: Json = {
    "eventID": USAGE_EVENT,
    "clientName": "homeapp",
    "reportName": "Quarter hour",
    "payloadDescriptors": [REPORT_DESCRIPTOR],
    "resources": [{"resourceName": "meter", "intervalPeriod": PERIOD, "intervals": INTERVALS}],
}
SUBSCRIPTION: Json = {
    "clientName": "homeapp",
    "programID": PRICE_PROGRAM,
    "objectOperations": [
        {
            "objects": ["EVENT"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "callbackUrl": "https://127.0.0.1:1/told",
            "bearerToken": "t",
        }
    ],
    "targets": ["group-1"],
}
VEN_REQUEST: Json = {"objectType": "VEN_VEN_REQUEST", "venName": "home", "attributes": ATTRIBUTES}
BL_VEN_REQUEST: Json = {
    "objectType": "BL_VEN_REQUEST", "clientID": VEN, "venName": "made for it", "targets": ["group-1"],
    "attributes": ATTRIBUTES,
}  # fmt: skip
RESOURCE_REQUEST: Json = {
    "objectType": "VEN_RESOURCE_REQUEST", "resourceName": "meter", "venID": "ven-1", "attributes": ATTRIBUTES,
}  # fmt: skip
BL_RESOURCE_REQUEST: Json = {
    "objectType": "BL_RESOURCE_REQUEST", "clientID": VEN, "resourceName": "car", "venID": "ven-1",
    "targets": ["group-1"], "attributes": ATTRIBUTES,
}  # fmt: skip
SOUND = {
    "programRequest": (PROGRAM, REQUESTS["programs"]),
    "eventRequest": (EVENT, REQUESTS["events"]),
    "reportRequest": (REPORT, REQUESTS["reports"]),
    "subscriptionRequest": (SUBSCRIPTION, REQUESTS["subscriptions"]),
    "VenVenRequest": (VEN_REQUEST, VenVenRequest),
    "BlVenRequest": (BL_VEN_REQUEST, BlVenRequest),
    "VenResourceRequest": (RESOURCE_REQUEST, VenResourceRequest),
    "BlResourceRequest": (BL_RESOURCE_REQUEST, BlResourceRequest),
}
SENSELESS: tuple[object, ...] = (
    None, True, -1, 0, 1.5, 2**40, "", "a/b", "A", "x" * 129, "PT1H", "-PT1H", "2027-01-15T15:00:00Z", "2027-01-15",
    "2027-01-15 15:00:00", "EVENT", "https://a.example/b", [], ["group-1"], [""], {}, {"x": 1}, {"start": "now"},
    [{"id": 0, "payloads": []}], [{"id": "0", "payloads": []}], [{"type": "PRICE", "values": [None]}],
)  # fmt: skip


def _places(node: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The place of each member of a body, however deep."""
    members: Iterator[tuple[object, object]] = iter(())
    if isinstance(node, dict):
        members = iter(node.items())
    elif isinstance(node, list):
        members = iter(enumerate(node))
    for key, value in members:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _changed(body: Json, place: tuple[Any, ...], value: object, *, gone: bool) -> Json:
    made: Any = copy.deepcopy(body)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    if gone:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    result: Json = made
    return result


def _takes(body: Json, kind: Any) -> bool:
    try:
        checked(body, kind)
    except VtnRefusal:
        return False
    return True


@pytest.mark.parametrize("name", SOUND)
def test_what_the_description_allows_is_taken_whole(name: str) -> None:
    body, kind = SOUND[name]
    description().validate(name, body)
    assert checked(body | {"extra": 1}, kind) == body


@pytest.mark.parametrize("name", SOUND)
def test_the_vtn_takes_what_the_description_allows_and_nothing_else(name: str) -> None:
    """Each member in turn, however deep, is left out and replaced by whatever does not belong there."""
    body, kind = SOUND[name]
    for place in _places(body):
        changes = [_changed(body, place, value, gone=False) for value in SENSELESS]
        for changed in (*changes, _changed(body, place, None, gone=True)):
            assert _takes(changed, kind) == description().accepts(name, changed), (place, changed)


def test_every_path_of_a_ven_and_of_business_logic_is_walked_by_the_description() -> None:
    vtn = make_vtn()
    ven, business = VtnClient(vtn, VEN).log_in(), VtnClient(vtn, BUSINESS).log_in()
    ven.send("GET", "/auth/server")
    _walk_tariff(ven, business)
    _walk_own_objects(ven, business)
    _walk_subscriptions(ven)
    walked = {(method, template) for method, template, status in ven.seen | business.seen if status in (200, 201)}
    described = {
        (method.upper(), template)
        for template, item in description().paths.items()
        for method in item
        if method != "parameters"
    }
    not_served = {(method, path) for method, path in described if "/mqtt/" in path or "subscriptions" in path}
    assert walked >= described - not_served
    assert {event["objectType"] for event in business.get("/events")} == {"EVENT"}


def _walk_tariff(ven: VtnClient, business: VtnClient) -> None:
    made = business.post("/programs", PROGRAM)
    place = f"/programs/{made['id']}"
    assert business.put(place, PROGRAM | {"programName": "Day rate"})["programName"] == "Day rate"
    assert ven.get(place)["programName"] == "Day rate"
    assert made["id"] in {program["id"] for program in ven.get("/programs", skip="0", limit="50")}
    event = business.post("/events", EVENT | {"programID": made["id"]})
    assert ven.get("/events", programID=made["id"], active="true") == [event]
    later = business.put(f"/events/{event['id']}", EVENT | {"programID": made["id"], "priority": 3})
    assert ven.get(f"/events/{event['id']}") == later
    assert business.delete(f"/events/{event['id']}") == later
    business.delete(place)
    ven.refused(404, "GET", place)
    ven.refused(403, "POST", "/programs", PROGRAM)
    ven.refused(403, "DELETE", f"/programs/{PRICE_PROGRAM}")
    business.refused(409, "POST", "/programs", PROGRAM | {"programName": "HomeTariff"})
    business.refused(404, "POST", "/events", EVENT | {"programID": "none"})
    business.refused(400, "POST", "/events", {})


def _walk_own_objects(ven: VtnClient, business: VtnClient) -> None:
    mine = ven.post("/vens", VEN_REQUEST)
    assert mine["clientID"] == VEN
    resource = ven.post("/resources", RESOURCE_REQUEST | {"venID": mine["id"]})
    granted = BL_RESOURCE_REQUEST | {"venID": mine["id"]}
    theirs = business.post("/resources", granted)
    assert ven.get("/vens", venName="home") == [mine]
    assert ven.get("/resources", venID=mine["id"], resourceName="meter") == [resource]
    assert ven.get("/resources", targets=["group-1"]) == [theirs]
    for client, path, body in (
        (ven, f"/vens/{mine['id']}", VEN_REQUEST),
        (business, f"/resources/{theirs['id']}", granted),
        (ven, f"/resources/{resource['id']}", RESOURCE_REQUEST | {"venID": mine["id"]}),
    ):
        assert client.put(path, body)["id"] == client.get(path)["id"]
    report = ven.post("/reports", REPORT)
    place = f"/reports/{report['id']}"
    assert ven.put(place, REPORT | {"reportName": "again"}) == ven.get(place)
    assert business.get("/reports", programID=PRICE_PROGRAM, eventID=USAGE_EVENT) == [ven.get(place)]
    business.refused(403, "DELETE", place)
    ven.delete(place)
    ven.refused(409, "POST", "/vens", VEN_REQUEST)
    ven.refused(409, "POST", "/resources", RESOURCE_REQUEST | {"venID": mine["id"]})
    ven.refused(404, "POST", "/resources", RESOURCE_REQUEST)
    ven.refused(404, "POST", "/reports", REPORT | {"eventID": "none"})
    ven.delete(f"/resources/{resource['id']}")
    business.post("/vens", BL_VEN_REQUEST)
    ven.delete(f"/vens/{mine['id']}")
    assert ven.get("/resources") == []
    assert ven.get("/notifiers") == {"WEBHOOK": True}


def _walk_subscriptions(ven: VtnClient) -> None:
    """Those that succeed need somebody to call back; see the tests of webhooks."""
    assert ven.get("/subscriptions", programID=PRICE_PROGRAM, clientName="homeapp", objects=["EVENT"]) == []
    ven.refused(400, "POST", "/subscriptions", SUBSCRIPTION)
    ven.refused(404, "GET", "/subscriptions/none")


@pytest.mark.usecase("A1")
def test_all_objects_of_the_street_and_what_is_told_of_them() -> None:
    vtn = make_vtn()
    ven = VtnClient(vtn, VEN).log_in()
    ven_id = ven.post("/vens", VEN_REQUEST)["id"]
    ven.post("/resources", RESOURCE_REQUEST | {"venID": ven_id})
    ven.post("/reports", REPORT)
    for kind in ("programs", "events", "vens", "resources", "reports"):
        items = vtn.objects(kind)
        assert items
        for item in items:
            description().validate(item["objectType"].lower(), item)
            for operation in Operation:
                description().validate("notification", json.loads(encoded(notification(operation, item))))


def test_a_reader_sees_the_tariff_and_nothing_else() -> None:
    vtn = make_vtn()
    reader = VtnClient(vtn, READER).log_in()
    assert OFFER_PROGRAM in {program["id"] for program in reader.get("/programs")}
    for kind in ("vens", "resources", "reports", "subscriptions"):
        reader.refused(403, "GET", f"/{kind}")
    reader.refused(403, "POST", "/vens", VEN_REQUEST)


def test_who_logs_in_wrongly_is_told_by_the_description() -> None:
    vtn = make_vtn()
    client = VtnClient(vtn, VEN)
    client.refused(401, "GET", "/programs")
    client.log_in(secret="wrong")
    assert client.token is None
    client.token = "made-up"
    client.refused(401, "GET", "/programs")
    assert {seen[1:] for seen in client.seen} == {("/programs", 401), ("/auth/token", 401)}


@pytest.mark.parametrize("method", NotifierAuthentication)
def test_notifiers_and_topics_by_the_description(tmp_path: Path, method: NotifierAuthentication) -> None:
    notifier = MqttNotifier(tmp_path, StreetAuthority())
    notifier.authentication = method
    vtn = make_vtn(notifier=notifier)
    ven, business = VtnClient(vtn, VEN).log_in(), VtnClient(vtn, BUSINESS).log_in()
    ven_id = ven.post("/vens", VEN_REQUEST)["id"]
    binding = ven.get("/notifiers")["MQTT"]
    assert binding["authentication"]["method"] == method
    assert [uri.split(":")[0] for uri in binding["URIS"]] == ["mqtts"]
    place = "/notifiers/mqtt/topics"
    own = [f"{place}/vens/{ven_id}{end}" for end in ("", "/events", "/programs", "/resources")]
    shared = [f"{place}/programs", f"{place}/programs/{PRICE_PROGRAM}", f"{place}/programs/{PRICE_PROGRAM}/events"]
    for path in own + shared:
        topics = ven.get(path)["topics"]
        assert ("CREATE" in topics) == (not path.endswith(("/" + ven_id, "/" + PRICE_PROGRAM)))
    for kind in ("events", "reports", "subscriptions", "vens", "resources"):
        assert set(business.get(f"{place}/{kind}")["topics"]) == {"CREATE", "UPDATE", "DELETE", "ALL"}
        ven.refused(403, "GET", f"{place}/{kind}")
    VtnClient(vtn, OTHER_VEN).log_in().refused(404, "GET", own[0])
    ven.refused(404, "GET", f"{place}/programs/none/events")
    walked = {template for _, template, status in ven.seen | business.seen if status == 200}
    assert walked >= {path for path in description().paths if path.startswith("/notifiers")}
