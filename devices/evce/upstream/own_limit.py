"""A 2.x CSMS is told when the hub holds a station below what the CSMS permits (K11 to K14; source EMS).

1.6 has no message for it. A limit that comes or goes within seconds is not worth one.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload, rfc3339
from devices.evce.upstream.port import StationFacts
from homeapp.errors import DeviceError
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
SPACING_S = 60.0
SIGNIFICANT_PCT = 10.0
"""Where the station has no LimitChangeSignificance."""
_SOURCE = "EMS"


@dataclass(frozen=True, slots=True)
class _Limit:
    """At an EVSE, W."""

    evse: int
    limit_w: float


class OwnLimit:
    """What the CSMS of one station has been told of the hub's limit.

    Args:
        station: the station of the moment.
        clock: pauses are of its time.
        call: makes a CALL to the CSMS; raises DeviceError.
    """

    def __init__(
        self, station: Callable[[], StationFacts], clock: Clock, call: Callable[[Outgoing], Awaitable[Payload]]
    ) -> None:
        self._station = station
        self._clock = clock
        self._call = call
        self._told: _Limit | None = None
        self._lasts = False
        self._not_before_s = float("-inf")
        self._clear_not_before_s = float("-inf")

    async def watch(self) -> NoReturn:
        """Tell it while there is a way, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except DeviceError as error:
                logger.info("%s: the CSMS is not told of the hub's limit: %s", self._station().device_id, error)

    async def _look(self) -> None:
        limit, lasted = self._limit(), self._lasts
        self._lasts = limit is not None
        if limit is None:
            if self._told is not None:
                await self._clear(self._told)
        elif lasted and self._is_news(limit):
            await self._notify(limit)

    def _limit(self) -> _Limit | None:
        """The limit that the hub holds the station to; None where it permits about all that the CSMS does."""
        station = self._station()
        running, held_w = station.transaction, station.held_w
        if running is None or held_w is None or held_w >= station.permitted_w * (1 - self._significance):
            return None
        return _Limit(running.evse or 1, round(held_w, 1))

    def _is_news(self, limit: _Limit) -> bool:
        told = self._told
        if told is None or told.evse != limit.evse:
            return True
        return abs(limit.limit_w - told.limit_w) > told.limit_w * self._significance

    @property
    def _significance(self) -> float:
        percent = self._station().limit_change_pct
        return (SIGNIFICANT_PCT if percent is None else min(percent, 100.0)) / 100

    async def _notify(self, limit: _Limit) -> None:
        now_s = self._clock.monotonic()
        if now_s < self._not_before_s:
            return
        self._not_before_s = now_s + SPACING_S
        schedule = {
            "id": 1,
            "startSchedule": rfc3339(self._clock.now()),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit.limit_w}],
        }
        about = {"chargingLimitSource": _SOURCE, "isGridCritical": False}
        payload = {"evseId": limit.evse, "chargingLimit": about, "chargingSchedule": [schedule]}
        await self._call(Outgoing("NotifyChargingLimit", payload))
        self._told = limit

    async def _clear(self, told: _Limit) -> None:
        now_s = self._clock.monotonic()
        if now_s < self._clear_not_before_s:
            return
        self._clear_not_before_s = now_s + SPACING_S
        await self._call(Outgoing("ClearedChargingLimit", {"chargingLimitSource": _SOURCE, "evseId": told.evse}))
        self._told, self._clear_not_before_s = None, now_s
