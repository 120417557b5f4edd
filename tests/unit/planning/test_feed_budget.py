"""How much the car has fed and may feed: per local day and year, in cycles and kWh."""

from datetime import UTC, datetime, timedelta

import pytest

from homeapp.model.period import Direction, Period
from homeapp.model.plan import FeedBudget
from homeapp.planning.feed_budget import FeedAllowance, allowance_of, feed_use, spent, year_start

ZONE = "Europe/Amsterdam"
NOW = datetime(2026, 7, 15, 20, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 14, 22, tzinfo=UTC)


def cycle(begun: datetime, hours: float, kwh: float, *, open_: bool = False, way: Direction = Direction.FEED) -> Period:
    end = begun + timedelta(hours=hours)
    return Period(
        period_id=str(begun),
        device_id="ocpp:a",
        direction=way,
        begun_at=begun,
        seen_at=end,
        ended_at=None if open_ else end,
        energy_wh=kwh * 1000,
    )


def test_todays_and_this_years_cycles_are_counted() -> None:
    cycles = [
        cycle(datetime(2025, 12, 30, tzinfo=UTC), 2, 10),
        cycle(datetime(2026, 2, 1, tzinfo=UTC), 2, 12),
        cycle(NOW - timedelta(hours=3), 2, 6),
        cycle(NOW - timedelta(hours=1), 1, 3, open_=True),
        cycle(NOW - timedelta(hours=8), 2, 30, way=Direction.CHARGE),
    ]
    use = feed_use(cycles, FeedBudget(), NOW, ZONE, 60_000)
    assert (use.kwh_today, use.kwh_year) == (9.0, 21.0)
    assert (use.cycles_today, use.cycles_year) == (pytest.approx(0.15), pytest.approx(0.35))
    assert use.left_wh == pytest.approx(51_000)


def test_a_cycle_over_midnight_counts_by_its_parts() -> None:
    use = feed_use([cycle(MIDNIGHT - timedelta(hours=1), 4, 8)], FeedBudget(), NOW, ZONE, 60_000)
    assert (use.kwh_today, use.kwh_year) == (6.0, 8.0)


@pytest.mark.parametrize(
    ("budget", "allowance", "left"),
    [
        (FeedBudget(), FeedAllowance(today_wh=54_000, day_wh=60_000, year_wh=5_994_000), 54_000),
        (FeedBudget(kwh_per_day=8.0), FeedAllowance(today_wh=2_000, day_wh=8_000, year_wh=5_994_000), 2_000),
        (FeedBudget(kwh_per_year=7.0), FeedAllowance(today_wh=54_000, day_wh=60_000, year_wh=1_000), 1_000),
        (FeedBudget(kwh_per_day=5.0), FeedAllowance(today_wh=0, day_wh=5_000, year_wh=5_994_000), 0),
        (FeedBudget(cycles_per_day=None, cycles_per_year=None), FeedAllowance(), None),
    ],
)
def test_the_tighter_limit_counts(budget: FeedBudget, allowance: FeedAllowance, left: float | None) -> None:
    use = feed_use([cycle(NOW - timedelta(hours=2), 1, 6)], budget, NOW, ZONE, 60_000)
    assert allowance_of(use, 60_000) == allowance
    assert use.left_wh == left


def test_where_nobody_can_say_nothing_more_is_fed() -> None:
    assert allowance_of(spent(FeedBudget(cycles_per_day=None)), 60_000).today_wh == 0


def test_the_year_begins_at_the_local_new_year() -> None:
    assert year_start(datetime(2026, 12, 31, 23, 30, tzinfo=UTC), ZONE) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert year_start(NOW, ZONE) == datetime(2025, 12, 31, 23, tzinfo=UTC)
