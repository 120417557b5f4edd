"""The standard's rules for a charging profile (2.x part 2 K01 and K28, 2.1 Q02; 1.6 3.13)."""

import math

from homeapp.demo.charger.charging_profile import (
    DAY_S,
    MAX_PERIODS,
    MAX_STACK_LEVEL,
    PHASES,
    Period,
    Profile,
    ProfileRefused,
    Purpose,
)
from homeapp.demo.ocpp.schemas import Version

_LONGEST_S = 3660 * DAY_S
_SUPPORTED_MODES = ("ChargingOnly", "CentralSetpoint", "Idle")
_FOR_A_TRANSACTION = (Purpose.TX, Purpose.TX_DEFAULT)


def check_profile(version: Version, profile: Profile, kind: str, *, given_start: bool) -> None:
    """Check a profile.

    Args:
        version: whose rules hold.
        profile: as read.
        kind: chargingProfileKind.
        given_start: it has a startSchedule.

    Raises:
        ProfileRefused: it breaks a rule.
    """
    _check_place(version, profile)
    _check_periods(profile)
    _check_kind(version, profile, kind, given_start=given_start)
    for period in profile.periods:
        _check_values(period)
        _check_mode(profile, period)


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
    if profile.purpose is Purpose.PRIORITY and profile.duration_s is not None:
        raise ProfileRefused("InvalidSchedule", "priority charging lasts until the end of the transaction")


def _check_periods(profile: Profile) -> None:
    starts = [period.start_s for period in profile.periods]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ProfileRefused("InvalidSchedule", "K01.FR.31: periods begin at 0 and follow each other")
    if starts[-1] > _LONGEST_S or not 0 <= (profile.duration_s or 0) <= _LONGEST_S:
        raise ProfileRefused("InvalidSchedule", "the schedule is longer than ten years")
    if len(starts) > MAX_PERIODS:
        raise ProfileRefused("TooManyElements", f"more than {MAX_PERIODS} periods")


def _check_kind(version: Version, profile: Profile, kind: str, *, given_start: bool) -> None:
    kinds = ("Absolute", "Recurring", "Relative", *(("Dynamic",) if version is Version.V21 else ()))
    if kind not in kinds:
        raise ProfileRefused("UnsupportedParam", f"kind {kind} is not supported")
    if profile.dynamic:
        if len(profile.periods) != 1:
            raise ProfileRefused("InvalidSchedule", "K28.FR.01: a dynamic profile has one period")
        return
    if profile.pull_every_s:
        raise ProfileRefused("InvalidProfile", "K28.FR.04: only a dynamic profile is updated")
    if version is not Version.V16:
        if given_start == (kind == "Relative"):
            raise ProfileRefused("InvalidSchedule", "K01.FR.40/41: startSchedule with all kinds but Relative")
        if kind == "Relative" and profile.purpose is Purpose.MAX:
            raise ProfileRefused("InvalidProfile", "K01.FR.38: a maximum of the station cannot be relative")


def _check_values(period: Period) -> None:
    values = (*period.limit, *period.setpoint, *period.discharge_limit)
    if not all(math.isfinite(value) for value in values) or any(value < 0 for value in period.limit):
        raise ProfileRefused("InvalidSchedule", "a limit is a number of at least 0")
    if any(value > 0 for value in period.discharge_limit):
        raise ProfileRefused("InvalidSchedule", "a dischargeLimit is at most 0")
    if period.phase_to_use is not None and (period.phases != 1 or period.phase_to_use not in PHASES):
        raise ProfileRefused("InvalidSchedule", "K01.FR.19: phaseToUse is for a single phase")


def _check_mode(profile: Profile, period: Period) -> None:
    if period.mode not in _SUPPORTED_MODES:
        raise ProfileRefused("UnsupportedParam", f"operationMode {period.mode} is not supported")
    if period.mode == "ChargingOnly":
        if period.setpoint or period.discharge_limit:
            raise ProfileRefused("InvalidSchedule", "Q02.FR.02: neither setpoint nor dischargeLimit here")
        if not period.limit:
            raise ProfileRefused("InvalidSchedule", "a period without a limit")
    elif profile.purpose not in _FOR_A_TRANSACTION:
        raise ProfileRefused("InvalidProfile", "operation modes belong to TxProfile and TxDefaultProfile")
    if period.mode == "CentralSetpoint" and not period.setpoint:
        raise ProfileRefused("InvalidSchedule", "CentralSetpoint without a setpoint")
