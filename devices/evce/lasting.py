"""The two profiles of the hub that never end: the floor and the circuit's maximum.

A station may refuse the date on which they begin, or take it and not heed it. Then another beginning is tried, and what
works is remembered, so that the station gets the same content whenever it connects and need not write its flash memory.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from devices.evce import profiles
from devices.evce.capability import Capability
from devices.evce.fields import Payload
from devices.evce.link import ACCEPTED, NOT_SUPPORTED
from devices.evce.profiles import FLOOR_BEGINS, MAX_BEGINS, STACK_LEVEL, Begin, Unit
from devices.evce.rpc import Priority
from devices.evce.schemas import Version
from devices.evce.station import Station

logger = logging.getLogger(__name__)

_DEFAULT = "TxDefaultProfile"


class Install(Protocol):
    """See ``Session.install``."""

    def __call__(
        self, purpose: str, make: Callable[[Unit], Payload], priority: Priority, stack_level: int = STACK_LEVEL
    ) -> Awaitable[str]: ...


Learn = Callable[[Capability], Awaitable[None]]
Look = Callable[[], Awaitable[float | None]]
Make = Callable[[Begin], Callable[[Unit], Payload]]


class LastingProfiles:
    """Installs them in one station.

    Args:
        station: whose limits they are of.
        version: spoken with it.
        install: sends a profile.
        learn: keeps what was learnt of the station.

    Attributes:
        floor_for: the number of EVSEs that the floor was made for last.

    Raises (all operations):
        DeviceUnreachable: no answer in time.
        Superseded: a newer profile of the same purpose has taken its place.
    """

    def __init__(self, station: Station, version: Version, install: Install, learn: Learn) -> None:
        self.floor_for = 1
        self._station = station
        self._version = version
        self._install = install
        self._learn = learn

    async def floor(self) -> str:
        """Install the floor; returns ``Accepted`` or the last refusal."""
        status, begin = await self._first_taken(_DEFAULT, self._known.floor_begin, FLOOR_BEGINS, self._floor)
        if self._known.floor_begin is not begin:
            await self._learn(replace(self._known, floor_begin=begin))
        return status

    async def maximum(self) -> str:
        """Install the circuit's maximum; returns ``Accepted`` or the last refusal."""
        purpose = profiles.max_purpose(self._version)
        status, begin = await self._first_taken(purpose, self._known.max_begin, MAX_BEGINS, self._maximum)
        keeps = status == ACCEPTED
        if not keeps:
            logger.info("%s: keeps no limit of its circuit: %s", self._station.device_id, status)
        if (self._known.keeps_maximum, self._known.max_begin) != (keeps, begin):
            await self._learn(replace(self._known, keeps_maximum=keeps, max_begin=begin))
        return status

    async def mend_floor(self, present_a: float, most_a: float, look: Look) -> float:
        """Find a beginning with which the floor holds.

        Args:
            present_a: what holds in the station by its own composite schedule, A per phase.
            most_a: what may hold.
            look: asks for the composite schedule.

        Returns:
            What holds now.
        """
        if present_a <= most_a or self._known.floor_in_vain:
            return present_a
        others = _others(self._known.floor_begin, FLOOR_BEGINS)
        found = await self._heeded(_DEFAULT, others, self._floor, most_a, look)
        if found is None:
            await self._learn(replace(self._known, floor_in_vain=True))
            await self.floor()
            return present_a
        await self._learn(replace(self._known, floor_begin=found[0]))
        return found[1]

    async def mend_maximum(self, present_a: float, most_a: float, look: Look) -> float:
        """The same for the maximum."""
        if present_a <= most_a or self._known.max_in_vain or self._known.keeps_maximum is not True:
            return present_a
        others = _others(self._known.max_begin, MAX_BEGINS)
        found = await self._heeded(profiles.max_purpose(self._version), others, self._maximum, most_a, look)
        if found is None:
            await self._learn(replace(self._known, max_in_vain=True))
            await self.maximum()
            return present_a
        await self._learn(replace(self._known, max_begin=found[0]))
        return found[1]

    @property
    def _known(self) -> Capability:
        return self._station.capability or Capability()

    def _floor(self, begin: Begin) -> Callable[[Unit], Payload]:
        self.floor_for = evses = self._station.outlets.count
        return lambda unit: profiles.floor(self._version, self._station.limits, unit, begin, evses=evses)

    def _maximum(self, begin: Begin) -> Callable[[Unit], Payload]:
        return lambda unit: profiles.station_max(self._version, self._station.limits, unit, begin=begin)

    async def _heeded(
        self, purpose: str, begins: Sequence[Begin], make: Make, most_a: float, look: Look
    ) -> tuple[Begin, float] | None:
        """The first beginning after which the station says that no more holds, and what then holds."""
        for begin in begins:
            if await self._install(purpose, make(begin), Priority.SAFETY) == ACCEPTED:
                held_a = await look()
                if held_a is not None and held_a <= most_a:
                    logger.info("%s: heeds its %s if it begins so: %s", self._station.device_id, purpose, begin)
                    return begin, held_a
        return None

    async def _first_taken(self, purpose: str, known: Begin, begins: Sequence[Begin], make: Make) -> tuple[str, Begin]:
        """The beginning that the station takes, the known one first; that one too where it takes none."""
        status = ""
        for begin in (known, *_others(known, begins)):
            status = await self._install(purpose, make(begin), Priority.SAFETY)
            if status == ACCEPTED:
                return status, begin
            if status == NOT_SUPPORTED:
                break
        return status, known


def _others(known: Begin, begins: Sequence[Begin]) -> list[Begin]:
    return [begin for begin in begins if begin is not known]
