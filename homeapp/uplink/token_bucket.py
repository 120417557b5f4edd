"""A token bucket: a mean rate with room for a burst, for messages and for bytes."""

from homeapp.ports import Clock

_AT_ONCE_S = 0.001
"""Shorter waits are rounding; what passes too early is owed."""


class TokenBucket:
    """Lets messages and bytes through at a mean rate, and ``burst_s`` seconds' worth of them at once.

    One that is larger than a full bucket passes a full one and leaves a debt.
    """

    def __init__(self, clock: Clock, *, messages_per_s: float, bytes_per_s: float, burst_s: float) -> None:
        self._clock = clock
        self._rates = (messages_per_s, bytes_per_s)
        self._full = (messages_per_s * burst_s, bytes_per_s * burst_s)
        self._levels = self._full
        self._at = clock.monotonic()

    def wait_s(self, size_bytes: int) -> float:
        """How long until one message of this size may pass; 0 for now."""
        self._fill()
        asked = zip((1.0, float(size_bytes)), self._levels, self._full, self._rates, strict=True)
        wait_s = max((min(amount, full) - level) / rate for amount, level, full, rate in asked)
        return wait_s if wait_s > _AT_ONCE_S else 0.0

    def take(self, size_bytes: int) -> None:
        """One message of this size has passed, whether or not it might."""
        self._fill()
        messages, size = self._levels
        self._levels = (messages - 1, size - size_bytes)

    def give_back(self, size_bytes: int) -> None:
        """One message of this size that was taken does not count."""
        messages, size = self._levels
        self._levels = (min(self._full[0], messages + 1), min(self._full[1], size + size_bytes))

    @property
    def half_full(self) -> bool:
        """Whether it has recovered."""
        self._fill()
        return all(level >= full / 2 for level, full in zip(self._levels, self._full, strict=True))

    def _fill(self) -> None:
        now = self._clock.monotonic()
        # A clock that was set back must not drain it.
        past_s, self._at = max(0.0, now - self._at), now
        levels = zip(self._levels, self._full, self._rates, strict=True)
        messages, size = (min(full, level + rate * past_s) for level, full, rate in levels)
        self._levels = (messages, size)
