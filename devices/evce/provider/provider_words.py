"""What the provider's calls about charging profiles ask for, and the hub's answers, in the words of each version."""

from collections.abc import Mapping
from typing import Any

from devices.evce.dialect import Outgoing
from devices.evce.fields import FieldError, Payload, mapping, text, whole
from devices.evce.provider.charging_profile import DAY_S, Profile, ProfileRefused
from devices.evce.provider.profile_reader import MOST_EVSES, read_purpose
from devices.evce.provider.profile_shelf import Selection, as_reported, in_order
from devices.evce.schemas import Version

PROVIDER_SOURCE = "CSO"
"""chargingLimitSource of what the provider has set."""
LONGEST_SCHEDULE_S = 31 * DAY_S
_MOST_REPORTED = 8


def accepted() -> Payload:
    """It is done."""
    return {"status": "Accepted"}


def refused(version: Version, refusal: ProfileRefused, status: str = "Rejected") -> Payload:
    """It is not done; 2.x is told why."""
    if version is Version.V16:
        return {"status": status}
    return {"status": status, "statusInfo": {"reasonCode": refusal.reason, "additionalInfo": str(refusal)[:255]}}


def profile_in(version: Version, payload: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """EVSE and profile of a SetChargingProfile.

    Raises:
        FieldError: one of them is missing.
    """
    evse = whole(payload, "connectorId" if version is Version.V16 else "evseId")
    profile = mapping(payload, "csChargingProfiles" if version is Version.V16 else "chargingProfile")
    if not profile:
        raise FieldError("a charging profile is needed")
    return evse, profile


def evse_of_start(version: Version, payload: Mapping[str, Any]) -> int | None:
    """Where a remote start is to happen; None where the station chooses.

    Raises:
        FieldError: it is no number.
    """
    return _optional(payload, "connectorId" if version is Version.V16 else "evseId") or None


def to_clear(version: Version, payload: Mapping[str, Any]) -> Selection:
    """The filter of a ClearChargingProfile; an empty one means all.

    Raises:
        FieldError: a field is of the wrong type.
        ProfileRefused: the purpose is none of the provider's (K10.FR.08).
    """
    if version is Version.V16:
        return _selection(payload, id_name="id", evse_name="connectorId")
    identity = _selection(payload, id_name="chargingProfileId", evse_name="")
    if identity.ids:
        return identity
    return _selection(mapping(payload, "chargingProfileCriteria"), id_name="", evse_name="evseId")


def to_report(payload: Mapping[str, Any]) -> Selection:
    """The filter of a GetChargingProfiles.

    Raises:
        FieldError: a field is of the wrong type.
        ProfileRefused: neither the purpose nor the source is the provider's.
    """
    criterion = mapping(payload, "chargingProfile")
    sources = criterion.get("chargingLimitSource")
    if isinstance(sources, list) and PROVIDER_SOURCE not in sources:
        raise ProfileRefused("NotFound", "Only the provider's own profiles are told.")
    ids = criterion.get("chargingProfileId")
    if isinstance(ids, list) and ids:
        found = tuple(each for each in ids if isinstance(each, int))
        return Selection(ids=found, evse=_optional(payload, "evseId"))
    selection = _selection(criterion, id_name="", evse_name="")
    return Selection(evse=_optional(payload, "evseId"), purpose=selection.purpose, stack_level=selection.stack_level)


def reports(request_id: int, profiles: list[Profile]) -> tuple[Outgoing, ...]:
    """ReportChargingProfiles for what was asked for, by EVSE; all but the last say that more comes (K09.FR.02)."""
    parts: list[Payload] = []
    for evse, found in in_order(profiles).items():
        for first in range(0, len(found), _MOST_REPORTED):
            told = [as_reported(profile) for profile in found[first : first + _MOST_REPORTED]]
            parts.append({"evseId": evse, "chargingLimitSource": PROVIDER_SOURCE, "chargingProfile": told})
    last = len(parts) - 1
    return tuple(
        Outgoing("ReportChargingProfiles", {"requestId": request_id, **part, "tbc": number < last})
        for number, part in enumerate(parts)
    )


def composite_asked(version: Version, payload: Mapping[str, Any]) -> tuple[int, int, str]:
    """EVSE, duration in s (a month at most) and unit of a GetCompositeSchedule.

    Raises:
        FieldError: one is missing or of the wrong type.
        ProfileRefused: there is no such EVSE, or no time is asked for (K08.FR.05).
    """
    evse = whole(payload, "connectorId" if version is Version.V16 else "evseId")
    duration_s = whole(payload, "duration")
    unit = text(payload, "chargingRateUnit", longest=1) if "chargingRateUnit" in payload else "W"
    if unit not in ("A", "W"):
        raise ProfileRefused("UnsupportedRateUnit", "chargingRateUnit is A or W.")
    if not 0 <= evse <= MOST_EVSES:
        raise ProfileRefused("UnknownEvse", "There is no such EVSE.")
    if duration_s <= 0:
        raise ProfileRefused("InvalidValue", "A schedule lasts longer than that.")
    return evse, min(duration_s, LONGEST_SCHEDULE_S), unit


def needs_answer(provider: Payload) -> Payload:
    """What a station's NotifyEVChargingNeeds is answered (K15, Q01), from the provider's answer.

    The hub gives the station its schedule, so it never hears that none will come. A refusal passes: the station must
    then not offer the energy transfer that was asked for.
    """
    if provider.get("status") in ("Accepted", "Rejected"):
        return provider
    return {name: value for name, value in provider.items() if name != "statusInfo"} | {"status": "Processing"}


def _selection(source: Mapping[str, Any], *, id_name: str, evse_name: str) -> Selection:
    number = _optional(source, id_name)
    purpose = source.get("chargingProfilePurpose")
    return Selection(
        ids=() if number is None else (number,),
        evse=_optional(source, evse_name),
        purpose=None if purpose is None else read_purpose(str(purpose)),
        stack_level=_optional(source, "stackLevel"),
    )


def _optional(source: Mapping[str, Any], name: str) -> int | None:
    return None if source.get(name) is None else whole(source, name)
