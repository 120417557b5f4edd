"""Readings: what is recorded, summed up, rolled up and dropped."""

import asyncio
import math
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeapp.store.database import Database
from homeapp.store.telemetry import Column, Sample, Telemetry, Totals

MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)
DAY = timedelta(days=1)


def _at(seconds: float, **values: float | Decimal | None) -> Sample:
    return Sample(at=MIDNIGHT + timedelta(seconds=seconds), **values)  # type: ignore[arg-type]


def _totals(directory: Path, samples: Sequence[Sample]) -> Totals:
    async def main() -> Totals:
        async with Database(directory) as database:
            telemetry = Telemetry(database)
            for sample in samples:
                await telemetry.add(sample)
            return await telemetry.today(MIDNIGHT, MIDNIGHT + DAY)

    return asyncio.run(main())


def test_energy_and_cost_follow_from_power_and_price(tmp_path: Path) -> None:
    price = Decimal("0.30")
    samples = [_at(second, evce_w=7200.0, price=price) for second in range(0, 1801, 10)]
    totals = _totals(tmp_path, samples)
    assert totals.charged_wh == pytest.approx(3600.0)
    assert totals.fed_wh == 0
    assert totals.cost == Decimal("1.08")


def test_fed_energy_is_counted_apart_and_costs_nothing(tmp_path: Path) -> None:
    totals = _totals(tmp_path, [_at(second, evce_w=-3600.0, price=Decimal(1)) for second in range(0, 101, 1)])
    assert (totals.charged_wh, totals.fed_wh, totals.cost) == (0, pytest.approx(100.0), 0)


def test_gaps_of_more_than_a_minute_are_not_bridged(tmp_path: Path) -> None:
    samples = [_at(0, evce_w=3600.0), _at(60, evce_w=3600.0), _at(121, evce_w=3600.0), _at(122, evce_w=None)]
    assert _totals(tmp_path, samples).charged_wh == pytest.approx(60.0)


def test_energy_bridges_a_restart(tmp_path: Path) -> None:
    _totals(tmp_path, [_at(0, evce_w=3600.0)])
    assert _totals(tmp_path, [_at(30, evce_w=3600.0)]).charged_wh == pytest.approx(30.0)


def test_a_clock_that_was_put_back_adds_nothing(tmp_path: Path) -> None:
    assert _totals(tmp_path, [_at(100, evce_w=3600.0), _at(50, evce_w=3600.0)]).charged_wh == 0


def test_energy_across_a_quarter_hour_goes_to_both_at_their_prices(tmp_path: Path) -> None:
    async def main() -> tuple[Totals, Totals]:
        async with Database(tmp_path) as database:
            telemetry = Telemetry(database)
            await telemetry.add(_at(870, evce_w=3600.0, price=Decimal("0.10")))
            await telemetry.add(_at(920, evce_w=3600.0, price=Decimal("1.00")))
            quarter = MIDNIGHT + timedelta(seconds=900)
            return await telemetry.today(MIDNIGHT, quarter), await telemetry.today(quarter, quarter + DAY)

    before, after = asyncio.run(main())
    assert (before.charged_wh, before.cost) == (pytest.approx(30.0), Decimal("0.003"))
    assert (after.charged_wh, after.cost) == (pytest.approx(20.0), Decimal("0.02"))


def test_the_cost_is_unknown_where_prices_were_missing(tmp_path: Path) -> None:
    known = [_at(second, evce_w=3600.0, price=Decimal(1)) for second in range(0, 101, 10)]
    little = [_at(100 + second, evce_w=3600.0) for second in (2, 4, 6, 8)]
    assert _totals(tmp_path, [*known, *little]).cost is not None, "8 Wh without a price are left out"
    more = [_at(110 + second, evce_w=3600.0) for second in range(0, 11, 5)]
    assert _totals(tmp_path, more).cost is None


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0.5, 90, allow_nan=False), st.floats(-11_000, 22_000, allow_nan=False), st.integers(-50, 200)
        ),
        max_size=120,
    )
)
def test_totals_equal_a_plain_integration(steps: list[tuple[float, float, int]]) -> None:
    at, samples = 0.0, []
    for gap, power, cents in steps:
        at += gap
        samples.append(_at(at, evce_w=power, price=Decimal(cents) / 100))
    charged = fed = 0.0
    for before, after in pairwise(samples):
        gap = (after.at - before.at).total_seconds()
        if gap <= 60 and before.evce_w is not None and after.evce_w is not None:
            energy = (before.evce_w + after.evce_w) / 2 * gap / 3600
            charged, fed = charged + max(energy, 0), fed + max(-energy, 0)
    with tempfile.TemporaryDirectory() as directory:
        totals = _totals(Path(directory), samples)
    assert math.isclose(totals.charged_wh, charged, abs_tol=0.001)
    assert math.isclose(totals.fed_wh, fed, abs_tol=0.001)


