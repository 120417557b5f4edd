"""What meters and chargers report."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """One sample of a smart meter at the grid connection.

    Attributes:
        device_id: the meter, for instance ``homewizard:5c2faf010203``.
        received_at: when the hub got it (hub clock, UTC).
        power_w: net active power, W; import +, export -.
        phase_power_w: the same per phase L1..L3, or None where the meter has no per-phase values; length 1 or 3.
        phase_current_a: amperes per phase, import +, or None.
        phase_voltage_v: volts per phase, or None.
        import_wh: total imported energy register, Wh, or None.
        export_wh: total exported energy register, Wh, or None.
        meter_time: the meter's own clock, UTC, or None where it has none.
    """

    device_id: str
    received_at: datetime
    power_w: float
    phase_power_w: tuple[float, ...] | None = None
    phase_current_a: tuple[float, ...] | None = None
    phase_voltage_v: tuple[float, ...] | None = None
    import_wh: int | None = None
    export_wh: int | None = None
    meter_time: datetime | None = None


class EvceStatus(StrEnum):
    """What a charging station is doing, derived from connection, transaction, connector status and measured power."""

    OFFLINE = "offline"
    STARTING = "starting"
    AVAILABLE = "available"
    PLUGGED = "plugged"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FEEDING = "feeding"
    FINISHING = "finishing"
    FAULTED = "faulted"

    @property
    def car_present(self) -> bool:
        """True where the status implies that a car is plugged in."""
        return self in _CAR_PRESENT


_CAR_PRESENT = frozenset(
    {
        EvceStatus.PLUGGED,
        EvceStatus.CHARGING,
        EvceStatus.SUSPENDED_EV,
        EvceStatus.SUSPENDED_EVSE,
        EvceStatus.FEEDING,
        EvceStatus.FINISHING,
    }
)


class LimitControl(StrEnum):
    """How finely a station can be limited."""

    FULL = "full"
    """at any time, by a leased profile of the running transaction"""
    COARSE = "coarse"
    """by profiles that the station keeps in its flash memory, so not often"""
    STATIC = "static"
    """a fixed limit; besides that only start and stop"""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvceCapabilities:
    """What a station can be asked for.

    Attributes:
        protocol: OCPP subprotocol in use: ``ocpp1.6``, ``ocpp2.0.1`` or ``ocpp2.1``.
        can_feed: station and car have both said that they can feed power back.
        max_charge_w: W, or None while unknown.
        max_feed_w: W >= 0, or None while unknown.
        phases: phases wired, 1 or 3.
        control: how finely it can be limited, as far as is known.
        phase_switching: it can change between one and three phases during a charge.
        feed_refusal: a sentence that says why it cannot feed; None where it can.
        in_watts: it takes limits as a power of all phases together, so that a car may draw all of it from one of them.
        charger_can_feed: the station itself can; of the car that is known only once it has spoken.
    """

    protocol: str
    can_feed: bool = False
    max_charge_w: float | None = None
    max_feed_w: float | None = None
    phases: int = 3
    control: LimitControl = LimitControl.FULL
    phase_switching: bool = False
    feed_refusal: str | None = None
    charger_can_feed: bool = False
    in_watts: bool = False


class SoftwareStage(StrEnum):
    """How far a charger has come with its new software."""

    REQUESTED = "requested"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    FAILED = "failed"

    @property
    def is_under_way(self) -> bool:
        """The charger is busy with it: nothing may charge or feed."""
        return self not in (SoftwareStage.INSTALLED, SoftwareStage.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareUpdate:
    """The software that a charger is installing, or has installed last.

    Attributes:
        version: as the hub asked for; empty where somebody else did.
        at: when the stage was reached (hub clock, UTC).
        problem: where it FAILED, a sentence; else None.
    """

    version: str
    stage: SoftwareStage
    at: datetime
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvceState:
    """The last known state of a charging station and the car in it.

    Attributes:
        device_id: ``ocpp:<station identity>``.
        received_at: when the newest part of it was received (hub clock, UTC).
        connected: the station's websocket is up.
        power_w: measured at the station; charging +, feeding -; None while unknown.
        power_at: when ``power_w`` was received, or None.
        phase_current_a: amperes per phase as measured, or None.
        session_wh: energy charged (fed: negative) in this transaction, or None; after it its final value, until the car
            leaves.
        soc_pct: the car's state of charge, or None where the station does not tell.
        soc_at: when ``soc_pct`` was received, or None.
        transaction_id: the running transaction, or None.
        import_wh, export_wh: the station's energy registers, charged and fed, Wh, or None where it has none.
        firmware: version as it introduced itself last, or None.
        software: the update that the hub has asked for last, or None.
        granted_w: the charging limit that the station has accepted last, W; None while nothing was accepted.
        granted_feed_w: the feed power that the station has accepted last, W >= 0.
        lease_until: when the accepted command lapses and the station returns to its floor, or None.
        provider_limit_w: most charging power that its provider permits now, W; None for no limit.
        provider_feed_w: power feed that its provider asks for now, W >= 0; None where it asks for none.
        provider_control: its provider may command it; False while the owner has taken control back.
        security_profile: of its connection (OCPP 2.1 part 2, A00), 1 to 3; None where the protocol has none.
        problem: a sentence about what is wrong, or None.
    """

    device_id: str
    received_at: datetime
    status: EvceStatus
    connected: bool
    capabilities: EvceCapabilities | None = None
    power_w: float | None = None
    power_at: datetime | None = None
    phase_current_a: tuple[float, ...] | None = None
    session_wh: float | None = None
    soc_pct: float | None = None
    soc_at: datetime | None = None
    transaction_id: str | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    firmware: str | None = None
    software: SoftwareUpdate | None = None
    granted_w: float | None = None
    granted_feed_w: float = 0.0
    lease_until: datetime | None = None
    provider_limit_w: float | None = None
    provider_feed_w: float | None = None
    provider_control: bool = True
    security_profile: int | None = None
    problem: str | None = None

    def current_a(self, voltage_v: float) -> float | None:
        """What it draws or feeds on its busiest phase as it measures it, A; None while it does not tell."""
        if self.phase_current_a:
            return max(abs(current) for current in self.phase_current_a)
        if self.power_w is None:
            return None
        phases = self.capabilities.phases if self.capabilities is not None else 1
        return abs(self.power_w) / (voltage_v * phases)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvceCommand:
    """What the hub wants of a station until the lease ends; afterwards the station returns to its floor by itself.

    Attributes:
        limit_w: most charging power, W >= 0; 0 pauses.
        feed_w: power to feed from the car, W >= 0; not 0 only with ``limit_w`` 0.
        lease_s: how long the command holds without renewal, s.
        reason: one word or two for the log and the ledger.
        phases: 1 or 3, only where the station can switch; None for as it is.
    """

    limit_w: float
    feed_w: float = 0.0
    lease_s: float = 120.0
    reason: str = ""
    phases: int | None = None
