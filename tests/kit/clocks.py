"""Clocks that tests move."""

import asyncio
from datetime import datetime, timedelta


class StandingClock:
    """Shows what ``at`` is set to; nothing that has this clock sleeps."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing here sleeps, and not {seconds} s")


class LeapingClock(StandingClock):
    """Leaps ahead by every sleep, and stands while nobody sleeps."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.naps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)
        self.at += timedelta(seconds=seconds)


class PatientClock(StandingClock):
    """Nobody who sleeps ever wakes."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.naps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.Event().wait()


class HandClock(StandingClock):
    """Civil and monotonic time, moved together or apart; who sleeps wakes when it is moved far enough."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.ticks = 1000.0
        self._moved = asyncio.Condition()

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        end = self.ticks + seconds
        async with self._moved:
            await self._moved.wait_for(lambda: self.ticks >= end)

    async def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds
        async with self._moved:
            self._moved.notify_all()
