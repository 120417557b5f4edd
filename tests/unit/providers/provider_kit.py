"""A provider behind a mailbox, with everything around it made by hand."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

from homeapp.model.consent import DataClass
from homeapp.model.health import HealthAlert, PartOrder
from homeapp.model.live import LinkState
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferInterval, OfferKind, Receipt
from homeapp.model.tariff import Tariff
from homeapp.ports import DecisionMessage
from homeapp.providers.evc_sp import EvcSp
from homeapp.providers.fleet import Fleet
from homeapp.providers.jose import HubSigner
from homeapp.providers.onem2m.resources import Mailbox
from homeapp.providers.peer import Peer
from homeapp.providers.pev_sp import PevSp
from homeapp.providers.sealing import HubUnsealer
from homeapp.providers.service_provider import ServiceProvider
from kit.clocks import StandingClock

KEY = ECKey.generate_key("P-256")
ENC_KEY = ECKey.generate_key("P-256")
HUB_KEY = ECKey.generate_key("P-256")
HUB_ENC_KEY = ECKey.generate_key("P-256")
EVERYTHING = ("offer", "offer-cancel", "receipt", "defect", "order-status", "keys")
Kind = type[EvcSp] | type[PevSp] | type[Fleet]
START = datetime(2026, 1, 15, 12, tzinfo=UTC)


class Store:
    """What survives the death of the hub: ids that were seen."""

    def __init__(self) -> None:
        self.ids: set[tuple[str, str]] = set()


class RecordingInbox:
    """A ProviderInbox that notes what it is told, and can be made to fail."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.told: list[Any] = []
        self.failure: Exception | None = None

    def _note(self, what: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.told.append(what)

    async def tariff(self, sp_id: str, tariff: Tariff) -> None:
        raise AssertionError

    async def offer(self, offer: Offer) -> None:
        self._note(("offer", offer.sp_id, offer.offer_id, offer.revision))

    async def withdrawn(self, sp_id: str, offer_id: str) -> None:
        self._note(("withdrawn", sp_id, offer_id))

    async def receipt(self, receipt: Receipt) -> None:
        self._note(("receipt", receipt.decision_id, receipt.confirmed))

    async def health(self, alert: HealthAlert) -> None:
        self._note(("health", alert.sp_id, alert.alert_id))

    async def part_order(self, order: PartOrder) -> None:
        self._note(("order", order.sp_id, order.order_id, order.status))

    async def seen(self, sp_id: str, message_id: str, expires_at: datetime) -> bool:
        known = (sp_id, message_id) in self.store.ids
        self.store.ids.add((sp_id, message_id))
        return known

    def rejected(self, sp_id: str, code: str, sentence: str) -> None:
        assert sentence.endswith(".")
        self.told.append(("rejected", code))

    def link(self, sp_id: str, state: LinkState, problem: str | None = None) -> None:
        self.told.append(("link", state, problem))

    @property
    def acts(self) -> list[Any]:
        return [what for what in self.told if what[0] != "link"]


class FakePost:
    """Answers with one status and keeps what was sent."""

    def __init__(self) -> None:
        self.status = 2001
        self.sent: list[tuple[str, str, str, str]] = []
        self.erased: list[Collection[DataClass]] = []
        self.catch_ups = 0

    async def create_content(
        self, mailbox: Mailbox, data_class: DataClass, name: str, content: str, content_format: str
    ) -> int:
        self.sent.append((mailbox.container(data_class), name, content, content_format))
        return self.status

    async def erase(self, mailbox: Mailbox, data_classes: Collection[DataClass]) -> None:
        self.erased.append(data_classes)

    def catch_up(self, mailbox: Mailbox) -> None:
        self.catch_ups += 1


def public(key: ECKey, use: str) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items()} | {"use": use}


def peer(**changes: Any) -> Peer:
    known = {
        "name": "EVC provider",
        "ae_id": "Csp",
        "hub_ae_id": "Chub-0001",
        "keys": (public(KEY, "sig"), public(ENC_KEY, "enc")),
        "purposes": EVERYTHING,
        "data": (DataClass.IDENTITY, DataClass.METERING),
    }
    return Peer(**{**known, **changes})


async def keys_are_kept(sp_id: str, keys: tuple[dict[str, str], ...], until: datetime) -> None:
    pass


def provider(
    kind: Kind = EvcSp, post: FakePost | None = None, clock: StandingClock | None = None, **changes: Any
) -> ServiceProvider:
    known = peer(**changes)
    return kind(
        mailbox=Mailbox(sp_id=kind.SP_ID, ae_id="Csp", label=kind.LABEL, data=known.data),
        peer=known,
        post=post or FakePost(),
        signer=HubSigner(HUB_KEY.as_pem(private=True).decode()),
        unsealer=HubUnsealer(HUB_ENC_KEY.as_pem(private=True).decode()),
        clock=clock or StandingClock(START),
        keys_changed=keys_are_kept,
    )


def signed(typ: str, jti: str = "m-1", key: ECKey = KEY, life_s: int = 3600, **body: Any) -> str:
    issued = int(START.timestamp())
    claims = {"iss": "Csp", "aud": "Chub-0001", "jti": jti, "iat": issued, "exp": issued + life_s, **body}
    header = {"alg": "ES256", "kid": key.thumbprint(), "typ": typ}
    return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["ES256"])


async def while_running(
    subject: ServiceProvider, inbox: RecordingInbox, body: Callable[[], Awaitable[None]]
) -> BaseException | None:
    """Run ``body`` beside the provider; what ended the provider, or None where it had to be cancelled."""
    task = asyncio.create_task(subject.run(inbox))
    await asyncio.sleep(0)
    await body()
    task.cancel()
    result = (await asyncio.gather(task, return_exceptions=True))[0]
    return None if isinstance(result, asyncio.CancelledError) else result


def decision(not_after: datetime) -> DecisionMessage:
    asked = Offer(
        offer_id="o-1",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=START,
        expires_at=START + timedelta(hours=1),
        intervals=(OfferInterval(start=START + timedelta(hours=2), end=START + timedelta(hours=3), setpoint_w=-3000),),
        title="Feed",
    )
    made = Decision(
        decision_id="dec-1",
        offer_key=asked.key,
        offer_revision=1,
        offer_digest=asked.digest(),
        choice=Choice.ACCEPT,
        decided_at=START,
        decided_by="owner",
    )
    return DecisionMessage(decision=made, offer=asked, not_after=not_after)
