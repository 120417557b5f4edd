"""Reads charging profiles as OCPP 1.6, 2.0.1 and 2.1 write them into one form."""

from datetime import UTC, datetime

from homeapp.demo.charger.charging_profile import DAY_S, Period, Profile, ProfileRefused, purpose_of
from homeapp.demo.charger.profile_rules import check_profile
from homeapp.demo.ocpp.schemas import Json, Version

_YEARS = range(2000, 2200)


def parse_profile(version: Version, evse: int, payload: Json, installed_at: datetime) -> Profile:
    """Read a profile whose payload has passed its schema.

    Raises:
        ProfileRefused: the profile breaks a rule of the standard, or asks for what this station cannot do.
    """
    schedule = _schedule(version, payload)
    kind = payload["chargingProfileKind"]
    profile = Profile(
        profile_id=payload["chargingProfileId" if version is Version.V16 else "id"],
        evse=evse,
        purpose=purpose_of(payload["chargingProfilePurpose"]),
        stack_level=payload["stackLevel"],
        start=None if kind == "Relative" else _instant(schedule.get("startSchedule")),
        every_s=_every(payload) if kind == "Recurring" else None,
        duration_s=schedule.get("duration"),
        amperes=schedule["chargingRateUnit"] == "A",
        periods=tuple(_period(entry) for entry in schedule["chargingSchedulePeriod"]),
        valid_from=_instant(payload.get("validFrom")),
        valid_to=_instant(payload.get("validTo")),
        transaction_id=None if payload.get("transactionId") is None else str(payload["transactionId"]),
        max_offline_s=payload.get("maxOfflineDuration"),
        ends_offline=payload.get("invalidAfterOfflineDuration", False),
        dynamic=kind == "Dynamic",
        pull_every_s=payload.get("dynUpdateInterval", 0),
        updated_at=_instant(payload.get("dynUpdateTime")) or installed_at,
        installed_at=installed_at,
        payload=payload,
    )
    check_profile(version, profile, kind, given_start="startSchedule" in schedule)
    return profile


def updated(version: Version, profile: Profile, values: Json, at: datetime) -> Profile:
    """A dynamic profile with the values of a scheduleUpdate (K28.FR.06, .08, .09).

    Raises:
        ProfileRefused: it is of another kind, or would break a rule.
    """
    if not profile.dynamic:
        raise ProfileRefused("InvalidProfile", "K28.FR.11: only a dynamic profile can be updated")
    schedule = dict(profile.payload["chargingSchedule"][0])
    schedule["chargingSchedulePeriod"] = [schedule["chargingSchedulePeriod"][0] | values]
    payload = profile.payload | {"chargingSchedule": [schedule], "dynUpdateTime": at.isoformat()}
    if profile.transaction_id is not None:
        payload["transactionId"] = profile.transaction_id
    return parse_profile(version, profile.evse, payload, profile.installed_at)


def _schedule(version: Version, payload: Json) -> Json:
    if version is Version.V16:
        return dict(payload["chargingSchedule"])
    if len(payload["chargingSchedule"]) != 1:
        raise ProfileRefused("InvalidSchedule", "this car has asked for no choice of schedules")
    return dict(payload["chargingSchedule"][0])


def _period(entry: Json) -> Period:
    return Period(
        start_s=entry["startPeriod"],
        limit=_values(entry, "limit"),
        phases=entry.get("numberPhases") or 3,
        phase_to_use=entry.get("phaseToUse"),
        setpoint=_values(entry, "setpoint"),
        discharge_limit=_values(entry, "dischargeLimit"),
        mode=entry.get("operationMode", "ChargingOnly"),
    )


def _values(entry: Json, name: str) -> tuple[float, ...]:
    plain, second, third = (entry.get(key) for key in (name, f"{name}_L2", f"{name}_L3"))
    if second is None and third is None:
        return () if plain is None else (float(plain),)
    # With values for L2 and L3 the plain one is that of L1.
    return tuple(float(value or 0.0) for value in (plain, second, third))


def _every(payload: Json) -> int:
    kind = payload.get("recurrencyKind")
    if kind is None:
        raise ProfileRefused("InvalidProfile", "a recurring profile needs a recurrencyKind")
    return DAY_S if kind == "Daily" else 7 * DAY_S


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ProfileRefused("InvalidProfile", "a time is not RFC 3339") from error
    if instant.year not in _YEARS and instant.year != 1970:
        raise ProfileRefused("InvalidProfile", "a time lies outside of this station's calendar")
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
