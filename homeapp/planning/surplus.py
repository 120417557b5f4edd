"""Charging with what the home would export, as measured: begins and ends with patience, follows in between."""

import math
from collections.abc import Callable

SMOOTHED_S = 20.0
"""Meter and charger do not report at the same instant: a step of the car's power looks like a surplus in between."""
BEGINS_AFTER_S = 60.0
ENDS_AFTER_S = 180.0


class SurplusFollower:
    """Says how much of the surplus to charge with."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._mean_w: float | None = None
        self._seen_at = 0.0
        self._on = False
        self._differs_since: float | None = None

    def allowed_w(self, surplus_w: float | None, least_w: float) -> float:
        """Charging power for now, W: 0 or at least ``least_w``.

        Args:
            surplus_w: what the home would export without the car, or None where that is not known.
            least_w: below it no car charges.
        """
        now = self._monotonic()
        if surplus_w is None:
            self._mean_w, self._on, self._differs_since = None, False, None
            return 0.0
        mean_w = self._smooth(surplus_w, now)
        if (mean_w >= least_w) == self._on:
            self._differs_since = None
        elif self._differs_since is None:
            self._differs_since = now
        elif now - self._differs_since >= (ENDS_AFTER_S if self._on else BEGINS_AFTER_S):
            self._on, self._differs_since = not self._on, None
        return max(mean_w, least_w) if self._on else 0.0

    def _smooth(self, surplus_w: float, now: float) -> float:
        if self._mean_w is None:
            self._mean_w = surplus_w
        else:
            weight = 1 - math.exp(-max(0.0, now - self._seen_at) / SMOOTHED_S)
            self._mean_w += weight * (surplus_w - self._mean_w)
        self._seen_at = now
        return self._mean_w
