"""Pairing and certificates as the installer asks for them, with a real store and a real operator behind the calls."""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from homeapp import api, audit, identity
from homeapp.clock import SystemClock
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.est_server import EstServer
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.revocation import Revocation
from homeapp.errors import NotFound, NotSupported, SettingsInvalid, WrongState
from homeapp.model.pairing import Enrolment, PairedProvider
from homeapp.pairing.descriptor import Descriptor
from homeapp.pairing.operations import ProviderOperations
from homeapp.redaction import redacted
from homeapp.store.database import Database
from homeapp.store.pairings import Pairings
from kit.secret_store import MemorySecrets

HUB = "Chub-0001-evc"
GONE = [("unpaired", "evc_sp"), ("forgotten", "evc_sp")]


@dataclass
class Operations:
    """The calls of the contract, with a real store and a real operator behind them."""

    authority: StreetAuthority
    server: EstServer
    calls: ProviderOperations
    events: list[tuple[str, str]]

    def described(self, *, with_servers: bool = False, **changes: Any) -> str:
        fields: dict[str, Any] = {
            "sp_id": "evc_sp",
            "name": "EVC provider",
            "ae_id": "Cevc-sp",
            "signing_key": SigningKey().public_jwk,
            "encryption_key": SigningKey().public_jwk,
            "hub_ae_id": HUB,
        }
        address = OperatorAddress(
            broker_host="127.0.0.1",
            broker_port=1,
            ca_pem=self.authority.ca_pem.decode(),
            est_url=self.server.url if with_servers else "",
            crl_url=self.server.crl_url if with_servers else "",
        )
        return descriptors.descriptor_json(Company(**fields | changes), address)

    async def call(self, call: api.Call[Any]) -> Any:
        return await self.calls.handlers()[type(call)](call, api.Role.INSTALLER)

    async def pair(self, text: str) -> PairedProvider:
        view = await self.call(api.ReadDescriptor(text=text))
        return await self.call(api.PairProvider(text=text, fingerprint=view.fingerprint.lower()))


async def no_flows() -> tuple[Descriptor, ...]:
    return ()


async def nobody(sp_id: str) -> None:
    raise AssertionError(sp_id)


def with_operations(directory: Path, body: Callable[[Operations], Awaitable[None]]) -> None:
    async def main() -> None:
        events: list[tuple[str, str]] = []

        async def tell(event: str, sp_id: str) -> None:
            events.append((event, sp_id))

        authority, clock = StreetAuthority(), SystemClock()
        certificates = FlowCertificates(directory, identity.hub_key_pem(MemorySecrets()))
        async with EstServer(authority) as server, Database(directory) as database, asyncio.timeout(60):
            calls = ProviderOperations(
                pairings=Pairings(database, clock),
                certificates=certificates,
                revocation=Revocation(
                    certificates=certificates,
                    flows=no_flows,
                    clock=clock,
                    changed=nobody,
                    notice=lambda code, sentence: None,
                ),
                clock=clock,
                hub_card="{}",
                paired=partial(tell, "paired"),
                unpaired=partial(tell, "unpaired"),
                forgotten=partial(tell, "forgotten"),
                certificate_changed=partial(tell, "certificate"),
            )
            await body(Operations(authority, server, calls, events))

    asyncio.run(main())


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.usecase("W4", "W9")
def test_an_installer_pairs_enrols_and_unpairs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def body(hub: Operations) -> None:
        text = hub.described(with_servers=True)
        paired = await hub.pair(text)
        assert paired.enrolment is Enrolment.NEEDED
        assert paired.fingerprint.replace("-", " ") == descriptors.printed_fingerprint(text)
        password = hub.server.one_time_password(HUB)
        enrolled = await hub.call(api.EnrolProvider(sp_id="evc_sp", user=HUB, password=password))
        assert enrolled.enrolment is Enrolment.VALID
        assert await hub.call(api.ListProviders()) == (enrolled,)
        assert password not in redacted(f"{password} {base64.b64encode(f'{HUB}:{password}'.encode()).decode()}")
        assert all(password not in redacted(record.getMessage()) for record in caplog.records)
        stored = everything_in(tmp_path)
        assert password.encode() not in stored
        assert b"PRIVATE" not in stored
        await hub.call(api.UnpairProvider(sp_id="evc_sp"))
        assert await hub.call(api.ListProviders()) == ()
        assert list((tmp_path / "certificates").iterdir()) == []
        assert hub.events == [("paired", "evc_sp"), ("certificate", "evc_sp"), *GONE]

    with_operations(tmp_path, body)
    assert [row.kind for row in audit.read_rows(tmp_path)] == ["provider_paired", "provider_unpaired"]


