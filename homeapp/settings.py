"""Every setting, declared once: ``settings.toml`` in the data directory. Nothing secret is in it."""

import ipaddress
from datetime import time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from homeapp.errors import SettingsInvalid
from homeapp.grid_limits.imposed import LimitTerms
from homeapp.load.floors import floors_too_high
from homeapp.model.consent import DataClass
from homeapp.model.site import Circuit, Site
from homeapp.tariffs.contract import EVERY_DAY, Band, Contract, ContractKind, ExportRule, PriceBasis

FILE_NAME = "settings.toml"
GRID_SP_SECRET = "grid_sp.client_secret"  # noqa: S105 - the name under which it is kept
CSMS_SECRET = "evc_sp.csms_password"  # noqa: S105 - the same
MOST_MIRRORS = 4
MIRROR_SECRETS = tuple(f"evc_sp.mirror_{number}_password" for number in range(1, MOST_MIRRORS + 1))

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
"""Bounded, so that TOML's ``inf`` is refused too."""


_WINDOW = r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$"


class SecretPlace(StrEnum):
    """Where secrets are kept."""

    AUTO = "auto"
    """the sealed credential where systemd delivers one, else the keyring, else refuse"""
    KEYRING = "keyring"
    CREDENTIAL = "credential"
    MACHINE_FILE = "machine_file"
    """a key file beside the secrets: only by the installer's explicit wish, shown as a warning"""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename=None):
    """Base of all sections."""


class SiteSettings(_Section, frozen=True):
    """``[site]``; see ``homeapp.model.site.Site``.

    Attributes:
        region: ISO 3166-1 or -2, like NL or NL-NB; requests for other regions cannot be accepted. Empty for any.
    """

    name: str = ""
    time_zone: str = "Europe/Amsterdam"
    fuse_a: Positive = 25.0
    phases: Literal[1, 3] = 3
    voltage_v: Positive = 230.0
    fuse_margin: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.9
    safe_current_a: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 6.0
    max_current_a: Positive = 16.0
    feed_allowed: bool = True
    feed_cap_a: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    asymmetry_a: Positive | None = None
    region: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$")] = ""

    def site(self) -> Site:
        """The same as the model's dataclass."""
        return Site(**{name: getattr(self, name) for name in self.__struct_fields__ if name != "region"})


class CsmsSettings(_Section, frozen=True):
    """``[ocpp.csms]``: the CSMS of the EV-charging provider, which gets what the owner agrees to share with ``evc_sp``.

    The password is kept in the SecretStore as ``CSMS_SECRET``, those of the mirrors as ``MIRROR_SECRETS``.

    Attributes:
        name: of the provider, for people.
        url: the station's identity is added as last part of its path.
        security_profile: 1 without TLS, 2 with a password over TLS, 3 with a certificate of the hub's own (A00).
        allow_unencrypted: security profile 1 is meant: everybody on the way can read and change everything.
        ca_file: PEM file of a private CA, or empty for the system's.
        identity: in place of the station's own, or empty for that.
        mirrors: CSMSs of the same provider that get copies and may ask for nothing.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    url: Annotated[str, msgspec.Meta(pattern=r"^wss?://")]
    security_profile: Literal[1, 2, 3] = 2
    allow_unencrypted: bool = False
    ca_file: str = ""
    identity: Annotated[str, msgspec.Meta(max_length=48)] = ""
    mirrors: Annotated[tuple[Annotated[str, msgspec.Meta(pattern=r"^wss?://")], ...], msgspec.Meta(max_length=4)] = ()


Phase = Literal["L1", "L2", "L3"]


class StationSettings(_Section, frozen=True):
    """``[[ocpp.station]]``: the circuit of one charging station; what is left out is as in ``[site]``.

    Attributes:
        id: the station's identity.
        rotation: on which phase of the grid each of the station's own phases lies, its L1 first.
        priority: who charges first where there is not enough for all; the lower, the sooner.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
    max_current_a: Positive | None = None
    safe_current_a: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    phases: Literal[1, 3] | None = None
    rotation: tuple[Phase, ...] = ()
    priority: int = 0

    def circuit(self, site: Site) -> Circuit:
        """The same as the model's dataclass."""
        phases = len(self.rotation) or self.phases or site.phases
        lies_on = tuple(int(phase[1]) - 1 for phase in self.rotation) or tuple(range(phases))
        return Circuit(
            device_id=f"ocpp:{self.id}",
            max_current_a=site.max_current_a if self.max_current_a is None else self.max_current_a,
            safe_current_a=site.safe_current_a if self.safe_current_a is None else self.safe_current_a,
            rotation=lies_on,
            priority=self.priority,
        )

    def fault(self, site: Site) -> str | None:
        """What contradicts itself or the site, as a sentence."""
        circuit, place = self.circuit(site), f"ocpp.station {self.id!r}"
        if circuit.phases not in (1, 3) or len(set(circuit.rotation)) != circuit.phases:
            return f'{place}: rotation names each phase of the station once, like ["L2", "L3", "L1"] or ["L2"].'
        if self.phases not in (None, circuit.phases):
            return f"{place}: rotation has another number of phases than phases says."
        if max(circuit.rotation) >= site.phases:
            return f"{place}: it has phases that the site does not have."
        if circuit.safe_current_a > min(circuit.max_current_a, site.fuse_a * site.fuse_margin):
            return f"{place}: safe_current_a must be at most max_current_a and fuse_a x fuse_margin."
        return None


