"""Reads the charging profiles of OCPP 1.6, 2.0.1 and 2.1 and refuses what the standard does not allow (K01)."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from devices.evce.fields import FieldError, items, mapping, number, text, whole
from devices.evce.provider.charging_profile import (
    DAY_S,
    WEEK_S,
    Kind,
    Mode,
    Period,
    Profile,
    ProfileRefused,
    Purpose,
)
from devices.evce.schemas import Version

MAX_STACK_LEVEL = 255
MOST_EVSES = 64
MAX_PERIODS = 1024
LARGEST_PROFILE = 128 * 1024
_MAX_SCHEDULES = 3
_LONGEST_S = 3660 * DAY_S
_YEARS = range(2000, 2200)
_PHASES = 3
_LIMITS = ("limit", "limit_L2", "limit_L3")
_SETPOINTS = ("setpoint", "setpoint_L2", "setpoint_L3")
_DISCHARGE_LIMITS = ("dischargeLimit", "dischargeLimit_L2", "dischargeLimit_L3")


def read_profile(version: Version, evse: int, payload: Mapping[str, Any], now: datetime) -> Profile:
    """The profile in ``csChargingProfiles`` (1.6) or ``chargingProfile`` (2.x).

    Args:
        version: whose rules hold.
        evse: evseId or connectorId that it is for.
        payload: of the profile; it need not have passed a schema.
        now: hub clock.

    Raises:
        ProfileRefused: it breaks a rule of the standard, or asks for what the hub cannot do.
    """
    try:
        if len(msgspec.json.encode(payload)) > LARGEST_PROFILE:
            raise ProfileRefused("TooLargeElement", f"A profile is at most {LARGEST_PROFILE} bytes.")
        profile = _read(version, evse, payload, now)
    except FieldError as error:
        raise ProfileRefused("InvalidProfile", f"The charging profile cannot be read: {error}.") from error
    _check_place(profile)
    _check_kind(profile, schedule_of(payload, version))
    _check_periods(profile)
    return profile


def schedule_of(payload: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    """The schedule of a profile; where a 2.x car may choose among three, the first one is what the hub follows."""
    if version is Version.V16:
        return mapping(payload, "chargingSchedule")
    return next(iter(items(payload, "chargingSchedule", most=_MAX_SCHEDULES)), {})


def read_purpose(word: str) -> Purpose:
    """The purpose that a version calls so.

    Raises:
        ProfileRefused: none that a CSMS may set here (K01.FR.22, .120).
    """
    if word == "ChargePointMaxProfile":
        return Purpose.STATION_MAX
    try:
        return Purpose(word)
    except ValueError as error:
        sentence = f"A provider cannot set profiles of the purpose {word[:40]} here."
        raise ProfileRefused("UnsupportedPurpose", sentence) from error


def _read(version: Version, evse: int, payload: Mapping[str, Any], now: datetime) -> Profile:
    schedule = schedule_of(payload, version)
    kind = _kind(text(payload, "chargingProfileKind"))
    amperes = _is_amperes(schedule)
    transaction_id = payload.get("transactionId")
    return Profile(
        profile_id=whole(payload, "chargingProfileId" if version is Version.V16 else "id"),
        evse=evse,
        purpose=_purpose_in(version, text(payload, "chargingProfilePurpose")),
        stack_level=whole(payload, "stackLevel"),
        kind=kind,
        start=None if kind in (Kind.RELATIVE, Kind.DYNAMIC) else _instant(schedule, "startSchedule"),
        every_s=_every(payload) if kind is Kind.RECURRING else None,
        duration_s=_optional_whole(schedule, "duration"),
        amperes=amperes,
        periods=tuple(
            _period(entry, amperes=amperes) for entry in items(schedule, "chargingSchedulePeriod", most=MAX_PERIODS + 1)
        ),
        valid_from=_instant(payload, "validFrom"),
        valid_to=_instant(payload, "validTo"),
        transaction_id=None if transaction_id is None else str(transaction_id),
        max_offline_s=_longest(_optional_whole(payload, "maxOfflineDuration")),
        void_after_offline=payload.get("invalidAfterOfflineDuration") is True,
        pull_every_s=_optional_whole(payload, "dynUpdateInterval"),
        installed_at=now,
        version=version,
        payload=payload,
    )


def _purpose_in(version: Version, word: str) -> Purpose:
    purpose = read_purpose(word)
    if purpose is Purpose.PRIORITY and version is not Version.V21:
        raise ProfileRefused("UnsupportedPurpose", "PriorityCharging came with OCPP 2.1.")
    return purpose


def _kind(word: str) -> Kind:
    try:
        return Kind(word)
    except ValueError as error:
        raise ProfileRefused("UnsupportedKind", f"The profile kind {word[:40]} is not known.") from error


def _is_amperes(schedule: Mapping[str, Any]) -> bool:
    match schedule.get("chargingRateUnit"):
        case "A":
            return True
        case "W":
            return False
    raise ProfileRefused("UnsupportedRateUnit", "chargingRateUnit is A or W.")


def _every(payload: Mapping[str, Any]) -> int:
    match payload.get("recurrencyKind"):
        case "Daily":
            return DAY_S
        case "Weekly":
            return WEEK_S
    raise ProfileRefused("InvalidProfile", "A recurring profile needs a recurrencyKind, Daily or Weekly.")


def _optional_whole(source: Mapping[str, Any], name: str) -> int | None:
    return None if source.get(name) is None else whole(source, name)


def _longest(seconds: int | None) -> int | None:
    return None if seconds is None else min(seconds, _LONGEST_S)


def _instant(source: Mapping[str, Any], name: str) -> datetime | None:
    # Unlike of a station's clock, any year is taken: the standard's own example begins in 2013.
    value = source.get(name)
    if value is None:
        return None
    try:
        stamp = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 64 else None
        stamp = None if stamp is None else stamp.replace(tzinfo=stamp.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        stamp = None
    if stamp is None or stamp.year not in _YEARS:
        raise ProfileRefused("InvalidProfile", f"{name} is no RFC 3339 time of this age.")
    return stamp


def _period(entry: Mapping[str, Any], *, amperes: bool) -> Period:
    limits = [_quantity(entry, name) for name in _LIMITS if name in entry]
    phases = _optional_whole(entry, "numberPhases") or _PHASES
    return Period(
        starts_s=whole(entry, "startPeriod"),
        # The hub's own limit is the same on every phase, so the lowest of three holds for all of them.
        limit=min(limits) if limits else None,
        each_phase=not amperes and len(limits) > 1,
        phases=phases,
        setpoint=_sum_of_phases(entry, _SETPOINTS),
        discharge_limit=_sum_of_phases(entry, _DISCHARGE_LIMITS),
        mode=_mode(entry),
    )


def _quantity(entry: Mapping[str, Any], name: str) -> float:
    value = number(entry.get(name))
    if value is None or isinstance(entry.get(name), str):
        raise FieldError(f"{name} must be a number")
    return value


def _sum_of_phases(entry: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    given = [key for key in names if key in entry]
    return math.fsum(_quantity(entry, key) for key in given) if given else None


def _mode(entry: Mapping[str, Any]) -> Mode:
    if "operationMode" not in entry:
        return Mode.CHARGING_ONLY
    word = entry["operationMode"]
    if word in ("LocalFrequency", "LocalLoadBalancing"):
        # The hub does not measure the grid's frequency, and balances the home's load itself.
        raise ProfileRefused("UnsupportedParam", f"The operation mode {word} is left to the home's own hub.")
    try:
        return Mode(word)
    except ValueError as error:
        raise ProfileRefused("UnsupportedParam", "This operation mode is not known.") from error


def _check_place(profile: Profile) -> None:
    if not 0 <= profile.evse <= MOST_EVSES:
        raise ProfileRefused("UnknownEvse", "There is no such EVSE (K01.FR.28).")
    if not 0 <= profile.stack_level <= MAX_STACK_LEVEL:
        raise ProfileRefused("InvalidStackLevel", f"stackLevel is 0 to {MAX_STACK_LEVEL}.")
    if profile.purpose is Purpose.STATION_MAX and profile.evse != 0:
        raise ProfileRefused("InvalidProfile", "A maximum of the station belongs to the whole station.")
    if profile.purpose is Purpose.TX and profile.evse < 1:
        raise ProfileRefused("InvalidProfile", "A TxProfile belongs to one EVSE (K01.FR.16).")
    if profile.valid_from and profile.valid_to and profile.valid_from >= profile.valid_to:
        raise ProfileRefused("InvalidProfile", "The profile ends before it begins.")
    if (profile.max_offline_s or 0) < 0:
        raise ProfileRefused("InvalidProfile", "maxOfflineDuration is at least 0.")


def _check_kind(profile: Profile, schedule: Mapping[str, Any]) -> None:
    kind, is_2x = profile.kind, profile.version is not Version.V16
    if kind is Kind.DYNAMIC:
        if profile.version is not Version.V21:
            raise ProfileRefused("UnsupportedKind", "Dynamic profiles came with OCPP 2.1.")
        if len(profile.periods) != 1:
            raise ProfileRefused("InvalidSchedule", "A dynamic profile has one period (K28.FR.01).")
    elif "dynUpdateInterval" in profile.payload or "dynUpdateTime" in profile.payload:
        raise ProfileRefused("InvalidProfile", "Only dynamic profiles are updated (K01.FR.122).")
    if is_2x and kind in (Kind.ABSOLUTE, Kind.RECURRING) and profile.start is None:
        raise ProfileRefused("InvalidSchedule", "This kind of profile needs a startSchedule (K01.FR.40).")
    if is_2x and kind is Kind.RELATIVE and "startSchedule" in schedule:
        raise ProfileRefused("InvalidSchedule", "A relative profile has no startSchedule (K01.FR.41).")
    if kind is Kind.RELATIVE and profile.purpose is Purpose.STATION_MAX and is_2x:
        raise ProfileRefused("InvalidProfile", "A maximum of the station cannot be relative (K01.FR.38).")
    _check_what_hub_lacks(schedule)


def _check_what_hub_lacks(schedule: Mapping[str, Any]) -> None:
    """K01.FR.123 to .126: optional parts of 2.1 that the hub does not offer."""
    if schedule.get("useLocalTime") is True:
        raise ProfileRefused("InvalidSchedule", "Local time in schedules is not supported (K01.FR.123).")
    if schedule.get("randomizedDelay"):
        raise ProfileRefused("InvalidSchedule", "Randomized delays are not supported (K01.FR.124).")
    if "limitAtSoC" in schedule:
        raise ProfileRefused("InvalidSchedule", "A limit by state of charge is not supported (K01.FR.125).")
    for entry in items(schedule, "chargingSchedulePeriod", most=MAX_PERIODS):
        if entry.get("evseSleep") is True:
            raise ProfileRefused("InvalidSchedule", "Sleep of the EVSE is not supported (K01.FR.126).")
        if entry.get("phaseToUse"):
            raise ProfileRefused("InvalidSchedule", "The phase cannot be chosen here (K01.FR.48).")


def _check_periods(profile: Profile) -> None:
    starts = [period.starts_s for period in profile.periods]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ProfileRefused("InvalidSchedule", "Periods begin at 0 and follow each other (K01.FR.31, .35).")
    if len(starts) > MAX_PERIODS:
        raise ProfileRefused("TooManyElements", f"A schedule has at most {MAX_PERIODS} periods.")
    if starts[-1] > _LONGEST_S or not 0 <= (profile.duration_s or 0) <= _LONGEST_S:
        raise ProfileRefused("InvalidSchedule", "The schedule is longer than ten years.")
    if profile.purpose is Purpose.PRIORITY and profile.duration_s is not None:
        raise ProfileRefused("InvalidSchedule", "Priority charging has no duration (K01.FR.70).")
    for period in profile.periods:
        _check_values(period, amperes=profile.amperes)
        _check_mode(profile, period)


def _check_values(period: Period, *, amperes: bool) -> None:
    if not 1 <= period.phases <= _PHASES:
        raise ProfileRefused("InvalidSchedule", "numberPhases is 1 to 3.")
    if (period.limit or 0.0) < 0 or (period.discharge_limit or 0.0) > 0:
        raise ProfileRefused("InvalidSchedule", "A limit is at least 0, a dischargeLimit at most 0.")
    setpoint = period.setpoint
    if setpoint is not None:
        # Only a single limit in W is the sum of the phases, like a setpoint.
        parts = period.phases if amperes or period.each_phase else 1
        above = period.limit is not None and setpoint > period.limit * parts
        below = period.discharge_limit is not None and setpoint < period.discharge_limit
        if above or below:
            raise ProfileRefused("InvalidSchedule", "The setpoint lies outside of its limits (V2X.05).")


def _check_mode(profile: Profile, period: Period) -> None:
    mode = period.mode
    if mode is Mode.CHARGING_ONLY:
        if period.setpoint is not None or period.discharge_limit is not None:
            raise ProfileRefused("InvalidSchedule", "ChargingOnly has neither setpoint nor dischargeLimit (Q02.FR.02).")
        if period.limit is None:
            raise ProfileRefused("InvalidSchedule", "ChargingOnly needs a limit.")
        return
    if profile.version is not Version.V21:
        raise ProfileRefused("UnsupportedParam", "Operation modes came with OCPP 2.1.")
    if profile.purpose not in (Purpose.TX, Purpose.TX_DEFAULT):
        raise ProfileRefused("InvalidSchedule", f"{profile.purpose} is for charging only (K01.FR.71).")
    if mode.is_central and period.setpoint is None:
        raise ProfileRefused("InvalidSchedule", f"{mode} needs a setpoint.")
    if not mode.is_central and period.setpoint is not None:
        raise ProfileRefused("InvalidSchedule", f"{mode} takes no setpoint of the provider's.")
