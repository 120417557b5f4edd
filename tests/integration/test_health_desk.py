"""The health desk with a real offer desk, a real ledger, the real driver and the simulated car over sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from devices.pev.doip import DoipPev
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.demo.pev.pev import HOST, DemoPev
from homeapp.errors import NotConsented, ProviderUnreachable
from homeapp.jobs.health_desk import FIRST_PAUSE_S, INSTALL_NEEDS, MOST_ATTEMPTS, CarWays, HealthBooks, HealthDesk
from homeapp.model.health import OrderStatus, PartOrder, PevExamination, Position
from homeapp.model.offer import (
    Binding,
    Choice,
    Job,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    OfferState,
    Receipt,
    ReceiptLevel,
)
from homeapp.model.record import DataRecord, RecordKind
from homeapp.offers.desk import OfferDesk
from homeapp.ports import Pev
from homeapp.store.database import Database
from homeapp.store.ledger import Ledger
from homeapp.store.outbox import Outbox
from kit.clocks import StandingClock

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PAYLOAD = bytes(range(256)) * 8
MANUFACTURER = SigningKey()


def manifest(key: SigningKey, *, version: str, payload: bytes) -> str:
    """The manufacturer's word about a package."""
    claims = {"version": version, "sha256": sha256(payload).hexdigest(), "size_bytes": len(payload)}
    return key.sign("package+jws", claims)


SOFTWARE = Job(
    version="2.1",
    location="https://m.example/2.1.bin",
    sha256=sha256(PAYLOAD).hexdigest(),
    size_bytes=len(PAYLOAD),
    manifest=manifest(MANUFACTURER, version="2.1", payload=PAYLOAD),
)


class RestlessClock(StandingClock):
    """Civil time moves only by hand; who sleeps is woken at once."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.001)


@dataclass
class World:
    """The health desk and what stands around it."""

    desk: OfferDesk
    ledger: Ledger
    clock: RestlessClock
    car: DemoPev
    pev: Pev | None
    idle: bool = True
    consent: bool = True
    fetches: int = 0
    looks_for_orders: int = 0
    fetch_fails: bool = False
    fetched: Callable[[], None] = lambda: None
    key: dict[str, str] | None = field(default_factory=lambda: MANUFACTURER.public_jwk)
    records: dict[str, DataRecord] = field(default_factory=dict)

    def case(self, offer: Offer) -> OfferCase:
        return next(case for case in self.desk.cases if case.offer.key == offer.key)

    async def agree(self, kind: OfferKind, job: Job | None = None, offer_id: str = "job-1") -> Offer:
        """A job that the owner accepts, the provider confirms, and that may be done from now on."""
        now = self.clock.at
        offer = Offer(
            offer_id=offer_id,
            revision=1,
            sp_id="pev_sp",
            sp_name="PEV provider",
            kind=kind,
            binding=Binding.OWNER_DECIDES,
            issued_at=now,
            expires_at=now + MINUTE,
            intervals=(OfferInterval(start=now, end=now + 2 * HOUR),),
            title="Job",
            job=job or Job(),
        )
        await self.desk.receive(offer)
        case = await self.desk.decide(offer.key, offer.digest(), Choice.ACCEPT, "owner")
        assert case.decision is not None
        for level in ReceiptLevel:
            receipt = Receipt(
                decision_id=case.decision.decision_id, sp_id=offer.sp_id, level=level, received_at=self.clock.at
            )
            await self.desk.receipt(receipt)
        assert self.case(offer).state is OfferState.ACTIVE
        return offer

    async def until(
        self, offer: Offer, state: OfferState, kind: RecordKind | None = RecordKind.JOB_RESULT
    ) -> OfferCase:
        """Wait for a state and, but for None, for a record of this kind."""
        async with asyncio.timeout(10):
            while self.case(offer).state is not state or (
                kind is not None and all(record.kind is not kind for record in self.records.values())
            ):
                await asyncio.sleep(0.002)
        return self.case(offer)

    def result(self) -> tuple[object, object, object]:
        (record,) = (record for record in self.records.values() if record.kind is RecordKind.JOB_RESULT)
        return record.body["outcome"], record.body["detail"], record.body["version"]

    async def put(self, record: DataRecord) -> None:
        if not self.consent:
            raise NotConsented("You have not agreed to share this.")
        self.records.setdefault(record.record_id, record)

    async def fetch(self, job: Job) -> bytes:
        assert job.location == SOFTWARE.location
        self.fetches += 1
        self.fetched()
        if self.fetch_fails:
            raise ProviderUnreachable("The software cannot be fetched at the moment.")
        return PAYLOAD

    async def part_orders(self) -> tuple[PartOrder, ...]:
        self.looks_for_orders += 1
        return await self.ledger.part_orders()

    def health_desk(self) -> HealthDesk:
        ways = CarWays(
            pev=lambda: self.pev,
            is_idle=lambda: self.idle,
            pseudonym=lambda sp_id, vin: f"{sp_id}-{len(vin)}",
            fetch=self.fetch,
            manufacturer_key=lambda sp_id: self.key if sp_id == "pev_sp" else None,
        )
        books = HealthBooks(
            alerts=self.ledger.alerts,
            raise_alert=self.ledger.keep_alert,
            part_orders=self.part_orders,
            put=self.put,
        )
        return HealthDesk(desk=self.desk, ways=ways, books=books, clock=self.clock)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[HealthDesk]:
        desk = self.health_desk()
        task = asyncio.create_task(desk.run())
        try:
            yield desk
        finally:
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError), outcome


@pytest.fixture
def live(tmp_path: Path) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Runs a body with a world whose car is plugged in."""

    def run(body: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            clock, car = RestlessClock(NOON), DemoPev(manufacturer_key=MANUFACTURER.public_jwk)
            async with Database(tmp_path) as database:
                ledger = Ledger(database, clock)
                desk = OfferDesk(ledger=ledger, outbox=Outbox(database, clock), clock=clock, on_change=lambda: None)
                task = asyncio.create_task(car.run())
                try:
                    car.plug()
                    await car.started()
                    await body(World(desk, ledger, clock, car, DoipPev(address=HOST, port=car.port, clock=clock)))
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())

    return run


