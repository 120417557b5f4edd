"""The providers that the home is paired with; every change is in the audit trail."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from homeapp.errors import NotFound, WrongState
from homeapp.pairing.descriptor import Descriptor, Pairing, fingerprint
from homeapp.ports import Clock
from homeapp.store.database import Database
from homeapp.store.offer_rows import audit
from homeapp.store.records import decode, encode


class Pairings:
    """At most one per kind of provider.

    Raises (all operations):
        StoreUnavailable: see ``homeapp.store.connection``.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database.ledger
        self._clock = clock

    async def all(self) -> tuple[Pairing, ...]:
        """All of them, by ``sp_id``."""
        rows = await self._file.read(
            lambda connection: connection.execute("SELECT body FROM pairings ORDER BY sp_id").fetchall()
        )
        return tuple(decode(body, Pairing) for (body,) in rows)

    async def get(self, sp_id: str) -> Pairing:
        """The one with this provider.

        Raises:
            NotFound: it is not paired.
        """
        return await self._file.read(lambda connection: _read(connection, sp_id))

    async def keep(self, pairing: Pairing) -> None:
        """Add one, or replace the one with the same provider."""
        now, descriptor = self._clock.now(), pairing.descriptor
        detail = {
            "fingerprint": fingerprint(descriptor),
            "name": descriptor.name,
            "ae_id": descriptor.ae_id,
            "hub_ae_id": descriptor.hub_ae_id,
            "key_ids": pairing.key_ids(now),
        }

        def write(connection: sqlite3.Connection) -> None:
            _write(connection, pairing)
            audit(connection, now, "provider_paired", descriptor.sp_id, detail)

        await self._file.write(write)

    async def remove(self, sp_id: str) -> None:
        """Forget one.

        Raises:
            NotFound: it is not paired.
        """
        now = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            descriptor = _read(connection, sp_id).descriptor
            connection.execute("DELETE FROM pairings WHERE sp_id = ?", (sp_id,))
            audit(connection, now, "provider_unpaired", sp_id, {"name": descriptor.name, "ae_id": descriptor.ae_id})

        await self._file.write(write)

    async def note_certificate(self, sp_id: str, not_after: datetime | None) -> None:
        """The flow has another certificate; a row of the audit log and nothing else."""
        now = self._clock.now()
        await self._file.write(
            lambda connection: audit(connection, now, "provider_certificate", sp_id, {"not_after": not_after})
        )

    async def replace_keys(
        self, descriptor: Descriptor, keys: Sequence[dict[str, str]], old_keys_until: datetime | None
    ) -> Pairing:
        """The provider has new keys; those in force until now stay so until ``old_keys_until`` (None: no longer).

        Args:
            descriptor: of the pairing over which the keys came.
            keys: the new ones.
            old_keys_until: end of the old ones.

        Raises:
            NotFound: it is not paired.
            WrongState: it was paired anew since; what was said under the old pairing counts no more.
        """
        now, sp_id = self._clock.now(), descriptor.sp_id

        def write(connection: sqlite3.Connection) -> Pairing:
            old = _read(connection, sp_id)
            if old.descriptor != descriptor:
                raise WrongState(f"{descriptor.name} was paired anew meanwhile, so its keys from before are not kept.")
            new = replace(
                old,
                keys=tuple(keys),
                old_keys=() if old_keys_until is None else old.keys,
                old_keys_until=old_keys_until,
            )
            _write(connection, new)
            detail = {"key_ids": new.key_ids(now), "old_keys_until": old_keys_until}
            audit(connection, now, "provider_keys", sp_id, detail)
            return new

        return await self._file.write(write)


def _read(connection: sqlite3.Connection, sp_id: str) -> Pairing:
    row = connection.execute("SELECT body FROM pairings WHERE sp_id = ?", (sp_id,)).fetchone()
    if row is None:
        raise NotFound("The home is not paired with this provider.")
    return decode(row[0], Pairing)


def _write(connection: sqlite3.Connection, pairing: Pairing) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO pairings (sp_id, body) VALUES (?, ?)", (pairing.descriptor.sp_id, encode(pairing))
    )
