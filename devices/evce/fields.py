"""Typed reading of JSON objects that a station sent: a wrong type is a clear error, an unknown field is nothing."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Payload = dict[str, Any]

_LARGEST = 1e12
_NUMERIC = (int, str)
_EARLIEST_YEAR = 2020
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class FieldError(Exception):
    """A field that the hub needs is missing or of the wrong type."""


def text(source: Mapping[str, Any], name: str, *, longest: int = 255) -> str:
    """A required string of at most ``longest`` characters.

    Raises:
        FieldError: missing, no string or too long.
    """
    value = source.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise FieldError(f"{name} must be a string of at most {longest} characters")
    return value


def number(value: object) -> float | None:
    """A finite number of sane size, also where it was sent as a string; None otherwise."""
    if not isinstance(value, float):
        if isinstance(value, bool) or not isinstance(value, _NUMERIC):
            return None
        try:
            value = float(value)
        except (ValueError, OverflowError):
            return None
    # What is no number at all lies on neither side.
    return value if -_LARGEST <= value <= _LARGEST else None


def whole(source: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """An integer; ``default`` where it is missing.

    Raises:
        FieldError: no integer, or missing without a default.
    """
    value = source.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise FieldError(f"{name} must be an integer")
    return value


def mapping(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A JSON object; an empty one where it is missing or something else."""
    value = source.get(name)
    return value if isinstance(value, dict) else {}


def items(source: Mapping[str, Any], name: str, *, most: int = 512) -> list[Mapping[str, Any]]:
    """The JSON objects of a list, at most ``most``; other elements are left out."""
    value = source.get(name)
    if not isinstance(value, list):
        return []
    return [item for item in value[:most] if isinstance(item, dict)]


def instant(source: Mapping[str, Any], name: str) -> datetime | None:
    """An RFC 3339 instant as aware UTC, or None where it is missing, malformed or from a clock that was never set."""
    return believed(told_instant(source, name))


def believed(stamp: datetime | None) -> datetime | None:
    """An instant, or None where it is of a clock that was never set."""
    return stamp if stamp is not None and stamp.year >= _EARLIEST_YEAR else None


def told_instant(source: Mapping[str, Any], name: str) -> datetime | None:
    """An RFC 3339 instant as aware UTC, also from a clock that was never set; None where missing or malformed."""
    value = source.get(name)
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        stamp = datetime.fromisoformat(value)
        return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def plain(value: object, *, longest: int = 64) -> str:
    """Text for people and logs: no control characters, at most ``longest`` characters; empty for a non-string."""
    return _CONTROL.sub(" ", value).strip()[:longest] if isinstance(value, str) else ""


def rfc3339(stamp: datetime) -> str:
    """An instant as OCPP writes it: UTC, milliseconds, ``Z``."""
    return stamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
