"""Charging profiles for OCPP 1.6, 2.0.1 and 2.1, made by pure functions.

Three profiles of the hub live in a station, each with its own purpose and id (K01.FR.06): the circuit's static
maximum, the never expiring floor that holds whenever nothing else does, and the leased command of the moment. Where a
station takes no TxProfile, the command goes into a TxDefaultProfile above the floor instead, which ends by itself too.
Amperes are per phase, watts the sum of the phases (2.0.1 errata 2.62); feeding is a negative setpoint.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from devices.evce.fields import Payload, rfc3339
from devices.evce.schemas import Version
from devices.evce.station_clock import CENTURY, EPOCH
from homeapp.model.site import MIN_CURRENT_A

FLOOR_ID = 8001
MAX_ID = 8002
LEASED_ID = 8003
DEFAULT_ID = 8004
_LEASED_BESIDE = 8100
_DEFAULT_BESIDE = 8200
STACK_LEVEL = 0
BACKDATED_S = 60
"""A station's clock may be behind the hub's by this much and a new profile still holds at once."""
_DEFAULT_PHASES = 3


def leased_id(evse: int) -> int:
    """The id of an EVSE's leased TxProfile: one of its own, as a profile replaces another of its id (K01.FR.05)."""
    return LEASED_ID if evse <= 1 else _LEASED_BESIDE + evse


def default_id(evse: int) -> int:
    """The same of a leased TxDefaultProfile."""
    return DEFAULT_ID if evse <= 1 else _DEFAULT_BESIDE + evse


class Begin(StrEnum):
    """When a profile without an end begins: always the same, so that its repetition wears no flash memory.

    By a clock that was never set, a date of the hub's own time lies ahead, and until then the profile holds nothing.
    """

    EPOCH = "epoch"
    """Absolute, from where clocks begin: it holds whatever the station's clock says"""
    RELATIVE = "relative"
    """with the transaction, for stations that refuse such a date; not for a maximum (K01.FR.38)"""
    CENTURY = "century"
    """Absolute, from 2000, for those that know neither; it holds once the clock was set"""


FLOOR_BEGINS = (Begin.EPOCH, Begin.RELATIVE, Begin.CENTURY)
MAX_BEGINS = (Begin.EPOCH, Begin.CENTURY)
_BEGINS = {Begin.EPOCH: EPOCH, Begin.CENTURY: CENTURY}


class Unit(StrEnum):
    """chargingRateUnit."""

    AMPERE = "A"
    WATT = "W"

    @property
    def other(self) -> "Unit":
        return Unit.WATT if self is Unit.AMPERE else Unit.AMPERE


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


def floor_current_a(limits: StationLimits, evses: int) -> float:
    """The floor of each of so many EVSEs, A per phase: a TxDefaultProfile for all holds for each of them (K01).

    Together they draw no more than the station's safe current; where that is too little for all, none of them charges.
    """
    share_a = limits.safe_current_a / evses
    return share_a if evses == 1 or share_a >= MIN_CURRENT_A else 0.0


def floor_w(limits: StationLimits, evses: int, unit: Unit) -> float:
    """The same, W. In watts it is that of one phase: a car may draw all of it from one, and nobody sees it."""
    current_a = floor_current_a(limits, evses)
    return limits.watts(current_a) if unit is Unit.AMPERE else current_a * limits.voltage_v


