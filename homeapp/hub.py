"""The hub: supervises every long task in one TaskGroup; one that crashes never takes the rest down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from homeapp import __version__, api
from homeapp.access.access_control import AccessControl
from homeapp.changes import Changes, Reached
from homeapp.chargers.chargers import Chargers, Household
from homeapp.chargers.provider_rights import HomeRights
from homeapp.commissioning.charger_hold import ChargerHold
from homeapp.commissioning.commissioning import Commissioning
from homeapp.commissioning.home import Home
from homeapp.control_loop import ControlLoop, Controls
from homeapp.csms_side import LINK_ID, CsmsSide
from homeapp.csms_side import SP_ID as EVC_SP
from homeapp.doctor import examine
from homeapp.grid_limits.grid_limits import GridLimits, LimitListeners
from homeapp.identity import HubKeys
from homeapp.inbox import HubInbox
from homeapp.jobs.charger_software import is_agreed
from homeapp.jobs.upkeep import Grounds, Outward, Upkeep
from homeapp.load.floors import floors_too_high
from homeapp.model.consent import DataClass
from homeapp.model.device import DeviceKind
from homeapp.model.live import LinkState, Snapshot
from homeapp.model.offer import Offer, OfferState
from homeapp.model.readings import EvceState
from homeapp.model.site import Circuit
from homeapp.offer_side import HomeView, OfferSide
from homeapp.operations import Operations
from homeapp.planning.home_planning import HomeParts, HomePlanning, Outlets, home_goal
from homeapp.ports import Clock, Discoverer, Evce, EvceEndpoint, MeterDriver, Pev, StationUpstreams
from homeapp.provider_side import Listeners, ProviderSide, Surroundings
from homeapp.providers.jose import HubSigner
from homeapp.recorder import Recorder
from homeapp.reporting.pseudonym import pseudonym
from homeapp.reporting.records import GRID_SP
from homeapp.secrets import SecretStore
from homeapp.server import Server, socket_path
from homeapp.sessions import DeviceSessions
from homeapp.settings import Settings
from homeapp.snapshot import NOTICE_LIFE, LiveState
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from homeapp.store.pin_attempts import PinAttempts
from homeapp.store.station_disclosures import StationDisclosures
from homeapp.store.telemetry import Telemetry
from homeapp.store.why_entries import WhyEntries
from homeapp.supervision import supervise
from homeapp.tariffs.home_prices import HomePrices
from homeapp.tariffs.price_desk import PriceDesk
from homeapp.why.timeline import WhyTimeline

logger = logging.getLogger(__name__)

DESK_CYCLE_S = 1.0
LIVE_CYCLE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the composition root hands to the hub.

    Attributes:
        keys: the hub's own.
        machine_clock: the machine's time, by which certificates are dated.
        pseudonym_key: see ``homeapp.reporting.pseudonym``.
        pev: the car's data link, or None where there is none.
        background: long tasks of the outside, by name.
        provider_rights: where the drivers learn what the owner lets a charging provider do.
        upstreams: the ways of charging stations to the provider's CSMS, or None where there is no CSMS.
        speed: of the clock, told to the screen.
        begin_anew: has another hub take this one's place, with the settings as they stand then.
        settings_refused: why settings that were written do not hold, for the owner; empty where they do.
    """

    clock: Clock
    speed: float
    data_dir: Path
    settings: Settings
    database: Database
    secrets: SecretStore
    endpoint: EvceEndpoint
    meter_drivers: Mapping[str, MeterDriver]
    discoverers: Sequence[Discoverer]
    keys: HubKeys
    machine_clock: Clock
    pseudonym_key: bytes
    pev: Pev | None
    background: Mapping[str, Callable[[], Awaitable[None]]]
    provider_rights: HomeRights = field(default_factory=HomeRights)
    upstreams: StationUpstreams | None = None
    begin_anew: Callable[[], None] = lambda: None
    settings_refused: str = ""


