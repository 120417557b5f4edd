"""Pairings are durable, and every change of them is in the audit trail."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homeapp import audit
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import NotFound, WrongState
from homeapp.pairing.descriptor import Descriptor, Pairing, fingerprint, read_descriptor
from homeapp.store.database import Database
from homeapp.store.pairings import Pairings
from kit.clocks import StandingClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CA_PEM = StreetAuthority().ca_pem.decode()


def keys() -> tuple[dict[str, str], ...]:
    return SigningKey().public_jwk | {"use": "sig"}, SigningKey().public_jwk | {"use": "enc"}


def descriptor_of(sp_id: str) -> Descriptor:
    company = Company(
        sp_id=sp_id,
        name="Provider",
        ae_id=f"C{sp_id}",
        signing_key=SigningKey().public_jwk,
        encryption_key=SigningKey().public_jwk,
        hub_ae_id="Chub-0001",
    )
    operator = OperatorAddress(broker_host="m2m.example", broker_port=8883, ca_pem=CA_PEM)
    return read_descriptor(descriptors.descriptor_json(company, operator))


def pairing_of(sp_id: str) -> Pairing:
    descriptor = descriptor_of(sp_id)
    return Pairing(descriptor=descriptor, paired_at=NOW, keys=descriptor.keys)


def with_pairings(
    directory: Path, body: Callable[[Pairings], Awaitable[None]]
) -> list[tuple[str, str, dict[str, object]]]:
    """The audit rows after ``body``."""

    async def main() -> None:
        async with Database(directory) as database:
            await body(Pairings(database, StandingClock(NOW)))

    asyncio.run(main())
    return [(row.kind, row.subject, json.loads(row.detail)) for row in audit.read_rows(directory)]


@pytest.mark.usecase("W4")
def test_pairings_outlive_the_hub_and_are_forgotten_with_a_trail(tmp_path: Path) -> None:
    evc, fleet = pairing_of("evc_sp"), pairing_of("fleet")

    async def pair(pairings: Pairings) -> None:
        await pairings.keep(fleet)
        await pairings.keep(evc)

    async def look_and_forget(pairings: Pairings) -> None:
        assert await pairings.all() == (evc, fleet)
        assert await pairings.get("fleet") == fleet
        await pairings.remove("fleet")
        assert await pairings.all() == (evc,)
        for call in (pairings.get, pairings.remove):
            with pytest.raises(NotFound):
                await call("fleet")

    with_pairings(tmp_path, pair)
    rows = with_pairings(tmp_path, look_and_forget)
    assert [row[:2] for row in rows] == [
        ("provider_paired", "fleet"),
        ("provider_paired", "evc_sp"),
        ("provider_unpaired", "fleet"),
    ]
    assert rows[1][2]["fingerprint"] == fingerprint(evc.descriptor)
    assert rows[1][2]["key_ids"] == list(evc.key_ids(NOW))


def test_a_newer_descriptor_replaces_the_older_one(tmp_path: Path) -> None:
    first, second = pairing_of("pev_sp"), pairing_of("pev_sp")

    async def body(pairings: Pairings) -> None:
        await pairings.keep(first)
        await pairings.keep(second)
        assert await pairings.all() == (second,)

    assert [row[0] for row in with_pairings(tmp_path, body)] == ["provider_paired"] * 2


@pytest.mark.usecase("W9")
def test_new_keys_are_kept_beside_the_old_ones_for_a_while(tmp_path: Path) -> None:
    pairing, newer, newest, until = pairing_of("evc_sp"), keys(), keys(), NOW + timedelta(days=7)

    async def body(pairings: Pairings) -> None:
        await pairings.keep(pairing)
        changed = await pairings.replace_keys(pairing.descriptor, newer, until)
        assert changed == await pairings.get("evc_sp")
        assert (changed.keys, changed.old_keys, changed.old_keys_until) == (newer, pairing.keys, until)
        assert len(changed.key_ids(NOW)) == 2
        changed = await pairings.replace_keys(pairing.descriptor, newest, None)
        assert (changed.keys, changed.old_keys, changed.old_keys_until) == (newest, (), None)
        with pytest.raises(NotFound):
            await pairings.replace_keys(descriptor_of("fleet"), newer, None)

    rows = with_pairings(tmp_path, body)
    assert [row[:2] for row in rows[1:]] == [("provider_keys", "evc_sp")] * 2
    assert len(rows[2][2]["key_ids"]) == 1  # type: ignore[arg-type]


@pytest.mark.usecase("W9")
def test_keys_that_came_under_an_older_pairing_replace_none_of_a_newer_one(tmp_path: Path) -> None:
    older, newer = pairing_of("evc_sp"), pairing_of("evc_sp")

    async def body(pairings: Pairings) -> None:
        await pairings.keep(older)
        await pairings.keep(newer)
        with pytest.raises(WrongState, match="paired anew"):
            await pairings.replace_keys(older.descriptor, keys(), NOW + timedelta(days=7))
        assert await pairings.get("evc_sp") == newer

    with_pairings(tmp_path, body)
