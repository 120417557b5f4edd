"""What is done about car and charger at a provider's request, and what providers are told of the two."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from homeapp.jobs.car_software import fetch_package
from homeapp.jobs.charger_software import ChargerSoftwareDesk, holds_charging
from homeapp.jobs.health_desk import CarWays, HealthBooks, HealthDesk
from homeapp.model.consent import DataClass
from homeapp.model.grid_report import ReportWish
from homeapp.model.health import HealthAlert, Position
from homeapp.model.offer import Job
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.model.record import DataRecord
from homeapp.offers.desk import OfferDesk
from homeapp.offers.stance import stance_to
from homeapp.ports import Clock, Evce, Pev
from homeapp.reporting.pseudonym import pseudonym
from homeapp.reporting.records import GRID_SP, PEV_SP, RecordMaker
from homeapp.reporting.reporter import Reporter
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.periods import Periods
from homeapp.store.quarters import Quarters

_IN_USE = (EvceStatus.CHARGING, EvceStatus.FEEDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the work stands on.

    Attributes:
        home: makes the ids of records this home's own; nobody else knows it.
        pseudonym_key: see ``homeapp.reporting.pseudonym.pseudonym_key``.
        pev: the car's data link, or None where there is none.
        charger: the newest state of the charger at which the car is, or None.
        state_of: the newest state of an adopted charger, or None.
        evce: the charger that software is for, the one adopted first, or None.
        report_wishes: what the grid operator's events ask to be told now.
    """

    database: Database
    ledger: Ledger
    clock: Clock
    home: str
    pseudonym_key: bytes
    pev: Pev | None
    charger: Callable[[], EvceState | None]
    state_of: Callable[[str], EvceState | None]
    evce: Callable[[], Evce | None]
    report_wishes: Callable[[], Collection[ReportWish]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Outward:
    """The way to the providers.

    Attributes:
        put: takes a record on its way; raises NotConsented.
        allows: the owner's consent.
        manufacturer_key: of whose software a provider relays, public JWK, or None.
        authorities: PEM of whom a provider's flow trusts, besides those that the machine trusts.
        raise_alert: a defect of the car, or its repair.
    """

    put: Callable[[DataRecord], Awaitable[None]]
    allows: Callable[[str, DataClass], bool]
    manufacturer_key: Callable[[str], Mapping[str, str] | None]
    authorities: Callable[[str], str]
    raise_alert: Callable[[HealthAlert], Awaitable[None]]


class Upkeep:
    """The desks that work on car and charger, and the reporter; all of ``bodies`` runs until cancelled.

    Attributes:
        reporter: is told what car, charger and meter do.
    """

    def __init__(self, grounds: Grounds, outward: Outward, desk: OfferDesk) -> None:
        self._grounds = grounds
        self._outward = outward
        self._vin: str | None = None
        records = RecordMaker(
            home=grounds.home, key=grounds.pseudonym_key, car=lambda: self._vin, now=grounds.clock.now
        )
        self.reporter = Reporter(
            records=records,
            periods=Periods(grounds.database, grounds.clock),
            quarters=Quarters(grounds.database),
            ledger=grounds.ledger,
            clock=grounds.clock,
            put=outward.put,
            allows=outward.allows,
            locate=self._locate,
            wishes=grounds.report_wishes,
            stance=lambda event_id: stance_to(desk.cases, f"{GRID_SP}/{event_id}"),
        )
        ways = CarWays(
            pev=self._plugged_pev,
            is_idle=self._is_idle,
            pseudonym=self._pseudonym,
            fetch=self._fetch,
            manufacturer_key=outward.manufacturer_key,
        )
        books = HealthBooks(
            alerts=grounds.ledger.alerts,
            raise_alert=outward.raise_alert,
            part_orders=grounds.ledger.part_orders,
            put=outward.put,
        )
        self._health = HealthDesk(desk=desk, ways=ways, books=books, clock=grounds.clock)
        self._charger_software = ChargerSoftwareDesk(
            clock=grounds.clock,
            evce=grounds.evce,
            jobs=desk.jobs,
            finished=desk.finished,
            records=records,
            put=outward.put,
            allows=outward.allows,
        )

    def installs(self, device_id: str) -> bool:
        """Software goes into this charger or into the car at it: nothing may charge or feed there now."""
        state, at_car = self._grounds.state_of(device_id), self._grounds.charger()
        update = state.software if state is not None else None
        into_car = self._health.installing and (at_car is None or at_car.device_id == device_id)
        return into_car or holds_charging(update, self._grounds.clock.now())

    def bodies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The long tasks, by name."""
        return {
            "reporting": self.reporter.run,
            "car": self._health.run,
            "charger software": self._charger_software.run,
        }

    def _plugged_pev(self) -> Pev | None:
        charger = self._grounds.charger()
        return self._grounds.pev if charger is not None and charger.status.car_present else None

    def _is_idle(self) -> bool:
        charger = self._grounds.charger()
        return charger is not None and charger.status.car_present and charger.status not in _IN_USE

    async def _locate(self) -> Position | None:
        pev = self._plugged_pev()
        return None if pev is None else await pev.locate()

    def _pseudonym(self, sp_id: str, vin: str) -> str:
        # From now on other records name the same car.
        self._vin = vin
        return pseudonym(self._grounds.pseudonym_key, sp_id, vin)

    async def _fetch(self, job: Job) -> bytes:
        tls = await asyncio.to_thread(_trusting, self._outward.authorities(PEV_SP))
        return await fetch_package(job, tls)


def _trusting(authorities: str) -> ssl.SSLContext:
    """TLS that trusts whom the machine trusts, and ``authorities`` besides."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context
