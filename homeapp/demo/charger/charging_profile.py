"""A charging profile as the simulated station holds it, whichever version of OCPP wrote it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.demo.ocpp.schemas import Json

MAX_STACK_LEVEL = 8
MAX_PERIODS = 96
DAY_S = 86_400
PHASES = (1, 2, 3)


class Purpose(StrEnum):
    """chargingProfilePurpose, in the words of 2.x."""

    MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY = "PriorityCharging"
    LOCAL = "LocalGeneration"


class ProfileRefused(Exception):
    """The profile cannot be installed; ``reason`` is a reasonCode of 2.x."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """chargingSchedulePeriod. Values are empty where not given, one, or three of L1, L2 and L3.

    Attributes:
        start_s: after the start of its schedule.
        limit: one is A per phase, or W in all.
        phases: that may be used.
        phase_to_use: of a single one, or None.
        setpoint: A or W, feeding -; one is the sum of the phases; only with CentralSetpoint.
        discharge_limit: A or W, <= 0; one is the sum of the phases.
        mode: operationMode of 2.1.
    """

    start_s: int
    limit: tuple[float, ...]
    phases: int = 3
    phase_to_use: int | None = None
    setpoint: tuple[float, ...] = ()
    discharge_limit: tuple[float, ...] = ()
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
        dynamic: of the kind whose values are updated one by one (2.1, K28).
        pull_every_s: the station asks for an update so many seconds after the last one; 0 for never.
        updated_at: dynUpdateTime; the duration of a dynamic profile counts from it.
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
    dynamic: bool
    pull_every_s: int
    updated_at: datetime
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
