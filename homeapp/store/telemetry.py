"""Readings over time: one wide row a second for a week, quarter hours for good."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from homeapp.model.past import PastPower
from homeapp.store.database import Database

COMMIT_EVERY_S = 10.0
COMMIT_EVERY_ROWS = 60
LONGEST_GAP_S = 60.0
KEEP_SAMPLES = timedelta(days=7)
QUARTER_S = 900
UNPRICED_TOLERANCE_WH = 10.0
"""Energy at an unknown price that a cost may leave out: worth less than a cent."""

_MJ_PER_WH = 3_600_000
_NANO = Decimal("1e-9")
_MOST = 10_000_000


class Column(StrEnum):
    """What is recorded over time."""

    GRID_W = "grid"
    HOME_W = "home"
    EVCE_W = "evce"
    SOC_PCT = "soc"


_SAMPLE_COLUMN = {
    Column.GRID_W: "grid_w",
    Column.HOME_W: "home_w",
    Column.EVCE_W: "evce_w",
    Column.SOC_PCT: "soc_centi",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The home at one instant; None for what is not known or too old.

    Attributes:
        at: aware UTC.
        price: import price per kWh.
    """

    at: datetime
    grid_w: float | None = None
    home_w: float | None = None
    evce_w: float | None = None
    soc_pct: float | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over a span.

    Attributes:
        charged_wh, fed_wh: both >= 0.
        cost: of what was charged; None where the price of more than 10 Wh of it is not known.
    """

    charged_wh: float
    fed_wh: float
    cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One step of a series; mean over the samples in it."""

    start: datetime
    least: float
    most: float
    mean: float


