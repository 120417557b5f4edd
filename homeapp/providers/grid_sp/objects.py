"""Programs and events of OpenADR 3.1 (and 3.0.1), read tolerantly: only what the hub uses, nothing taken on trust.

All numbers are ``Decimal``: NaN and infinity come through here and are refused where a value is used.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType
from typing import Any

from homeapp.errors import MessageRejected
from homeapp.providers.grid_sp.durations import Duration, parse_duration

MAX_INTERVALS = 10_000

Payloads = Mapping[str, tuple[object, ...]]
"""Values by payload type; each is a ``Decimal``, a string, a bool or something the hub has no use for."""

_OBJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_YEARS = range(2000, 2200)
_NAMING = ("VEN_NAME", "RESOURCE_NAME")
_MOST_TARGETS = 1000
_MEMBERS_301 = {
    "programLongName": "PROGRAM_LONG_NAME",
    "retailerName": "RETAILER_NAME",
    "retailerLongName": "RETAILER_LONG_NAME",
    "programType": "PROGRAM_TYPE",
    "country": "COUNTRY",
    "principalSubdivision": "PRINCIPAL_SUBDIVISION",
    "bindingEvents": "BINDING_EVENTS",
    "localPrice": "LOCAL",
}
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
"""Control characters, those that turn the direction of writing, and halves of characters."""


class StartNow(Enum):
    """The start ``0001-01-01T00:00:00Z``: from the moment the event is made known."""

    NOW = "0001-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """An intervalPeriod; what it does not say comes from the event or from the interval before.

    Attributes:
        randomize_start: the start may be moved by up to this much, either way.
    """

    start: datetime | StartNow | None = None
    duration: Duration | None = None
    randomize_start: Duration | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval with its payloads by type."""

    period: Period
    payloads: Payloads


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What the values of one payload type mean.

    Attributes:
        units, currency: upper case, or empty where they are not told.
    """

    units: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """A reportDescriptor: what the VTN would like to hear about an event.

    Attributes:
        payload_type: of the values that it asks for.
        units: upper case, or empty.
        historical: about what was, not what will be.
        frequency: intervals between two reports; 0 leaves the time to the VEN.
        repeat: how many reports; -1 for no end of them.
    """

    payload_type: str
    units: str = ""
    historical: bool = True
    frequency: int = -1
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an object is meant for.

    Attributes:
        kind: ``VEN_NAME`` and the like (3.0.1), or empty for the plain strings of 3.1.
    """

    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program: a tariff, or the frame of demand response events.

    Attributes:
        attributes: values by type, for instance ``PROGRAM_TYPE``.
        period: default for its events.
        terms_url: of the first description, or empty; to be shown, never to be opened by itself.
    """

    program_id: str
    name: str
    attributes: Payloads
    descriptors: Mapping[str, Descriptor]
    period: Period = Period()
    terms_url: str = ""

    def attribute(self, name: str) -> object:
        """The first value of an attribute, or None."""
        values = self.attributes.get(name)
        return values[0] if values else None

    @property
    def is_binding(self) -> bool:
        """Whether it calls its events binding; one that does not say so is not."""
        return self.attribute("BINDING_EVENTS") in (True, "TRUE", "true", "True")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event.

    Attributes:
        priority: 0 is the highest; None is the lowest.
        duration: cuts the list of intervals off, or repeats it.
        changed_at: when it was made or changed last, or None where that cannot be read.
        reports: what it asks to be told, by payload type.
        targets: whom it is meant for; empty for everybody.
    """

    event_id: str
    program_id: str
    name: str
    priority: int | None
    duration: Duration | None
    period: Period
    intervals: tuple[Interval, ...]
    descriptors: Mapping[str, Descriptor]
    changed_at: datetime | None
    reports: Mapping[str, ReportRequest] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()

    @property
    def revision(self) -> int:
        """Epoch seconds of the last change; 0 where that is not known."""
        return 0 if self.changed_at is None else int(self.changed_at.timestamp())

    def has(self, *payload_types: str) -> bool:
        """Whether any interval carries one of these payload types."""
        return any(name in interval.payloads for interval in self.intervals for name in payload_types)

    @property
    def payload_types(self) -> frozenset[str]:
        """All that any interval carries."""
        return frozenset(name for interval in self.intervals for name in interval.payloads)

    def is_for(self, names: Collection[str]) -> bool:
        """Whether it may be meant for who goes by these names.

        The targets of 3.1 are groups that only the VTN knows; those of 3.0.1 may name VENs and resources outright.
        """
        named = [target for target in self.targets if target.kind in _NAMING]
        return not named or any(value in names for target in named for value in target.values)


