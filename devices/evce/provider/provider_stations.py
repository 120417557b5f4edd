"""The provider's charging profiles of all stations, kept up to date while time passes."""

from dataclasses import dataclass
from typing import NoReturn

from devices.evce.provider.station_profiles import StationProfiles
from devices.evce.provider.station_shelf import StationShelf
from devices.evce.upstream.port import StationFacts
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

    def profiles(self, station: StationFacts) -> StationProfiles:
        """Those of this station; always the same for the same id, and from now on about this object."""
        known = self._stations.get(station.device_id)
        if known is None:
            shelf = StationShelf(station, self._clock, self._keeper, self._rights)
            known = self._stations[station.device_id] = _Kept(shelf, StationProfiles(shelf, self._clock))
        known.shelf.station = station
        return known.profiles

    async def run(self) -> NoReturn:
        """Load, evaluate, pull and keep until cancelled.

        Raises:
            StoreUnavailable: nothing can be read or kept.
        """
        while True:
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
