"""Command line and composition root: the one place that knows the hub, the drivers and the screen."""

import argparse
import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from homeapp import event_loop
from homeapp.clock import SharedClock, SystemClock
from homeapp.errors import EnvironmentProblem, HomeappError, SettingsInvalid

if TYPE_CHECKING:
    import ssl

    from devices.evce.endpoint import OcppEndpoint
    from devices.evce.firmware_check import FirmwareRules, ProviderFirmware
    from devices.evce.provider.provider_stations import ProviderStations
    from devices.evce.upstream.csms_link import CsmsAccess
    from devices.evce.upstream.upstreams import Upstreams
    from homeapp import identity
    from homeapp.bench.hub_side import HubPlan, MeasuredHub
    from homeapp.chargers.provider_rights import HomeRights
    from homeapp.hub import Outside
    from homeapp.secrets import SecretStore
    from homeapp.settings import CsmsSettings, Settings
    from homeapp.store.database import Database
    from homeapp.store.ledger import Ledger

logger = logging.getLogger("homeapp")

_RENEWAL_CHECK_S = 3_600.0
_INSTALL = (
    "Install homeapp[screen] for the screen and homeapp[screen,demo] for the demo; the hub needs neither: homeapp hub"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``homeapp``; the exit code."""
    from homeapp.commands.program_options import command_parser

    # Not the parser's set_defaults: it would reach the commands' parsers too, which share these options.
    common = argparse.Namespace(data_dir=None, json=False, verbose=False, as_role=None)
    arguments = command_parser().parse_args(argv, common)
    _log_to_stderr(verbose=arguments.verbose)
    data_dir = Path(arguments.data_dir) if arguments.data_dir else _default_data_dir()
    try:
        return _run(arguments, data_dir)
    except HomeappError as error:
        sys.stderr.write(f"homeapp: {error}\n")
        return 1
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("homeapp", "devices", "ui"):
            raise
        sys.stderr.write(f"homeapp: {error}. {_INSTALL}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace, data_dir: Path) -> int:
    match arguments.what:
        case "hub":
            _make_data_dir(data_dir)
            return event_loop.run(_serve(data_dir, arguments.clock))
        case "secret":
            _make_data_dir(data_dir)
            return _enter_secret(data_dir, arguments.name)
        case "demo":
            from homeapp.demo.command import run_demo

            return run_demo(arguments)
        case "bench":
            return _bench(arguments)
        case None:
            return _show_screen(data_dir, arguments)
        case _:
            from homeapp.commands.command_line import carry_out

            return carry_out(arguments, data_dir)


def _default_data_dir() -> Path:
    from platformdirs import user_data_path

    return user_data_path("homeapp", appauthor=False)


def _make_data_dir(data_dir: Path) -> None:
    """Nothing that the hub writes is anybody else's to read, whatever umask it was started with."""
    os.umask(0o077)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"The data directory {data_dir} cannot be made: {error.strerror}. Mend the rights of the directory above "
            "it, or choose another one with --data-dir."
        ) from error


