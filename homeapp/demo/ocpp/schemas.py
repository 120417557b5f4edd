"""The JSON schemas of OCPP 1.6, 2.0.1 and 2.1, as the PyPI package ``ocpp`` ships them."""

import functools
import importlib.resources
import json
from enum import StrEnum
from typing import Any

import jsonschema_rs

Json = dict[str, Any]
"""The payload of a message."""


class Version(StrEnum):
    """OCPP versions by websocket subprotocol."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"


_ONE_WAY = ("NotifyPeriodicEventStream",)
_FOLDER = {Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"}


def request_problem(version: Version, action: str, payload: object) -> str | None:
    """What is wrong with the payload of a CALL; None where nothing is."""
    bare = version is Version.V16 or action in _ONE_WAY
    return _problem(version, action if bare else f"{action}Request", payload)


def response_problem(version: Version, action: str, payload: object) -> str | None:
    """What is wrong with the payload of a CALLRESULT; None where nothing is."""
    return _problem(version, f"{action}Response", payload)


def _problem(version: Version, name: str, payload: object) -> str | None:
    try:
        _validator(version, name).validate(payload)
    except FileNotFoundError:
        return f"no schema {name}"
    except jsonschema_rs.ValidationError as error:
        # Without the value: it may be a password or a token.
        path = "/".join(str(part) for part in error.instance_path)
        return f"{path or 'payload'} breaks {'/'.join(str(part) for part in error.schema_path[-2:])}"
    return None


@functools.lru_cache(maxsize=256)
def _validator(version: Version, name: str) -> jsonschema_rs.Validator:
    if not name.isalnum():
        raise FileNotFoundError(name)
    path = importlib.resources.files("ocpp") / _FOLDER[version] / "schemas" / f"{name}.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text("utf-8-sig")))
