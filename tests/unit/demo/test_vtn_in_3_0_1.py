"""The demo VTN in the words of OpenADR 3.0.1."""

from homeapp.demo.grid.dialect import Dialect
from homeapp.demo.grid.objects import GROUP, OFFER_PROGRAM, PRICE_PROGRAM, USAGE_EVENT
from homeapp.demo.grid.vtn import DemoVtn
from kit.vtn_client import BUSINESS, VEN, VtnClient, make_vtn

MAPS = [{"type": "GROUP", "values": [GROUP]}]


def old_vtn() -> DemoVtn:
    return make_vtn(dialect=Dialect.V3_0_1)


def client(vtn: DemoVtn, name: str) -> VtnClient:
    return VtnClient(vtn, name, by_the_book=False, base_path="/openadr3/3.0.1").log_in()


def test_programs_are_flat_and_targets_are_maps() -> None:
    vtn = old_vtn()
    ven, business = client(vtn, VEN), client(vtn, BUSINESS)
    program = ven.get(f"/programs/{OFFER_PROGRAM}")
    assert (program["programName"], program["retailerName"], program["bindingEvents"]) == (
        "HomeFlex", "Grid operator", False,
    )  # fmt: skip
    assert "attributes" not in program
    made = business.post("/programs", {"programName": "old", "programType": "A", "targets": MAPS})
    assert (made["programType"], made["targets"]) == ("A", MAPS)
    event = business.post("/events", {"programID": made["id"], "targets": MAPS})
    assert event["targets"] == MAPS
    assert ven.get("/events", programID=made["id"]) == [event], "every client reads everything"
    assert ven.get("/events", programID=made["id"], targetType="GROUP", targetValues=[GROUP]) == [event]
    assert ven.get("/events", programID=made["id"], targetType="GROUP", targetValues=["x"]) == []


def test_resources_are_beneath_their_ven() -> None:
    vtn = old_vtn()
    ven = client(vtn, VEN)
    mine = ven.post("/vens", {"venName": "home"})
    assert mine["resources"] == []
    place = f"/vens/{mine['id']}/resources"
    resource = ven.post(place, {"resourceName": "car"})
    assert (resource["venID"], resource["objectType"]) == (mine["id"], "RESOURCE")
    assert ven.get(place) == ven.get(f"/vens/{mine['id']}")["resources"] == [resource]
    assert ven.put(f"{place}/{resource['id']}", {"resourceName": "van"})["resourceName"] == "van"
    ven.delete(f"{place}/{resource['id']}")
    assert ven.get(place) == []
    ven.refused(404, "GET", "/resources")
    ven.refused(404, "GET", "/notifiers")
    ven.refused(409, "POST", "/vens", {"venName": "home"})


def test_a_report_names_its_program() -> None:
    ven = client(old_vtn(), VEN)
    report = {"programID": PRICE_PROGRAM, "eventID": USAGE_EVENT, "clientName": "a", "resources": []}
    made = ven.post("/reports", report)
    assert made["programID"] == PRICE_PROGRAM
    assert ven.get("/reports", programID=PRICE_PROGRAM) == [made]
    assert "clientID" not in made
