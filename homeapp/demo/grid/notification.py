"""What the demo VTN tells by MQTT and webhook when an object changes (``notification``)."""

import json
import re
from typing import Any

from homeapp.demo.grid.store import Json, Operation

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def notification(operation: Operation, changed: Json) -> Json:
    """The notification of a change."""
    told: Json = {"objectType": changed["objectType"], "operation": str(operation), "object": changed}
    return told | ({"targets": changed["targets"]} if changed.get("targets") else {})


def encoded(told: Json, *, snake_case: bool = False) -> bytes:
    """The notification as it goes over the wire; ``snake_case`` names its members as no standard does."""
    return json.dumps(_snaked(told) if snake_case else told, default=float).encode()


def _snaked(told: Any) -> Any:
    if isinstance(told, dict):
        return {_HUMP.sub("_", key).lower(): _snaked(value) for key, value in told.items()}
    return [_snaked(item) for item in told] if isinstance(told, list) else told
