"""The providers' side of the demo street with a hub made by hand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from homeapp.clock import SharedClock
from homeapp.demo.operator.broker import BrokerProgram
from homeapp.demo.operator.onem2m_application import (
    Access,
    ContentInstance,
    Onem2mApplication,
    ResourceType,
    Status,
)
from homeapp.demo.operator.providers_side import ProvidersSide
from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.signed_message import Envelope, Expected, SigningKey, verify

HUB = "Chub-0001-evc"
START = datetime(2027, 1, 15, 12, tzinfo=UTC)
WITHIN_S = 25.0


class HandMadeHub:
    """As much of a hub as one provider sees: its AE, its containers, its signature and its seal."""

    def __init__(self, side: ProvidersSide, clock: SharedClock, sp_id: str = "evc_sp") -> None:
        self._clock = clock
        self.provider = side.customers[sp_id]
        self.ae_id = side.hub_ae_ids[sp_id]
        self.base = f"cse-in/{self.ae_id.removeprefix('C')}"
        self.key, self.encryption = SigningKey(), EncryptionKey()
        context = context_of(side, self.ae_id, sp_id)
        self.app = Onem2mApplication(self.ae_id, Access(host=side.broker_host, port=side.broker_port, context=context))
        self.provider.trust_hub(self.key.public_jwk, self.encryption.public_jwk)

    async def furnish(self) -> None:
        await self.app.register()
        code = self.provider.code
        await self.container(f"in{code}", (1, 4))
        await self.container(f"out{code}", (2 + 32, None), (1, 23))
        response = await self.app.subscribe(f"{self.base}/in{code}")
        assert response.status in (Status.CREATED, Status.CONFLICT)

    async def container(self, name: str, *rights: tuple[int, int | None]) -> None:
        """With what the provider may do there: operations, and the kind of child for CREATE."""
        own = {"acor": [self.ae_id], "acop": 63}
        rules: list[dict[str, object]] = [own]
        for operations, child in rights:
            rule: dict[str, object] = {"acor": [self.provider.ae_id], "acop": operations}
            rules.append(rule if child is None else rule | {"acod": [{"chty": [child]}]})
        policy = {"rn": f"acp-{name}", "pv": {"acr": rules}, "pvs": {"acr": [own]}}
        await self.app.ensure(self.base, ResourceType.ACP, {"m2m:acp": policy})
        container = {"rn": name, "acpi": [f"{self.base}/acp-{name}"], "mni": 200}
        await self.app.ensure(self.base, ResourceType.CONTAINER, {"m2m:cnt": container})

    async def message(self) -> ContentInstance:
        async with asyncio.timeout(WITHIN_S):
            return await self.app.notifications.get()

    def read(self, message: ContentInstance, typ: str) -> dict[str, Any]:
        return self.verify(self.encryption.open(message.content), typ)

    def verify(self, compact: str, typ: str) -> dict[str, Any]:
        provider = self.provider
        expected = Expected(typ=typ, issuer=provider.ae_id, audience=self.ae_id, public_jwk=provider.public_jwk)
        return verify(compact, expected, self._clock.now())

    def signed(self, typ: str, message_id: str, body: dict[str, Any], **changes: Any) -> str:
        """Signed, not sealed; ``key`` and the envelope may be changed."""
        key = changes.pop("key", self.key)
        now = self._clock.now()
        envelope = Envelope(
            issuer=self.ae_id,
            audience=self.provider.ae_id,
            issued_at=now,
            expires_at=now + timedelta(hours=3),
            message_id=message_id,
        )
        return str(key.sign(typ, {**replace(envelope, **changes).claims(), **body}))

    def decision(self, offer_id: str, decision_id: str = "d-1", **changes: Any) -> str:
        body = {"id": decision_id, "offer_id": offer_id, "offer_revision": 1, "offer_digest": "0", "choice": "accept"}
        return self.seal(self.signed("decision+jws", decision_id, {"decision": body}, **changes))

    def seal(self, compact: str) -> str:
        return seal(compact, self.provider.encryption_jwk)

    async def say(self, compact: str, name: str, container: str = "") -> int:
        instance = {"m2m:cin": {"rn": name, "cnf": "application/jose:0", "con": compact}}
        to = f"{self.base}/{container or 'out' + self.provider.code}"
        return (await self.app.create(to, ResourceType.CONTENT_INSTANCE, instance)).status


def context_of(side: ProvidersSide, name: str = HUB, sp_id: str = "evc_sp") -> Any:
    """Enrol as a hub does: the key is made here and only a request for a certificate goes out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    certificate = side.enrol_hub(request.public_bytes(serialization.Encoding.PEM), sp_id)
    context = side.authority.client_context()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = side.ca_file.with_name("test-hub.pem")
    path.write_bytes(pem + certificate)
    context.load_cert_chain(path)
    return context


Body = Callable[[ProvidersSide, HandMadeHub, SharedClock], Awaitable[None]]


@contextlib.asynccontextmanager
async def street_in(directory: Path, program: BrokerProgram | None) -> AsyncIterator[tuple[ProvidersSide, SharedClock]]:
    clock = SharedClock(START, time.time(), 60.0)
    async with ProvidersSide(directory / "street", clock, program=program) as side:
        yield side, clock


def on_the_street(directory: Path, body: Body, program: BrokerProgram | None = None, *, sp_id: str = "evc_sp") -> None:
    async def main() -> None:
        async with street_in(directory, program) as (side, clock):
            hub = HandMadeHub(side, clock, sp_id)
            async with hub.app:
                await hub.furnish()
                await body(side, hub, clock)

    asyncio.run(main())
