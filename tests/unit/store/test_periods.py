"""Periods and quarter hours in the databases."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp.model.period import Direction, Period
from homeapp.store.database import Database
from homeapp.store.periods import KEEP, Periods
from homeapp.store.quarters import QuarterEnergy, Quarters
from homeapp.store.telemetry import Sample, Telemetry
from kit.clocks import LeapingClock

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)


def period(minute: int, *, ended: bool = False) -> Period:
    begun_at = NOON + timedelta(minutes=minute, microseconds=123457)
    return Period(
        period_id=f"period-{minute}",
        device_id="ocpp:a",
        direction=Direction.FEED,
        begun_at=begun_at,
        seen_at=begun_at + timedelta(minutes=1),
        ended_at=begun_at + timedelta(minutes=1) if ended else None,
        energy_wh=12.5,
        meter_start_wh=100.0,
        meter_end_wh=112.5,
        transaction_id="7",
    )


def with_periods(directory: Path, clock: LeapingClock, work: Callable[[Periods], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Database(directory) as database:
            await work(Periods(database, clock))

    asyncio.run(main())


@pytest.mark.usecase("W3", "S3")
def test_periods_survive_a_restart_the_open_one_with_what_was_known(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)

    async def first_life(periods: Periods) -> None:
        await periods.keep(period(1))
        await periods.keep(period(1, ended=True))
        await periods.keep(period(5))
        await periods.keep(replace(period(5), energy_wh=99.0))

    async def second_life(periods: Periods) -> None:
        assert await periods.unfinished() == (replace(period(5), energy_wh=99.0),)
        assert await periods.newest(10) == (replace(period(5), energy_wh=99.0), period(1, ended=True))
        assert await periods.newest(1) == (replace(period(5), energy_wh=99.0),)

    with_periods(tmp_path, clock, first_life)
    with_periods(tmp_path, clock, second_life)


def test_after_thirteen_months_they_are_forgotten_but_never_an_open_one(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)

    async def life(periods: Periods) -> None:
        await periods.keep(period(1, ended=True))
        await periods.keep(period(2))
        clock.at += KEEP + timedelta(hours=1)
        await periods.keep(replace(period(3, ended=True), ended_at=clock.at))
        assert [kept.period_id for kept in await periods.newest(10)] == ["period-3", "period-2"]

    with_periods(tmp_path, clock, life)


def test_power_feed_cycles_of_a_span_are_found_with_the_one_that_began_before(tmp_path: Path) -> None:
    async def life(periods: Periods) -> None:
        for minute in (1, 5, 9):
            await periods.keep(period(minute, ended=minute != 9))
        await periods.keep(replace(period(7, ended=True), direction=Direction.CHARGE))
        since = NOON + timedelta(minutes=5, seconds=30)
        assert [kept.period_id for kept in await periods.fed_since(since)] == ["period-5", "period-9"]

    with_periods(tmp_path, LeapingClock(NOON), life)


def energy(directory: Path, samples: list[tuple[int, float | None, float | None]]) -> QuarterEnergy:
    """Of the quarter from noon; samples are second, power at the grid, power at the charger."""

    async def main() -> QuarterEnergy:
        async with Database(directory) as database:
            telemetry = Telemetry(database)
            for second, grid_w, evce_w in samples:
                await telemetry.add(Sample(at=NOON + timedelta(seconds=second), grid_w=grid_w, evce_w=evce_w))
            return await Quarters(database).energy(NOON)

    return asyncio.run(main())


@pytest.mark.usecase("S4")
def test_import_and_export_of_a_quarter_hour_are_told_apart(tmp_path: Path) -> None:
    told = energy(tmp_path, [(second, 3600.0 if second < 450 else -1800.0, 7200.0) for second in range(0, 901, 10)])
    assert told.import_wh == pytest.approx(450)
    assert told.export_wh == pytest.approx(225)
    assert told.covered == pytest.approx(1)
    assert told.charged_wh == pytest.approx(1800, abs=1)
    assert told.fed_wh == 0


def test_what_was_not_measured_is_not_covered(tmp_path: Path) -> None:
    told = energy(tmp_path, [(0, 3600.0, None), (100, None, None), (300, 3600.0, None), (310, None, None)])
    assert told.covered == pytest.approx(70 / 900)
    assert told.import_wh == pytest.approx(70)
    assert told.charged_wh is None


def test_a_quarter_without_samples_is_empty(tmp_path: Path) -> None:
    assert energy(tmp_path, []) == QuarterEnergy(
        import_wh=0.0, export_wh=0.0, covered=0.0, charged_wh=None, fed_wh=None
    )