class Telemetry:
    """Records samples and answers for them.

    Samples become durable together, every 10 s of their own time or 60 rows; a power cut loses no more than that.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database) -> None:
        self._file = database.telemetry
        self._last: Sample | None = None
        self._last_is_loaded = False
        self._rows = 0
        self._begun: datetime | None = None

    async def add(self, sample: Sample) -> None:
        """Record ``sample``; its charger energy reaches back to the sample before, but over 60 s at most."""
        if not self._last_is_loaded:
            self._last = await self._file.read(_newest_sample)
            self._last_is_loaded = True
        last, self._last = self._last, sample
        if self._begun is None:
            self._begun = sample.at
        commit = self._commit_is_due(sample.at)
        if commit:
            self._begun, self._rows = None, 0
        else:
            self._rows += 1
        await self._file.append(lambda connection: _add(connection, last, sample, purge=commit), commit=commit)

    async def today(self, start: datetime, end: datetime) -> Totals:
        """Sums over the quarter hours that begin in [start, end); local midnight always begins one."""
        span = (start.timestamp(), end.timestamp())
        return await self._file.read(lambda connection: _totals(connection, span))

    async def series(self, column: Column, start: datetime, end: datetime, bucket_s: int) -> tuple[Bucket, ...]:
        """One column in steps of ``bucket_s`` from ``start``; steps without a sample are left out.

        Multiples of 900 s reach back for good, all others for a week.
        """
        span = (int(start.timestamp()), int(end.timestamp()))
        read = _quarter_series if bucket_s % QUARTER_S == 0 else _sample_series
        rows = await self._file.read(lambda connection: read(connection, column, span, bucket_s))
        scale = 100 if column is Column.SOC_PCT else 1
        return tuple(
            Bucket(
                start=start + timedelta(seconds=number * bucket_s),
                least=least / scale,
                most=most / scale,
                mean=total / count / scale,
            )
            for number, count, least, most, total in rows
        )

    async def home_power(self, start: datetime, end: datetime) -> tuple[PastPower, ...]:
        """What the home besides the chargers took in each quarter hour of [start, end), solar power taken off.

        Quarter hours of which either is not known are left out.
        """
        span = (start.timestamp(), end.timestamp())
        rows = await self._file.read(lambda connection: connection.execute(_HOME_POWER, span).fetchall())
        has_charger = any(evce_w is not None for _, _, evce_w in rows)
        return tuple(
            PastPower(start=datetime.fromtimestamp(ts, UTC), home_w=grid_w - (evce_w or 0.0))
            for ts, grid_w, evce_w in rows
            if evce_w is not None or not has_charger
        )

    def _commit_is_due(self, at: datetime) -> bool:
        age_s = (at - self._begun).total_seconds() if self._begun else 0.0
        return not 0 <= age_s < COMMIT_EVERY_S or self._rows + 1 >= COMMIT_EVERY_ROWS


_HOME_POWER = """SELECT ts, CAST(grid_sum AS REAL) / grid_n, CAST(evce_sum AS REAL) / nullif(evce_n, 0)
    FROM quarters WHERE ts >= ? AND ts < ? AND grid_n > 0 ORDER BY ts"""


@dataclass(frozen=True, slots=True)
class _Flow:
    """Energy through the charger within one quarter hour, mJ, and what the charged part cost."""

    quarter: int
    charged_mj: int
    fed_mj: int
    unpriced_mj: int
    cost_nano: int


def _add(connection: sqlite3.Connection, last: Sample | None, sample: Sample, *, purge: bool) -> None:
    ts = int(sample.at.timestamp())
    connection.execute(
        "INSERT OR REPLACE INTO samples (ts, grid_w, home_w, evce_w, soc_centi, price_micro) VALUES (?, ?, ?, ?, ?, ?)",
        (ts, *(_scaled(sample, column) for column in Column), _micro(sample.price)),
    )
    quarter = ts - ts % QUARTER_S
    connection.execute("INSERT OR IGNORE INTO quarters (ts) VALUES (?)", (quarter,))
    for column in Column:
        value = _scaled(sample, column)
        if value is not None:
            connection.execute(_COUNT[column], {"value": value, "ts": quarter})
    for flow in _flows(last, sample):
        connection.execute("INSERT OR IGNORE INTO quarters (ts) VALUES (?)", (flow.quarter,))
        connection.execute(
            "UPDATE quarters SET charged_mj = charged_mj + ?, fed_mj = fed_mj + ?, unpriced_mj = unpriced_mj + ?, "
            "cost_nano = cost_nano + ? WHERE ts = ?",
            (flow.charged_mj, flow.fed_mj, flow.unpriced_mj, flow.cost_nano, flow.quarter),
        )
    if purge:
        connection.execute("DELETE FROM samples WHERE ts < ?", ((sample.at - KEEP_SAMPLES).timestamp(),))


_COUNT = {
    column: f"UPDATE quarters SET {column}_n = {column}_n + 1, {column}_sum = ifnull({column}_sum, 0) + :value, "  # noqa: S608 - enumerated names
    f"{column}_min = min(ifnull({column}_min, :value), :value), "
    f"{column}_max = max(ifnull({column}_max, :value), :value) WHERE ts = :ts"
    for column in Column
}


def _flows(last: Sample | None, sample: Sample) -> Iterator[_Flow]:
    """The mean of two samples flows between them; each quarter hour gets its part, at the price known in it."""
    before_w, now_w = _plausible(last.evce_w) if last else None, _plausible(sample.evce_w)
    if last is None or before_w is None or now_w is None:
        return
    begun, ended = last.at.timestamp(), sample.at.timestamp()
    if not 0 < ended - begun <= LONGEST_GAP_S:
        return
    power_w = (before_w + now_w) / 2
    while begun < ended:
        quarter = int(begun) - int(begun) % QUARTER_S
        until = min(ended, quarter + QUARTER_S)
        price = _micro(last.price if quarter <= last.at.timestamp() else sample.price)
        energy_mj = round(power_w * (until - begun) * 1000)
        charged_mj = max(energy_mj, 0)
        yield _Flow(
            quarter=quarter,
            charged_mj=charged_mj,
            fed_mj=max(-energy_mj, 0),
            unpriced_mj=charged_mj if price is None else 0,
            cost_nano=0 if price is None else round(charged_mj * price / 3_600_000),
        )
        begun = until


def _totals(connection: sqlite3.Connection, span: tuple[float, float]) -> Totals:
    charged_mj, fed_mj, unpriced_mj, cost_nano = connection.execute(
        "SELECT ifnull(sum(charged_mj), 0), ifnull(sum(fed_mj), 0), ifnull(sum(unpriced_mj), 0), "
        "ifnull(sum(cost_nano), 0) FROM quarters WHERE ts >= ? AND ts < ?",
        span,
    ).fetchone()
    is_priced = unpriced_mj <= UNPRICED_TOLERANCE_WH * _MJ_PER_WH
    return Totals(
        charged_wh=charged_mj / _MJ_PER_WH,
        fed_wh=fed_mj / _MJ_PER_WH,
        cost=cost_nano * _NANO if is_priced else None,
    )


def _sample_series(
    connection: sqlite3.Connection, column: Column, span: tuple[int, int], bucket_s: int
) -> list[tuple[int, int, int, int, int]]:
    name = _SAMPLE_COLUMN[column]
    return connection.execute(
        f"SELECT (ts - :start) / :step AS number, count({name}), min({name}), max({name}), sum({name}) FROM samples "  # noqa: S608 - enumerated names
        f"WHERE ts >= :start AND ts < :end AND {name} IS NOT NULL GROUP BY number ORDER BY number",
        {"start": span[0], "end": span[1], "step": bucket_s},
    ).fetchall()


def _quarter_series(
    connection: sqlite3.Connection, column: Column, span: tuple[int, int], bucket_s: int
) -> list[tuple[int, int, int, int, int]]:
    return connection.execute(
        f"SELECT (ts - :start) / :step AS number, sum({column}_n), min({column}_min), max({column}_max), "  # noqa: S608 - enumerated names
        f"sum({column}_sum) FROM quarters WHERE ts >= :start AND ts < :end AND {column}_n > 0 "
        "GROUP BY number ORDER BY number",
        {"start": span[0], "end": span[1], "step": bucket_s},
    ).fetchall()


def _newest_sample(connection: sqlite3.Connection) -> Sample | None:
    row = connection.execute("SELECT ts, evce_w, price_micro FROM samples ORDER BY ts DESC LIMIT 1").fetchone()
    if row is None:
        return None
    ts, evce_w, price_micro = row
    price = None if price_micro is None else Decimal(price_micro).scaleb(-6)
    return Sample(at=datetime.fromtimestamp(ts, UTC), evce_w=evce_w, price=price)


def _scaled(sample: Sample, column: Column) -> int | None:
    match column:
        case Column.GRID_W:
            value = sample.grid_w
        case Column.HOME_W:
            value = sample.home_w
        case Column.EVCE_W:
            value = sample.evce_w
        case Column.SOC_PCT:
            value = None if sample.soc_pct is None else sample.soc_pct * 100
    plausible = _plausible(value)
    return None if plausible is None else round(plausible)


def _plausible(value: float | None) -> float | None:
    """None for what no home can draw; NaN fails the comparison too."""
    return value if value is not None and abs(value) <= _MOST else None


def _micro(price: Decimal | None) -> int | None:
    if price is None or not price.is_finite() or abs(price) > _MOST:
        return None
    return round(price.scaleb(6))
