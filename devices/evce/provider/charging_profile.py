"""A charging profile of the provider, in one form for OCPP 1.6, 2.0.1 and 2.1.

Amperes of a limit are per phase (K01.FR.51); those of a setpoint or a discharge limit are the sum of the phases.
Charging is positive, discharging negative (2.1 part 2, Q 2.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from devices.evce.schemas import Version

DAY_S = 86_400
WEEK_S = 7 * DAY_S


class Purpose(StrEnum):
    """chargingProfilePurpose, in the words of 2.1; those that a CSMS may set here."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY = "PriorityCharging"


class Kind(StrEnum):
    """chargingProfileKind."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class Mode(StrEnum):
    """operationMode of 2.1; those that the hub can follow."""

    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    CENTRAL_FREQUENCY = "CentralFrequency"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    IDLE = "Idle"

    @property
    def is_central(self) -> bool:
        """The provider gives a setpoint to keep to."""
        return self in (Mode.CENTRAL_SETPOINT, Mode.CENTRAL_FREQUENCY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """chargingSchedulePeriod, in the unit of its schedule.

    Attributes:
        starts_s: after the begin of the schedule, s.
        limit: A per phase, or W in all, >= 0; None for no limit.
        each_phase: W limits were given for L1, L2 and L3, and ``limit`` is the lowest of them.
        phases: numberPhases, 1 to 3.
        setpoint: A or W, sum of the phases; None where there is none.
        discharge_limit: A or W, sum of the phases, <= 0; None where there is none.
        mode: what the period is for.
    """

    starts_s: int
    limit: float | None = None
    each_phase: bool = False
    phases: int = 3
    setpoint: float | None = None
    discharge_limit: float | None = None
    mode: Mode = Mode.CHARGING_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One charging profile.

    Attributes:
        profile_id: chosen by the CSMS.
        evse: EVSE (1.6: connector), 0 for the whole station.
        start: startSchedule, or None where the schedule begins with the transaction (Relative) or at once (Dynamic).
        duration_s: of the schedule, or None for no end.
        amperes: the unit is A, else W.
        periods: in order, the first at 0.
        valid_from, valid_to: K01.FR.36, .37; None for no bound.
        transaction_id: of a TX profile; in it, None only while the transaction is yet to begin (K05).
        max_offline_s: it does not hold while the CSMS is out of reach for longer (K01.FR.101), or None.
        void_after_offline: nor ever again afterwards (K01.FR.102).
        pull_every_s: of a DYNAMIC one, dynUpdateInterval (K28.FR.10), or None.
        installed_at: hub clock; of a DYNAMIC one, when it was updated last.
        version, payload: as received; what is reported and kept.
    """

    profile_id: int
    evse: int
    purpose: Purpose
    stack_level: int
    kind: Kind
    start: datetime | None
    duration_s: int | None
    amperes: bool
    periods: tuple[Period, ...]
    installed_at: datetime
    version: Version
    payload: Mapping[str, Any]
    every_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    max_offline_s: int | None = None
    void_after_offline: bool = False
    pull_every_s: int | None = None

    @property
    def survives_restart(self) -> bool:
        """All in 1.6 (errata 3.37), all but TxProfiles in 2.x (K01.FR.27)."""
        return self.version is Version.V16 or self.purpose is not Purpose.TX


class ProfileRefused(Exception):
    """A charging profile is not taken; ``str()`` is a sentence for the provider.

    Attributes:
        reason: reasonCode of 2.x (part 2 appendices), at most 20 characters.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