Live = Callable[[Callable[[World], Awaitable[None]]], None]


@pytest.mark.usecase("F6", "F8-9", "S2", "T3", "L1", "D3")
def test_a_health_check_reaches_the_car_and_its_defects_reach_owner_and_provider(live: Live) -> None:
    async def body(world: World) -> None:
        world.car.add_defect("P0A1F")
        world.car.add_defect("U0100", confirmed=False)
        offer = await world.agree(OfferKind.HEALTH_CHECK)
        async with world.working():
            case = await world.until(offer, OfferState.COMPLETED)
        assert case.problem is None
        (alert,) = await world.ledger.alerts()
        assert (alert.sp_id, alert.code, alert.title) == ("car", "P0A1F", "Battery control reports a fault")
        (report,) = (r for r in world.records.values() if r.kind is RecordKind.HEALTH_REPORT)
        assert report.body["defects"] == [{"code": "P0A1F", "confirmed": True}, {"code": "U0100", "confirmed": False}]
        assert report.body["pev"] == "pev_sp-17"
        assert world.car.vehicle.vin not in repr(world.records)
        assert world.result() == ("done", "", "")
        assert world.car.services == {0x19, 0x22}, "it was only read"

    live(body)


@pytest.mark.usecase("S2")
def test_a_later_check_finds_the_repair(live: Live) -> None:
    async def body(world: World) -> None:
        world.car.add_defect("P0AA6")
        async with world.working():
            first = await world.agree(OfferKind.HEALTH_CHECK)
            await world.until(first, OfferState.COMPLETED)
            world.car.vehicle.mend("P0AA6")
            world.clock.at += 3 * HOUR
            world.records.clear()
            second = await world.agree(OfferKind.HEALTH_CHECK, offer_id="again")
            await world.until(second, OfferState.COMPLETED, RecordKind.HEALTH_REPORT)
        (alert,) = await world.ledger.alerts()
        assert alert.cleared_at == world.clock.at

    live(body)


@pytest.mark.usecase("W8")
def test_without_consent_the_owner_learns_of_it_and_nobody_else(live: Live) -> None:
    async def body(world: World) -> None:
        world.consent = False
        world.car.add_defect("P0A1F")
        offer = await world.agree(OfferKind.HEALTH_CHECK)
        async with world.working():
            await world.until(offer, OfferState.COMPLETED, None)
        assert len(await world.ledger.alerts()) == 1
        assert world.records == {}

    live(body)


def test_a_car_that_wakes_up_later_is_looked_into_then(live: Live) -> None:
    async def body(world: World) -> None:
        world.car.unplug()
        offer = await world.agree(OfferKind.HEALTH_CHECK)
        async with world.working() as desk:
            while not desk._attempts:
                await asyncio.sleep(0)
            world.car.plug()
            await world.car.started()
            world.clock.at += timedelta(seconds=FIRST_PAUSE_S)
            await world.until(offer, OfferState.COMPLETED)

    live(body)


