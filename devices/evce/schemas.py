"""The JSON schemas of OCPP 1.6, 2.0.1 and 2.1, as the PyPI package ``ocpp`` ships them, compiled when first needed."""

import functools
import importlib.resources
import json
from enum import StrEnum
from typing import Any

import jsonschema_rs


class Version(StrEnum):
    """The OCPP versions spoken, by websocket subprotocol, best first."""

    V21 = "ocpp2.1"
    V201 = "ocpp2.0.1"
    V16 = "ocpp1.6"


_MOST_ACTIONS = 512
"""Of all versions together; more than they have, and no more than that of names that peers make up."""
_FOLDER = {Version.V21: "v21", Version.V201: "v201", Version.V16: "v16"}


def request_problem(version: Version, action: str, payload: object) -> str | None:
    """What is wrong with the payload of a CALL or SEND, or None; nothing is known of an unknown action."""
    return _problem(_of_request(version, action), payload)


def response_problem(version: Version, action: str, payload: object) -> str | None:
    """What is wrong with the payload of a CALLRESULT, or None."""
    return _problem(_of_response(version, action), payload)


def response_unusable(version: Version, action: str, payload: object) -> bool:
    """Whether something that a CALLRESULT must have is missing at its top, or of the wrong type there."""
    validator = _of_response(version, action)
    return validator is not None and any(
        (list(error.schema_path[-1:]), len(error.instance_path)) in ((["required"], 0), (["type"], 1))
        for error in validator.iter_errors(payload)
    )


def _problem(validator: jsonschema_rs.Validator | None, payload: object) -> str | None:
    if validator is None:
        return None
    try:
        validator.validate(payload)
    except jsonschema_rs.ValidationError as error:
        # The message of the validator quotes the value, which may be a token or a password.
        place = "/".join(map(str, error.instance_path)) or "the payload"
        rule = "/".join(map(str, error.schema_path[-2:]))
        return f"{place} breaks {rule}"[:200]
    return None


@functools.lru_cache(_MOST_ACTIONS)
def _of_request(version: Version, action: str) -> jsonschema_rs.Validator | None:
    request = f"{action}Request"
    # 1.6 names its requests by the action, 2.1 those that are never answered.
    name = request if request in _names(version) else action
    return _validator(version, name) if name in _names(version) else None


@functools.lru_cache(_MOST_ACTIONS)
def _of_response(version: Version, action: str) -> jsonschema_rs.Validator | None:
    name = f"{action}Response"
    return _validator(version, name) if name in _names(version) else None


@functools.cache
def _names(version: Version) -> frozenset[str]:
    folder = importlib.resources.files("ocpp") / _FOLDER[version] / "schemas"
    return frozenset(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


@functools.cache
def _validator(version: Version, name: str) -> jsonschema_rs.Validator:
    file = importlib.resources.files("ocpp") / _FOLDER[version] / "schemas" / f"{name}.json"
    # Some of the files begin with a byte order mark.
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8-sig"))
    return jsonschema_rs.validator_for(schema)
