"""Made-up days of consumer prices, household load and sunshine, in quarters of an hour; the same for the same seed.

The shapes follow what day-ahead markets and homes do: two peaks and a valley at night, one at noon where the sun is,
steps between the quarters of an hour. They are no record of any market or home.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

QUARTERS = 96
_TAXES = 0.155
"""EUR/kWh on top of the market price, before VAT."""
_VAT = 1.19
_BETWEEN_QUARTERS = 0.0015
"""EUR/kWh: by how much neighbouring quarters of an hour differ besides."""


class Season(StrEnum):
    """What makes the price."""

    WINTER = "winter"
    SUMMER = "summer"
    SCARCITY = "scarcity"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceDays:
    """Series over whole days, EUR/kWh and kW, from midnight."""

    market: Floats
    p_imp: Floats
    base_kw: Floats
    pv_kw: Floats


def price_days(rng: np.random.Generator, season: Season, days: int, pv_peak_kw: float = 0.0) -> PriceDays:
    """Prices, load and sunshine of ``days`` days."""
    hours = np.arange(days * QUARTERS) / 4
    market = _market(hours % 24, season) + rng.normal(0.0, _BETWEEN_QUARTERS, len(hours))
    sun = np.maximum(0.0, np.sin((hours % 24 - 5.5) / 13 * np.pi)) ** 1.4
    clouds = rng.uniform(0.35, 1.0, len(hours))
    return PriceDays(
        market=market,
        p_imp=_VAT * (market + _TAXES),
        base_kw=_household(rng, hours % 24),
        pv_kw=pv_peak_kw * (1.0 if season is Season.SUMMER else 0.25) * sun * clouds,
    )


def _bump(hours: Floats, at: float, width: float, power: float = 2.0) -> Floats:
    """1 at the hour ``at``, falling to 1/e within ``width`` hours; the higher the ``power``, the flatter on top."""
    away = np.abs((hours - at + 12) % 24 - 12)
    return np.asarray(np.exp(-((away / width) ** power)), dtype=np.float64)


def _market(hours: Floats, season: Season) -> Floats:
    """EUR/kWh at the day-ahead market by the hour of the day."""
    night = 0.015 * _bump(hours, 3.0, 4.5, 4.0)
    match season:
        case Season.WINTER:
            return 0.09 + 0.05 * _bump(hours, 8.0, 1.8) + 0.085 * _bump(hours, 18.3, 2.3) - night
        case Season.SUMMER:
            return (
                0.09 + 0.02 * _bump(hours, 7.5, 1.5) + 0.07 * _bump(hours, 20.5, 2.0) - 0.14 * _bump(hours, 13.5, 3.0)
            )
        case Season.SCARCITY:
            return 0.14 + 0.15 * _bump(hours, 8.0, 1.5) + 0.75 * _bump(hours, 18.0, 1.3) - 2 * night


def _household(rng: np.random.Generator, hours: Floats) -> Floats:
    usual = 0.22 + 0.25 * _bump(hours, 7.5, 1.2) + 0.45 * _bump(hours, 19.0, 2.2)
    cooking = (rng.random(len(hours)) < 0.03) * rng.uniform(1.0, 3.0, len(hours))
    return np.round(usual * rng.uniform(0.8, 1.25, len(hours)) + cooking, 3)
