"""Whether a record holds nothing but what its provider's allow-list names: data minimisation by rule, not by trust."""

import math
from collections.abc import Iterator, Mapping

from homeapp.model.record import Value

COARSE_DEGREES = 0.1
"""Places are rounded to this: 11 km from north to south, less from west to east."""
_BOUNDS = {"latitude": 90.0, "longitude": 180.0}


def faults(body: Mapping[str, Value], allowed: frozenset[str]) -> Iterator[str]:
    """Parts of sentences about what must not leave; nothing where all of ``body`` may.

    A field with named parts (``defects.code``) holds an object or a list of objects, any other a single value.
    """
    yield from _object(body, allowed, "")


def _object(body: Mapping[str, object], allowed: frozenset[str], prefix: str) -> Iterator[str]:
    for name, value in body.items():
        path = f"{prefix}{name}"
        if path not in allowed or "." in name:
            yield f"the field {path!r} is not on its list"
        elif any(other.startswith(f"{path}.") for other in allowed):
            yield from _parts(value, allowed, path)
        elif isinstance(value, dict | list):
            yield f"the field {path!r} holds more than one value"
        elif path in _BOUNDS and not _is_coarse(value, _BOUNDS[path]):
            yield f"the field {path!r} is not rounded to {COARSE_DEGREES} degree"


def _parts(value: object, allowed: frozenset[str], path: str) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield from _object(item, allowed, f"{path}.")
        elif item is not None:
            yield f"the field {path!r} holds something else than its named parts"


def _is_coarse(value: object, bound: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= bound and round(value, 1) == value
