"""What the demo charger's meter signs, over a TLS websocket into the ledger: genuine, whatever becomes of the hub."""

import asyncio
import base64
import contextlib
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from devices.evce.schemas import Version
from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.meter_signature import is_genuine
from homeapp.demo.charger.station import DemoStation
from homeapp.errors import StoreUnavailable
from homeapp.model.readings import EvceCommand, EvceStatus
from homeapp.model.signed_reading import SignedReading
from homeapp.ports import SignedReadingKeeper
from homeapp.store.database import Database
from homeapp.store.signed_readings import SignedReadings
from kit.evce_street import ALL
from kit.one_station import DEVICE, WITHIN_S, OneStation, Register, running

pytestmark = pytest.mark.usecase("W3", "S3")

BEGIN, END = "Transaction.Begin", "Transaction.End"


class Noting:
    """Keeps readings in a ledger, and knows which ones are there."""

    def __init__(self, store: SignedReadings) -> None:
        self.full = False
        self._store = store
        self._contexts: set[str] = set()
        self._news = asyncio.Event()

    async def keep(self, device_id: str, transaction_id: str, readings: Sequence[SignedReading]) -> None:
        if self.full:
            raise StoreUnavailable("The disk is full.")
        await self._store.keep(device_id, transaction_id, readings)
        self._contexts.update(reading.context for reading in readings)
        self._news.set()
        self._news = asyncio.Event()

    async def has(self, context: str) -> None:
        async with asyncio.timeout(WITHIN_S):
            while context not in self._contexts:
                await self._news.wait()

    async def of(self, transaction_id: str) -> tuple[SignedReading, ...]:
        return await self._store.of(DEVICE, transaction_id)


class Home(OneStation):
    """One charger with a meter that signs; the hub at its other end can be exchanged for one with another ledger."""

    def __init__(self, folder: Path, version: Version) -> None:
        super().__init__(folder, version, abilities=Abilities(signed_meter_values=True))
        self.wish = EvceCommand(limit_w=6900.0)
        self._port = 0
        (folder / "hub").mkdir()

    @contextlib.asynccontextmanager
    async def hub(self, keeper: SignedReadingKeeper) -> AsyncGenerator[None, None]:
        self.register = Register()
        self.endpoint = self.make_endpoint(self._port, signed_keeper=keeper)
        async with running(self.endpoint.run(self.register), self.control()):
            await self.endpoint.started()
            self._port = self.endpoint.port
            yield

    @contextlib.asynccontextmanager
    async def station(self) -> AsyncGenerator[DemoStation, None]:
        station = self.make_station()
        async with running(station.run()):
            yield station

    async def charges(self, station: DemoStation) -> str:
        """The id of the transaction."""
        station.plug_in()
        return await self.goes_on()

    async def goes_on(self) -> str:
        state = await self.register.until(
            lambda state: state.status is EvceStatus.CHARGING and state.transaction_id is not None
        )
        assert state.transaction_id is not None
        return state.transaction_id

    async def leaves(self, station: DemoStation) -> None:
        station.unplug()
        await self.register.until(lambda state: state.status is EvceStatus.AVAILABLE and state.transaction_id is None)

    def text(self, reading: SignedReading) -> str:
        """What the meter has signed; in 2.x the standard has it encoded."""
        return reading.data if self.version is Version.V16 else base64.b64decode(reading.data, validate=True).decode()


@contextlib.asynccontextmanager
async def ledger(folder: Path, home: Home) -> AsyncGenerator[Noting, None]:
    async with Database(folder) as database:
        yield Noting(SignedReadings(database, home.clock))


def at_home(folder: Path, version: Version, body: Callable[[Home], Awaitable[None]]) -> None:
    asyncio.run(body(Home(folder, version)))


def what_a_kill_leaves(data_dir: Path, copy: Path) -> Path:
    """The files as they are on the disk now, with nothing of what is only in memory."""
    copy.mkdir()
    for path in data_dir.glob("ledger.db*"):
        shutil.copy(path, copy / path.name)
    return copy


@pytest.mark.parametrize("version", ALL)
def test_a_whole_charge_is_in_the_ledger_as_the_meter_has_signed_it(version: Version, tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async with ledger(tmp_path / "hub", home) as store, home.hub(store), home.station() as station:
            transaction = await home.charges(station)
            await home.leaves(station)
            await store.has(END)
            copy = what_a_kill_leaves(tmp_path / "hub", tmp_path / "copy")
            key = station.meter_key
        async with ledger(copy, home) as store:
            begin, end = await store.of(transaction)
        assert (begin.context, end.context) == (BEGIN, END)
        for reading in (begin, end):
            assert is_genuine(home.text(reading), key)
            assert not is_genuine(home.text(reading).replace('"RV":', '"RV":1'), key)
            assert reading.stamp is not None
            if version is not Version.V16:
                assert (reading.encoding, reading.method) == ("OCMF", "ECDSA-secp256r1-SHA256")
                assert base64.b64decode(reading.public_key) == key

    at_home(tmp_path, version, body)


@pytest.mark.parametrize("version", ALL)
def test_a_hub_that_dies_in_the_middle_has_the_begin_and_its_successor_the_end(
    version: Version, tmp_path: Path
) -> None:
    async def body(home: Home) -> None:
        async with contextlib.AsyncExitStack() as stations:
            async with ledger(tmp_path / "hub", home) as store, home.hub(store):
                station = await stations.enter_async_context(home.station())
                transaction = await home.charges(station)
                if version is not Version.V16:
                    await store.has(BEGIN)
                copy = what_a_kill_leaves(tmp_path / "hub", tmp_path / "copy")
            async with ledger(copy, home) as store:
                left = await store.of(transaction)
                # A charger that speaks 1.6 tells what its meter has signed at the end.
                assert [reading.context for reading in left] == ([] if version is Version.V16 else [BEGIN])
                async with home.hub(store):
                    assert await home.goes_on() == transaction
                    await home.leaves(station)
                    await store.has(END)
                begin, end = await store.of(transaction)
            assert (begin.context, end.context) == (BEGIN, END)
            assert is_genuine(home.text(begin), station.meter_key)
            assert is_genuine(home.text(end), station.meter_key)

    at_home(tmp_path, version, body)


def test_on_a_full_disk_the_car_charges_all_the_same_and_nothing_is_lost_once_there_is_room(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async with ledger(tmp_path / "hub", home) as store:
            store.full = True
            async with home.hub(store), home.station() as station:
                transaction = await home.charges(station)
                state = await home.register.until(lambda state: state.problem is not None)
                assert "cannot be kept yet: The disk is full." in (state.problem or "")
                assert await store.of(transaction) == ()
                store.full = False
                await home.register.until(lambda state: state.problem is None)
                await home.leaves(station)
                await store.has(END)
            begin, end = await store.of(transaction)
        assert (begin.context, end.context) == (BEGIN, END)

    at_home(tmp_path, Version.V21, body)
