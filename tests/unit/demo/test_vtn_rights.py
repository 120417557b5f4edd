"""Who sees and changes what at the demo VTN ("Object Privacy", "Object names")."""

from datetime import timedelta
from typing import Any

import pytest

from homeapp.demo.grid.objects import GROUP, PRICE_PROGRAM, USAGE_EVENT
from homeapp.demo.grid.store import Json
from homeapp.demo.grid.timing import ends_at
from kit.clocks import StandingClock
from kit.vtn_client import BUSINESS, NOON, OTHER_VEN, VEN, VtnClient, make_vtn

VEN_REQUEST: Json = {"objectType": "VEN_VEN_REQUEST", "venName": "home"}
REPORT: Json = {"eventID": USAGE_EVENT, "clientName": "homeapp", "resources": []}


def targeted(*targets: str) -> Json:
    return {"programID": PRICE_PROGRAM, "eventName": "targeted", "targets": list(targets)}


def names(events: list[Json]) -> list[str]:
    return [event["eventName"] for event in events if event.get("eventName") == "targeted"]


@pytest.mark.usecase("W8")
def test_targets_are_seen_by_whom_they_were_given_to_and_only_where_asked_for() -> None:
    vtn = make_vtn()
    ven, other, business = (VtnClient(vtn, name).log_in() for name in (VEN, OTHER_VEN, BUSINESS))
    ven_id = ven.post("/vens", VEN_REQUEST)["id"]
    event = business.post("/events", targeted(GROUP, "a", "b"))
    place = f"/events/{event['id']}"
    assert names(ven.get("/events", targets=[GROUP])) == []
    ven.refused(404, "GET", place)
    granting = {"objectType": "BL_VEN_REQUEST", "clientID": VEN, "venName": "home", "targets": [GROUP]}
    business.put(f"/vens/{ven_id}", granting)
    resource = {"objectType": "BL_RESOURCE_REQUEST", "clientID": VEN, "resourceName": "car", "venID": ven_id}
    business.post("/resources", resource | {"targets": ["a"]})
    assert names(ven.get("/events")) == []
    (seen,) = ven.get("/events", targets=[GROUP, "b"])
    assert seen["targets"] == [GROUP], "neither what was not given nor what was not asked for"
    assert ven.get(place)["targets"] == ["a", GROUP]
    assert names(other.get("/events", targets=[GROUP, "a", "b"])) == []
    assert business.get("/events", targets=["b"]) == [event]


@pytest.mark.usecase("W5", "W8")
def test_a_ven_sees_and_changes_its_own_objects_only_and_keeps_what_it_was_given() -> None:
    vtn = make_vtn()
    ven, other = VtnClient(vtn, VEN).log_in(), VtnClient(vtn, OTHER_VEN).log_in()
    ven_id = ven.post("/vens", VEN_REQUEST)["id"]
    report_id = ven.post("/reports", REPORT)["id"]
    vtn.grant(["given"])
    changed = ven.put(f"/vens/{ven_id}", VEN_REQUEST | {"venName": "renamed", "targets": ["taken"], "clientID": "x"})
    assert (changed["venName"], changed["targets"], changed["clientID"]) == ("renamed", ["given"], VEN)
    assert other.get("/vens") == other.get("/reports") == []
    for path, body in ((f"/vens/{ven_id}", VEN_REQUEST), (f"/reports/{report_id}", REPORT)):
        other.refused(404, "GET", path)
        other.refused(404, "PUT", path, body)
        other.refused(404, "DELETE", path)
    other.refused(409, "POST", "/vens", VEN_REQUEST | {"venName": "renamed"})
    resource = {"objectType": "VEN_RESOURCE_REQUEST", "resourceName": "car", "venID": ven_id}
    other.refused(404, "POST", "/resources", resource)
    ven.post("/resources", resource)
    mine = other.post("/vens", VEN_REQUEST | {"venName": "other"})["id"]
    assert other.post("/resources", resource | {"venID": mine})["resourceName"] == "car", "unique within its ven"


