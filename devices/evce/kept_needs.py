"""What the car of one station has told of its wishes (NotifyEVChargingNeeds), over a restart of the hub.

Stations tell it once in a charge (K15, Q01), so a hub that starts anew in the middle of one would never hear it again.
It is given back with the transaction that it was told in, and with no other: the next car is another one.
"""

import logging

import msgspec

from devices.evce.capability import CapabilityKeeper
from devices.evce.dialect import ChargingNeeds
from devices.evce.station import Station
from homeapp.errors import EnvironmentProblem

logger = logging.getLogger(__name__)

_NOTHING = ""


class _Kept(msgspec.Struct, frozen=True):
    transaction_id: str
    needs: ChargingNeeds


def needs_key(device_id: str) -> str:
    """Where the needs of a station's car are kept."""
    return f"evce_needs:{device_id}"


class KeptNeeds:
    """Those of one station; a full disk costs nothing but their survival of a restart."""

    def __init__(self, station: Station, keeper: CapabilityKeeper) -> None:
        self._station = station
        self._keeper = keeper
        self._kept: _Kept | None = None
        self._recalled = False
        self._fails = False

    async def recall(self) -> None:
        """Give the station back what an earlier life of the hub has kept; once."""
        if self._recalled:
            return
        try:
            text = await self._keeper.value(needs_key(self._station.device_id))
        except EnvironmentProblem as error:
            logger.warning("%s: what its car needs could not be read: %s", self._station.device_id, error)
            return
        self._recalled = True
        self._kept = _decode(text)
        if self._kept is not None:
            self._station.needs_kept(self._kept.transaction_id, self._kept.needs)

    async def keep(self) -> None:
        """Keep what is known now, before the station is answered; what belongs to an ended charge is forgotten."""
        running, needed = self._station.transaction, self._station.needed
        if running is not None and needed is not None:
            newest = _Kept(running.id, needed)
            if newest != self._kept:
                await self._write(newest)
        elif self._kept is not None and self._station.is_over(self._kept.transaction_id):
            await self._write(None)

    async def _write(self, newest: _Kept | None) -> None:
        text = _NOTHING if newest is None else msgspec.json.encode(newest).decode()
        try:
            await self._keeper.keep_mark(needs_key(self._station.device_id), text)
        except EnvironmentProblem as error:
            if not self._fails:
                logger.warning("%s: what its car needs was not kept: %s", self._station.device_id, error)
            self._fails = True
            return
        self._kept, self._recalled, self._fails = newest, True, False


async def forget_needs(device_id: str, keeper: CapabilityKeeper) -> None:
    """The station is not of this home any more; its car's wishes are nobody's business.

    Raises:
        StoreUnavailable: it cannot be written.
    """
    if await keeper.value(needs_key(device_id)):
        await keeper.keep_mark(needs_key(device_id), _NOTHING)


def _decode(text: str | None) -> _Kept | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        return None
