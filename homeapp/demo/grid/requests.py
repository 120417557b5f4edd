"""What the demo VTN takes: the request bodies of OpenADR 3.1 (components/schemas), checked.

A body that lacks what is required is refused; what the schema does not name is left out ("Required and optional
properties", "Message validation").
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from homeapp.demo.grid.refusal import VtnRefusal

ObjectId = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]*$", min_length=1, max_length=128)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Address = Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]*:", min_length=2, max_length=8000)]
Int32 = Annotated[int, Meta(ge=-(2**31), lt=2**31)]
Instant = Annotated[datetime, Meta(tz=True)]
Duration = Annotated[
    str,
    Meta(pattern=r"^(-?)P(?=\d|T\d)(\d+Y)?(\d+M)?(\d+[DW])?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$"),
]


def _wire_name(name: str) -> str:
    """``program_id`` is ``programID`` on the wire, ``callback_url`` is ``callbackUrl``."""
    if name == "url":
        return "URL"
    first, *rest = name.split("_")
    return first + "".join("ID" if part == "id" else part.capitalize() for part in rest)


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename=_wire_name):
    """What is ``UNSET`` may be left out, but not be null."""


class Point(_Body, frozen=True):
    """``point``."""

    x: float
    y: float


class ValuesMap(_Body, frozen=True):
    """``valuesMap``."""

    type: Name
    values: list[int | float | str | bool | Point]


class IntervalPeriod(_Body, frozen=True):
    """``intervalPeriod``."""

    start: Instant | UnsetType = UNSET
    duration: Duration | UnsetType = UNSET
    randomize_start: Duration | UnsetType = UNSET


class Interval(_Body, frozen=True):
    """``interval``."""

    id: Int32
    payloads: list[ValuesMap]
    interval_period: IntervalPeriod | UnsetType = UNSET


class EventPayloadDescriptor(_Body, frozen=True):
    """``eventPayloadDescriptor``."""

    object_type: Literal["EVENT_PAYLOAD_DESCRIPTOR"]
    payload_type: Name
    units: Name | None = None
    currency: str | None = None


class ReportPayloadDescriptor(_Body, frozen=True):
    """``reportPayloadDescriptor``."""

    object_type: Literal["REPORT_PAYLOAD_DESCRIPTOR"]
    payload_type: Name
    reading_type: Name | None = None
    units: Name | None = None
    accuracy: float | None = None
    confidence: Annotated[int, Meta(ge=0, le=100)] | None = None


class ProgramPayloadDescriptor(_Body, frozen=True):
    """Either of the two, as a program may have them."""

    object_type: Literal["EVENT_PAYLOAD_DESCRIPTOR", "REPORT_PAYLOAD_DESCRIPTOR"]
    payload_type: Name
    reading_type: Name | None = None
    units: Name | None = None
    currency: str | None = None
    accuracy: float | None = None
    confidence: Annotated[int, Meta(ge=0, le=100)] | None = None


class ReportDescriptor(_Body, frozen=True):
    """``reportDescriptor``."""

    payload_type: Name
    reading_type: Name | None = None
    units: Name | None = None
    targets: list[Name] | None = None
    aggregate: bool = False
    start_interval: Int32 = -1
    num_intervals: Int32 = -1
    historical: bool = True
    frequency: Int32 = -1
    repeat: Int32 = 1
    report_intervals: Literal["INTERVALS", "SUB_INTERVALS", "OPEN_INTERVALS"] = "INTERVALS"


class ProgramDescription(_Body, frozen=True):
    """One of ``programDescriptions``."""

    url: Address


class ProgramRequest(_Body, frozen=True):
    """``programRequest``."""

    program_name: Name
    interval_period: IntervalPeriod | UnsetType = UNSET
    program_descriptions: list[ProgramDescription] | None = None
    payload_descriptors: list[ProgramPayloadDescriptor] | None = None
    attributes: list[ValuesMap] | None = None
    targets: list[Name] | None = None


class EventRequest(_Body, frozen=True):
    """``eventRequest``."""

    program_id: ObjectId
    event_name: str | None = None
    duration: Duration | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0)] | None = None
    targets: list[Name] | None = None
    report_descriptors: list[ReportDescriptor] | None = None
    payload_descriptors: list[EventPayloadDescriptor] | None = None
    interval_period: IntervalPeriod | UnsetType = UNSET
    intervals: list[Interval] | UnsetType = UNSET


class ReportResource(_Body, frozen=True):
    """One of a report's ``resources``."""

    resource_name: Name
    intervals: list[Interval]
    interval_period: IntervalPeriod | UnsetType = UNSET


class ReportRequest(_Body, frozen=True):
    """``reportRequest``."""

    event_id: ObjectId
    client_name: Name
    resources: list[ReportResource]
    report_name: str | None = None
    payload_descriptors: list[ReportPayloadDescriptor] | None = None


class ObjectOperations(_Body, frozen=True):
    """One of ``objectOperations``."""

    objects: list[Literal["PROGRAM", "EVENT", "REPORT", "SUBSCRIPTION", "VEN", "RESOURCE"]]
    operations: list[Literal["READ", "CREATE", "UPDATE", "DELETE"]]
    callback_url: Address
    bearer_token: str | None = None


class SubscriptionRequest(_Body, frozen=True):
    """``subscriptionRequest``."""

    client_name: Name
    object_operations: list[ObjectOperations]
    program_id: ObjectId | UnsetType = UNSET
    targets: list[Name] | None = None


class VenVenRequest(_Body, frozen=True):
    """``VenVenRequest``."""

    object_type: Literal["VEN_VEN_REQUEST"]
    ven_name: Name
    attributes: list[ValuesMap] | None = None


class BlVenRequest(_Body, frozen=True):
    """``BlVenRequest``."""

    object_type: Literal["BL_VEN_REQUEST"]
    client_id: Name
    ven_name: Name
    targets: list[Name] | None = None
    attributes: list[ValuesMap] | None = None


class VenResourceRequest(_Body, frozen=True):
    """``VenResourceRequest``."""

    object_type: Literal["VEN_RESOURCE_REQUEST"]
    resource_name: Name
    ven_id: ObjectId
    attributes: list[ValuesMap] | None = None


class BlResourceRequest(_Body, frozen=True):
    """``BlResourceRequest``."""

    object_type: Literal["BL_RESOURCE_REQUEST"]
    client_id: Name
    resource_name: Name
    ven_id: ObjectId
    targets: list[Name] | None = None
    attributes: list[ValuesMap] | None = None


REQUESTS: Mapping[str, type[_Body]] = {
    "programs": ProgramRequest,
    "events": EventRequest,
    "reports": ReportRequest,
    "subscriptions": SubscriptionRequest,
}
"""Request bodies that are the same for every client, by collection."""


def checked(body: Mapping[str, Any], kind: type[_Body]) -> dict[str, Any]:
    """The members of ``body`` that the schema names, as they came.

    Raises:
        VtnRefusal: 400, it is not of that kind.
    """
    try:
        msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise VtnRefusal(400, str(error)) from error
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    return {name: value for name, value in body.items() if name in known}
