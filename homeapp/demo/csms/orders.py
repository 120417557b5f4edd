"""What a provider orders of a station, in words of no version of OCPP."""

from dataclasses import dataclass
from datetime import datetime

from homeapp.demo.ocpp.schemas import Json


def said(**fields: object) -> Json:
    """A payload of those fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodOrder:
    """chargingSchedulePeriod.

    Attributes:
        start_s: after the start of its schedule.
        limit: A per phase, or W in all.
        phases: numberPhases, or None to say nothing of it.
        setpoint, discharge_limit: 2.1 only; feeding -.
        mode: operationMode of 2.1, or None.
    """

    start_s: int = 0
    limit: float | None = None
    phases: int | None = None
    setpoint: float | None = None
    discharge_limit: float | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOrder:
    """A charging profile.

    Attributes:
        purpose: in the words of 2.x.
        kind: Absolute, Recurring, Relative, or Dynamic (2.1).
        recurrency: Daily or Weekly, with Recurring.
        unit: A or W.
        evse: EVSE (1.6: connector); 0 for the whole station.
        start: startSchedule, or None.
        transaction_id: of a TxProfile.
        max_offline_s, ends_offline: maxOfflineDuration and invalidAfterOfflineDuration of 2.1.
    """

    profile_id: int
    purpose: str
    periods: tuple[PeriodOrder, ...]
    unit: str = "W"
    stack_level: int = 0
    kind: str = "Absolute"
    recurrency: str | None = None
    evse: int = 0
    start: datetime | None = None
    duration_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    max_offline_s: int | None = None
    ends_offline: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSelection:
    """Which charging profiles; None says nothing."""

    profile_id: int | None = None
    purpose: str | None = None
    stack_level: int | None = None
    evse: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareOrder:
    """Software for a station.

    Attributes:
        retrieve_at: from when it may be loaded.
        signing_certificate, signature: PEM and Base64; both empty for the unsigned request of 1.6.
    """

    location: str
    retrieve_at: datetime
    request_id: int = 1
    install_at: datetime | None = None
    signing_certificate: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOrder:
    """SetNetworkProfile: where the station is to connect.

    Attributes:
        timeout_s: messageTimeout.
        security_profile: 1, 2 or 3.
    """

    slot: int
    url: str
    security_profile: int
    timeout_s: int = 30
    interface: str = "Wired0"
