"""The control lease: somebody at home takes control of a charger back from the charging provider for a time."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

from homeapp.model.charger import ControlSpan, OwnerControl
from homeapp.ports import Clock
from homeapp.store.records import decode, encode

logger = logging.getLogger(__name__)

CHECK_S = 1.0
_KEY = "owner_control"
_HOUR = timedelta(hours=1)


class ValueKeeper(Protocol):
    """The ledger, as far as small values go."""

    async def value(self, key: str) -> str | None:
        """A value, or None."""

    async def keep_value(self, key: str, value: str) -> None:
        """Keep one; a change of it is in the audit trail."""


class OwnerControls:
    """Which chargers their owner has in hand; kept over a restart.

    Only the provider's commands are out of force meanwhile: fuse, grid operator and the owner's own promises hold.

    Raises (``load``, ``take``, ``give_back``):
        StoreUnavailable: the ledger cannot be used.
    """

    def __init__(self, ledger: ValueKeeper, clock: Clock, changed: Callable[[], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._changed = changed
        self._held: dict[str, OwnerControl] = {}

    async def load(self) -> None:
        """Take up what was kept."""
        kept = await self._ledger.value(_KEY)
        self._held = decode(kept, dict[str, OwnerControl]) if kept else {}

    def of(self, device_id: str) -> OwnerControl | None:
        """Who has it in hand now, or None."""
        held = self._held.get(device_id)
        return None if held is None or self._is_over(held) else held

    async def take(self, device_id: str, span: ControlSpan, departure: datetime, by: str) -> OwnerControl:
        """Take control back from now on; a later call replaces the span of an earlier one."""
        now = self._clock.now()
        until = {ControlSpan.HOUR: now + _HOUR, ControlSpan.DEPARTURE: departure}.get(span)
        held = OwnerControl(since=now, until=until, by=by)
        await self._keep({**self._standing(), device_id: held})
        logger.info("%s: its owner has taken control back until %s", device_id, until or "it is given back")
        return held

    async def give_back(self, device_id: str) -> None:
        """Let the provider's commands count again; nothing happens where they do."""
        if self.of(device_id) is not None:
            await self._keep({other: held for other, held in self._standing().items() if other != device_id})
            logger.info("%s: its owner has given control back", device_id)

    async def watch(self) -> NoReturn:
        """Notice when one ends by itself, until cancelled."""
        while True:
            await self._clock.sleep(CHECK_S)
            standing = self._standing()
            if standing != self._held:
                await self._keep(standing)

    def _standing(self) -> dict[str, OwnerControl]:
        return {device_id: held for device_id, held in self._held.items() if not self._is_over(held)}

    def _is_over(self, held: OwnerControl) -> bool:
        return held.until is not None and held.until <= self._clock.now()

    async def _keep(self, held: dict[str, OwnerControl]) -> None:
        await self._ledger.keep_value(_KEY, encode(held))
        self._held = held
        self._changed()