def test_samples_become_durable_after_ten_seconds_or_sixty_rows(tmp_path: Path) -> None:
    def durable() -> int:
        with closing(sqlite3.connect(tmp_path / "telemetry.db")) as other:
            return int(other.execute("SELECT count(*) FROM samples").fetchone()[0])

    async def main() -> list[int]:
        seen = []
        async with Database(tmp_path) as database:
            telemetry = Telemetry(database)
            for second in (0, 9, 10):
                await telemetry.add(_at(second, grid_w=1.0))
                seen.append(durable())
            for number in range(60):
                await telemetry.add(_at(20 + number / 100, grid_w=1.0))
            seen.append(durable())
        return seen

    assert asyncio.run(main()) == [0, 0, 3, 4], "sixty samples within one second are one row"


def test_what_no_home_can_draw_is_not_recorded(tmp_path: Path) -> None:
    nonsense = [math.nan, math.inf, -1e300]
    samples = [_at(n, evce_w=value, price=Decimal("NaN")) for n, value in enumerate(nonsense)]
    assert _totals(tmp_path, samples) == Totals(charged_wh=0, fed_wh=0, cost=Decimal(0))


def test_series_come_from_samples_and_from_quarter_hours(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            telemetry = Telemetry(database)
            for second in range(0, 1800, 60):
                await telemetry.add(_at(second, grid_w=float(second), soc_pct=50.25))
            fine = await telemetry.series(Column.GRID_W, MIDNIGHT, MIDNIGHT + DAY, 600)
            assert [(bucket.least, bucket.most, bucket.mean) for bucket in fine] == [
                (0, 540, 270),
                (600, 1140, 870),
                (1200, 1740, 1470),
            ]
            assert fine[1].start == MIDNIGHT + timedelta(seconds=600)
            coarse = await telemetry.series(Column.GRID_W, MIDNIGHT, MIDNIGHT + DAY, 900)
            assert [(bucket.least, bucket.most, bucket.mean) for bucket in coarse] == [(0, 840, 420), (900, 1740, 1320)]
            soc = await telemetry.series(Column.SOC_PCT, MIDNIGHT, MIDNIGHT + DAY, 900)
            assert soc[0].mean == 50.25
            assert await telemetry.series(Column.HOME_W, MIDNIGHT, MIDNIGHT + DAY, 900) == ()

    asyncio.run(main())


def test_samples_older_than_a_week_go_and_their_quarter_hours_stay(tmp_path: Path) -> None:
    async def main() -> None:
        async with Database(tmp_path) as database:
            telemetry = Telemetry(database)
            await telemetry.add(_at(0, grid_w=1.0))
            await telemetry.add(_at(8 * 86400, grid_w=2.0))
            end = MIDNIGHT + 9 * DAY
            assert [bucket.mean for bucket in await telemetry.series(Column.GRID_W, MIDNIGHT, end, 60)] == [2.0]
            quarters = await telemetry.series(Column.GRID_W, MIDNIGHT, end, 900)
            assert [bucket.mean for bucket in quarters] == [1.0, 2.0]

    asyncio.run(main())


def test_the_homes_own_power_is_the_grids_without_the_chargers(tmp_path: Path) -> None:
    async def main() -> list[tuple[float, float]]:
        async with Database(tmp_path) as database:
            telemetry = Telemetry(database)
            for second in range(0, 2700, 30):
                evce_w = None if 900 <= second < 1800 else 7000.0
                await telemetry.add(_at(second, grid_w=7500.0 - 10_500 * (second >= 1800), evce_w=evce_w))
            found = await telemetry.home_power(MIDNIGHT, MIDNIGHT + DAY)
            return [((power.start - MIDNIGHT).total_seconds(), power.home_w) for power in found]

    assert asyncio.run(main()) == [(0, 500.0), (1800, -10_000.0)]


def test_without_a_charger_all_of_it_is_the_homes(tmp_path: Path) -> None:
    async def main() -> list[float]:
        async with Database(tmp_path) as database:
            telemetry = Telemetry(database)
            await telemetry.add(_at(0, grid_w=-1200.0))
            return [power.home_w for power in await telemetry.home_power(MIDNIGHT, MIDNIGHT + DAY)]

    assert asyncio.run(main()) == [-1200.0]
