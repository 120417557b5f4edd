"""A rate cap that makes who is too fast wait, and drops nothing."""

from dataclasses import dataclass, field

from homeapp.ports import Clock


@dataclass(slots=True)
class Throttle:
    """A token bucket: ``rate`` messages per second of hub time, ``burst`` at once; who is faster has to wait."""

    clock: Clock
    rate: float
    burst: float
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = self.burst
        self._at = self.clock.monotonic()

    async def take(self) -> None:
        """Wait for the next token."""
        now = self.clock.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate) - 1
        self._at = now
        if self._tokens < 0:
            await self.clock.sleep(-self._tokens / self.rate)
