"""What can be seen of the simulated station from outside, and how to wait for it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeapp.demo.charger.charging_profile import Purpose
from homeapp.demo.charger.outlet import ChargingState

_MOST_HISTORY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong with the station, on demand.

    Attributes:
        ignore_limits: it accepts profiles and charges as it likes.
        silent: its socket stays open, but it says nothing and answers nothing.
        slow_s: seconds of the street's clock that each answer takes longer.
        refuse_amps: it rejects profiles in A.
    """

    ignore_limits: bool = False
    silent: bool = False
    slow_s: float = 0.0
    refuse_amps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The station at an instant.

    Attributes:
        registered: the last BootNotification was accepted.
        transaction_id: as on the wire; in 1.6 None until the CSMS has given it.
        power_w: at the plug; charging +, feeding -.
        limit_w: what the installed profiles permit, W.
        setpoint_w: what they demand, feeding -, W; None where they only limit.
        limit_source: purpose of the profile that binds; None where only the station's circuit does.
        profiles: how many are installed.
        firmware: the version of its software.
        at: when.
    """

    connected: bool
    registered: bool
    plugged: bool
    state: ChargingState
    transaction_id: str | None
    power_w: float
    soc_pct: float
    limit_w: float
    setpoint_w: float | None
    limit_source: Purpose | None
    profiles: int
    firmware: str
    at: datetime


class Watch:
    """Keeps the history and wakes who waits.

    Attributes:
        history: time and text of what has happened, newest last.
    """

    def __init__(self, now: Callable[[], datetime], observe: Callable[[], Observation]) -> None:
        self.history: deque[tuple[datetime, str]] = deque(maxlen=_MOST_HISTORY)
        self._now = now
        self._observe = observe
        self._changed = asyncio.Event()

    def note(self, text: str) -> None:
        """Add to the history."""
        self.history.append((self._now(), text))
        self.wake()

    def wake(self) -> None:
        """Have everybody look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, predicate: Callable[[Observation], bool], timeout_s: float) -> Observation:
        """Wait until ``predicate`` holds, at most ``timeout_s`` of real time.

        Raises:
            TimeoutError: it did not.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                observation, changed = self._observe(), self._changed
                if predicate(observation):
                    return observation
                await changed.wait()
