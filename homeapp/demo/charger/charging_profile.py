"""Charging profiles as OCPP 1.6, 2.0.1 and 2.1 write them, read into one form and checked by the standard's rules."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from homeapp.demo.charger.ocpp_schemas import Json, Version

MAX_STACK_LEVEL = 8
MAX_PERIODS = 96
DAY_S = 86_400
_LONGEST_S = 3660 * DAY_S
_YEARS = range(2000, 2200)
_SUPPORTED_MODES = ("ChargingOnly", "CentralSetpoint", "Idle")


class Purpose(StrEnum):
    """chargingProfilePurpose, in the words of 2.x."""

    MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class ProfileRefused(Exception):
    """The profile cannot be installed; ``reason`` is a reasonCode of 2.x."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """chargingSchedulePeriod.

    Attributes:
        start_s: after the start of its schedule.
        limit: A per phase or W in all; None for no limit.
        phases: that may be used.
        setpoint: A or W, sum of the phases, feeding -; only with CentralSetpoint.
        discharge_limit: A or W, sum of the phases, <= 0, or None.
        mode: operationMode of 2.1.
    """

    start_s: int
    limit: float | None
    phases: int = 3
    setpoint: float | None = None
    discharge_limit: float | None = None
    mode: str = "ChargingOnly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One charging profile.

    Attributes:
        evse: EVSE (1.6: connector); 0 for the whole station.
        start: startSchedule, or None where the schedule is relative to the transaction.
        every_s: recurrence, s, or None.
        amperes: the unit is A, else W.
        max_offline_s: it does not hold while the station is offline for longer (2.1), or None.
        ends_offline: it is void for good once that time is over.
        payload: as received; what is kept over a restart.
    """

    profile_id: int
    evse: int
    purpose: Purpose
    stack_level: int
    start: datetime | None
    every_s: int | None
    duration_s: int | None
    amperes: bool
    periods: tuple[Period, ...]
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    max_offline_s: int | None
    ends_offline: bool
    installed_at: datetime
    payload: Json


def purpose_of(word: str) -> Purpose:
    """The purpose that a version calls ``word``.

    Raises:
        ProfileRefused: it is none that a CSMS may install here (K01.FR.22).
    """
    if word == "ChargePointMaxProfile":
        return Purpose.MAX
    try:
        return Purpose(word)
    except ValueError as error:
        raise ProfileRefused("UnsupportedParam", f"purpose {word} is not supported") from error


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
        periods=tuple(_period(entry, schedule["chargingRateUnit"]) for entry in schedule["chargingSchedulePeriod"]),
        valid_from=_instant(payload.get("validFrom")),
        valid_to=_instant(payload.get("validTo")),
        transaction_id=None if payload.get("transactionId") is None else str(payload["transactionId"]),
        max_offline_s=payload.get("maxOfflineDuration"),
        ends_offline=payload.get("invalidAfterOfflineDuration", False),
        installed_at=installed_at,
        payload=payload,
    )
    _check_place(version, profile)
    _check_schedule(version, profile, kind, given_start="startSchedule" in schedule)
    _check_modes(profile)
    return profile


def _schedule(version: Version, payload: Json) -> Json:
    if version is Version.V16:
        return dict(payload["chargingSchedule"])
    if len(payload["chargingSchedule"]) != 1:
        raise ProfileRefused("InvalidSchedule", "this car has asked for no choice of schedules")
    return dict(payload["chargingSchedule"][0])


def _period(entry: Json, unit: str) -> Period:
    limits = [entry[name] for name in ("limit", "limit_L2", "limit_L3") if name in entry]
    return Period(
        start_s=entry["startPeriod"],
        # With values for L2 and L3 the plain one is that of L1.
        limit=None if not limits else float(min(limits) if unit == "A" else sum(limits)),
        phases=entry.get("numberPhases") or 3,
        setpoint=_total(entry, "setpoint"),
        discharge_limit=_total(entry, "dischargeLimit"),
        mode=entry.get("operationMode", "ChargingOnly"),
    )


def _total(entry: Json, name: str) -> float | None:
    values = [entry[key] for key in (name, f"{name}_L2", f"{name}_L3") if key in entry]
    return float(sum(values)) if values else None


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
    if instant.year not in _YEARS:
        raise ProfileRefused("InvalidProfile", "a time lies outside of this station's calendar")
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _check_place(version: Version, profile: Profile) -> None:
    if not 0 <= profile.stack_level <= MAX_STACK_LEVEL:
        raise ProfileRefused("InvalidStackLevel", f"stackLevel is not within 0..{MAX_STACK_LEVEL}")
    if profile.purpose is Purpose.MAX and profile.evse != 0:
        raise ProfileRefused("InvalidProfile", "a maximum of the station belongs to the whole station")
    if profile.purpose is Purpose.TX:
        if profile.evse < 1:
            raise ProfileRefused("InvalidProfile", "K01.FR.16: a TxProfile belongs to an EVSE")
        if version is not Version.V16 and profile.transaction_id is None:
            raise ProfileRefused("InvalidProfile", "K01.FR.03: a TxProfile names its transaction")


def _check_schedule(version: Version, profile: Profile, kind: str, *, given_start: bool) -> None:
    starts = [period.start_s for period in profile.periods]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ProfileRefused("InvalidSchedule", "K01.FR.31: periods begin at 0 and follow each other")
    if starts[-1] > _LONGEST_S or not 0 <= (profile.duration_s or 0) <= _LONGEST_S:
        raise ProfileRefused("InvalidSchedule", "the schedule is longer than ten years")
    if len(starts) > MAX_PERIODS:
        raise ProfileRefused("TooManyElements", f"more than {MAX_PERIODS} periods")
    if kind not in ("Absolute", "Recurring", "Relative"):
        raise ProfileRefused("UnsupportedParam", f"kind {kind} is not supported")
    if version is not Version.V16:
        if given_start == (kind == "Relative"):
            raise ProfileRefused("InvalidSchedule", "K01.FR.40/41: startSchedule with all kinds but Relative")
        if kind == "Relative" and profile.purpose is Purpose.MAX:
            raise ProfileRefused("InvalidProfile", "K01.FR.38: a maximum of the station cannot be relative")


def _check_modes(profile: Profile) -> None:
    for period in profile.periods:
        values = (period.limit, period.setpoint, period.discharge_limit)
        if not all(value is None or math.isfinite(value) for value in values) or (period.limit or 0) < 0:
            raise ProfileRefused("InvalidSchedule", "a limit is a number of at least 0")
        if period.mode not in _SUPPORTED_MODES:
            raise ProfileRefused("UnsupportedParam", f"operationMode {period.mode} is not supported")
        if period.mode == "ChargingOnly":
            if period.setpoint is not None or period.discharge_limit is not None:
                raise ProfileRefused("InvalidSchedule", "Q02.FR.02: neither setpoint nor dischargeLimit here")
            if period.limit is None:
                raise ProfileRefused("InvalidSchedule", "a period without a limit")
        elif profile.purpose is Purpose.MAX:
            raise ProfileRefused("InvalidProfile", "operation modes belong to TxProfile and TxDefaultProfile")
        if period.mode == "CentralSetpoint" and period.setpoint is None:
            raise ProfileRefused("InvalidSchedule", "CentralSetpoint without a setpoint")
