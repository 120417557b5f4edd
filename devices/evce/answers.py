"""Answers and readings that all OCPP versions share."""

from collections.abc import Mapping
from typing import Any

from devices.evce.dialect import Introduction, Listener
from devices.evce.fields import FieldError, Payload, items, number, plain, rfc3339, whole
from devices.evce.profiles import StationLimits

BOOT_INTERVAL_S = 60
PENDING_INTERVAL_S = 30
_MOST_EVSES = 64


def introduction(vendor: object, model: object, serial: object, firmware: object) -> Introduction:
    """An introduction of cleaned text."""
    return Introduction(
        vendor=plain(vendor) or "Unknown maker",
        model=plain(model) or "charger",
        serial=plain(serial),
        firmware=plain(firmware),
    )


def boot_answer(listener: Listener) -> Payload:
    """BootNotification: Pending for a station that is not adopted yet."""
    return {
        "status": "Accepted" if listener.admitted else "Pending",
        "currentTime": rfc3339(listener.now()),
        "interval": BOOT_INTERVAL_S if listener.admitted else PENDING_INTERVAL_S,
    }


def heartbeat(_payload: Payload, listener: Listener) -> Payload:
    """Heartbeat: the hub's time."""
    listener.heard()
    return {"currentTime": rfc3339(listener.now())}


def unknown_vendor(_payload: Payload, listener: Listener) -> Payload:
    """DataTransfer: the hub knows no vendor's extensions."""
    listener.heard()
    return {"status": "UnknownVendorId"}


def acknowledge(_payload: Payload, listener: Listener) -> Payload:
    """A notification that only wants to be received."""
    listener.heard()
    return {}


def evse_number(source: Mapping[str, Any], name: str) -> int:
    """The number of an EVSE or connector; 0 is the whole station.

    Raises:
        FieldError: missing or out of range.
    """
    evse = whole(source, name)
    if not 0 <= evse <= _MOST_EVSES:
        raise FieldError(f"{name} is out of range")
    return evse


def evse_or_station(source: Mapping[str, Any], name: str) -> int:
    """The same where some stations leave it out: then it is the whole station."""
    return evse_number(source, name) if name in source else 0


def present_limit_a(schedule: Mapping[str, Any], limits: StationLimits) -> float | None:
    """The first limit of a composite schedule, A per phase; None where there is none, negative, or in another unit."""
    first: Mapping[str, Any] = next(iter(items(schedule, "chargingSchedulePeriod")), {})
    limit = number(first.get("limit"))
    if limit is None or limit < 0:
        return None
    match schedule.get("chargingRateUnit"):
        case "A":
            return limit
        case "W":
            return limits.amperes(limit)
    return None


def status_of(answer: Payload) -> str:
    """The status in an answer; a setting that needs a restart counts as accepted."""
    status = plain(answer.get("status"))
    return "Accepted" if status == "RebootRequired" else status
