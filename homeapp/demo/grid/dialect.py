"""OpenADR 3.0.1 as the demo VTN speaks it on wish: the same objects in the words of the version before.

In 3.0.1 targets are ``{type, values}``, a program's attributes are members of it, resources live beneath their ven, a
report names its program, and there are no notifiers. Every client reads everything.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from homeapp.demo.grid.store import Json


class Dialect(StrEnum):
    """Which version the VTN speaks."""

    V3_1 = "3.1.1"
    V3_0_1 = "3.0.1"


_PROGRAM_MEMBERS = {
    "PROGRAM_LONG_NAME": "programLongName",
    "RETAILER_NAME": "retailerName",
    "RETAILER_LONG_NAME": "retailerLongName",
    "PROGRAM_TYPE": "programType",
    "COUNTRY": "country",
    "PRINCIPAL_SUBDIVISION": "principalSubdivision",
    "BINDING_EVENTS": "bindingEvents",
    "LOCAL": "localPrice",
}


def in_3_0_1(item: Json, program_of: Callable[[object], object], resources_of: Callable[[object], list[Json]]) -> Json:
    """An object of 3.1 in the words of 3.0.1.

    Args:
        item: with its objectType.
        program_of: the program of an event, by their ids.
        resources_of: the resources of a ven, by its id.
    """
    told = dict(item)
    if "targets" in told and told["targets"] is not None:
        told["targets"] = [{"type": "GROUP", "values": list(told["targets"])}]
    match told["objectType"]:
        case "PROGRAM":
            return _flat(told)
        case "REPORT":
            del told["clientID"]
            return told | {"programID": program_of(told["eventID"])}
        case "VEN":
            del told["clientID"]
            resources = [in_3_0_1(item, program_of, resources_of) for item in resources_of(told["id"])]
            return told | {"resources": resources}
        case "RESOURCE":
            del told["clientID"]
    return told


def from_3_0_1(kind: str, body: Mapping[str, Any], *, ven_id: str | None = None) -> Json:
    """A request of 3.0.1 in the words of 3.1; what it has too much is left out later."""
    told = dict(body)
    targets = told.pop("targets", None)
    if isinstance(targets, list):
        maps = [item for item in targets if isinstance(item, dict)]
        told["targets"] = [value for item in maps for value in item.get("values", ()) if isinstance(value, str)]
    if kind == "vens":
        return told | {"objectType": "VEN_VEN_REQUEST"}
    if kind == "resources":
        return told | {"objectType": "VEN_RESOURCE_REQUEST", "venID": ven_id}
    if kind == "programs":
        given = {name: told.pop(member) for name, member in _PROGRAM_MEMBERS.items() if member in told}
        told["attributes"] = [{"type": name, "values": [value]} for name, value in given.items() if value is not None]
    return told


def _flat(program: Json) -> Json:
    attributes = program.pop("attributes", None) or ()
    told = {item["type"]: item["values"][0] for item in attributes if item["values"]}
    return program | {_PROGRAM_MEMBERS[name]: value for name, value in told.items() if name in _PROGRAM_MEMBERS}