class OcppSettings(_Section, frozen=True):
    """``[ocpp]``: the endpoint for charging stations.

    Attributes:
        port: for TLS.
        csms: the provider's, or None where no CSMS is told of the stations.
        station: particulars of single stations.
        names: DNS names and IP addresses in the endpoint's certificate; the machine's own are added.
        lease_s: how long a limit holds at the station without renewal, s of hub time.
        unencrypted_port: also serves stations that know no TLS, with passwords that everybody on the home network can
            read; 0 keeps it shut.
        no_subprotocol: identities of OCPP 1.6 stations that connect without naming a protocol.
        organization: the name in the certificates of stations.
        vendor_roots: per vendor, as the station tells it, a PEM file of the authorities that vouch for its firmware.
        firmware_window: local wall times between which a provider may renew a station's firmware; empty for always.
        auto_start: a car that is plugged in charges by the hub's plan without a card; else a known card is needed.
        compression: stations may compress their messages (RFC 7692), for more memory of the hub.
    """

    host: str = "0.0.0.0"  # noqa: S104 - stations on the home network connect to it; TLS and passwords guard it
    port: Port = 8887
    names: tuple[str, ...] = ()
    lease_s: Positive = 60.0
    unencrypted_port: Port = 0
    no_subprotocol: tuple[str, ...] = ()
    organization: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "Home energy hub"
    vendor_roots: dict[str, str] = {}
    firmware_window: Annotated[str, msgspec.Meta(pattern=_WINDOW)] = "01:00-05:00"
    auto_start: bool = True
    compression: bool = False
    csms: CsmsSettings | None = None
    station: tuple[StationSettings, ...] = ()


class DiscoverySettings(_Section, frozen=True):
    """``[discovery]``.

    Attributes:
        interfaces: IP addresses of the interfaces to look on; empty for all.
    """

    interfaces: tuple[str, ...] = ()


class GoalSettings(_Section, frozen=True):
    """``[goal]``: what the owner wants of the car unless changed on screen.

    Attributes:
        ready_by: local wall time, ``HH:MM``, every day.
    """

    target_pct: Percent = 80.0
    floor_pct: Percent = 50.0
    ready_by: Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"
    capacity_kwh: Positive = 60.0


class GridSpSettings(_Section, frozen=True):
    """``[grid_sp]``: the OpenADR 3 VTN of the electricity network provider.

    The client secret is kept in the SecretStore as ``GRID_SP_SECRET``.

    Attributes:
        vtn_url: base URL, https; programs are at ``<vtn_url>/programs``.
        client_id: of the OAuth 2 client; empty where the VTN lets everybody read.
        ca_file: PEM file of a private CA, or empty for the system's.
        ven_name: what the hub is called there; empty for a name that no other home has.
        poll_s: s of hub time between polls.
        token_host: host (and port) besides the VTN's own that client id and secret may be sent to.
    """

    name: str
    vtn_url: Annotated[str, msgspec.Meta(pattern=r"^https://")]
    client_id: str = ""
    ca_file: str = ""
    ven_name: str = ""
    poll_s: Positive = 60.0
    token_host: str = ""


class SystemOperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one flow reaches the oneM2M CSE; made of the provider's descriptor, not read from the file.

    Attributes:
        ae_id: the hub's AE-ID-Stem in this flow, equal to its certificate's common name.
        broker_host: empty where the operator offers no broker; then ``http_url`` is used.
        http_url: base URL of the CSE's HTTP binding.
        catch_up_s: s of hub time between retrievals of the inbox.
        poll_s: the same over HTTP, where nothing is notified.
        reconnect_spread_s: within how many s the homes that lost the operator together come back.
    """

    ae_id: str
    broker_host: str = ""
    broker_port: Port = 8883
    cse_id: str = "/id-in"
    cse_name: str = "cse-in"
    catch_up_s: Positive = 300.0
    http_url: str = ""
    poll_s: Positive = 15.0
    reconnect_spread_s: Positive = 90.0


class UplinkSettings(_Section, frozen=True):
    """``[uplink]``: the communication operator's data service.

    Attributes:
        metered: it costs by volume: metering and location are sent together, every 15 min at most.
        budget_mb: per provider id and kind of data, MB (10^6 bytes) a month; what is used up waits for the next month.
        in_messages_per_min: that one provider may send on average; two minutes' worth at once.
        out_kb_per_s: to one provider on average, ten seconds' worth at once.
    """

    metered: bool = False
    budget_mb: dict[str, dict[DataClass, Positive]] = {}
    in_messages_per_min: Positive = 60.0
    out_kb_per_s: Positive = 128.0


class PevSettings(_Section, frozen=True):
    """``[pev]``: the data link to the car (DoIP, ISO 13400-2).

    Attributes:
        address: literal IP address of the car's DoIP entity, or empty where there is no such link.
    """

    address: str = ""
    port: Port = 13400


Amount = Annotated[str, msgspec.Meta(pattern=r"^-?\d{1,4}(\.\d{1,8})?$")]
"""A decimal number in quotes, so that not a digit of it is lost."""
QuarterHour = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):(00|15|30|45)$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class BandSettings(_Section, frozen=True):
    """``[[tariff.energy_band]]`` and ``[[tariff.grid_fee_band]]``: a price at certain times.

    Attributes:
        days: of the local day on which the time lies; empty for all.
        start, end: local wall times, quarter hours; over midnight where ``end`` is not after ``start``.
    """

    price: Amount
    start: QuarterHour
    end: QuarterHour
    days: tuple[Weekday, ...] = ()

    def band(self) -> Band:
        """The same as the tariffs' dataclass."""
        return Band(
            price=Decimal(self.price),
            start=time.fromisoformat(self.start),
            end=time.fromisoformat(self.end),
            weekdays=frozenset(_WEEK.index(day) for day in self.days) or EVERY_DAY,
        )


class TariffSettings(_Section, frozen=True):
    """``[tariff]``: the owner's contract; prices per kWh without VAT, in quotes. See ``homeapp.tariffs.contract``.

    Attributes:
        kind: fixed, time_of_use or dynamic.
        currency: ISO 4217; needed where the contract names prices of its own.
        energy: empty where the contract names none.
        provider_prices: retail where the grid operator's VTN tells what the owner pays, market where the rest has to be
            added to it.
        export: announced, fixed, market or net_metering.
    """

    kind: ContractKind = ContractKind.DYNAMIC
    currency: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?$")] = ""
    energy: Annotated[str, msgspec.Meta(pattern=r"^(-?\d{1,4}(\.\d{1,8})?)?$")] = ""
    energy_band: Annotated[tuple[BandSettings, ...], msgspec.Meta(max_length=48)] = ()
    markup: Amount = "0"
    tax: Amount = "0"
    grid_fee: Amount = "0"
    grid_fee_band: Annotated[tuple[BandSettings, ...], msgspec.Meta(max_length=48)] = ()
    vat_pct: Amount = "0"
    provider_prices: PriceBasis = PriceBasis.RETAIL
    export: ExportRule = ExportRule.ANNOUNCED
    export_price: Amount = "0"
    export_factor: Amount = "1"

    def contract(self) -> Contract:
        """The same as the tariffs' dataclass."""
        return Contract(
            kind=self.kind,
            currency=self.currency,
            energy=Decimal(self.energy) if self.energy else None,
            energy_bands=tuple(band.band() for band in self.energy_band),
            markup=Decimal(self.markup),
            tax=Decimal(self.tax),
            grid_fee=Decimal(self.grid_fee),
            grid_fee_bands=tuple(band.band() for band in self.grid_fee_band),
            vat_pct=Decimal(self.vat_pct),
            provider_prices=self.provider_prices,
            export=self.export,
            export_price=Decimal(self.export_price),
            export_factor=Decimal(self.export_factor),
        )

    def fault(self) -> str | None:
        """What contradicts itself, as a sentence."""
        names_prices = bool(self.energy or self.energy_band)
        if self.kind is not ContractKind.DYNAMIC and not self.energy:
            return f"tariff.energy: a contract of the kind {self.kind} needs the price that holds outside all bands."
        if self.kind is ContractKind.FIXED and self.energy_band:
            return (
                "tariff.energy_band: a fixed contract has one price; set kind to time_of_use, or leave the bands out."
            )
        if names_prices and not self.currency:
            return "tariff.currency: say in which currency the contract's prices are, like EUR."
        if Decimal(self.vat_pct) < 0 or Decimal(self.vat_pct) > 100:
            return "tariff.vat_pct must be between 0 and 100."
        return None


