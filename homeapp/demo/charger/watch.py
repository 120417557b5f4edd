"""What can be seen of the simulated station from outside, and how to wait for it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeapp.demo.charger.charging_profile import Purpose
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.outlet import ChargingState

__all__ = ["Faults", "Observation", "Watch"]

_MOST_HISTORY = 500


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
        currents_a: of its own conductors L1, L2, L3; charging +, feeding -.
        home_currents_a: the same by phase of the home (``Abilities.phase_rotation``).
        phases: that may be used, by the installed profiles.
        unsent: messages that wait to be sent or answered.
        operative: the car's EVSE is in service.
        network_slot: of the network profile in use.
        security_profile: of the connection that it has or tries for.
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
    currents_a: tuple[float, float, float]
    home_currents_a: tuple[float, float, float]
    phases: int
    unsent: int
    operative: bool
    network_slot: int
    security_profile: int
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
