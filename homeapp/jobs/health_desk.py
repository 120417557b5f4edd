"""The health desk: carries out what the owner has agreed to have done about the car."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from homeapp.errors import (
    DeviceError,
    DeviceUnreachable,
    NotConsented,
    ProtocolError,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
)
from homeapp.jobs.car_software import check_manifest
from homeapp.jobs.health_report import changed_alerts, report, result
from homeapp.model.health import CAR, HealthAlert, OrderStatus, PartOrder
from homeapp.model.offer import Choice, Job, OfferCase, OfferKind, OfferState
from homeapp.model.record import DataRecord
from homeapp.offers.desk import OfferDesk
from homeapp.ports import Clock, Pev

logger = logging.getLogger(__name__)

CAR_JOBS = frozenset({OfferKind.HEALTH_CHECK, OfferKind.PART_ORDER, OfferKind.CAR_SOFTWARE})
CYCLE_S = 1.0
FIRST_PAUSE_S = 30.0
MOST_ATTEMPTS = 5
"""Of an installation; whatever does not work by then will not."""
LAST_MOMENT = timedelta(seconds=10)
"""Before the end of a job's time: what is not done by now is given up with a sentence of its own."""
INSTALL_NEEDS = timedelta(minutes=10)
RESULT_WITHIN = timedelta(days=1)

_ENDED = (OfferState.COMPLETED, OfferState.PARTIAL, OfferState.ABORTED)
_WATCH_S = 0.2
_PASSING = (DeviceUnreachable, ProtocolError, ProviderUnreachable)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarWays:
    """How the health desk gets at the car and at what concerns it.

    Attributes:
        pev: the car while it is plugged in, else None.
        is_idle: it is plugged in and neither charges nor feeds.
        pseudonym: what stands for a car towards a provider: (sp_id, VIN).
        fetch: the package of a job, checked against size and digest.
        manufacturer_key: the public JWK of the manufacturer whose software a provider (sp_id) relays, or None.
    """

    pev: Callable[[], Pev | None]
    is_idle: Callable[[], bool]
    pseudonym: Callable[[str, str], str]
    fetch: Callable[[Job], Awaitable[bytes]]
    manufacturer_key: Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthBooks:
    """Where the health desk reads and writes.

    Attributes:
        alerts: all alerts so far.
        raise_alert: a new one, or one that is mended.
        part_orders: as providers have told of them.
        put: a record on its way out; raises ``NotConsented`` where the owner does not let it leave.
    """

    alerts: Callable[[], Awaitable[tuple[HealthAlert, ...]]]
    raise_alert: Callable[[HealthAlert], Awaitable[None]]
    part_orders: Callable[[], Awaitable[tuple[PartOrder, ...]]]
    put: Callable[[DataRecord], Awaitable[None]]