@pytest.mark.usecase("W4")
def test_nothing_is_paired_before_the_fingerprint_is_right(tmp_path: Path) -> None:
    async def body(hub: Operations) -> None:
        text, other = hub.described(), hub.described()
        view = await hub.call(api.ReadDescriptor(text=other))
        for fingerprint in ("", view.fingerprint):
            with pytest.raises(WrongState, match="compare"):
                await hub.call(api.PairProvider(text=text, fingerprint=fingerprint))
        with pytest.raises(SettingsInvalid):
            await hub.call(api.PairProvider(text="{}", fingerprint=""))
        assert await hub.call(api.ListProviders()) == ()
        assert hub.events == []

    with_operations(tmp_path, body)


@pytest.mark.usecase("W8")
def test_another_company_does_not_inherit_what_was_agreed_with_the_one_before(tmp_path: Path) -> None:
    async def body(hub: Operations) -> None:
        await hub.pair(hub.described())
        # New keys of the same company.
        await hub.pair(hub.described())
        assert hub.events == [("paired", "evc_sp")] * 2
        hub.events.clear()
        await hub.pair(hub.described(name="Another provider", ae_id="Canother"))
        assert hub.events == [*GONE, ("paired", "evc_sp")]
        assert [provider.name for provider in await hub.call(api.ListProviders())] == ["Another provider"]

    with_operations(tmp_path, body)


@pytest.mark.usecase("W9")
def test_a_certificate_is_signed_by_hand_and_brought_in(tmp_path: Path) -> None:
    async def body(hub: Operations) -> None:
        await hub.pair(hub.described())
        request = await hub.call(api.GetCertificateRequest(sp_id="evc_sp"))
        pem = hub.authority.sign_request(request.encode(), HUB).decode()
        imported = await hub.call(api.ImportCertificate(sp_id="evc_sp", pem=pem))
        assert imported.enrolment is Enrolment.VALID
        assert hub.events[-1] == ("certificate", "evc_sp")
        foreign = StreetAuthority().sign_request(request.encode(), HUB).decode()
        with pytest.raises(SettingsInvalid):
            await hub.call(api.ImportCertificate(sp_id="evc_sp", pem=foreign))
        with pytest.raises(NotSupported, match="certificate request"):
            await hub.call(api.EnrolProvider(sp_id="evc_sp", user=HUB, password="once"))

    with_operations(tmp_path, body)


def test_what_is_not_paired_is_said_so(tmp_path: Path) -> None:
    async def body(hub: Operations) -> None:
        calls: tuple[api.Call[Any], ...] = (
            api.UnpairProvider(sp_id="fleet"),
            api.EnrolProvider(sp_id="fleet", user=HUB, password="once"),
            api.GetCertificateRequest(sp_id="../../etc/passwd"),
            api.ImportCertificate(sp_id="fleet", pem=""),
        )
        for call in calls:
            with pytest.raises(NotFound):
                await hub.call(call)
        assert await hub.call(api.GetHubCard()) == "{}"
        assert hub.events == []

    with_operations(tmp_path, body)