def test_a_car_that_never_comes_ends_in_a_sentence(live: Live) -> None:
    async def body(world: World) -> None:
        world.pev = None
        offer = await world.agree(OfferKind.HEALTH_CHECK)
        async with world.working() as desk:
            while not desk._trouble:
                await asyncio.sleep(0)
            world.clock.at = offer.end - timedelta(seconds=5)
            case = await world.until(offer, OfferState.ABORTED)
        assert case.problem == "The car was not plugged in, or has no data link to the hub."
        assert world.result() == ("failed", case.problem, "")

    live(body)


def test_a_job_that_time_has_ended_is_told_as_failed_too(live: Live) -> None:
    async def body(world: World) -> None:
        offer = await world.agree(OfferKind.HEALTH_CHECK)
        world.clock.at = offer.end
        await world.desk.tick()
        async with world.working():
            case = await world.until(offer, OfferState.PARTIAL)
        assert world.result() == ("failed", case.problem, "")
        assert not world.car.history

    live(body)


@pytest.mark.usecase("S1", "D3", "L1")
def test_software_of_the_manufacturer_is_installed_in_the_idle_car(live: Live) -> None:
    async def body(world: World) -> None:
        world.idle = False
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        async with world.working() as desk:
            while not desk._trouble:
                await asyncio.sleep(0)
            assert not world.car.history, "a car that charges is left alone"
            assert not desk.installing
            world.idle = True
            case = await world.until(offer, OfferState.COMPLETED)
        assert case.problem is None
        assert world.car.vehicle.software_version == "2.1"
        assert world.result() == ("done", "", "2.1")

    live(body)


@pytest.mark.usecase("S1")
def test_a_transfer_that_is_cut_is_done_again(live: Live) -> None:
    async def body(world: World) -> None:
        world.car.faults.cut_after_blocks = 2
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        async with world.working() as desk:
            while not desk._attempts:
                await asyncio.sleep(0)
            assert world.car.vehicle.software_version == "2.0"
            assert not desk.installing
            world.clock.at += timedelta(seconds=FIRST_PAUSE_S)
            await world.until(offer, OfferState.COMPLETED)
        assert world.car.vehicle.software_version == "2.1"

    live(body)


@pytest.mark.usecase("S1", "W6")
@pytest.mark.parametrize("who", ["hub", "car"])
def test_forged_software_is_refused_by_the_hub_and_by_the_car(live: Live, who: str) -> None:
    forger = SigningKey()
    forged = replace(SOFTWARE, manifest=manifest(forger, version="2.1", payload=PAYLOAD))

    async def body(world: World) -> None:
        if who == "car":
            world.key = forger.public_jwk
        offer = await world.agree(OfferKind.CAR_SOFTWARE, forged)
        async with world.working():
            case = await world.until(offer, OfferState.ABORTED)
        assert case.problem is not None
        assert ("not signed by" if who == "hub" else "The car refuses the software") in case.problem
        assert world.result() == ("failed", case.problem, "")
        assert world.car.vehicle.software_version == "2.0"
        assert (world.fetches > 0) == (who == "car")

    live(body)


def test_a_provider_without_a_manufacturer_brings_no_software(live: Live) -> None:
    async def body(world: World) -> None:
        world.key = None
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        async with world.working():
            case = await world.until(offer, OfferState.ABORTED)
        assert case.problem == "PEV provider is not known to bring software of your car's manufacturer."

    live(body)


def test_what_cannot_be_fetched_is_given_up_after_some_attempts(live: Live) -> None:
    async def body(world: World) -> None:
        world.fetch_fails = True
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        async with world.working() as desk:
            for attempt in range(1, MOST_ATTEMPTS + 1):
                while desk._attempts.get(offer.key, 0) < attempt and world.case(offer).state is OfferState.ACTIVE:
                    await asyncio.sleep(0)
                world.clock.at += timedelta(seconds=FIRST_PAUSE_S * 16)
            case = await world.until(offer, OfferState.ABORTED)
        assert case.problem is not None
        assert case.problem.startswith("It was given up after 5 attempts.")
        assert world.fetches == MOST_ATTEMPTS

    live(body)


def test_an_installation_is_not_begun_when_it_could_not_end_in_time(live: Live) -> None:
    async def body(world: World) -> None:
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        world.fetched = lambda: setattr(world.clock, "at", max(world.clock.at, offer.end - INSTALL_NEEDS))
        async with world.working() as desk:
            while not desk._trouble:
                await asyncio.sleep(0)
            world.clock.at = offer.end - timedelta(seconds=1)
            case = await world.until(offer, OfferState.ABORTED)
        assert case.problem == "There was not enough time left to install it."
        assert 0x34 not in world.car.services

    live(body)


