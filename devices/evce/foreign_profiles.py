"""Takes charging profiles of others out of a station, one by one, so that the hub's floor stands all the while (2.x).

A station is asked for its TxDefaultProfiles and reports them in CALLs of its own (K09).
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence

from devices.evce.dialect import Dialect
from devices.evce.link import ACCEPTED, Link
from devices.evce.profiles import FLOOR_ID
from devices.evce.rpc import Priority

logger = logging.getLogger(__name__)

REPORT_S = 5.0
"""Real time that a station has to report after it has agreed to."""
_MOST_PROFILES = 64


class ProfileReport:
    """What a station reports of its profiles in answer to one request; other reports are not listened to."""

    def __init__(self) -> None:
        self._request_id: int | None = None
        self._ids: list[int] = []
        self._complete = asyncio.Event()

    def expect(self) -> int:
        """A request is about to be made; returns its id."""
        self._request_id = secrets.randbelow(2**31 - 1) + 1
        self._ids = []
        self._complete.clear()
        return self._request_id

    def told(self, request_id: int, ids: Sequence[int], *, more: bool) -> None:
        """A part of a report; ``more`` of it follows."""
        if request_id != self._request_id or self._complete.is_set():
            return
        self._ids += list(ids)[: _MOST_PROFILES - len(self._ids)]
        if not more:
            self._complete.set()

    async def ids(self) -> list[int]:
        """Of all profiles that were reported in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_S):
                await self._complete.wait()
        self._request_id = None
        return list(dict.fromkeys(self._ids))


class ForeignProfiles:
    """The TxDefaultProfiles of others in one station."""

    def __init__(self, device_id: str, dialect: Dialect, link: Link, report: ProfileReport) -> None:
        self._device_id = device_id
        self._dialect = dialect
        self._link = link
        self._report = report

    async def remove(self) -> bool:
        """Remove those that the station tells of, and leave the floor; returns whether there were any.

        Raises:
            DeviceUnreachable: no answer in time.
        """
        ask = self._dialect.report_profiles(self._report.expect(), "TxDefaultProfile")
        if ask is None or await self._link.call(ask, Priority.SAFETY) != ACCEPTED:
            return False
        foreign = [number for number in await self._report.ids() if number != FLOOR_ID]
        for number in foreign:
            status = await self._link.call(self._dialect.clear_one(number), Priority.SAFETY)
            logger.info("%s: charging profile %d of others removed: %s", self._device_id, number, status)
        return bool(foreign)
