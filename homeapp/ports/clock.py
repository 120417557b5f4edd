"""Hub time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Hub time. All three run at the same speed, which in the demo street may be faster than the world's."""

    def now(self) -> datetime:
        """The civil time, aware UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never going back; for ages and leases."""

    async def sleep(self, seconds: float) -> None:
        """Sleep for ``seconds`` of this clock."""
