"""What each provider was told last, kept over restarts so that nothing is told twice."""

import json
from collections.abc import Mapping
from typing import Any

from homeapp.model.record import RecordKind, Value
from homeapp.store.ledger import Ledger

_Key = tuple[str, RecordKind]
_NOTHING = "null"


class Told:
    """The newest record of each kind per provider, as far as it matters for the next one.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[_Key, Mapping[str, Any] | None] = {}

    async def last(self, sp_id: str, kind: RecordKind) -> Mapping[str, Any] | None:
        """What was told, or None."""
        key = (sp_id, kind)
        if key not in self._known:
            self._known[key] = json.loads(await self._ledger.value(_name(key)) or _NOTHING)
        return self._known[key]

    async def keep(self, sp_id: str, kind: RecordKind, told: Mapping[str, Value]) -> None:
        """This was told."""
        key = (sp_id, kind)
        await self._ledger.keep_mark(_name(key), json.dumps(told))
        self._known[key] = told

    async def forget(self, sp_id: str, kind: RecordKind) -> None:
        """The provider may not know it any more, or it is about another car."""
        if await self.last(sp_id, kind) is not None:
            key = (sp_id, kind)
            await self._ledger.keep_mark(_name(key), _NOTHING)
            self._known[key] = None


def _name(key: _Key) -> str:
    return f"reporting.{key[1]}.{key[0]}"
