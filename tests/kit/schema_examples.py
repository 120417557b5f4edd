"""Payloads that the OCPP schemas allow, made from the schemas."""

import functools
import importlib.resources
import json
from typing import Any

from devices.evce.schemas import Version

_FOLDER = {Version.V21: "v21", Version.V201: "v201", Version.V16: "v16"}
Json = dict[str, Any]


@functools.cache
def actions(version: Version) -> tuple[str, ...]:
    """All actions that the version has schemas of."""
    names = sorted(
        entry.name.removesuffix(".json")
        for entry in (importlib.resources.files("ocpp") / _FOLDER[version] / "schemas").iterdir()
        if entry.name.endswith(".json")
    )
    return tuple(sorted({name.removesuffix("Request").removesuffix("Response") for name in names}))


def request(version: Version, action: str) -> Json:
    """The least request that is valid."""
    suffix = "" if version is Version.V16 or action == "NotifyPeriodicEventStream" else "Request"
    return _example(version, f"{action}{suffix}")


def response(version: Version, action: str) -> Json:
    """The least response that is valid."""
    return _example(version, f"{action}Response")


def _example(version: Version, name: str) -> Json:
    file = importlib.resources.files("ocpp") / _FOLDER[version] / "schemas" / f"{name}.json"
    schema = json.loads(file.read_text(encoding="utf-8-sig"))
    made: Json = _made(schema, schema.get("definitions", {}))
    return made


def _made(schema: Json, definitions: Json) -> Any:
    if "$ref" in schema:
        return _made(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: _made(properties[name], definitions) for name in schema.get("required", ())}
        case "array":
            return [_made(schema["items"], definitions) for _ in range(schema.get("minItems", 1))]
        case "integer" | "number":
            return int(max(1, schema.get("minimum", 1)))
        case "boolean":
            return True
        case _:
            if schema.get("format") == "date-time":
                return "2027-01-15T12:00:00Z"
            return "https://a.example/b"[: schema.get("maxLength", 8)] if schema.get("format") == "uri" else "a"
