"""The provider's charging profiles of all stations, kept up to date while time passes."""

from dataclasses import dataclass
from typing import NoReturn

from devices.evce.provider.station_profiles import StationProfiles
from devices.evce.provider.station_shelf import StationShelf
from devices.evce.upstream.port import StationFacts
from homeapp.errors import StoreUnavailable
from homeapp.ports import Clock, ProfileKeeper, ProviderRights

TICK_S = 1.0
SAVE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class _Kept:
    shelf: StationShelf
    profiles: StationProfiles


class ProviderStations:
    """One ``StationProfiles`` per station; ``run`` until cancelled."""

    def __init__(self, clock: Clock, keeper: ProfileKeeper, rights: ProviderRights) -> None:
        self._clock = clock
        self._keeper = keeper
        self._rights = rights
        self._stations: dict[str, _Kept] = {}
        self._saved_s = float("-inf")
        self._to_erase = False

    def profiles(self, station: StationFacts) -> StationProfiles:
        """Those of this station; always the same for the same id, and from now on about this object."""
        known = self._stations.get(station.device_id)
        if known is None:
            shelf = StationShelf(station, self._clock, self._keeper, self._rights)
            known = self._stations[station.device_id] = _Kept(shelf, StationProfiles(shelf, self._clock))
        known.shelf.station = station
        return known.profiles

    def end(self) -> None:
        """The provider has nothing to say any more: all that it has set is gone at once, also from the store soon."""
        self._to_erase = True
        for station in self._stations.values():
            station.shelf.end()

    async def erase(self) -> None:
        """Delete what is kept of a provider that has nothing to say any more; durable when this returns.

        Raises:
            StoreUnavailable: it cannot be written; it is tried again.
        """
        if not self._to_erase:
            return
        # First: what is kept from now on is of a new consent, and written after this.
        self._to_erase = False
        try:
            await self._keeper.forget()
        except StoreUnavailable:
            self._to_erase = True
            raise

    async def run(self) -> NoReturn:
        """Load, evaluate, pull and keep until cancelled.

        Raises:
            StoreUnavailable: nothing can be read or kept.
        """
        await self._keeper.begin()
        while True:
            await self.erase()
            for station in tuple(self._stations.values()):
                await station.shelf.load()
                if station.shelf.is_due():
                    station.shelf.follow()
                await station.profiles.pull()
            await self._save()
            await self._clock.sleep(TICK_S)

    async def _save(self) -> None:
        now_s = self._clock.monotonic()
        if now_s - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = now_s
            for station in tuple(self._stations.values()):
                await station.shelf.save()
