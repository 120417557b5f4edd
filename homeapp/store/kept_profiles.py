"""What charging providers have set for stations, over a restart of the hub."""

import asyncio

from homeapp.store.ledger import Ledger

_CSMS = "provider_profiles"
_PREFIX = f"{_CSMS}."


class KeptProfiles:
    """Implements ``ProfileKeeper`` on the ledger's small values.

    Args:
        csms: URL of the provider's CSMS, empty where there is none. What another one has set is not kept any longer.
    """

    def __init__(self, ledger: Ledger, csms: str) -> None:
        self._ledger = ledger
        self._csms = csms
        self._begun = False
        self._beginning = asyncio.Lock()

    async def begin(self) -> None:
        async with self._beginning:
            if not self._begun and await self._ledger.value(_CSMS) != self._csms:
                await self._ledger.forget_marks(_PREFIX)
                await self._ledger.keep_mark(_CSMS, self._csms)
            self._begun = True

    async def load(self, device_id: str) -> str | None:
        await self.begin()
        return await self._ledger.value(_PREFIX + device_id)

    async def keep(self, device_id: str, kept: str) -> None:
        await self.begin()
        await self._ledger.keep_mark(_PREFIX + device_id, kept)

    async def forget(self) -> None:
        await self._ledger.forget_marks(_PREFIX)