class HealthDesk:
    """One job at a time. What a sudden death interrupts is begun again; a job counts as done when it is done.

    Results are made from where a job stands in the ledger, so that none is lost and none claims more than that.
    """

    def __init__(self, *, desk: OfferDesk, ways: CarWays, books: HealthBooks, clock: Clock) -> None:
        self._desk = desk
        self._ways = ways
        self._books = books
        self._clock = clock
        self._attempts: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._trouble: dict[str, str] = {}
        self._told: set[str] = set()
        self._installing = False

    @property
    def installing(self) -> bool:
        """Software goes into the car: it must neither charge nor feed now."""
        return self._installing

    async def run(self) -> NoReturn:
        """Carry jobs out until cancelled.

        Raises:
            StoreUnavailable: a step could not be kept.
        """
        while True:
            for case in self._desk.jobs():
                if case.offer.kind in CAR_JOBS:
                    await self._tend(case)
            await self._tell_results()
            await self._clock.sleep(CYCLE_S)

    async def _tend(self, case: OfferCase) -> None:
        key = case.offer.key
        if not self._is_wanted(key):
            return
        if self._clock.now() >= case.offer.end - LAST_MOMENT:
            await self._give_up(case)
        elif self._clock.monotonic() >= self._not_before.get(key, 0.0):
            await self._while_wanted(key, self._attempt(case))

    async def _while_wanted(self, key: str, attempt: Awaitable[None]) -> None:
        """See an attempt through, unless the owner or the provider takes the job back meanwhile."""
        work = asyncio.ensure_future(attempt)
        try:
            while not (await asyncio.wait({work}, timeout=_WATCH_S))[0]:
                if not self._is_wanted(key):
                    logger.info("%s: taken back while it was under way", key)
                    work.cancel()
        finally:
            work.cancel()
            await asyncio.wait({work})
        if not work.cancelled():
            work.result()

    def _is_wanted(self, key: str) -> bool:
        return any(case.offer.key == key for case in self._desk.jobs())

    async def _attempt(self, case: OfferCase) -> None:
        key = case.offer.key
        try:
            await self._carry_out(case)
        except _PASSING as error:
            await self._again(case, str(error))
        except (DeviceError, ProviderError) as error:
            logger.warning("%s: failed: %s", key, error)
            await self._desk.finished(key, str(error))

    async def _carry_out(self, case: OfferCase) -> None:
        match case.offer.kind:
            case OfferKind.PART_ORDER:
                await self._follow_order(case)
            case OfferKind.HEALTH_CHECK:
                await self._examine(case)
            case OfferKind.CAR_SOFTWARE:
                await self._install(case)

    async def _examine(self, case: OfferCase) -> None:
        pev = self._ways.pev()
        if pev is None or case.decision is None:
            self._wait(case, "The car was not plugged in, or has no data link to the hub.")
            return
        found = await pev.examine()
        for alert in changed_alerts(found, self._ways.pseudonym(CAR, found.vin), await self._books.alerts()):
            await self._books.raise_alert(alert)
        pseudonym = self._ways.pseudonym(case.offer.sp_id, found.vin)
        await self._put(report(found, case, case.decision.decision_id, pseudonym))
        await self._desk.finished(case.offer.key, None)

    async def _install(self, case: OfferCase) -> None:
        job, pev = case.offer.job, self._ways.pev()
        if pev is None or job is None or not self._ways.is_idle():
            self._wait(case, "The car was never plugged in without charging for long enough.")
            return
        key = self._ways.manufacturer_key(case.offer.sp_id)
        if key is None:
            raise ProviderRefused(f"{case.offer.sp_name} is not known to bring software of your car's manufacturer.")
        check_manifest(job, key)
        if (await pev.examine()).software_version == job.version:
            await self._desk.finished(case.offer.key, None)
            return
        package = await self._ways.fetch(job)
        if not self._ways.is_idle() or self._clock.now() >= case.offer.end - INSTALL_NEEDS:
            self._wait(case, "There was not enough time left to install it.")
            return
        self._installing = True
        try:
            await pev.install(job.manifest.encode() + b"\n" + package, job.version)
        finally:
            self._installing = False
        await self._desk.finished(case.offer.key, None)

    async def _follow_order(self, case: OfferCase) -> None:
        order = await self._order_for(case)
        if order is None:
            self._wait(case, f"{case.offer.sp_name} has not told of an order in time.")
        elif order.status is OrderStatus.DELIVERED:
            await self._desk.finished(case.offer.key, None)
        elif order.status is OrderStatus.CANCELLED:
            note = f": {order.note}" if order.note else "."
            await self._desk.finished(case.offer.key, f"{case.offer.sp_name} has cancelled the order{note}")

    async def _order_for(self, case: OfferCase) -> PartOrder | None:
        """The newest order of this provider that fits the job."""
        job = case.offer.job or Job()
        for order in await self._books.part_orders():
            same = order.alert_id == job.alert_id if job.alert_id else order.part == job.part
            if same and order.sp_id == case.offer.sp_id and order.updated_at >= case.offer.issued_at:
                return order
        return None

    async def _give_up(self, case: OfferCase) -> None:
        key = case.offer.key
        if case.offer.kind is OfferKind.PART_ORDER and await self._order_for(case) is not None:
            # Ordered was what the owner agreed to; how the order goes on is shown with the alert.
            await self._follow_order(case)
            await self._desk.finished(key, None)
            return
        await self._desk.finished(key, self._trouble.get(key, "It was not carried out in time."))

    def _wait(self, case: OfferCase, trouble: str) -> None:
        self._trouble[case.offer.key] = trouble

    async def _again(self, case: OfferCase, trouble: str) -> None:
        key = case.offer.key
        attempts = self._attempts[key] = self._attempts.get(key, 0) + 1
        self._trouble[key] = trouble
        logger.info("%s: attempt %d: %s", key, attempts, trouble)
        if case.offer.kind is OfferKind.CAR_SOFTWARE and attempts >= MOST_ATTEMPTS:
            await self._desk.finished(key, f"It was given up after {attempts} attempts. {trouble}")
            return
        self._not_before[key] = self._clock.monotonic() + FIRST_PAUSE_S * 2 ** min(attempts - 1, 4)

    async def _tell_results(self) -> None:
        oldest = self._clock.now() - RESULT_WITHIN
        for case in self._desk.cases:
            decision = case.decision
            if case.offer.kind not in CAR_JOBS or case.state not in _ENDED or case.updated_at < oldest:
                continue
            agreed = decision is not None and decision.choice is Choice.ACCEPT
            if decision is None or not agreed or case.business is None or decision.decision_id in self._told:
                continue
            await self._put(result(case, decision.decision_id))
            self._told.add(decision.decision_id)
            for book in (self._attempts, self._not_before, self._trouble):
                book.pop(case.offer.key, None)

    async def _put(self, record: DataRecord) -> None:
        try:
            await self._books.put(record)
        except NotConsented as error:
            logger.info("%s: %s stays in the home: %s", record.sp_id, record.kind, error)
