"""A grid operator's server over TLS, and the hub's end of it."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Collection, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homeapp.clock import SharedClock
from homeapp.demo.grid.notifier import MqttNotifier
from homeapp.demo.grid.objects import DrKind, DrOffer
from homeapp.demo.grid.prices import PriceCurve, PriceKind
from homeapp.demo.grid.vtn import VtnOptions
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.identity import public_jwk
from homeapp.model.consent import DataClass
from homeapp.model.health import HealthAlert
from homeapp.model.offer import Choice, Decision, Offer
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp.provider import GridSp
from homeapp.providers.jose import HubSigner
from homeapp.settings import GridSpSettings
from kit.noting_inbox import NotingInbox
from kit.recording_vtn import RecordingVtn

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
SPEED = 20.0
HUB = "Chub-0001"
SECRET = "canary-client-secret"
WITHIN_S = 20.0


class GridInbox(NotingInbox):
    """What a grid operator has no reason to tell fails the test."""

    def open_offers(self, sp_id: str) -> tuple[str, ...]:
        return ()

    async def health(self, alert: HealthAlert) -> None:
        raise AssertionError(alert)

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        raise AssertionError(message_id)


class Street:
    """A VTN, a hub's key and everything that is needed to make its VEN."""

    def __init__(
        self,
        folder: Path,
        *,
        auto_confirm: bool = False,
        kind: PriceKind = PriceKind.NORMAL,
        mqtt: bool = False,
        **options: Any,
    ) -> None:
        self.clock = SharedClock(NOON, time.time(), SPEED)
        self.authority = StreetAuthority()
        if mqtt:
            options["notifier"] = MqttNotifier(folder, self.authority)
        self.ca_file = folder / "vtn-ca.pem"
        self.ca_file.write_bytes(self.authority.ca_pem)
        own_key = key_pem()
        self.signer = HubSigner(own_key)
        self.vtn = RecordingVtn(
            clock=self.clock,
            tls=self.authority.server_context(),
            client_id="ven-0001",
            client_secret=SECRET,
            prices=PriceCurve(kind),
            hub_key=public_jwk(own_key),
            hub_id=HUB,
            auto_confirm=auto_confirm,
            options=VtnOptions(**options),
        )

    def ven(
        self,
        *,
        secret: str = SECRET,
        ca_file: Path | None = None,
        signer: HubSigner | None = None,
        client_id: str = "ven-0001",
        poll_s: float = 1.0,
        agreed: Collection[DataClass] = (),
    ) -> GridSp:
        settings = GridSpSettings(
            name="Grid operator",
            vtn_url=self.vtn.url,
            client_id=client_id,
            ca_file=str(ca_file or self.ca_file),
            poll_s=poll_s,
        )
        return GridSp(
            settings=settings,
            client_secret=secret,
            signer=signer or self.signer,
            hub_id=HUB,
            clock=self.clock,
            allows=lambda data_class: data_class in agreed,
        )

    def offer(self, kind: DrKind = DrKind.LOAD_SHED, power_w: float = 1400.0, **terms: Any) -> DrOffer:
        start = self.clock.now().replace(microsecond=0) + timedelta(hours=3)
        return DrOffer(
            kind=kind,
            start=start,
            end=start + timedelta(hours=2),
            power_w=power_w,
            title="Charge less tonight",
            **terms,
        )

    def count(self, method: str, path: str) -> int:
        return sum((seen.method, seen.path) == (method, path) for seen in self.vtn.history)


def key_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@asynccontextmanager
async def running(body: Coroutine[Any, Any, object]) -> AsyncGenerator[asyncio.Task[object], None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(body)
        try:
            yield task
        finally:
            task.cancel()


@asynccontextmanager
async def serving(street: Street) -> AsyncGenerator[None, None]:
    async with running(street.vtn.run()):
        await street.vtn.started()
        yield
    assert street.vtn.complaints == []


@asynccontextmanager
async def following(ven: GridSp) -> AsyncGenerator[GridInbox, None]:
    inbox = GridInbox()
    async with running(ven.run(inbox)):
        yield inbox


def decision_about(offer: Offer, choice: Choice = Choice.ACCEPT) -> DecisionMessage:
    decision = Decision(
        decision_id=str(uuid.uuid4()),
        offer_key=offer.key,
        offer_revision=offer.revision,
        offer_digest=offer.digest(),
        choice=choice,
        decided_at=offer.issued_at,
        decided_by="owner",
    )
    return DecisionMessage(decision=decision, offer=offer, not_after=offer.end)
