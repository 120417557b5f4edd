"""Transactions that are to be stopped because the charging provider has rejected their cards, over a restart."""

from collections.abc import Sequence
from dataclasses import dataclass

from homeapp.store.ledger import Ledger
from homeapp.store.records import decode, encode

_PREFIX = "rejected_transactions."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    csms: str
    transactions: tuple[str, ...]


class KeptStops:
    """Implements ``devices.evce.upstream.port.StopKeeper`` on the ledger's small values.

    Args:
        csms: URL of the provider's CSMS; what another one has rejected does not count.
    """

    def __init__(self, ledger: Ledger, csms: str) -> None:
        self._ledger = ledger
        self._csms = csms

    async def load(self, device_id: str) -> tuple[str, ...]:
        text = await self._ledger.value(_PREFIX + device_id)
        kept = decode(text, _Kept) if text else None
        return kept.transactions if kept is not None and kept.csms == self._csms else ()

    async def keep(self, device_id: str, transactions: Sequence[str]) -> None:
        kept = _Kept(csms=self._csms, transactions=tuple(transactions))
        await self._ledger.keep_mark(_PREFIX + device_id, encode(kept))

    async def forget(self) -> None:
        await self._ledger.forget_marks(_PREFIX)