@pytest.mark.usecase("S1")
def test_after_a_sudden_death_what_the_car_runs_already_is_not_installed_again(live: Live) -> None:
    async def body(world: World) -> None:
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        assert world.pev is not None
        await world.pev.install(SOFTWARE.manifest.encode() + b"\n" + PAYLOAD, "2.1")
        world.car.history.clear()
        async with world.working():
            await world.until(offer, OfferState.COMPLETED)
        assert world.fetches == 0
        assert world.car.services == {0x19, 0x22}
        assert world.result() == ("done", "", "2.1")

    live(body)


class StuckPev:
    """A car that never comes to an end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = False

    async def examine(self) -> PevExamination:
        return PevExamination(at=NOON, vin="WHADEM0PEV0000001", defects=(), software_version="2.0")

    async def locate(self) -> Position | None:
        raise NotImplementedError

    async def install(self, package: bytes, version: str) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


def test_what_is_taken_back_stops_at_once(live: Live) -> None:
    async def body(world: World) -> None:
        stuck = StuckPev()
        world.pev = stuck
        offer = await world.agree(OfferKind.CAR_SOFTWARE, SOFTWARE)
        async with world.working() as desk:
            await stuck.begun.wait()
            assert desk.installing
            await world.desk.decide(offer.key, offer.digest(), Choice.WITHDRAW, "owner")
            async with asyncio.timeout(5):
                while not stuck.ended or desk.installing:
                    await asyncio.sleep(0.005)
        assert world.case(offer).state is OfferState.ABORTED
        assert world.records == {}, "the withdrawal itself is what the provider is told"

    live(body)


ORDER = PartOrder(
    order_id="o-1",
    sp_id="pev_sp",
    alert_id="a1",
    part="Coolant pump",
    status=OrderStatus.ORDERED,
    updated_at=NOON + MINUTE,
)


@pytest.mark.usecase("F11", "F12", "S2")
@pytest.mark.parametrize(
    ("status", "state", "problem"),
    [
        (OrderStatus.DELIVERED, OfferState.COMPLETED, None),
        (OrderStatus.CANCELLED, OfferState.ABORTED, "PEV provider has cancelled the order: sold out"),
    ],
)
def test_a_part_order_ends_with_the_order(
    live: Live, status: OrderStatus, state: OfferState, problem: str | None
) -> None:
    async def body(world: World) -> None:
        offer = await world.agree(OfferKind.PART_ORDER, Job(part="Coolant pump", alert_id="a1"))
        await world.ledger.keep_part_order(replace(ORDER, sp_id="evc_sp", order_id="other", status=status))
        await world.ledger.keep_part_order(ORDER)
        async with world.working():
            while world.looks_for_orders < 3:
                await asyncio.sleep(0)
            assert world.case(offer).state is OfferState.ACTIVE, "it is on its way"
            over = replace(ORDER, status=status, note="sold out", updated_at=NOON + HOUR)
            await world.ledger.keep_part_order(over)
            case = await world.until(offer, state)
        assert case.problem == problem
        assert not world.car.history, "there is nothing to do at the car"

    live(body)


@pytest.mark.usecase("F11")
@pytest.mark.parametrize("ordered", [True, False])
def test_at_its_end_a_part_that_is_ordered_counts_as_ordered(live: Live, ordered: bool) -> None:
    async def body(world: World) -> None:
        offer = await world.agree(OfferKind.PART_ORDER, Job(part="Coolant pump"))
        if ordered:
            await world.ledger.keep_part_order(replace(ORDER, alert_id="", status=OrderStatus.SHIPPED))
        async with world.working() as desk:
            while not ordered and not desk._trouble:
                await asyncio.sleep(0)
            world.clock.at = offer.end - timedelta(seconds=5)
            case = await world.until(offer, OfferState.COMPLETED if ordered else OfferState.ABORTED)
        assert case.problem == (None if ordered else "PEV provider has not told of an order in time.")

    live(body)


def test_jobs_of_the_charger_are_left_to_others(live: Live) -> None:
    async def body(world: World) -> None:
        software = Job(version="1.4", location="https://c.example/1.4.bin")
        offer = await world.agree(OfferKind.CHARGER_SOFTWARE, software)
        check = await world.agree(OfferKind.HEALTH_CHECK, offer_id="job-2")
        async with world.working():
            await world.until(check, OfferState.COMPLETED)
        assert world.case(offer).state is OfferState.ACTIVE

    live(body)
