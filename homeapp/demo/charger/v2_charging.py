"""OCPP 2.0.1 and 2.1, spoken by the simulated station: what it answers about charging profiles."""

import itertools
from collections.abc import Mapping

from homeapp.demo.charger.car import VOLTAGE_V
from homeapp.demo.charger.charging_profile import Profile, ProfileRefused, Purpose, purpose_of
from homeapp.demo.charger.composite import Composite
from homeapp.demo.charger.dialect import LONGEST_COMPOSITE_S, Handler, Operations, Selection
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json, Version

_SOURCE = "CSO"
_ALL_THE_SAME_WITHIN = 1e-6


def _set_profile(payload: Json, station: Operations) -> Json:
    try:
        station.install_profile(payload["evseId"], payload["chargingProfile"])
    except ProfileRefused as refusal:
        return _refused(refusal)
    return {"status": "Accepted"}


def _refused(refusal: ProfileRefused) -> Json:
    return {"status": "Rejected", "statusInfo": {"reasonCode": refusal.reason, "additionalInfo": str(refusal)}}


def _clear_profile(payload: Json, station: Operations) -> Json:
    criteria = payload.get("chargingProfileCriteria", {})
    purpose = criteria.get("chargingProfilePurpose")
    # K10.FR.06: an external constraint is not the CSMS's to clear; this station has none.
    if purpose is not None and purpose not in list(Purpose):
        return {"status": "Unknown"}
    selection = Selection(
        profile_id=payload.get("chargingProfileId"),
        evse=criteria.get("evseId"),
        purpose=None if purpose is None else purpose_of(purpose),
        stack_level=criteria.get("stackLevel"),
    )
    return {"status": "Accepted" if station.clear_profiles(selection) else "Unknown"}


def _get_profiles(payload: Json, station: Operations) -> Json:
    criteria = payload["chargingProfile"]
    purpose, sources = criteria.get("chargingProfilePurpose"), criteria.get("chargingLimitSource")
    if (sources is not None and _SOURCE not in sources) or (purpose is not None and purpose not in list(Purpose)):
        return {"status": "NoProfiles"}
    selection = Selection(
        evse=payload.get("evseId"),
        purpose=None if purpose is None else purpose_of(purpose),
        stack_level=criteria.get("stackLevel"),
    )
    found = sorted(station.profiles(selection, criteria.get("chargingProfileId")), key=lambda profile: profile.evse)
    if not found:
        return {"status": "NoProfiles"}
    by_evse = [(evse, [*members]) for evse, members in itertools.groupby(found, key=lambda profile: profile.evse)]
    for number, (evse, members) in enumerate(by_evse, start=1):
        report: Json = {
            "requestId": payload["requestId"],
            "chargingLimitSource": _SOURCE,
            "evseId": evse,
            "tbc": number < len(by_evse),
            "chargingProfile": [_installed(profile) for profile in members],
        }
        station.say("ReportChargingProfiles", report)
    return {"status": "Accepted"}


def _installed(profile: Profile) -> Json:
    told = dict(profile.payload)
    if profile.transaction_id is not None:
        told["transactionId"] = profile.transaction_id
    if profile.dynamic:
        told["dynUpdateTime"] = rfc3339(profile.updated_at)
    return told


def _composite(payload: Json, station: Operations) -> Json:
    evse, duration_s = payload["evseId"], min(payload["duration"], LONGEST_COMPOSITE_S)
    if not station.has_evse(evse) or duration_s <= 0:
        return {"status": "Rejected"}
    unit = payload.get("chargingRateUnit", "A")
    periods = [
        _composite_period(start, composite, unit, station.version)
        for start, composite in station.composite_schedule(evse, duration_s)
    ]
    schedule: Json = {
        "evseId": evse,
        "duration": duration_s,
        "scheduleStart": rfc3339(station.now()),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return {"status": "Accepted", "schedule": schedule}


def _composite_period(start: int, composite: Composite, unit: str, version: Version) -> Json:
    per_phase = VOLTAGE_V if unit == "A" else 1.0
    least_w = min(composite.phase_limit_w[phase - 1] for phase in composite.usable)
    limit_w = min(composite.limit_w, least_w * composite.phases)
    limit = limit_w / (per_phase * composite.phases if unit == "A" else 1.0)
    period: Json = {"startPeriod": start, "limit": round(limit, 3), "numberPhases": composite.phases}
    if composite.phases == 1 and composite.usable != (1,):
        period["phaseToUse"] = composite.usable[0]
    if version is Version.V21 and _told_apart(composite):
        values = [round(watts / per_phase, 3) for watts in composite.phase_limit_w]
        period |= dict(zip(("limit", "limit_L2", "limit_L3"), values, strict=True))
    if composite.setpoint_w is not None:
        setpoint = composite.setpoint_w / (VOLTAGE_V if unit == "A" else 1.0)
        period |= {"setpoint": round(setpoint, 3), "operationMode": composite.mode}
    return period


def _told_apart(composite: Composite) -> bool:
    """The phases are unlike each other, and only they bind."""
    limits_w = composite.phase_limit_w
    unlike = max(limits_w) - min(limits_w) > _ALL_THE_SAME_WITHIN
    return composite.phases == 3 and unlike and composite.limit_w >= sum(limits_w) - _ALL_THE_SAME_WITHIN


def _update_dynamic(payload: Json, station: Operations) -> Json:
    try:
        station.update_profile(payload["chargingProfileId"], payload["scheduleUpdate"])
    except ProfileRefused as refusal:
        return _refused(refusal)
    return {"status": "Accepted"}


def _use_priority(payload: Json, station: Operations) -> Json:
    return {"status": station.use_priority(payload["transactionId"], active=payload["activate"])}


CHARGING_ANSWERS: Mapping[str, Handler] = {
    "SetChargingProfile": _set_profile,
    "ClearChargingProfile": _clear_profile,
    "GetChargingProfiles": _get_profiles,
    "GetCompositeSchedule": _composite,
}
CHARGING_ANSWERS_OF_21: Mapping[str, Handler] = {
    "UpdateDynamicSchedule": _update_dynamic,
    "UsePriorityCharging": _use_priority,
}