def on_phases(limits: StationLimits, phases: int | None) -> StationLimits:
    """The same circuit, used on so many phases; None for all of them."""
    return limits if phases is None else replace(limits, phases=min(phases, limits.phases))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Where, for what transaction and how long a command holds.

    Attributes:
        evse: EVSE (1.6: connector), > 0 (K01.FR.16).
        transaction_id: None only in 1.6, where a transaction may run under an id that the hub does not know.
        now: the station's clock: where it is off, an instant of the hub's would be another one there.
        seconds: from ``now``.
    """

    evse: int
    transaction_id: str | None
    now: datetime
    seconds: float


def floor(
    version: Version, limits: StationLimits, unit: Unit, begin: Begin = Begin.EPOCH, *, evses: int = 1
) -> Payload:
    """SetChargingProfile of the floor: TxDefaultProfile, lowest stack level, without an end, never discharging."""
    period = _limit(limits, floor_w(limits, evses, unit), unit)
    if version is Version.V21:
        period["operationMode"] = "ChargingOnly"
    profile = _profile(version, FLOOR_ID, "TxDefaultProfile", _begins(begin), unit, period)
    if begin is Begin.RELATIVE:
        profile["chargingProfileKind"] = "Relative"
    return _request(version, 0, profile)


def max_purpose(version: Version) -> str:
    """What a version calls the purpose of a limit for the whole station."""
    return "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"


def station_max(
    version: Version, limits: StationLimits, unit: Unit, limit_w: float | None = None, *, begin: Begin = Begin.EPOCH
) -> Payload:
    """SetChargingProfile of the most that the whole station may draw, W; the circuit's maximum where none is given.

    Stations keep it in their flash memory, so it is no way to follow a plan.
    """
    purpose = max_purpose(version)
    most_w = limits.watts(limits.max_current_a)
    period = _limit(limits, most_w if limit_w is None else min(limit_w, most_w), unit)
    return _request(version, 0, _profile(version, MAX_ID, purpose, _begins(begin), unit, period))


def leased_limit(
    version: Version, limits: StationLimits, unit: Unit, limit_w: float, lease: Lease, *, phase: int | None = None
) -> Payload:
    """SetChargingProfile of a charging limit for the running transaction, W, cut to the circuit's maximum.

    Args:
        version: spoken with the station.
        limits: of the circuit, on the phases that are to be used.
        unit: chargingRateUnit.
        limit_w: W.
        lease: where and for how long.
        phase: phaseToUse, 1 to 3, where one phase of several is used and the station lets it be chosen (K01.FR.19).
    """
    period = _charging(version, limits, unit, limit_w)
    if phase is not None and version is not Version.V16 and limits.phases == 1:
        period["phaseToUse"] = phase
    return _leased(version, lease, _backdated(lease), unit, period)


def leased_default(
    version: Version, limits: StationLimits, unit: Unit, limit_w: float, lease: Lease, stack_level: int
) -> Payload:
    """The same as a TxDefaultProfile above the floor, for stations that take no TxProfile.

    It says twice when it ends, as some stations know only one of the two ways.
    """
    period = _charging(version, limits, unit, limit_w)
    profile = _profile(version, default_id(lease.evse), "TxDefaultProfile", _backdated(lease), unit, period)
    profile |= {"stackLevel": stack_level, "validTo": rfc3339(lease.now + timedelta(seconds=math.ceil(lease.seconds)))}
    return _request(version, lease.evse, profile)


def leased_feed(
    limits: StationLimits,
    feed_w: float,
    lease: Lease,
    *,
    phases_w: Sequence[float] = (),
    dynamic_every_s: int | None = None,
) -> Payload:
    """SetChargingProfile (2.1) that has the car feed ``feed_w``, W >= 0, cut to the circuit's maximum.

    Q03.FR.02: with CentralSetpoint neither limit nor dischargeLimit is sent. Watts, because the standard leaves open
    whether an ampere setpoint is per phase.

    Args:
        limits: of the circuit.
        feed_w: on all phases together.
        lease: where and for how long.
        phases_w: most that the car feeds on L1..L3, where car or station want a setpoint for each phase.
        dynamic_every_s: makes it a Dynamic profile (Q04), which ends when it was not updated for the lease's time;
            the station asks for an update after so many seconds.
    """
    setpoint_w = -min(feed_w, limits.watts(limits.max_current_a))
    period: Payload = {"startPeriod": 0, "operationMode": "CentralSetpoint"} | setpoint(setpoint_w, phases_w)
    if dynamic_every_s is None:
        return _leased(Version.V21, lease, _backdated(lease), Unit.WATT, period)
    request = _leased(Version.V21, lease, {"duration": math.ceil(lease.seconds)}, Unit.WATT, period)
    request["chargingProfile"] |= {"chargingProfileKind": "Dynamic", "dynUpdateInterval": dynamic_every_s}
    return request


def setpoint(power_w: float, phases_w: Sequence[float] = ()) -> Payload:
    """Setpoint fields of 2.1, W, feeding -: their sum, or where the phases are told apart one for each of them."""
    if len(phases_w) < 2:
        return {"setpoint": math.ceil(power_w)}
    # In the proportion of what each phase can do; rounded towards 0, so that the sum is never exceeded.
    shares = [power_w * most_w / sum(phases_w) for most_w in phases_w]
    names = ("setpoint", "setpoint_L2", "setpoint_L3")
    return dict(zip(names, map(math.ceil, shares), strict=False))


def _charging(version: Version, limits: StationLimits, unit: Unit, limit_w: float) -> Payload:
    period = _limit(limits, min(limit_w, limits.watts(limits.max_current_a)), unit)
    return period | {"operationMode": "ChargingOnly"} if version is Version.V21 else period


def _begins(begin: Begin) -> Payload:
    return {} if begin is Begin.RELATIVE else {"startSchedule": rfc3339(_BEGINS[begin])}


def _backdated(lease: Lease) -> Payload:
    # No station takes a date before the one where clocks begin.
    start = max(lease.now - timedelta(seconds=BACKDATED_S), min(EPOCH, lease.now))
    return {
        "startSchedule": rfc3339(start),
        "duration": math.ceil((lease.now - start).total_seconds()) + math.ceil(lease.seconds),
    }


def _leased(version: Version, lease: Lease, schedule: Payload, unit: Unit, period: Payload) -> Payload:
    profile = _profile(version, leased_id(lease.evse), "TxProfile", schedule, unit, period)
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