class GridLimitSettings(_Section, frozen=True):
    """``[grid_limit]``: how limits that the grid operator imposes are kept.

    Attributes:
        failsafe_w: holds, W, once the way to the operator is lost while a limit of it is in force.
        failsafe_min_h: for how many hours.
        dso_floor_w: a limit never goes below it, W, where the law says so (Germany, EnWG section 14a: 4200); 0 where
            each limit counts as it is.
    """

    failsafe_w: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 4200.0
    failsafe_min_h: Annotated[float, msgspec.Meta(ge=0, le=24)] = 2.0
    dso_floor_w: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0

    def terms(self) -> LimitTerms:
        """The same as the limits' dataclass."""
        return LimitTerms(failsafe_w=self.failsafe_w, failsafe_s=self.failsafe_min_h * 3600, floor_w=self.dso_floor_w)


class Settings(_Section, frozen=True):
    """All of it; a section that is missing has its defaults, a provider that is missing is not used."""

    site: SiteSettings = SiteSettings()
    ocpp: OcppSettings = OcppSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    goal: GoalSettings = GoalSettings()
    uplink: UplinkSettings = UplinkSettings()
    pev: PevSettings = PevSettings()
    tariff: TariffSettings = TariffSettings()
    grid_limit: GridLimitSettings = GridLimitSettings()
    secrets: SecretPlace = SecretPlace.AUTO
    grid_sp: GridSpSettings | None = None

    def circuit(self, device_id: str) -> Circuit:
        """The circuit of a charger, also of one that has no particulars."""
        identity = device_id.removeprefix("ocpp:")
        named = next((station for station in self.ocpp.station if station.id == identity), None)
        return (named or StationSettings(id=identity)).circuit(self.site.site())


def load(data_dir: Path) -> Settings:
    """Read ``settings.toml``; no file means all defaults.

    Raises:
        SettingsInvalid: unknown or malformed settings, with the place.
    """
    path = data_dir / FILE_NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read: {error.strerror}.") from error
    return parse(text, path)


def parse(text: bytes, path: Path) -> Settings:
    """Settings as they stand in ``path``.

    Raises:
        SettingsInvalid: unknown or malformed settings, with the place.
    """
    try:
        settings = msgspec.toml.decode(text, type=Settings)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}. Correct the line and start again.") from error
    if (fault := _contradiction(settings)) is not None:
        raise SettingsInvalid(f"{path}: {fault}")
    return settings


def _contradiction(settings: Settings) -> str | None:
    """What no single setting shows, as a sentence."""
    site = settings.site
    try:
        ZoneInfo(site.time_zone)
    except (ValueError, KeyError, OSError):
        return f"site.time_zone: there is no time zone {site.time_zone!r}. Enter one like Europe/Amsterdam."
    if site.safe_current_a > min(site.max_current_a, site.fuse_a * site.fuse_margin):
        return "site.safe_current_a must be at most max_current_a and fuse_a x fuse_margin: nobody watches over it."
    if (fault := _fault_of_stations(settings)) is not None:
        return fault
    if settings.ocpp.lease_s > 60:
        return "ocpp.lease_s must be at most 60, so that a power feed ends soon after the hub."
    if settings.ocpp.unencrypted_port and settings.ocpp.unencrypted_port == settings.ocpp.port:
        return "ocpp.unencrypted_port must be another port than ocpp.port: one is for TLS, the other is not."
    if settings.ocpp.csms is not None and (fault := _csms_contradiction(settings.ocpp.csms)) is not None:
        return fault
    if (fault := settings.tariff.fault()) is not None:
        return fault
    if settings.pev.address and not _is_ip_address(settings.pev.address):
        return f"pev.address: {settings.pev.address!r} is no IP address. Enter one like 192.168.1.30."
    return None


def _csms_contradiction(csms: CsmsSettings) -> str | None:
    plain = [url for url in (csms.url, *csms.mirrors) if url.startswith("ws://")]
    if plain and not csms.allow_unencrypted:
        return f"ocpp.csms: {plain[0]} is not encrypted. Enter a wss:// address, or set allow_unencrypted = true."
    if (csms.security_profile == 1) is not csms.url.startswith("ws://"):
        return "ocpp.csms: security_profile 1 goes with a ws:// address, 2 and 3 go with wss://."
    return None


def _fault_of_stations(settings: Settings) -> str | None:
    site, stations = settings.site.site(), settings.ocpp.station
    faults = [fault for station in stations if (fault := station.fault(site)) is not None]
    if faults:
        return faults[0]
    if len({station.id for station in stations}) < len(stations):
        return "ocpp.station: two stations have the same id."
    return floors_too_high([station.circuit(site) for station in stations], site)


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