class Hub:
    """One home. ``run`` until cancelled."""

    def __init__(self, outside: Outside) -> None:
        self._out = outside
        self._clock = outside.clock
        self._changes = Changes()
        self._site = outside.settings.site.site()
        self._outbox = Outbox(outside.database, outside.clock, notice=self._changes.notice, name_of=self._name_of)
        self._ledger = Ledger(outside.database, outside.clock, decision_kept=self._outbox.wake)
        self._telemetry = Telemetry(outside.database)
        prices = HomePrices(outside.settings.tariff.contract(), self._site.time_zone)
        goal = home_goal(outside.settings, outside.clock)
        self._live = LiveState(site=self._site, goal=goal, clock=outside.clock, prices=prices)
        self._offers = self._offer_side()
        self._desk = self._offers.desk
        self._limits = GridLimits(
            terms=outside.settings.grid_limit.terms(),
            desk=self._desk,
            ledger=self._ledger,
            clock=outside.clock,
            home=self._live,
            tell=LimitListeners(name_of=self._name_of, limited=self._changes.limited, notice=self._changes.notice),
        )
        self._chargers = self._charger_decisions()
        self._sessions = DeviceSessions(
            ledger=self._ledger,
            secrets=outside.secrets,
            meter_drivers=outside.meter_drivers,
            discoverers=outside.discoverers,
            endpoint=outside.endpoint,
            clock=outside.clock,
            listener=self._changes,
            agreed_firmware=self._agreed_firmware,
            authorizes=self._chargers.tokens.authorizes,
            fits=self._floors_too_high,
        )
        self._inbox = HubInbox(
            desk=self._desk,
            limits=self._limits,
            ledger=self._ledger,
            outbox=self._outbox,
            live=self._live,
            name_of=self._name_of,
            tariff_changed=self._changes.tariff_changed,
            live_changed=self._changes.live_changed,
        )
        self._price_desk = PriceDesk(
            prices=prices,
            ledger=self._ledger,
            clock=outside.clock,
            links=lambda: self._live.links,
            changed=self._changes.tariff_changed,
        )
        self._providers = self._provider_side()
        self._csms = self._csms_side(outside.upstreams) if outside.upstreams else None
        self._upkeep = self._upkeep_of_car_and_charger()
        self._planning = self._home_planning()
        self._hold = ChargerHold(self._changes.act)
        self._control = ControlLoop(
            Controls(
                site=self._site,
                lease_s=outside.settings.ocpp.lease_s,
                clock=outside.clock,
                speed=outside.speed,
                live=self._live,
                desk=self._desk,
                ledger=self._ledger,
                commitments=lambda now: self._limits.commitments(now) + self._hold.commitments(now),
                taken=self._limits.taken,
                circuits=self._circuits,
                evce=lambda device_id: self._hold.commandable(self._sessions.evce(device_id), self._clock.now()),
                installing=self._upkeep.installs,
                card_needed=not outside.settings.ocpp.auto_start,
                delay=self._planning.share.delay,
                car=self._planning.watch.car,
            )
        )
        self._operations = Operations(
            live=self._live,
            desk=self._desk,
            sessions=self._sessions,
            devices=lambda: self._chargers.views(self._sessions.views()),
            ledger=self._ledger,
            snapshot=self._snapshot,
            schedule=lambda: self._planning.plans.schedule,
            doctor=self._examine,
            live_changed=self._changes.live_changed,
            sharing=self._providers.sharing,
            uplink=self._providers.uplink.view,
            rules=self._offers.rules.views,
            commissioning=lambda: self._commissioning.view,
        )
        self._recorder = Recorder(
            live=self._live,
            telemetry=self._telemetry,
            ledger=self._ledger,
            desk=self._desk,
            clock=outside.clock,
            snapshot=self._snapshot,
        )
        self._why = WhyTimeline(
            live=self._live,
            desk=self._desk,
            entries=WhyEntries(outside.database),
            clock=outside.clock,
            name_of=self.name_of,
        )
        self._access = AccessControl(
            secrets=outside.secrets,
            attempts=PinAttempts(outside.database, outside.clock),
            ledger=self._ledger,
            clock=outside.clock,
        )
        self._commissioning = self._commissioning_of_home()
        self._handlers = {
            **self._operations.handlers(),
            **self._offers.operations.handlers(),
            **self._planning.plans.handlers(),
            **self._providers.handlers(),
            **self._chargers.handlers(),
            **self._why.handlers(),
            **self._price_desk.handlers(),
            **self._commissioning.handlers(),
        }
        self._server = Server(
            socket_path(outside.data_dir),
            self._handlers,
            self._operations.current,
            self._hello,
            self._access,
        )
        self._changes.reach(
            Reached(
                live=self._live,
                control=self._control,
                reporter=self._upkeep.reporter,
                sessions=self._sessions,
                replan=self._planning.plans.replan,
                devices_changed=self._commissioning.devices_changed,
                upstreams=outside.upstreams,
                publish=self._server.publish,
                name_of=self._name_of,
            )
        )

    async def run(self, started: Callable[[], None]) -> None:
        """Everything, until cancelled; ``started`` is called once the local socket accepts.

        Raises:
            EnvironmentProblem: the databases or the local socket cannot be used.
        """
        await self._load()
        await self._ledger.hub_started(__version__)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._server.run(started))
            for name, body in self._bodies().items():
                tasks.create_task(supervise(name, body, self._clock, self._changes.part_failed))

    def name_of(self, device_id: str) -> str | None:
        adopted = (device for device in self._sessions.adopted if device.kind is DeviceKind.EVCE)
        return next((device.name for device in adopted if device.device_id == device_id), None)

    def state_of(self, device_id: str) -> EvceState | None:
        evce = self._out.endpoint.evce(device_id)
        return None if evce is None else evce.state

    def _offer_side(self) -> OfferSide:
        return OfferSide(
            database=self._out.database,
            ledger=self._ledger,
            outbox=self._outbox,
            clock=self._clock,
            home=HomeView(
                live=self._live,
                site=self._site,
                region=self._out.settings.site.region,
                has_charger=lambda: bool(self._sessions.chargers),
                hears=lambda sp_id: self._providers.allows(sp_id, DataClass.IDENTITY),
                foresee=self._foresee,
                feed_left_wh=lambda: self._planning.plans.feed_left_wh,
            ),
            name_of=self._name_of,
            offers_changed=self._changes.offers_changed,
            rules_changed=lambda: self._server.publish(api.Topic.RULES),
        )

    async def _foresee(self, offer: Offer) -> float | None:
        return await self._planning.plans.foresee(offer)

    def _charger_decisions(self) -> Chargers:
        return Chargers(
            Household(
                ledger=self._ledger,
                clock=self._clock,
                key=self._out.pseudonym_key,
                auto_start=self._out.settings.ocpp.auto_start,
                rights=self._out.provider_rights,
                chargers=self,
                departure=lambda: self._live.goal.ready_by,
                agreed=lambda: self._limits.commitments(self._clock.now()),
                notice=self._changes.notice,
                changed=self._changes.control_changed,
            )
        )

    def _circuits(self) -> tuple[Circuit, ...]:
        return tuple(self._out.settings.circuit(device.device_id) for device in self._sessions.chargers)

    def _floors_too_high(self, device_ids: Sequence[str]) -> str | None:
        return floors_too_high(map(self._out.settings.circuit, device_ids), self._site)

    def _first_evce(self) -> Evce | None:
        chargers = self._sessions.chargers
        return self._sessions.evce(chargers[0].device_id) if chargers else None

    def _provider_side(self) -> ProviderSide:
        return ProviderSide(
            Surroundings(
                data_dir=self._out.data_dir,
                settings=self._out.settings,
                database=self._out.database,
                secrets=self._out.secrets,
                keys=self._out.keys,
                clock=self._out.clock,
                machine_clock=self._out.machine_clock,
                void_stations=self._out.upstreams.void if self._out.upstreams else None,
            ),
            outbox=self._outbox,
            inbox=self._inbox,
            tell=Listeners(
                receipt=self._desk.receipt,
                notice=self._changes.notice,
                failed=self._changes.part_failed,
                sharing_changed=self._changes.sharing_changed,
                uplink_changed=lambda: self._server.publish(api.Topic.UPLINK),
            ),
        )

    def _csms_side(self, upstreams: StationUpstreams) -> CsmsSide:
        def link_changed(state: LinkState, problem: str | None) -> None:
            self._live.link_changed(LINK_ID, f"{self._name_of(EVC_SP)} (OCPP)", state, problem)
            self._changes.live_changed()

        return CsmsSide(
            upstreams,
            allows=self._providers.allows,
            disclosures=StationDisclosures(self._out.database, self._clock, EVC_SP),
            counted=self._providers.uplink.passed,
            link_changed=link_changed,
            notice=self._changes.notice,
        )

    def _upkeep_of_car_and_charger(self) -> Upkeep:
        return Upkeep(
            Grounds(
                database=self._out.database,
                ledger=self._ledger,
                clock=self._out.clock,
                # Nobody else can tell the ids of records beforehand and take their places.
                home=pseudonym(self._out.pseudonym_key, "home", "records"),
                pseudonym_key=self._out.pseudonym_key,
                pev=self._out.pev,
                charger=lambda: self._live.evce,
                state_of=self._live.evces.get,
                evce=self._first_evce,
                report_wishes=lambda: self._inbox.wishes_of(GRID_SP),
            ),
            Outward(
                put=self._providers.put,
                allows=self._providers.allows,
                manufacturer_key=self._providers.manufacturer_key,
                authorities=self._providers.authorities,
                raise_alert=self._inbox.health,
            ),
            self._desk,
        )

    def _home_planning(self) -> HomePlanning:
        return HomePlanning(
            HomeParts(
                settings=self._out.settings,
                database=self._out.database,
                clock=self._clock,
                speed=self._out.speed,
                key=self._out.pseudonym_key,
                live=self._live,
                desk=self._desk,
                commitments=self._limits.commitments,
                ledger=self._ledger,
                telemetry=self._telemetry,
                outlets=Outlets(
                    goal_changed=self._upkeep.reporter.goal_changed,
                    changed=self._changes.publish,
                    act=self._changes.act,
                    notice=self._changes.notice,
                    installing=self._upkeep.installs,
                ),
            )
        )

    def _commissioning_of_home(self) -> Commissioning:
        home = Home(
            clock=self._clock,
            data_dir=self._out.data_dir,
            settings=self._out.settings,
            devices=lambda: self._chargers.views(self._sessions.views()),
            snapshot=self._snapshot,
            meter=lambda: self._live.meter.reading if self._live.meter else None,
            charger=lambda: self._live.evce,
            cases=lambda: self._desk.cases,
            standings=self._providers.standings,
            pins=lambda: self._access.pins,
            doctor=self._examine,
            handlers=lambda: self._handlers,
            notice=self._changes.notice,
            changed=lambda: self._server.publish(api.Topic.COMMISSIONING),
            begin_anew=self._out.begin_anew,
        )
        return Commissioning(home, self._hold, HubSigner(self._out.keys.sign_pem))

    def _bodies(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            **(self._csms.bodies() if self._csms else {}),
            "devices": self._sessions.run,
            "control": self._control.run,
            **self._planning.bodies(),
            "offer desk": self._tend_offers,
            "recorder": self._recorder.run,
            "live": self._publish_live,
            "why": self._why.run,
            "prices": self._price_desk.run,
            "grid limits": self._limits.run,
            **self._providers.bodies(),
            **self._upkeep.bodies(),
            **self._chargers.bodies(),
            "commissioning": self._commissioning.run,
            **self._out.background,
        }

    async def _load(self) -> None:
        await self._access.load()
        await self._sessions.load()
        await self._offers.load()
        await self._limits.load()
        await self._providers.load()
        await self._chargers.load()
        await self._planning.plans.load()
        self._live.alert_raised(await self._ledger.alerts())
        self._live.orders_changed(await self._ledger.part_orders())
        for sp_id, tariff in (await self._ledger.tariffs()).items():
            self._live.tariff_received(sp_id, tariff)
        self._live.notices_restored(await self._ledger.notices(self._clock.now() - NOTICE_LIFE))
        for number, sentence in enumerate(self._out.database.repairs):
            self._live.notice(f"store_repaired.{number}", sentence)
        if self._out.settings_refused:
            self._changes.notice("settings_refused", f"Your new settings do not hold: {self._out.settings_refused}")
        if (fault := self._floors_too_high([device.device_id for device in self._sessions.chargers])) is not None:
            self._changes.notice("floors_too_high", fault)
        await self._commissioning.load()

    async def _tend_offers(self) -> None:
        while True:
            await self._desk.tick()
            waiting = await self._outbox.waiting()
            self._live.waiting_changed({sp_id: waits.decisions for sp_id, waits in waiting.items()})
            for notice in self._live.unkept_notices():
                await self._ledger.keep_notice(notice)
            await self._clock.sleep(DESK_CYCLE_S)

    async def _publish_live(self) -> None:
        while True:
            self._changes.live_changed()
            await self._clock.sleep(LIVE_CYCLE_S if self._out.speed <= 1 else LIVE_CYCLE_S * min(self._out.speed, 5))

    def _agreed_firmware(self, location: str, signature: str) -> bool:
        return is_agreed(self._desk.jobs(), location=location, signature=signature)

    async def _examine(self) -> tuple[api.Check, ...]:
        checks = await examine(
            data_dir=self._out.data_dir,
            secrets=self._out.secrets.place,
            snapshot=self._snapshot(),
            devices=self._sessions.views(),
            providers=await self._providers.standings(),
            pins=self._access.pins,
            untimely=self._inbox.untimely,
            clock=self._clock,
            unencrypted_port=self._out.settings.ocpp.unencrypted_port,
        )
        return (*checks, self._commissioning.doctors_check())

    def _snapshot(self) -> Snapshot:
        self._changes.know_chargers()
        return self._live.snapshot(
            meter_online=self._sessions.online(DeviceKind.METER),
            evce_online=self._sessions.online(DeviceKind.EVCE),
            pending_offers=sum(case.state is OfferState.PENDING for case in self._desk.cases),
            grid_limit=self._limits.in_force(self._clock.now()),
        )

    def _hello(self, role: api.Role) -> api.Hello:
        return api.Hello(
            version=__version__,
            protocol=api.PROTOCOL_VERSION,
            now=self._clock.now(),
            clock_speed=self._out.speed,
            role=role,
            site=self._site,
        )

    def _name_of(self, sp_id: str) -> str:
        return self._providers.name_of(sp_id)
