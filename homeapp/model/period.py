"""Charging periods and power-feed cycles: spans in which energy flowed one way between charger and car."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    """Which way the energy flows."""

    CHARGE = "charge"
    FEED = "feed"


class Quality(StrEnum):
    """How well an energy is known; the words of OpenADR 3.1 for DATA_QUALITY."""

    OK = "OK"
    """from a register"""
    ESTIMATED = "ESTIMATED"
    """added up from measurements of power, or an end that was not seen"""
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One charging period or power-feed cycle.

    Attributes:
        period_id: the same for the same charger, direction and begin.
        ended_at: None while it lasts.
        seen_at: when it was measured last; where the end was not seen, this stands for it.
        energy_wh: so far, Wh >= 0 in either direction.
        meter_start_wh, meter_end_wh: the charger's register of this direction, Wh, or None where it tells none.
    """

    period_id: str
    device_id: str
    direction: Direction
    begun_at: datetime
    seen_at: datetime
    ended_at: datetime | None = None
    energy_wh: float = 0.0
    meter_start_wh: float | None = None
    meter_end_wh: float | None = None
    transaction_id: str | None = None
    quality: Quality = Quality.OK
