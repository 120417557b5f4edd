"""Which flows a home may have: one moment at a time, also while pairings change."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from homeapp import identity
from homeapp.clock import SystemClock
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.model.consent import DataClass
from homeapp.pairing.descriptor import Pairing, read_descriptor
from homeapp.providers.home_flows import HomeFlows
from homeapp.providers.jose import HubSigner
from homeapp.providers.sealing import HubUnsealer
from homeapp.store.database import Database
from homeapp.store.pairings import Pairings

OPERATOR = StreetAuthority()
HUB = "Chub-0001-evc"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Secrets(dict[str, str]):
    def set(self, name: str, value: str) -> None:
        self[name] = value


KEY_PEM = identity.hub_key_pem(Secrets())


def pairing_of(sp_id: str = "evc_sp") -> Pairing:
    company = Company(
        sp_id=sp_id,
        name="Provider",
        ae_id=f"C{sp_id}",
        signing_key=SigningKey().public_jwk,
        encryption_key=SigningKey().public_jwk,
        hub_ae_id=HUB,
    )
    address = OperatorAddress(broker_host="m2m.example", broker_port=8883, ca_pem=OPERATOR.ca_pem.decode())
    descriptor = read_descriptor(descriptors.descriptor_json(company, address))
    return Pairing(descriptor=descriptor, paired_at=NOW, keys=descriptor.keys)


def in_a_home(directory: Path, body: Callable[[HomeFlows, Pairings, FlowCertificates], Awaitable[None]]) -> None:
    async def admit(sp_id: str, size_bytes: int) -> None:
        raise AssertionError

    async def deliver_again(sp_id: str) -> None:
        raise AssertionError

    async def main() -> None:
        async with Database(directory) as database:
            pairings, certificates = Pairings(database, SystemClock()), FlowCertificates(directory, KEY_PEM)
            flows = HomeFlows(
                pairings=pairings,
                certificates=certificates,
                grid=None,
                signer=HubSigner(KEY_PEM),
                unsealer=HubUnsealer(KEY_PEM),
                clock=SystemClock(),
                allows=lambda _sp_id, data_class: data_class is DataClass.IDENTITY,
                admit=admit,
                old_news=lambda _sp_id, _size_bytes: None,
                deliver_again=deliver_again,
            )
            await body(flows, pairings, certificates)

    asyncio.run(main())


def enrol(certificates: FlowCertificates, pairing: Pairing) -> None:
    csr = certificates.request(pairing.descriptor).encode()
    certificates.bring_in(pairing.descriptor, OPERATOR.sign_request(csr, HUB).decode())


def test_who_asks_while_a_new_pairing_is_being_read_gets_an_answer(tmp_path: Path) -> None:
    async def body(flows: HomeFlows, pairings: Pairings, certificates: FlowCertificates) -> None:
        pairing = pairing_of()
        await pairings.keep(pairing)
        enrol(certificates, pairing)
        reading = asyncio.create_task(flows.refresh("evc_sp"))
        seen = set()
        while not reading.done():
            seen.add(tuple(flows.wanted()))
            await asyncio.sleep(0)
        await reading
        assert seen == {()}
        assert set(flows.wanted()) == {"evc_sp"}

    in_a_home(tmp_path, body)
