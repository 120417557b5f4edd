"""What meters have signed, in the ledger: as it came, and bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.model.signed_reading import SignedReading
from homeapp.store.database import Database
from homeapp.store.periods import KEEP
from homeapp.store.signed_readings import MOST_PER_STATION, MOST_PER_TRANSACTION, SignedReadings
from kit.clocks import LeapingClock

pytestmark = pytest.mark.usecase("W3")

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
DEVICE = "ocpp:a"
BEGIN = SignedReading(
    data="OCMF|{\x00ß\u2028😀}|{}",
    encoding="OCMF",
    method="ECDSA",
    public_key="MFkw",
    context="Transaction.Begin",
    stamp=NOON + timedelta(milliseconds=250),
)


def reading(number: int, length: int = 0) -> SignedReading:
    return SignedReading(data=f"{number}".ljust(length, "."))


def with_store(
    directory: Path,
    work: Callable[[SignedReadings], Awaitable[None]],
    clock: LeapingClock | None = None,
    most_per_station: int = MOST_PER_STATION,
) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            await work(SignedReadings(database, clock or LeapingClock(NOON), most_per_station))

    asyncio.run(main())


async def texts(store: SignedReadings, transaction_id: str, device_id: str = DEVICE) -> list[str]:
    return [kept.data.rstrip(".") for kept in await store.of(device_id, transaction_id)]


def test_they_survive_a_restart_as_they_came_and_each_once(tmp_path: Path) -> None:
    async def first_life(store: SignedReadings) -> None:
        await store.keep(DEVICE, "t1", [BEGIN, BEGIN])
        await store.keep("ocpp:b", "t1", [reading(1)])

    async def second_life(store: SignedReadings) -> None:
        await store.keep(DEVICE, "t1", [BEGIN, reading(2)])
        assert await store.of(DEVICE, "t1") == (BEGIN, reading(2))
        assert await texts(store, "t1", "ocpp:b") == ["1"]
        assert await store.of(DEVICE, "t2") == ()

    with_store(tmp_path, first_life)
    with_store(tmp_path, second_life)


def test_of_a_transaction_the_first_ones_and_the_last_are_kept(tmp_path: Path) -> None:
    async def life(store: SignedReadings) -> None:
        firsts = [str(number) for number in range(MOST_PER_TRANSACTION - 1)]
        await store.keep(DEVICE, "t1", [reading(number) for number in range(70)])
        assert await texts(store, "t1") == [*firsts, "69"]
        await store.keep(DEVICE, "t1", [reading(70)])
        assert await texts(store, "t1") == [*firsts, "70"]
        await store.keep(DEVICE, "t2", [reading(1)])
        assert await texts(store, "t2") == ["1"]
        assert len(await texts(store, "t1")) == MOST_PER_TRANSACTION

    with_store(tmp_path, life)


def test_a_station_that_signs_without_end_loses_its_oldest_and_nothing_of_another_station(tmp_path: Path) -> None:
    async def life(store: SignedReadings) -> None:
        await store.keep("ocpp:b", "t0", [reading(0, 30_000)])
        for number in range(40):
            await store.keep(DEVICE, f"t{number}", [reading(number, 30_000)])
        kept = [number for number in range(40) if await texts(store, f"t{number}")]
        assert kept == list(range(kept[0], 40))
        assert 200_000 <= 30_000 * len(kept) <= 300_000
        assert await texts(store, "t0", "ocpp:b") == ["0"]

    with_store(tmp_path, life, most_per_station=300_000)


def test_after_thirteen_months_they_are_forgotten(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)

    async def life(store: SignedReadings) -> None:
        await store.keep(DEVICE, "t1", [BEGIN])
        clock.at += KEEP + timedelta(hours=1)
        await store.keep(DEVICE, "t2", [reading(1)])
        assert await store.of(DEVICE, "t1") == ()
        assert await texts(store, "t2") == ["1"]

    with_store(tmp_path, life, clock)
