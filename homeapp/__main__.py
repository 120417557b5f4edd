"""Command line and composition root: the one place that knows the hub, the drivers and the screen."""

import argparse
import asyncio
import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from homeapp import __version__, event_loop
from homeapp.clock import SharedClock, SystemClock
from homeapp.errors import EnvironmentProblem, HomeappError, HubNotRunning, SettingsInvalid

if TYPE_CHECKING:
    import ssl

    from devices.evce.endpoint import OcppEndpoint
    from devices.evce.firmware_check import FirmwareRules, ProviderFirmware
    from devices.evce.provider.provider_stations import ProviderStations
    from devices.evce.upstream.csms_link import CsmsAccess
    from devices.evce.upstream.upstreams import Upstreams
    from homeapp import identity
    from homeapp.chargers.provider_rights import HomeRights
    from homeapp.hub import Outside
    from homeapp.secrets import SecretStore
    from homeapp.settings import CsmsSettings, Settings
    from homeapp.store.database import Database
    from homeapp.store.ledger import Ledger
    from homeapp.store.signed_readings import SignedReadings

logger = logging.getLogger("homeapp")

_HUB_START_TIMEOUT_S = 20.0
_HUB_STOP_TIMEOUT_S = 10.0
_RENEWAL_CHECK_S = 3_600.0
_INSTALL = (
    "Install homeapp[screen] for the screen and homeapp[screen,demo] for the demo; the hub needs neither: homeapp hub"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``homeapp``; the exit code."""
    # Not the parser's set_defaults: it would reach the commands' parsers too, which share these options.
    common = argparse.Namespace(data_dir=None, json=False, verbose=False, as_role=None)
    arguments = command_parser().parse_args(argv, common)
    _log_to_stderr(verbose=arguments.verbose)
    data_dir = Path(arguments.data_dir) if arguments.data_dir else _default_data_dir()
    try:
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


def command_parser() -> argparse.ArgumentParser:
    """Every command and option of ``homeapp``."""
    from homeapp.commands.command_line import add_commands

    # The same options are allowed before and after the command; what is not given must not undo what was.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--data-dir", help="where this home keeps its data")
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument(
        "--as",
        dest="as_role",
        choices=("household", "owner", "installer"),
        metavar="ROLE",
        help="as household, owner or installer; the PIN is asked for, or read from a pipe",
    )
    common.add_argument("--verbose", action="store_true", help="log more")
    parser = argparse.ArgumentParser(prog="homeapp", description="Home energy hub.", parents=[common])
    parser.add_argument("--version", action="version", version=f"homeapp {__version__}")
    parser.add_argument("--kiosk", action="store_true", help="full screen, for the wall")
    parser.add_argument("--theme", choices=("auto", "light", "dark"), default="auto")
    parser.add_argument("--pictures", metavar="DIR", help="save pictures of every page, and exit")
    commands = parser.add_subparsers(dest="what", title="commands", metavar="COMMAND")
    _add_own_commands(commands, common)
    add_commands(commands, common)
    return parser


def _default_data_dir() -> Path:
    from platformdirs import user_data_path

    return user_data_path("homeapp", appauthor=False)


def _add_own_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    from homeapp.bench.options import add_bench_commands
    from homeapp.demo.options import add_demo_options
    from homeapp.settings import CSMS_SECRET, GRID_SP_SECRET, MIRROR_SECRETS

    hub = commands.add_parser("hub", help="run the hub without a screen", parents=[common])
    hub.add_argument("--clock", default="", help=argparse.SUPPRESS)
    secret = commands.add_parser("secret", help="enter a secret while no hub runs", parents=[common])
    secret.add_argument(
        "name",
        choices=[GRID_SP_SECRET, CSMS_SECRET, *MIRROR_SECRETS],
        help="which; itself it is asked for, or read from a pipe",
    )
    demo = commands.add_parser("demo", help="a whole street: home, hub, screen and providers", parents=[common])
    add_demo_options(demo)
    plan = commands.add_parser("plan", help="solve planning problems from a file, without a hub", parents=[common])
    plan.add_argument("problems", type=Path, metavar="PROBLEMS.json", help="the problems")
    plan.add_argument("plans", type=Path, metavar="PLANS.json", help="where the plans go")
    plan.set_defaults(without_hub=_plan_file)
    add_bench_commands(commands, common)


def _plan_file(arguments: argparse.Namespace, _data_dir: Path) -> int:
    from homeapp.commands.plan_file import plan_file

    return plan_file(arguments.problems, arguments.plans)


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
    from devices.evce.provider.provider_stations import ProviderStations
    from devices.registry import discoverers, meter_drivers, pev
    from homeapp import identity
    from homeapp.chargers.provider_rights import HomeRights
    from homeapp.hub import Outside
    from homeapp.reporting.pseudonym import pseudonym_key
    from homeapp.store.kept_profiles import KeptProfiles
    from homeapp.store.ledger import Ledger
    from homeapp.store.signed_readings import SignedReadings

    keys = await asyncio.to_thread(identity.home_keys, secrets, data_dir)
    authority = await asyncio.to_thread(identity.LocalAuthority, secrets, data_dir)
    tls = await asyncio.to_thread(identity.server_context, authority, settings.ocpp.names)
    rules = await asyncio.to_thread(_firmware_rules, data_dir, settings, clock)
    rights = HomeRights()
    ledger = Ledger(database, clock)
    stations = ProviderStations(
        clock, KeptProfiles(ledger, settings.ocpp.csms.url if settings.ocpp.csms else ""), rights
    )
    upstreams = _upstreams(
        data_dir,
        settings,
        secrets,
        database,
        clock,
        authority,
        stations,
        rights,
        lambda station: endpoint.firmware_check(station, rules),
    )
    certificates = await asyncio.to_thread(
        identity.IssuedCertificates, authority, data_dir, organization=settings.ocpp.organization
    )
    endpoint = _endpoint(settings, ledger, SignedReadings(database, clock), clock, tls, certificates, upstreams)
    extra_ca = await asyncio.to_thread(_meter_authority, data_dir / "meter-ca.pem")
    return Outside(
        clock=clock,
        speed=clock.speed,
        data_dir=data_dir,
        settings=settings,
        database=database,
        secrets=secrets,
        endpoint=endpoint,
        meter_drivers=meter_drivers(clock=clock, time_zone=settings.site.time_zone, ca_pem=extra_ca),
        discoverers=discoverers(clock=clock, interfaces=settings.discovery.interfaces),
        keys=keys,
        machine_clock=SystemClock(),
        pseudonym_key=await asyncio.to_thread(pseudonym_key, secrets),
        pev=pev(address=settings.pev.address, port=settings.pev.port, clock=clock) if settings.pev.address else None,
        background={
            "endpoint's certificate": lambda: _renew(tls, authority, settings.ocpp.names, clock),
            "limits of the charging provider": stations.run,
        },
        upstreams=upstreams,
        provider_rights=rights,
    )


def _firmware_rules(data_dir: Path, settings: "Settings", clock: SharedClock | SystemClock) -> "FirmwareRules":
    """What a provider's firmware for a charging station has to keep to. Blocks."""
    from devices.evce.firmware_check import FirmwareRules, Window
    from homeapp import identity

    return FirmwareRules(
        roots=identity.vendor_roots(settings.ocpp.vendor_roots, data_dir),
        window=Window.of(settings.ocpp.firmware_window, ZoneInfo(settings.site.time_zone)),
        clock=clock,
    )


def _endpoint(
    settings: "Settings",
    ledger: "Ledger",
    signed_readings: "SignedReadings",
    clock: SharedClock | SystemClock,
    tls: "ssl.SSLContext",
    certificates: "identity.IssuedCertificates",
    upstreams: "Upstreams | None",
) -> "OcppEndpoint":
    """The server for charging stations."""
    from devices.evce.endpoint import OcppEndpoint
    from devices.evce.profiles import StationLimits

    voltage_v = settings.site.voltage_v

    def limits(device_id: str) -> StationLimits:
        circuit = settings.circuit(device_id)
        return StationLimits(
            max_current_a=circuit.max_current_a,
            safe_current_a=circuit.safe_current_a,
            phases=circuit.phases,
            voltage_v=voltage_v,
        )

    return OcppEndpoint(
        host=settings.ocpp.host,
        port=settings.ocpp.port,
        tls=tls,
        clock=clock,
        limits=limits,
        lease_s=settings.ocpp.lease_s,
        certificates=certificates,
        unencrypted_port=settings.ocpp.unencrypted_port or None,
        no_subprotocol=settings.ocpp.no_subprotocol,
        keeper=ledger,
        signed_keeper=signed_readings,
        upstreams=upstreams,
        compression=settings.ocpp.compression,
    )


def _upstreams(
    data_dir: Path,
    settings: "Settings",
    secrets: "SecretStore",
    database: "Database",
    clock: SharedClock | SystemClock,
    authority: "identity.LocalAuthority",
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
    from homeapp.store.ledger import Ledger
    from homeapp.store.station_outbox import StoredStationOutbox

    csms = settings.ocpp.csms
    if csms is None:
        return None
    outbox = StoredStationOutbox(database, clock, csms.url)
    upstreams = Upstreams(
        Surroundings(
            access=_csms_access(csms, csms.url, CSMS_SECRET, data_dir, secrets),
            outbox=outbox,
            clock=clock,
            profiles=stations.profiles,
            ending=stations,
            tokens=lambda device_id: StationTokens(device_id, rights),
            mirrors=[
                _csms_access(csms, url, name, data_dir, secrets)
                for url, name in zip(csms.mirrors, MIRROR_SECRETS, strict=False)
            ],
            firmware=firmware,
            root=PemRoot(authority.ca_pem),
            tells_limits=True,
            stops=KeptStops(Ledger(database, clock), csms.url),
        )
    )
    outbox.notice = upstreams.notice
    return upstreams


def _csms_access(csms: "CsmsSettings", url: str, secret: str, data_dir: Path, secrets: "SecretStore") -> "CsmsAccess":
    """How the hub proves who it is at one CSMS."""
    from devices.evce.upstream.csms_link import CsmsAccess
    from homeapp import identity

    def make_tls() -> "ssl.SSLContext | None":
        if url.startswith("ws://"):
            return None
        context = identity.csms_context(csms.ca_file)
        if csms.security_profile == 3:
            name = csms.identity or identity.public_jwk(identity.home_key_pem(secrets, data_dir))["kid"]
            identity.show_hub(context, secrets, data_dir, name)
        return context

    async def tls() -> "ssl.SSLContext | None":
        return await asyncio.to_thread(make_tls)

    async def password() -> str | None:
        kept = None if csms.security_profile == 3 else await asyncio.to_thread(secrets.get, secret)
        if kept is None and csms.security_profile != 3:
            raise SettingsInvalid(f"The password for {csms.name} is missing. Enter it with: homeapp secret {secret}")
        return kept

    mend = "Have the provider sign a new certificate for the hub."
    return CsmsAccess(
        name=csms.name,
        url=url,
        tls=tls,
        password=password,
        how_to_mend=mend if csms.security_profile == 3 else f"Enter the right password with: homeapp secret {secret}",
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
    from devices.evce.endpoint import OcppEndpoint
    from devices.evce.profiles import StationLimits
    from devices.evce.provider.provider_stations import ProviderStations
    from devices.evce.upstream.csms_link import CsmsAccess
    from devices.evce.upstream.station_way import Surroundings
    from devices.evce.upstream.upstreams import Upstreams
    from homeapp.bench.hub_side import HubPlan, HubSide, MeasuredHub

    async def nothing() -> None:
        return None

    def hub(plan: HubPlan) -> MeasuredHub:
        stations = ProviderStations(plan.clock, plan.keeper, plan.rights)
        access = CsmsAccess(name="Bench", url=plan.csms_url, tls=nothing, password=nothing, how_to_mend="")
        upstreams = Upstreams(
            Surroundings(access=access, outbox=plan.outbox, clock=plan.clock, profiles=stations.profiles)
        )
        limits = StationLimits(
            max_current_a=plan.site.max_current_a,
            safe_current_a=plan.site.safe_current_a,
            phases=plan.site.phases,
            voltage_v=plan.site.voltage_v,
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

    return run_bench(arguments, HubSide(relay=BareRelay, hub=hub))


def _show_screen(data_dir: Path, arguments: argparse.Namespace) -> int:
    """The window; starts a hub as a child process where none answers."""
    from homeapp.server import socket_path
    from ui.app import run
    from ui.screenshots import ScreenshotPlan

    path = socket_path(data_dir)
    child = None if asyncio.run(_answers(path)) else _start_hub(data_dir, path)
    try:
        plan = ScreenshotPlan(directory=Path(arguments.pictures)) if arguments.pictures else None
        return run(socket_path=path, kiosk=arguments.kiosk, theme=arguments.theme, screenshots=plan)
    finally:
        if child is not None:
            _stop_hub(child)


def _start_hub(data_dir: Path, path: Path) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen([sys.executable, "-m", "homeapp", "hub", "--data-dir", os.fspath(data_dir)])

    async def ready() -> None:
        async with asyncio.timeout(_HUB_START_TIMEOUT_S):
            while not await _answers(path):
                if child.poll() is not None:
                    raise HubNotRunning("The hub did not start; it says above why.")
                await asyncio.sleep(0.1)

    try:
        asyncio.run(ready())
    except TimeoutError as error:
        _stop_hub(child)
        raise HubNotRunning("The hub did not start in time; see its log above.") from error
    except BaseException:
        _stop_hub(child)
        raise
    return child


def _stop_hub(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(timeout=_HUB_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


async def _answers(path: Path) -> bool:
    from homeapp.client import connect

    try:
        async with connect(path):
            return True
    except HubNotRunning:
        return False


if __name__ == "__main__":
    sys.exit(main())
