"""What the checks may look at and ask for: the hub as commissioning sees it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from homeapp import api
from homeapp.commissioning.network import Network, look_at_network
from homeapp.doctor import ProviderStanding
from homeapp.model.device import DeviceView
from homeapp.model.live import Snapshot
from homeapp.model.offer import OfferCase
from homeapp.model.readings import EvceState, MeterReading
from homeapp.ports import Clock
from homeapp.server import Handler
from homeapp.settings import Settings

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The running hub.

    Attributes:
        settings: in force since the hub's start.
        meter: the newest reading of the meter in use, or None.
        charger: the charger that the plan is about, or None.
        handlers: what the contract's calls do, known once the hub is made.
        network: looks at the hub's own network interfaces, as ``[discovery]`` names them; blocks.
        doctor: all findings, worst included.
        notice: something to tell the owner.
        changed: how commissioning stands has changed.
        begin_anew: has a hub with the settings as they stand then take this one's place.
    """

    clock: Clock
    data_dir: Path
    settings: Settings
    devices: Callable[[], tuple[DeviceView, ...]]
    snapshot: Callable[[], Snapshot]
    meter: Callable[[], MeterReading | None]
    charger: Callable[[], EvceState | None]
    cases: Callable[[], tuple[OfferCase, ...]]
    standings: Callable[[], Awaitable[tuple[ProviderStanding, ...]]]
    pins: Callable[[], tuple[api.Role, ...]]
    doctor: Callable[[], Awaitable[tuple[api.Check, ...]]]
    handlers: Callable[[], Mapping[type[api.Call[Any]], Handler]]
    notice: Callable[[str, str], None]
    changed: Callable[[], None]
    begin_anew: Callable[[], None]
    network: Callable[[tuple[str, ...]], Network] = look_at_network

    async def ask(self, call: api.Call[R]) -> R:
        """Carry out a call of the contract as the installer does.

        Raises:
            HomeappError: as the call says.
        """
        answer: Any = await self.handlers()[type(call)](call, api.Role.INSTALLER)
        return answer  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check has found.

    Attributes:
        tried, seen: sentences for people.
        advice: what to do where it is not ``good``; else empty.
    """

    good: bool
    tried: str
    seen: str
    advice: str = ""


async def until(home: Home, done: Callable[[], Any], within_s: float) -> Any:
    """The first truthy ``done()``, looked at once a second of hub time; its last value when the time is over."""
    deadline = home.clock.monotonic() + within_s
    while not (value := done()) and home.clock.monotonic() < deadline:
        await home.clock.sleep(1.0)
    return value