def test_metadata_is_the_vtns_own_and_what_is_changed_is_dated() -> None:
    clock = StandingClock(NOON)
    vtn = make_vtn(clock)
    business = VtnClient(vtn, BUSINESS).log_in()
    pretended = {"id": "mine", "createdDateTime": "2001-01-01T00:00:00Z", "objectType": "REPORT"}
    made = business.post("/events", {"programID": PRICE_PROGRAM} | pretended)
    assert (made["id"], made["objectType"]) == ("event-0001", "EVENT")
    assert made["createdDateTime"] == made["modificationDateTime"] == "2027-01-15T12:00:00.000000Z"
    clock.at += timedelta(minutes=1)
    changed = business.put("/events/event-0001", {"programID": PRICE_PROGRAM})
    assert changed["createdDateTime"] == made["createdDateTime"]
    assert changed["modificationDateTime"] == "2027-01-15T12:01:00.000000Z"


@pytest.mark.parametrize("query", [{"skip": "-1"}, {"limit": "51"}, {"limit": "all"}, {"targets": ""}])
def test_senseless_parameters_are_refused(query: dict[str, str]) -> None:
    VtnClient(make_vtn(), VEN).log_in().refused(400, "GET", "/events", **query)


def test_pages_and_what_is_over() -> None:
    vtn = make_vtn()
    ven, business = VtnClient(vtn, VEN).log_in(), VtnClient(vtn, BUSINESS).log_in()
    program_id = business.post("/programs", {"programName": "p"})["id"]
    for number in range(60):
        hour = "11" if number < 20 else "12"
        period = {"start": f"2027-01-15T{hour}:00:00Z", "duration": "PT30M"}
        business.post("/events", {"programID": program_id, "eventName": str(number), "intervalPeriod": period})
    pages = [ven.get("/events", programID=program_id, skip=str(skip)) for skip in (0, 50, 60)]
    assert [len(page) for page in pages] == [50, 10, 0]
    assert [item["eventName"] for page in pages for item in page] == [str(number) for number in range(60)]
    assert len(ven.get("/events", programID=program_id, active="true")) == 40
    assert ven.get("/events", programID=program_id, limit="0") == []


HOUR = {"start": "2027-01-15T12:00:00Z", "duration": "PT1H"}


@pytest.mark.parametrize(
    ("event", "minutes"),
    [
        ({"intervalPeriod": HOUR}, 60),
        ({"intervalPeriod": HOUR, "intervals": [{"id": 0}, {"id": 1}]}, 120),
        ({"intervalPeriod": HOUR, "duration": "P1DT1M", "intervals": [{"id": 0}]}, 24 * 60 + 1),
        ({"intervalPeriod": HOUR, "intervals": [{"id": 0, "intervalPeriod": {"start": "2027-01-15T14:00:00Z"}}]}, 180),
        ({"intervalPeriod": HOUR, "intervals": [{"id": 0, "intervalPeriod": {"duration": "PT0S"}}]}, 0),
        ({"intervalPeriod": {"start": "0001-01-01T00:00:00Z", "duration": "PT5M"}}, 5),
        ({"intervalPeriod": {"start": "2027-01-15T12:00:00", "duration": "-PT30S"}}, -0.5),
    ],
)
def test_when_an_event_is_over(event: dict[str, Any], minutes: float) -> None:
    assert ends_at(event | {"createdDateTime": "2027-01-15T12:00:00Z"}) == NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "event",
    [{}, {"intervalPeriod": None}, {"intervalPeriod": HOUR | {"duration": "P9999Y"}}, {"intervalPeriod": {"start": 5}},
     {"intervalPeriod": HOUR | {"duration": "soon"}}],
)  # fmt: skip
def test_what_has_no_end_is_never_over(event: dict[str, Any]) -> None:
    assert ends_at(event).year == 9999


def test_a_public_vtn_shows_its_tariff_without_a_token_and_takes_nothing() -> None:
    vtn = make_vtn(public=True)
    anybody = VtnClient(vtn, VEN)
    assert anybody.get("/events", programID=PRICE_PROGRAM)
    anybody.refused(403, "GET", "/vens")
    anybody.refused(401, "POST", "/vens", VEN_REQUEST)
