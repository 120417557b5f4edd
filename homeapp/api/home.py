"""Calls about the home: its live picture, devices, requests, and what can be watched."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homeapp.api.base import Call, Role
from homeapp.model.device import DeviceView
from homeapp.model.live import Snapshot
from homeapp.model.site import Site
from homeapp.model.tariff import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who the hub is.

    Attributes:
        now: hub time, UTC; ``clock_speed`` is 1 but in the demo street.
        role: what this connection may do.
    """

    version: str
    protocol: int
    now: datetime
    clock_speed: float
    role: Role
    site: Site


@dataclass(frozen=True, slots=True, kw_only=True)
class SayHello(Call[Hello]):
    """First call of every client."""

    method = "hub.hello"
    role = Role.GUEST
    answer = Hello


class CheckLevel(StrEnum):
    """Outcome of one check of ``homeapp doctor``."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor's report; ``advice`` is empty when all is well."""

    name: str
    level: CheckLevel
    finding: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDoctor(Call[tuple[Check, ...]]):
    """How the hub is."""

    method = "hub.doctor"
    role = Role.GUEST
    answer = tuple[Check, ...]


class Topic(StrEnum):
    """What can be watched; the value of each follows at once and after every change."""

    SNAPSHOT = "snapshot"
    DEVICES = "devices"
    OFFERS = "offers"
    RULES = "rules"
    TARIFF = "tariff"
    PLAN = "plan"
    SCHEDULE = "schedule"
    SHARING = "sharing"
    UPLINK = "uplink"
    """every minute, with SHARING, and when a provider begins or ends to send too much"""
    COMMISSIONING = "commissioning"
    """after every change of it, and also where its record is damaged; to be looked at as freely as all else here"""
    ACCESS = "access"
    """of this connection alone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Call[None]):
    """Send notifications on these topics from now on."""

    topics: tuple[Topic, ...]

    method = "hub.watch"
    role = Role.GUEST
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSnapshot(Call[Snapshot]):
    """The live picture."""

    method = "live.snapshot"
    role = Role.GUEST
    answer = Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTariff(Call[Tariff | None]):
    """The prices known, or None."""

    method = "tariff.get"
    role = Role.GUEST
    answer = Tariff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevices(Call[tuple[DeviceView, ...]]):
    """Adopted devices and those that could be."""

    method = "devices.list"
    role = Role.GUEST
    answer = tuple[DeviceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptDevice(Call[DeviceView]):
    """Make a found or knocking device part of the home.

    Raises:
        NotFound: no such candidate.
        DeviceError: the device does not play along; PairingPending says what to do at it first.
    """

    device_id: str
    name: str = ""

    method = "devices.adopt"
    role = Role.OWNER
    answer = DeviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class LookForMeter(Call[DeviceView]):
    """Ask at one address whether a meter is there; it is a candidate then, as if it had been discovered.

    Attributes:
        address: literal IPv4 or IPv6 address of the local network, with ``:port`` where it is not the usual one; no
            name, and none of the internet.

    Raises:
        NotFound: something answers there that is no meter that the hub knows; or the address is none to be asked.
        DeviceUnreachable: nothing answers there. Both say what was tried and what to do.
        DeviceError: a meter is there that cannot be used as it is; says what to do at it.
    """

    address: str

    method = "devices.look_for_meter"
    role = Role.OWNER
    answer = DeviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetDevice(Call[None]):
    """Disconnect a device and delete its secret.

    Raises:
        NotFound: it is not adopted.
    """

    device_id: str

    method = "devices.forget"
    role = Role.OWNER
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseSecurity(Call[None]):
    """Have a charger prove itself by a certificate of its own instead of its password (OCPP security profile 3).

    The answer comes once the charger has begun to change over; one that does not come back with its certificate stays
    with its password and says so as its problem.

    Raises:
        NotFound: no such charger is adopted.
        DeviceError: the charger is not connected, in use, or does not play along; nothing has changed then.
    """

    device_id: str

    method = "devices.raise_security"
    role = Role.INSTALLER
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSeen(Call[None]):
    """The owner has read an alert about the car.

    Raises:
        NotFound: no such alert.
    """

    sp_id: str
    alert_id: str

    method = "alerts.seen"
    role = Role.HOUSEHOLD
    answer = None
