"""Tells the service manager that the hub is ready and alive: the datagrams of sd_notify(3).

Without ``NOTIFY_SOCKET`` in the environment nothing is told. The keep-alive comes from the event loop itself, so a hub
whose loop hangs is ended and started again by systemd; the chargers fall back to their floor meanwhile.
"""

import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homeapp.ports import Clock

logger = logging.getLogger(__name__)

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"


def reloading() -> str:
    """The state of a hub that begins anew, until it tells READY; the time is CLOCK_MONOTONIC, microseconds."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNotifier:
    """The way to the service manager.

    Attributes:
        address: of its datagram socket, as ``socket.sendto`` takes it; None where nobody wants to be told.
        watchdog_s: it ends the hub after so long a silence, s; None where it does not.
    """

    address: str | None
    watchdog_s: float | None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], pid: int) -> "ServiceNotifier":
        """As sd_notify(3) and sd_watchdog_enabled(3) say for the process ``pid``.

        A socket that is neither a path nor an abstract name is left alone, and logged.
        """
        named = environment.get("NOTIFY_SOCKET", "")
        if not named:
            return cls(address=None, watchdog_s=None)
        if named[0] not in "/@":
            logger.warning("the service manager's socket %r is of no kind that can be told to", named)
            return cls(address=None, watchdog_s=None)
        address = f"\0{named[1:]}" if named[0] == "@" else named
        return cls(address=address, watchdog_s=_watchdog_s(environment, pid))

    def tell(self, state: str) -> None:
        """Send one state at once; a manager that is gone or does not read is logged and costs the hub nothing."""
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.settimeout(0)
                way.sendto(state.encode("ascii"), self.address)
        except OSError as error:
            logger.warning("the service manager cannot be told %s: %s", state, error)

    def bodies(
        self, clock: Clock, is_well: Callable[[], bool] = lambda: True
    ) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What has to run for ever, by name; nothing where nobody watches.

        Args:
            clock: the machine's.
            is_well: asked each time; no sign of life is given while it says no.
        """
        watchdog_s = self.watchdog_s
        if watchdog_s is None:
            return {}

        async def keep_alive() -> None:
            while True:
                if is_well():
                    self.tell(ALIVE)
                await clock.sleep(watchdog_s / 2)

        return {"sign of life": keep_alive}


def of_this_process() -> ServiceNotifier:
    """The one that the environment of this process names."""
    return ServiceNotifier.of_environment(os.environ, os.getpid())


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdecimal() and int(text) > 0 else None
