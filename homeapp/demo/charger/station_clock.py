"""The simulated station's own clock, which may be wrong."""

from datetime import UTC, datetime, timedelta

from homeapp.demo.charger.faults import Faults
from homeapp.ports import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StationClock:
    """Runs as the street's clock does; its civil time is wrong by what the faults say."""

    def __init__(self, street: Clock) -> None:
        self._street = street
        self._wrong_by = timedelta(0)
        self._faulty = (0.0, False)

    def now(self) -> datetime:
        return self._street.now() + self._wrong_by

    def world_time(self) -> datetime:
        """The machine's civil time, wrong by as much: certificates live in the world's time, as TLS does."""
        return datetime.now(UTC) + self._wrong_by

    def monotonic(self) -> float:
        return self._street.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._street.sleep(seconds)

    def heed(self, faults: Faults) -> bool:
        """Take over what the faults say of the clock; returns whether the time has jumped."""
        faulty = (faults.clock_offset_s, faults.clock_1970)
        if faulty == self._faulty:
            return False
        self._faulty = faulty
        origin = _EPOCH - self._street.now() if faults.clock_1970 else timedelta(0)
        self._wrong_by = origin + timedelta(seconds=faults.clock_offset_s)
        return True