def read_json(body: bytes) -> Any:
    """Decode an answer.

    Raises:
        MessageRejected: ``schema`` for anything that is not JSON.
    """
    try:
        return json.loads(body, parse_float=_number, parse_int=_number, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise refused("schema", "it is not in the agreed format") from error


def read_program(raw: object) -> Program:
    """Read a program object.

    Raises:
        MessageRejected: ``schema``.
    """
    told = _mapping(raw, "a program")
    return Program(
        program_id=object_id(told.get("id")),
        name=plain_text(told.get("programName"), 128),
        attributes=_attributes(told),
        descriptors=_descriptors(told.get("payloadDescriptors")),
        period=_period(told.get("intervalPeriod")),
        terms_url=_first_url(told.get("programDescriptions")),
    )


def read_event(raw: object) -> Event:
    """Read an event object.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = _mapping(raw, "an event")
    intervals = _sequence(told.get("intervals"), "the list of intervals")
    if len(intervals) > MAX_INTERVALS:
        raise refused("value", f"it has more than {MAX_INTERVALS} intervals")
    return Event(
        event_id=object_id(told.get("id")),
        program_id=object_id(told.get("programID")),
        name=plain_text(told.get("eventName"), 160),
        priority=_priority(told.get("priority")),
        duration=_duration(told.get("duration")),
        period=_period(told.get("intervalPeriod")),
        intervals=tuple(_interval(interval) for interval in intervals),
        descriptors=_descriptors(told.get("payloadDescriptors")),
        changed_at=_metadata_instant(told.get("modificationDateTime"))
        or _metadata_instant(told.get("createdDateTime")),
        reports=_report_requests(told.get("reportDescriptors")),
        targets=_targets(told.get("targets")),
    )


def object_id(raw: object) -> str:
    """An objectID: it can be put into a URL as it is.

    Raises:
        MessageRejected: ``schema``.
    """
    if not isinstance(raw, str) or not _OBJECT_ID.fullmatch(raw):
        raise refused("schema", "one of its identifiers is missing or malformed")
    return raw


def plain_text(raw: object, longest: int) -> str:
    """A text for people: one line, without hidden characters; empty where there is none."""
    return _HIDDEN.sub(" ", raw).strip()[:longest] if isinstance(raw, str) else ""


def instant(raw: object) -> datetime:
    """A point in time, in UTC; one without zone is taken for UTC.

    Raises:
        MessageRejected: ``schema``, or ``value`` where it lies out of this age.
    """
    if not isinstance(raw, str):
        raise refused("schema", "one of its times is missing or malformed")
    try:
        told = datetime.fromisoformat(raw)
    except ValueError as error:
        raise refused("schema", "one of its times is missing or malformed") from error
    if told.year not in _YEARS:
        raise refused("value", "one of its times is not of this age")
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def refused(code: str, because: str) -> MessageRejected:
    """The error for an object that is not acted upon."""
    return MessageRejected(code, f"A message was refused because {because}. Nothing was done with it.")


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # Digits or an exponent beyond all bounds.
        return Decimal("NaN")


def _mapping(raw: object, what: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise refused("schema", f"{what} is not an object")
    return raw


def _sequence(raw: object, what: str) -> Sequence[Any]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise refused("schema", f"{what} is not a list")
    return raw


def _interval(raw: object) -> Interval:
    told = _mapping(raw, "an interval")
    return Interval(_period(told.get("intervalPeriod")), _values_maps(told.get("payloads")))


def _period(raw: object) -> Period:
    if raw is None:
        return Period()
    told = _mapping(raw, "a period")
    return Period(
        start=_start(told.get("start")),
        duration=_duration(told.get("duration")),
        randomize_start=_duration(told.get("randomizeStart")),
    )


def _start(raw: object) -> datetime | StartNow | None:
    if raw is None:
        return None
    if isinstance(raw, str) and raw.startswith(StartNow.NOW.value):
        return StartNow.NOW
    return instant(raw)


def _duration(raw: object) -> Duration | None:
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise refused("schema", "a span of time is not a text")
    return parse_duration(raw)


def _priority(raw: object) -> int | None:
    if raw is None:
        return None
    if not isinstance(raw, Decimal) or not raw.is_finite() or not 0 <= raw <= 2**31:
        raise refused("schema", "its priority is not a number")
    return int(raw)


def _values_maps(raw: object) -> Payloads:
    """By type; of several with the same type the first counts."""
    found: dict[str, tuple[object, ...]] = {}
    for item in _sequence(raw, "a list of values"):
        told = _mapping(item, "a value")
        name, values = told.get("type"), told.get("values")
        if not isinstance(name, str) or not isinstance(values, list):
            raise refused("schema", "one of its values has no type or no list")
        found.setdefault(plain_text(name, 128), tuple(values))
    return MappingProxyType(found)


def _attributes(told: Mapping[str, Any]) -> Payloads:
    """3.0.1 has them as members of the program, 3.1 as a list of values."""
    members = {name: (told[key],) for key, name in _MEMBERS_301.items() if told.get(key) is not None}
    return MappingProxyType({**members, **_values_maps(told.get("attributes"))})


def _first_url(raw: object) -> str:
    for item in raw if isinstance(raw, list) else ():
        url = plain_text(item.get("URL"), 500) if isinstance(item, dict) else ""
        if url.startswith("https://"):
            return url
    return ""


def _report_requests(raw: object) -> Mapping[str, ReportRequest]:
    found: dict[str, ReportRequest] = {}
    for item in _sequence(raw, "the list of report descriptors"):
        told = _mapping(item, "a report descriptor")
        # The guide's own example spells it with a capital L.
        name = told.get("payloadType", told.get("payLoadType"))
        if isinstance(name, str):
            name = plain_text(name, 128)
            asked = ReportRequest(
                payload_type=name,
                units=plain_text(told.get("units"), 128).upper(),
                historical=told.get("historical") is not False,
                frequency=_count(told.get("frequency"), -1),
                repeat=_count(told.get("repeat"), 1),
            )
            found.setdefault(name, asked)
    return MappingProxyType(found)


def _count(raw: object, default: int) -> int:
    if not isinstance(raw, Decimal) or not raw.is_finite() or not -1 <= raw <= 2**31:
        return default
    return int(raw)


def _targets(raw: object) -> tuple[Target, ...]:
    """Strings (3.1) or ``{type, values}`` (3.0.1); what is neither is left out, which makes no object more private."""
    found: list[Target] = []
    for item in _sequence(raw, "the list of targets")[:_MOST_TARGETS]:
        if isinstance(item, str):
            found.append(Target("", (plain_text(item, 128),)))
        elif isinstance(item, dict) and isinstance(item.get("values"), list):
            values = tuple(plain_text(value, 128) for value in item["values"][:_MOST_TARGETS])
            found.append(Target(plain_text(item.get("type"), 128), values))
    return tuple(found)


def _descriptors(raw: object) -> Mapping[str, Descriptor]:
    found: dict[str, Descriptor] = {}
    for item in _sequence(raw, "the list of descriptors"):
        told = _mapping(item, "a descriptor")
        name = told.get("payloadType")
        if isinstance(name, str):
            units, currency = plain_text(told.get("units"), 128), plain_text(told.get("currency"), 16)
            found[name] = Descriptor(units.upper(), currency.upper())
    return MappingProxyType(found)


def _metadata_instant(raw: object) -> datetime | None:
    """Servers were seen to send a date without zone, or only the time of day."""
    try:
        return instant(raw)
    except MessageRejected:
        return None
