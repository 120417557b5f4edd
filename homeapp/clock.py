"""Clocks: the world's, and a faster one for the demo street that several processes can share."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from homeapp.errors import SettingsInvalid


@dataclass(frozen=True, slots=True)
class SharedClock:
    """Civil time that stood at ``origin`` when the machine's clock read ``epoch`` and runs ``speed`` times as fast.

    Attributes:
        origin: aware UTC.
        epoch: ``time.time()`` at the origin, s.
        speed: > 0; 1 is real time.
    """

    origin: datetime
    epoch: float
    speed: float

    def now(self) -> datetime:
        return self.origin + timedelta(seconds=(time.time() - self.epoch) * self.speed)

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def __str__(self) -> str:
        return f"{self.origin.isoformat()}@{self.epoch!r}*{self.speed!r}"

    @classmethod
    def parse(cls, text: str) -> "SharedClock":
        """Read ``str(clock)`` back.

        Raises:
            SettingsInvalid: the text is not of that form.
        """
        try:
            origin, _, rest = text.partition("@")
            epoch, _, speed = rest.partition("*")
            clock = cls(datetime.fromisoformat(origin).astimezone(UTC), float(epoch), float(speed))
        except ValueError as error:
            raise SettingsInvalid(f"The clock {text!r} is not of the form TIME@EPOCH*SPEED.") from error
        if not 0 < clock.speed <= 1000:
            raise SettingsInvalid("The speed of the clock must lie between 0 and 1000.")
        return clock


class SystemClock:
    """The world's clock."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
