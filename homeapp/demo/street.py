"""The demo street: one home with a meter, a charger and a car, and every provider it deals with, on one clock."""

import asyncio
import secrets
import socket
import ssl
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from homeapp.client import Client, connect
from homeapp.clock import SharedClock
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.firmware import Trusted
from homeapp.demo.charger.maker import ChargerMaker
from homeapp.demo.charger.station import DemoStation
from homeapp.demo.commissioning import Commissioning
from homeapp.demo.csms.accounts import Account
from homeapp.demo.csms.server import PATH as CSMS_PATH
from homeapp.demo.csms.server import DemoCsms
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.notifier_broker import NotifierAuthentication
from homeapp.demo.grid.oddities import Oddity, departures
from homeapp.demo.grid.prices import PriceCurve, PriceKind
from homeapp.demo.grid.vtn import DemoVtn, VtnOptions
from homeapp.demo.home import DemoHome, HomeSettings
from homeapp.demo.household import household_power
from homeapp.demo.meter.homewizard import DemoMeter
from homeapp.demo.operator.mosquitto import mosquitto_path
from homeapp.demo.operator.price_reader import PriceReader
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.pev.pev import DemoPev
from homeapp.demo.uplink import DemoUplink

TIME_ZONE = "Europe/Amsterdam"
LOCAL_START = "12:43"
READY_BY = "17:30"
VTN_CLIENT_ID = "home-0001"
VTN_CLIENT_SECRET = "street-only-not-a-secret"  # noqa: S105 - lives and dies with the street
STATION_ID = "EVCE-0001"
VOLTAGE_V = 230.0
EVC_CLIENT_ID = "evc-provider"
EVC_CLIENT_SECRET = "street-only-and-no-secret-either"  # noqa: S105 - lives and dies with the street
CSMS_PASSWORD = "street-only-between-hub-and-csms"  # noqa: S105 - lives and dies with the street
CSMS_FLOW = "csms"
"""The way of the charging station to the EV charging provider; its offers take another one."""
NOTICE_FLOW = "grid_notices"
"""The way on which the grid operator tells that something has changed."""
FLOWS = {"evc_sp": "evc", "pev_sp": "pev", "fleet": "fleet", "grid_sp": "grid"}
"""Ways through the communication operator, by provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetPlan:
    """How the street is built.

    Attributes:
        directory: for everything it writes; made if missing.
        speed: of its clock.
        protocol: OCPP subprotocol of the charger.
        lease_s: of the hub's limits, s of street time.
        prices: the kind of days that the grid operator's tariff has.
        day: the local day on which the street begins; None is today.
        oddities: how the grid operator's VTN departs from the standard.
        commissioned: the home's settings say what an installer has asked for; else the street's addresses alone.
    """

    directory: Path
    speed: float = 10.0
    protocol: str = "ocpp2.1"
    meter_api: str = "v2"
    lease_s: float = 60.0
    prices: PriceKind = PriceKind.NORMAL
    day: date | None = None
    oddities: tuple[Oddity, ...] = ()
    commissioned: bool = True


def street_clock(speed: float, day: date | None = None) -> SharedClock:
    """A clock that begins at a local time when energy is cheap, today or on another day."""
    zone = ZoneInfo(TIME_ZONE)
    hour, minute = map(int, LOCAL_START.split(":"))
    origin = datetime.combine(day or datetime.now(zone).date(), clock_time(hour, minute), zone)
    return SharedClock(origin.astimezone(UTC), time.time(), speed)


class Street:
    """All of it; an async context manager. The hub itself is started by ``home.start_hub()``.

    Attributes:
        meter_id, charger_id: as the hub calls the devices.
        home, meter, station, car, pev, vtn, csms, providers, uplink: the peers, with their histories of what was seen
            on the wire; ``pev`` is the car's data link, ``csms`` the EV charging provider's end of OCPP.
        charger_maker: signs and serves the charger's software.
        price_reader: the EV charging provider's look at the prices.
        extra_load_w: what somebody has switched on at home, W on L1.
    """

    def __init__(self, plan: StreetPlan, clock: SharedClock | None = None) -> None:
        self.plan = plan
        self.clock = clock or street_clock(plan.speed, plan.day)
        self.charger_id = f"ocpp:{STATION_ID}"
        self.home = DemoHome(plan.directory, self.clock)
        self.car = Car(capacity_wh=60_000, soc_pct=58.0, max_charge_w=11_000, max_feed_w=6_000, phases=3)
        self.providers = ProvidersSide(plan.directory / "providers", self.clock)
        self.extra_load_w = 0.0
        # Streets on one machine hear each other's announcements: each has a meter of its own.
        serial = f"5c2faf{secrets.token_hex(3)}"
        self.meter_id = f"homewizard:{serial}"
        self.meter = DemoMeter(clock=self.clock, power=self._at_the_meter, api=plan.meter_api, serial=serial)
        self._ocpp_port = _free_port()
        self._tasks: asyncio.TaskGroup
        self._running: list[asyncio.Task[None]]
        self._stack = AsyncExitStack()

    station: DemoStation
    vtn: DemoVtn
    csms: DemoCsms
    pev: DemoPev
    uplink: DemoUplink
    charger_maker: ChargerMaker
    price_reader: PriceReader
    _package_tls: ssl.SSLContext

    async def __aenter__(self) -> "Street":
        async with AsyncExitStack() as stack:
            await asyncio.to_thread(self.home.furnish)
            await stack.enter_async_context(self.providers)
            self.vtn = await self._make_vtn(await asyncio.to_thread(self.home.hub_key))
            self.csms = await self._make_csms()
            self.pev = DemoPev(
                manufacturer_key=self.providers.manufacturer.public_jwk, soc_pct=lambda: self.car.soc_pct
            )
            self.charger_maker = await asyncio.to_thread(ChargerMaker, self.providers.authority)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            running: list[asyncio.Task[None]] = []
            stack.callback(lambda: [task.cancel() for task in running])
            peers = (self.vtn, self.csms, self.meter, self.pev, self.charger_maker)
            running.extend(tasks.create_task(peer.run()) for peer in peers)
            await self.vtn.started()
            await self.csms.started()
            await self.meter.started()
            await self.charger_maker.started()
            await stack.enter_async_context(self._make_uplink())
            self.price_reader = await self._make_price_reader()
            running.append(tasks.create_task(self.price_reader.run()))
            await asyncio.to_thread(self._install)
            stack.push_async_callback(self.home.stop_hub)
            self._tasks, self._running = tasks, running
            self._stack = stack.pop_all()
        return self

    def commissioning(self, client: Client) -> Commissioning:
        """The installer's and the owner's part, over this connection to the hub."""
        ports = {sp_id: self.uplink.port(flow) for sp_id, flow in FLOWS.items() if sp_id in self.providers.customers}
        return Commissioning(client=client, providers=self.providers, ports=ports)

    async def settle(self) -> None:
        """Pair the running hub with the providers, enrol it and agree to what is usual."""
        async with connect(self.home.socket) as client:
            await self.commissioning(client).all()

    def plug_in(self) -> None:
        """The car comes home: its plug goes into the charger, and its data link wakes up."""
        self.pev.plug()
        self.station.plug_in()

    async def power_charger(self) -> None:
        """Switch the charger on; its installer has given it the hub's CA, which exists since the hub has run."""
        tls = await asyncio.to_thread(ssl.create_default_context, cafile=str(self.home.ocpp_ca()))
        self._package_tls = await asyncio.to_thread(self.providers.authority.client_context)
        self.station = self._make_station(tls)
        self._running.append(self._tasks.create_task(self.station.run()))

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, problem, trace)

    def in_minutes(self, minutes: float) -> datetime:
        """Street time from now."""
        return self.clock.now() + timedelta(minutes=minutes)

    async def _make_vtn(self, hub_jwk: dict[str, str]) -> DemoVtn:
        tls = await asyncio.to_thread(self.providers.authority.server_context)
        notifier = (
            MqttNotifier(self.plan.directory / "notifier", self.providers.authority) if mosquitto_path() else None
        )
        if notifier is not None:
            notifier.authentication = NotifierAuthentication.TOKEN
        vtn = DemoVtn(
            clock=self.clock,
            tls=tls,
            client_id=VTN_CLIENT_ID,
            client_secret=VTN_CLIENT_SECRET,
            prices=PriceCurve(self.plan.prices, TIME_ZONE),
            hub_key=hub_jwk,
            hub_id=hub_jwk["kid"],
            auto_confirm=True,
            readers={EVC_CLIENT_ID: EVC_CLIENT_SECRET},
            options=VtnOptions(notifier=notifier),
        )
        vtn.oddities = departures(*self.plan.oddities)
        return vtn

    async def _make_csms(self) -> DemoCsms:
        tls = await asyncio.to_thread(self.providers.authority.server_context)
        account = Account(password=CSMS_PASSWORD)
        return DemoCsms(clock=self.clock, tls=tls, accounts={STATION_ID: account})

    def _make_station(self, tls: ssl.SSLContext) -> DemoStation:
        return DemoStation(
            station_id=STATION_ID,
            url=f"wss://127.0.0.1:{self._ocpp_port}/ocpp/{STATION_ID}",
            protocol=self.plan.protocol,
            tls=tls,
            password=None,
            clock=self.clock,
            car=self.car,
            state_file=self.plan.directory / "station.json",
            vendor="Demo",
            model="Street charger",
            trusted=Trusted(web=self._package_tls, maker_pem=self.charger_maker.ca_pem),
        )

    def _make_uplink(self) -> DemoUplink:
        vtn = urlsplit(self.vtn.url)
        broker = (self.providers.broker_host, self.providers.broker_port)
        ways = {flow: broker for sp_id, flow in FLOWS.items() if sp_id in self.providers.customers}
        ways[FLOWS["grid_sp"]] = ("127.0.0.1", vtn.port or 443)
        ways[CSMS_FLOW] = ("127.0.0.1", self.csms.port)
        notifier = self.vtn.notifier
        if notifier is not None:
            ways[NOTICE_FLOW] = ("127.0.0.1", notifier.ports[notifier.authentication])
        self.uplink = DemoUplink(self.plan.directory / "uplink", ways)
        if notifier is not None:
            notifier.told_ports[notifier.authentication] = self.uplink.port(NOTICE_FLOW)
        return self.uplink

    async def _make_price_reader(self) -> PriceReader:
        tls = await asyncio.to_thread(self.providers.authority.client_context)
        return PriceReader(
            url=self.vtn.url, client_id=EVC_CLIENT_ID, client_secret=EVC_CLIENT_SECRET, tls=tls, clock=self.clock
        )

    def _install(self) -> None:
        way = urlsplit(self.vtn.url)
        settings = HomeSettings(
            vtn_url=way._replace(netloc=f"127.0.0.1:{self.uplink.port(FLOWS['grid_sp'])}").geturl(),
            vtn_client_id=VTN_CLIENT_ID,
            vtn_ca_file=self.providers.ca_file,
            csms_url=f"wss://127.0.0.1:{self.uplink.port(CSMS_FLOW)}{CSMS_PATH}",
            csms_ca_file=self.providers.ca_file,
            pev_port=self.pev.port,
            ready_by=READY_BY,
            time_zone=TIME_ZONE,
            ocpp_port=self._ocpp_port,
            lease_s=self.plan.lease_s,
            commissioned=self.plan.commissioned,
        )
        self.home.install(
            settings, vtn_secret=VTN_CLIENT_SECRET, csms_password=CSMS_PASSWORD, meter_ca_pem=self.meter.ca_pem
        )

    def _at_the_meter(self) -> tuple[float, float, float]:
        home = household_power(self.clock.now(), TIME_ZONE)
        car = self.station.observation.power_w / 3 if hasattr(self, "station") else 0.0
        return (home[0] + self.extra_load_w + car, home[1] + car, home[2] + car)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
