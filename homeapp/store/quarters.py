"""The energy of one quarter hour, from the readings over time."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from homeapp.store.database import Database
from homeapp.store.telemetry import LONGEST_GAP_S, QUARTER_S

_MJ_PER_WH = 3_600_000

_GRID = """
    SELECT sum(max(grid_w, 0) * seconds), sum(max(-grid_w, 0) * seconds), sum(seconds) FROM (
        SELECT grid_w, min(lead(ts, 1, :end) OVER (ORDER BY ts) - ts, :longest) AS seconds
        FROM samples WHERE ts >= :start AND ts < :end)
    WHERE grid_w IS NOT NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterEnergy:
    """What flowed in one quarter hour, as far as it was measured; Wh, all >= 0.

    Attributes:
        import_wh, export_wh: at the grid connection.
        covered: the part of it in which the grid connection was measured, 0..1.
        charged_wh, fed_wh: at the charger, or None where it was not measured.
    """

    import_wh: float
    export_wh: float
    covered: float
    charged_wh: float | None
    fed_wh: float | None


class Quarters:
    """Reads quarter hours; for the grid connection they reach back as far as the samples do, a week.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database) -> None:
        self._file = database.telemetry

    async def energy(self, start: datetime) -> QuarterEnergy:
        """Of the quarter hour that begins at ``start``, a multiple of 900 s."""
        return await self._file.read(lambda connection: _energy(connection, int(start.timestamp())))


def _energy(connection: sqlite3.Connection, start: int) -> QuarterEnergy:
    span = {"start": start, "end": start + QUARTER_S, "longest": LONGEST_GAP_S}
    import_ws, export_ws, seconds = connection.execute(_GRID, span).fetchone()
    charger = connection.execute(
        "SELECT charged_mj, fed_mj FROM quarters WHERE ts = ? AND evce_n > 0", (start,)
    ).fetchone()
    return QuarterEnergy(
        import_wh=(import_ws or 0.0) / 3600,
        export_wh=(export_ws or 0.0) / 3600,
        covered=(seconds or 0.0) / QUARTER_S,
        charged_wh=charger[0] / _MJ_PER_WH if charger else None,
        fed_wh=charger[1] / _MJ_PER_WH if charger else None,
    )
