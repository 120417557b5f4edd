"""What charging providers have set for stations, over a restart of the hub."""

from homeapp.store.ledger import Ledger


class KeptProfiles:
    """Implements ``ProfileKeeper`` on the ledger's small values."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def load(self, device_id: str) -> str | None:
        return await self._ledger.value(_key(device_id))

    async def keep(self, device_id: str, kept: str) -> None:
        await self._ledger.keep_mark(_key(device_id), kept)


def _key(device_id: str) -> str:
    return f"provider_profiles.{device_id}"