def _log_to_stderr(*, verbose: bool) -> None:
    from homeapp import redaction

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("httpx", "httpcore", "websockets", "ocpp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    redaction.install()


def _enter_secret(data_dir: Path, name: str) -> int:
    """Keep what a person types, unseen, or the first line of a pipe; never an argument, which all users can see."""
    from homeapp import identity
    from homeapp.commands.terminal import ask_unseen
    from homeapp.secrets import open_secret_store
    from homeapp.settings import load
    from homeapp.store.lock import lock_data_directory

    with lock_data_directory(data_dir):
        secrets = open_secret_store(data_dir, load(data_dir).secrets)
        identity.home_key_pem(secrets, data_dir)
        secrets.set(name, ask_unseen(name))
    sys.stdout.write(f"Kept in: {secrets.place}\n")
    return 0


async def _serve(data_dir: Path, clock_text: str) -> int:
    """Run the hub until SIGTERM or SIGINT."""
    from homeapp.serving import serve

    _leave_no_core()
    await serve(data_dir, SharedClock.parse(clock_text) if clock_text else SystemClock(), join_drivers)
    return 0


def _leave_no_core() -> None:
    """A crash must not write the keys that are in memory to the disk."""
    try:
        import resource
    except ImportError:
        # Windows: nothing is written there unless an administrator has asked for it.
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Home:
    """What every part of one hub's surroundings is made of."""

    data_dir: Path
    settings: "Settings"
    secrets: "SecretStore"
    database: "Database"
    clock: SharedClock | SystemClock
    authority: "identity.LocalAuthority"
    ledger: "Ledger"


async def join_drivers(
    data_dir: Path,
    settings: "Settings",
    secrets: "SecretStore",
    database: "Database",
    clock: SharedClock | SystemClock,
) -> "Outside":
    """Join drivers and providers to the hub."""
    # In a thread: udsoncan keeps the frames of whoever imports it first, and with this one it would keep a whole hub.
    await asyncio.to_thread(importlib.import_module, "devices.registry")
    from homeapp import identity
    from homeapp.store.ledger import Ledger

    keys = await asyncio.to_thread(identity.home_keys, secrets, data_dir)
    home = _Home(
        data_dir=data_dir,
        settings=settings,
        secrets=secrets,
        database=database,
        clock=clock,
        authority=await asyncio.to_thread(identity.LocalAuthority, secrets, data_dir),
        ledger=Ledger(database, clock),
    )
    return await _outside(home, keys, await _charging_side(home))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChargingSide:
    """The server for charging stations, and their ways to the provider's CSMS."""

    endpoint: "OcppEndpoint"
    upstreams: "Upstreams | None"
    rights: "HomeRights"
    background: "Mapping[str, Callable[[], Awaitable[None]]]"


async def _charging_side(home: _Home) -> _ChargingSide:
    from devices.evce.provider.provider_stations import ProviderStations
    from homeapp import identity
    from homeapp.chargers.provider_rights import HomeRights
    from homeapp.store.kept_profiles import KeptProfiles

    ocpp = home.settings.ocpp
    tls = await asyncio.to_thread(identity.server_context, home.authority, ocpp.names)
    rules = await asyncio.to_thread(_firmware_rules, home)
    rights = HomeRights()
    profiles = KeptProfiles(home.ledger, ocpp.csms.url if ocpp.csms else "")
    stations = ProviderStations(home.clock, profiles, rights)
    upstreams = _upstreams(home, stations, rights, lambda station: endpoint.firmware_check(station, rules))
    certificates = await asyncio.to_thread(
        identity.IssuedCertificates, home.authority, home.data_dir, organization=ocpp.organization
    )
    endpoint = _endpoint(home, tls, certificates, upstreams)
    return _ChargingSide(
        endpoint=endpoint,
        upstreams=upstreams,
        rights=rights,
        background={
            "endpoint's certificate": lambda: _renew(tls, home.authority, ocpp.names, home.clock),
            "limits of the charging provider": stations.run,
        },
    )


async def _outside(home: _Home, keys: "identity.HubKeys", charging: _ChargingSide) -> "Outside":
    from devices.registry import discoverers, meter_drivers, pev
    from homeapp.hub import Outside
    from homeapp.reporting.pseudonym import pseudonym_key

    settings, clock = home.settings, home.clock
    extra_ca = await asyncio.to_thread(_meter_authority, home.data_dir / "meter-ca.pem")
    return Outside(
        clock=clock,
        speed=clock.speed,
        data_dir=home.data_dir,
        settings=settings,
        database=home.database,
        secrets=home.secrets,
        endpoint=charging.endpoint,
        meter_drivers=meter_drivers(clock=clock, time_zone=settings.site.time_zone, ca_pem=extra_ca),
        discoverers=discoverers(clock=clock, interfaces=settings.discovery.interfaces),
        keys=keys,
        machine_clock=SystemClock(),
        pseudonym_key=await asyncio.to_thread(pseudonym_key, home.secrets),
        pev=pev(address=settings.pev.address, port=settings.pev.port, clock=clock) if settings.pev.address else None,
        background=charging.background,
        upstreams=charging.upstreams,
        provider_rights=charging.rights,
    )


def _firmware_rules(home: _Home) -> "FirmwareRules":
    """What a provider's firmware for a charging station has to keep to. Blocks."""
    from devices.evce.firmware_check import FirmwareRules, Window
    from homeapp import identity

    ocpp = home.settings.ocpp
    return FirmwareRules(
        roots=identity.vendor_roots(ocpp.vendor_roots, home.data_dir),
        window=Window.of(ocpp.firmware_window, ZoneInfo(home.settings.site.time_zone)),
        clock=home.clock,
    )


def _endpoint(
    home: _Home,
    tls: "ssl.SSLContext",
    certificates: "identity.IssuedCertificates",
    upstreams: "Upstreams | None",
) -> "OcppEndpoint":
    """The server for charging stations."""
    from devices.evce.endpoint import OcppEndpoint
    from devices.evce.profiles import StationLimits
    from homeapp.store.signed_readings import SignedReadings

    settings, ocpp = home.settings, home.settings.ocpp

    def limits(device_id: str) -> StationLimits:
        circuit = settings.circuit(device_id)
        return StationLimits(
            max_current_a=circuit.max_current_a,
            safe_current_a=circuit.safe_current_a,
            phases=circuit.phases,
            voltage_v=settings.site.voltage_v,
        )

    return OcppEndpoint(
        host=ocpp.host,
        port=ocpp.port,
        tls=tls,
        clock=home.clock,
        limits=limits,
        lease_s=ocpp.lease_s,
        certificates=certificates,
        unencrypted_port=ocpp.unencrypted_port or None,
        no_subprotocol=ocpp.no_subprotocol,
        keeper=home.ledger,
        signed_keeper=SignedReadings(home.database, home.clock),
        upstreams=upstreams,
        compression=ocpp.compression,
    )


def _upstreams(
    home: _Home,
    stations: "ProviderStations",
    rights: "HomeRights",
    firmware: "Callable[[str], ProviderFirmware]",
) -> "Upstreams | None":
    """The ways of charging stations to the provider's CSMS, where there is one."""
    from devices.evce.provider.token_frames import StationTokens
    from devices.evce.upstream.hub_root import PemRoot
    from devices.evce.upstream.station_way import Surroundings
    from devices.evce.upstream.upstreams import Upstreams
    from homeapp.settings import CSMS_SECRET, MIRROR_SECRETS
    from homeapp.store.kept_stops import KeptStops
    from homeapp.store.station_outbox import StoredStationOutbox

    csms = home.settings.ocpp.csms
    if csms is None:
        return None
    mirrors = zip(csms.mirrors, MIRROR_SECRETS, strict=False)
    outbox = StoredStationOutbox(home.database, home.clock, csms.url)
    upstreams = Upstreams(
        Surroundings(
            access=_csms_access(home, csms, csms.url, CSMS_SECRET),
            outbox=outbox,
            clock=home.clock,
            profiles=stations.profiles,
            ending=stations,
            tokens=lambda device_id: StationTokens(device_id, rights),
            mirrors=[_csms_access(home, csms, url, name) for url, name in mirrors],
            firmware=firmware,
            root=PemRoot(home.authority.ca_pem),
            tells_limits=True,
            stops=KeptStops(home.ledger, csms.url),
        )
    )
    outbox.notice = upstreams.notice
    return upstreams


def _csms_access(home: _Home, csms: "CsmsSettings", url: str, secret: str) -> "CsmsAccess":
    """How the hub proves who it is at one CSMS."""
    from devices.evce.upstream.csms_link import CsmsAccess
    from homeapp import identity

    by_certificate = csms.security_profile == 3

    def make_tls() -> "ssl.SSLContext | None":
        if url.startswith("ws://"):
            return None
        context = identity.csms_context(csms.ca_file)
        if by_certificate:
            name = csms.identity or identity.public_jwk(identity.home_key_pem(home.secrets, home.data_dir))["kid"]
            identity.show_hub(context, home.secrets, home.data_dir, name)
        return context

    async def tls() -> "ssl.SSLContext | None":
        return await asyncio.to_thread(make_tls)

    async def password() -> str | None:
        if by_certificate:
            return None
        kept = await asyncio.to_thread(home.secrets.get, secret)
        if kept is None:
            raise SettingsInvalid(f"The password for {csms.name} is missing. Enter it with: homeapp secret {secret}")
        return kept

    mend = "Have the provider sign a new certificate for the hub."
    return CsmsAccess(
        name=csms.name,
        url=url,
        tls=tls,
        password=password,
        how_to_mend=mend if by_certificate else f"Enter the right password with: homeapp secret {secret}",
        identity=csms.identity,
    )


def _meter_authority(path: Path) -> str | None:
    """Who vouches for meters besides their maker, PEM; for simulated meters."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} cannot be read or is no PEM file. Mend it, or move it away.") from error


async def _renew(
    tls: "ssl.SSLContext",
    authority: "identity.LocalAuthority",
    names: Sequence[str],
    clock: SharedClock | SystemClock,
) -> None:
    """Keep the OCPP endpoint's certificate good while the hub runs for years."""
    from homeapp import identity

    while True:
        await clock.sleep(_RENEWAL_CHECK_S)
        await asyncio.to_thread(identity.renew, tls, authority, names)


def _bench(arguments: argparse.Namespace) -> int:
    """Measure the driver of charging stations in the hub's surroundings."""
    from homeapp.bench.command import run_bench, run_part

    if arguments.verb == "part":
        return run_part(arguments.part)
    if arguments.verb in ("planner", "street"):
        from homeapp.bench.planning_command import run_planning_bench

        return run_planning_bench(arguments)
    from devices.evce.bare_relay import BareRelay
    from homeapp.bench.hub_side import HubSide

    return run_bench(arguments, HubSide(relay=BareRelay, hub=_measured_hub))


def _measured_hub(plan: "HubPlan") -> "MeasuredHub":
    from devices.evce.endpoint import OcppEndpoint
    from devices.evce.profiles import StationLimits
    from devices.evce.provider.provider_stations import ProviderStations
    from devices.evce.upstream.csms_link import CsmsAccess
    from devices.evce.upstream.station_way import Surroundings
    from devices.evce.upstream.upstreams import Upstreams
    from homeapp.bench.hub_side import MeasuredHub

    async def nothing() -> None:
        return None

    site, stations = plan.site, ProviderStations(plan.clock, plan.keeper, plan.rights)
    access = CsmsAccess(name="Bench", url=plan.csms_url, tls=nothing, password=nothing, how_to_mend="")
    upstreams = Upstreams(Surroundings(access=access, outbox=plan.outbox, clock=plan.clock, profiles=stations.profiles))
    limits = StationLimits(
        max_current_a=site.max_current_a,
        safe_current_a=site.safe_current_a,
        phases=site.phases,
        voltage_v=site.voltage_v,
    )
    endpoint = OcppEndpoint(
        host="127.0.0.1",
        port=0,
        tls=plan.tls,
        clock=plan.clock,
        limits=lambda _device_id: limits,
        lease_s=60.0,
        upstreams=upstreams,
    )
    return MeasuredHub(endpoint=endpoint, upstreams=upstreams, background=stations.run)


def _show_screen(data_dir: Path, arguments: argparse.Namespace) -> int:
    """The window; starts a hub as a child process where none answers."""
    from homeapp.child_hub import hub_running
    from homeapp.server import socket_path
    from ui.app import run
    from ui.screenshots import ScreenshotPlan

    path = socket_path(data_dir)
    with hub_running(data_dir, path):
        plan = ScreenshotPlan(directory=Path(arguments.pictures)) if arguments.pictures else None
        return run(socket_path=path, kiosk=arguments.kiosk, theme=arguments.theme, screenshots=plan)


if __name__ == "__main__":
    sys.exit(main())
