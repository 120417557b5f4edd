"""Charging profiles for OCPP 1.6, 2.0.1 and 2.1, made by pure functions.

Three profiles of the hub live in a station, each with its own purpose and id (K01.FR.06): the circuit's static
maximum, the never expiring floor that holds whenever nothing else does, and the leased command of the moment.
Amperes are per phase, watts the sum of the phases (2.0.1 errata 2.62); feeding is a negative setpoint.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from devices.evce.fields import Payload, rfc3339
from devices.evce.schemas import Version

FLOOR_ID = 8001
MAX_ID = 8002
LEASED_ID = 8003
STACK_LEVEL = 0
BACKDATED_S = 60
"""A station's clock may be behind the hub's by this much and a new profile still holds at once."""
_STATIC_START = "2020-01-01T00:00:00.000Z"
"""Fixed, so that a station which gets the same profile again need not write its flash memory."""
_DEFAULT_PHASES = 3


class Unit(StrEnum):
    """chargingRateUnit."""

    AMPERE = "A"
    WATT = "W"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLimits:
    """What the installer has set for the station's circuit.

    Attributes:
        max_current_a: A per phase that the circuit carries.
        safe_current_a: A per phase while the hub is gone; 0 means stop.
        phases: phases wired, 1 or 3.
        voltage_v: nominal phase voltage.
    """

    max_current_a: float
    safe_current_a: float
    phases: int
    voltage_v: float

    def watts(self, current_a: float) -> float:
        """Power at ``current_a`` per phase, W."""
        return current_a * self.phases * self.voltage_v

    def amperes(self, power_w: float) -> float:
        """Current per phase at ``power_w``, A."""
        return power_w / (self.phases * self.voltage_v)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Where, for what transaction and how long a command holds.

    Attributes:
        evse: EVSE (1.6: connector), > 0 (K01.FR.16).
        transaction_id: None only in 1.6, where a transaction may run under an id that the hub does not know.
        now: hub clock.
        seconds: from ``now``.
    """

    evse: int
    transaction_id: str | None
    now: datetime
    seconds: float


def floor(version: Version, limits: StationLimits, unit: Unit) -> Payload:
    """SetChargingProfile of the floor: TxDefaultProfile, lowest stack level, without an end, never discharging."""
    period = _limit(limits, limits.watts(limits.safe_current_a), unit)
    if version is Version.V21:
        period["operationMode"] = "ChargingOnly"
    schedule: Payload = {"startSchedule": _STATIC_START}
    return _request(version, 0, _profile(version, FLOOR_ID, "TxDefaultProfile", schedule, unit, period))


def station_max(version: Version, limits: StationLimits, unit: Unit) -> Payload:
    """SetChargingProfile of the circuit's maximum for the whole station; static, as stations keep it in flash."""
    purpose = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
    period = _limit(limits, limits.watts(limits.max_current_a), unit)
    schedule: Payload = {"startSchedule": _STATIC_START}
    return _request(version, 0, _profile(version, MAX_ID, purpose, schedule, unit, period))


def leased_limit(version: Version, limits: StationLimits, unit: Unit, limit_w: float, lease: Lease) -> Payload:
    """SetChargingProfile of a charging limit for the running transaction, W, cut to the circuit's maximum."""
    period = _limit(limits, min(limit_w, limits.watts(limits.max_current_a)), unit)
    if version is Version.V21:
        period["operationMode"] = "ChargingOnly"
    return _leased(version, lease, unit, period)


def leased_feed(limits: StationLimits, feed_w: float, lease: Lease) -> Payload:
    """SetChargingProfile (2.1) that has the car feed ``feed_w``, W >= 0, cut to the circuit's maximum.

    Q03.FR.02: with CentralSetpoint neither limit nor dischargeLimit is sent. Watts, because the standard leaves open
    whether an ampere setpoint is per phase.
    """
    setpoint = -math.floor(min(feed_w, limits.watts(limits.max_current_a)))
    period: Payload = {"startPeriod": 0, "setpoint": setpoint, "operationMode": "CentralSetpoint"}
    return _leased(Version.V21, lease, Unit.WATT, period)


def _leased(version: Version, lease: Lease, unit: Unit, period: Payload) -> Payload:
    schedule: Payload = {
        "startSchedule": rfc3339(lease.now - timedelta(seconds=BACKDATED_S)),
        "duration": BACKDATED_S + math.ceil(lease.seconds),
    }
    profile = _profile(version, LEASED_ID, "TxProfile", schedule, unit, period)
    if lease.transaction_id is not None:
        profile["transactionId"] = int(lease.transaction_id) if version is Version.V16 else lease.transaction_id
    if version is Version.V21:
        profile |= {"maxOfflineDuration": math.ceil(lease.seconds), "invalidAfterOfflineDuration": True}
    return _request(version, lease.evse, profile)


def _limit(limits: StationLimits, power_w: float, unit: Unit) -> Payload:
    # Rounded down to what 1.6 can carry; the tiny addend keeps 6 A from becoming 5.9.
    value = power_w if unit is Unit.WATT else limits.amperes(power_w)
    period: Payload = {"startPeriod": 0, "limit": math.floor(max(0.0, value) * 10 + 1e-6) / 10}
    if limits.phases != _DEFAULT_PHASES:
        period["numberPhases"] = limits.phases
    return period


def _profile(version: Version, number: int, purpose: str, schedule: Payload, unit: Unit, period: Payload) -> Payload:
    schedule = schedule | {"chargingRateUnit": unit.value, "chargingSchedulePeriod": [period]}
    common: Payload = {"stackLevel": STACK_LEVEL, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute"}
    if version is Version.V16:
        return common | {"chargingProfileId": number, "chargingSchedule": schedule}
    return common | {"id": number, "chargingSchedule": [schedule | {"id": number}]}


def _request(version: Version, evse: int, profile: Payload) -> Payload:
    if version is Version.V16:
        return {"connectorId": evse, "csChargingProfiles": profile}
    return {"evseId": evse, "chargingProfile": profile}
