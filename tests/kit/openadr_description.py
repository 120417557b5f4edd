"""The OpenADR Alliance's description of the API (3.1.1), as something to hold exchanges and objects against."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import yaml

SPECIFICATION = Path(__file__).parents[1] / "conformance" / "openadr-3.1.1" / "openadr3.yaml"
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
    if node.get("format") == "int32":
        made = {"minimum": -(2**31), "maximum": 2**31 - 1, **made}
    return made


class Description:
    """Validates; what is wrong raises ``jsonschema_rs.ValidationError`` or an assertion."""

    def __init__(self, told: dict[str, Any]) -> None:
        for name, kind in (("ven", "BlVenRequest"), ("resource", "BlResourceRequest")):
            # As published no ven and no resource can exist: objectMetadata demands objectType VEN, this BL_VEN_REQUEST.
            schemas = told["components"]["schemas"]
            schemas[f"{name}Representation"] = json.loads(json.dumps(schemas[kind]))
            del schemas[f"{name}Representation"]["properties"]["objectType"]
            schemas[name]["allOf"][1] = {"$ref": f"#/components/schemas/{name}Representation"}
        # As published, a description of a program that is no object at all would pass.
        told["components"]["schemas"]["programRequest"]["properties"]["programDescriptions"]["items"]["type"] = "object"
        self.paths: dict[str, Any] = told["paths"]
        self._told = told
        self._components = _as_json_schema(told["components"])
        self._validators: dict[str, jsonschema_rs.Draft4Validator] = {}

    def validate(self, name: str, value: object) -> None:
        """Hold a value against one of ``components/schemas``."""
        self._validate({"$ref": f"#/components/schemas/{name}"}, value)

    def accepts(self, name: str, value: object) -> bool:
        """Whether a value is one of ``components/schemas``."""
        try:
            self.validate(name, value)
        except jsonschema_rs.ValidationError:
            return False
        return True

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """The path template and the operation of a request; ``path`` is without the base path."""
        for template, item in self.paths.items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in item:
                return template, item[method.lower()]
        raise AssertionError((method, path))

    def check_request(
        self, method: str, path: str, query: Mapping[str, list[str]], content_type: str, body: bytes
    ) -> None:
        """A request as a client sends it."""
        _, operation = self.operation(method, path)
        known = {item["name"]: item["schema"] for item in operation.get("parameters", ()) if item["in"] == "query"}
        for name, values in query.items():
            self._validate(known[name], _read(values, known[name]))
        if body:
            ((media_type, content),) = operation["requestBody"]["content"].items()
            assert content_type == media_type
            told = json.loads(body) if media_type == "application/json" else dict(parse_qsl(body.decode()))
            self._validate(content["schema"], told)

    def check_answer(self, method: str, path: str, status: int, body: object) -> None:
        """An answer as the server sends it."""
        _, operation = self.operation(method, path)
        described = operation["responses"].get(str(status))
        if described is None:
            # Status codes that the description leaves out still carry a problem.
            self.validate("problem", body)
            return
        if "$ref" in described:
            described = self._told["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
        self._validate(described["content"]["application/json"]["schema"], body)

    def _validate(self, schema: Mapping[str, Any], value: object) -> None:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            root = {"allOf": [_as_json_schema(schema)], "components": self._components}
            self._validators[key] = jsonschema_rs.Draft4Validator(root, validate_formats=True)
        self._validators[key].validate(json.loads(json.dumps(value, default=float)))


@cache
def description() -> Description:
    """Read once."""
    told = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    assert isinstance(told, dict)
    return Description(told)


def _read(values: list[str], schema: Mapping[str, Any]) -> object:
    """A query parameter, which is text on the wire."""
    match schema.get("type"):
        case "array":
            return values
        case "integer":
            return int(values[0])
        case "boolean":
            return {"true": True, "false": False}[values[0]]
    return values[0]
