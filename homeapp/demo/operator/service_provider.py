"""What all applications of the providers' side have in common, and what those share that write to a hub."""

import asyncio
import contextlib
import logging
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from homeapp.demo.operator.onem2m_application import (
    STANDS,
    Access,
    ContentInstance,
    Onem2mApplication,
    ResourceType,
    Status,
)
from homeapp.demo.operator.signed_message import Envelope, Expected, SigningKey, verify
from homeapp.errors import MessageRejected, ProviderError, ProviderRefused, ProviderUnreachable
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

# Seconds of the machine, not of the street: they pace the network.
_PAUSE_S = 1.0
_REVIEW_S = 5.0

_MESSAGE_HOLDS = timedelta(days=1)
_LONGEST_LIFE = timedelta(days=7)
_LONGEST_ID = 100


class Direction(StrEnum):
    """What happened to a message."""

    SENT = "sent"
    RECEIVED = "received"
    REPEATED = "repeated"
    """received again; without effect"""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireEvent:
    """Something that was seen on the wire.

    Attributes:
        at: street time.
        typ: type of the message, for example ``decision+jws``.
        message_id: its ``jti`` where known, else the name of the resource.
        note: a few words for people.
    """

    at: datetime
    direction: Direction
    typ: str
    message_id: str
    note: str = ""


class StreetApplication(ABC):
    """One company's application at the system operator; it repairs its registration and subscriptions by itself.

    Attributes:
        name: for people.
        ae_id: its AE-ID, equal to the common name of its certificate.
        registered: whether the system operator knows it.
        history: the last 500 things seen on the wire, oldest first.
    """

    name: str
    ae_id: str

    def __init__(self, access: Access, clock: Clock) -> None:
        self.registered = False
        self.history: deque[WireEvent] = deque(maxlen=500)
        self._clock = clock
        self._key = SigningKey()
        self._application = Onem2mApplication(self.ae_id, access, self._look_again)
        self._look = asyncio.Event()
        self._news = asyncio.Event()
        self._seen: set[str] = set()

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public key of what it signs, EC P-256."""
        return self._key.public_jwk

    async def run(self) -> None:
        """Stay at work until cancelled.

        Raises:
            ProviderUnreachable: the broker did not let it in at the start; later losses are repaired.
        """
        async with self._application, asyncio.TaskGroup() as group:
            for duty in self._duties():
                group.create_task(duty)

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float) -> None:
        """Return when ``predicate`` holds; it is tried again after all that happens here.

        Args:
            predicate: about this application.
            timeout_s: s of the machine's time.

        Raises:
            TimeoutError: it did not come to hold.
        """
        async with asyncio.timeout(timeout_s):
            while not predicate():
                await self._news.wait()

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        return [self._keep_set_up(), self._take_in()]

    async def _set_up(self) -> bool:
        """Bring everything at the system operator into place; False where something is not there yet."""
        await self._application.register()
        self.registered = True
        self._happened()
        return True

    @abstractmethod
    def _arrived(self, instance: ContentInstance) -> None:
        """Act on a message that has not been seen before."""

    async def _catch_up(self, container: str) -> None:
        """Take in what came while there was no link."""
        for instance in await self._application.contents(container):
            self._take(instance)

    async def _put(self, container: str, name: str, compact: str) -> None:
        """Place a message; keeps trying while there is no link or no container. Idempotent by ``name``.

        Raises:
            ProviderRefused: the system operator does not allow it.
        """
        instance: dict[str, object] = {"rn": name, "cnf": "application/jose:0", "con": compact}
        while True:
            with contextlib.suppress(ProviderUnreachable):
                create = self._application.create
                response = await create(container, ResourceType.CONTENT_INSTANCE, {"m2m:cin": instance})
                if response.status in STANDS:
                    return
                if response.status != Status.NOT_FOUND:
                    raise ProviderRefused(f"{self.name}: {container} takes no message ({response.status}).")
            await asyncio.sleep(_PAUSE_S)

    def _note(self, direction: Direction, typ: str, message_id: str, note: str = "") -> None:
        event = WireEvent(at=self._clock.now(), direction=direction, typ=typ, message_id=message_id, note=note)
        self.history.append(event)
        logger.info("%s: %s %s %s", self.ae_id, direction, typ, message_id)
        self._happened()

    def _happened(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _look_again(self) -> None:
        self._look.set()

    async def _keep_set_up(self) -> None:
        trouble = ""
        while True:
            self._look.clear()
            complete = False
            try:
                complete = await self._set_up()
                trouble = ""
            except ProviderError as error:
                if str(error) != trouble:
                    logger.info("%s: %s", self.ae_id, error)
                trouble = str(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REVIEW_S if complete else _PAUSE_S):
                    await self._look.wait()

    async def _take_in(self) -> None:
        while True:
            self._take(await self._application.notifications.get())

    def _take(self, instance: ContentInstance) -> None:
        if instance.resource_id not in self._seen:
            self._seen.add(instance.resource_id)
            self._arrived(instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDecision:
    """A verified decision of the owner, as the hub relayed it.

    Attributes:
        claims: all of the verified message.
        choice: ``accept``, ``decline``, ``withdraw`` or ``no_response``.
        arrivals: how many messages have carried it; only the first had an effect.
        confirmed: what the provider answered.
    """

    decision_id: str
    offer_id: str
    choice: str
    claims: Mapping[str, Any]
    confirmed: bool
    arrivals: int = 1


class HubCorrespondent(StreetApplication):
    """A service provider that sends signed messages to one hub and takes in its signed decisions.

    Attributes:
        decisions: by decision id.
        objection: a reason to reject decisions with, or None to confirm those about requests that it has made.
    """

    code: str
    """of its containers at the hub: ``Evc`` for ``inEvc`` and ``outEvc``"""

    def __init__(self, access: Access, clock: Clock, hub_ae_id: str) -> None:
        super().__init__(access, clock)
        self.decisions: dict[str, KnownDecision] = {}
        self.objection: str | None = None
        self._offers: set[str] = set()
        self._sent: dict[str, str] = {}
        self._hub_ae_id = hub_ae_id
        self._hub_jwk: dict[str, str] | None = None
        folder = f"cse-in/{hub_ae_id.removeprefix('C')}"
        self._to_hub = f"{folder}/in{self.code}"
        self._from_hub = f"{folder}/out{self.code}"
        self._receipts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def trust_hub(self, jwk: Mapping[str, str]) -> None:
        """Accept decisions that are signed with this key from now on, and look for those that wait."""
        self._hub_jwk = dict(jwk)
        self._look_again()

    def envelope(self, expires_at: datetime | None = None) -> Envelope:
        """A new message id, from this provider to its hub, issued now.

        Args:
            expires_at: or None for a day from now; at most 7 days from now are claimed.
        """
        now = self._clock.now()
        return Envelope(
            issuer=self.ae_id,
            audience=self._hub_ae_id,
            issued_at=now,
            expires_at=min(expires_at or now + _MESSAGE_HOLDS, now + _LONGEST_LIFE),
            message_id=f"{self.code.lower()}-{uuid.uuid4().hex}",
        )

    def sign(self, typ: str, envelope: Envelope, body: Mapping[str, object]) -> str:
        """The compact JWS of ``body`` in ``envelope``, not sent."""
        return self._key.sign(typ, {**envelope.claims(), **body})

    async def send_raw(self, compact: str, name: str | None = None) -> str:
        """Place anything in the hub's inbox, however wrong it is, and return the name it was given there.

        Raises:
            ProviderRefused: the system operator does not allow it.
        """
        name = name or f"raw-{uuid.uuid4().hex}"
        await self._put(self._to_hub, name, compact)
        self._note(Direction.SENT, "raw", name)
        return name

    async def resend(self, message_id: str) -> str:
        """Place a message that was sent before once more, letter by letter, as a new resource; return its name.

        Raises:
            KeyError: no such message was sent.
            ProviderRefused: the system operator does not allow it.
        """
        return await self.send_raw(self._sent[message_id])

    async def _send(self, typ: str, body: Mapping[str, object], expires_at: datetime | None = None) -> str:
        envelope = self.envelope(expires_at)
        compact = self.sign(typ, envelope, body)
        await self._put(self._to_hub, envelope.message_id, compact)
        self._sent[envelope.message_id] = compact
        self._note(Direction.SENT, typ, envelope.message_id)
        return envelope.message_id

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        return [*super()._duties(), self._send_receipts()]

    async def _set_up(self) -> bool:
        await super()._set_up()
        if self._hub_jwk is None or (await self._application.subscribe(self._from_hub)).status not in STANDS:
            return False
        await self._catch_up(self._from_hub)
        return True

    def _arrived(self, instance: ContentInstance) -> None:
        expected = Expected(
            typ="decision+jws", issuer=self._hub_ae_id, audience=self.ae_id, public_jwk=self._hub_jwk or {}
        )
        try:
            decision = self._decision(verify(instance.content, expected, self._clock.now()))
        except MessageRejected as error:
            self._note(Direction.REJECTED, "decision+jws", instance.name, f"{error.code}: {error}")
            return
        known = self.decisions.get(decision.decision_id)
        if known is not None:
            self.decisions[known.decision_id] = replace(known, arrivals=known.arrivals + 1)
            self._note(Direction.REPEATED, "decision+jws", known.decision_id)
            return
        self.decisions[decision.decision_id] = decision
        self._note(Direction.RECEIVED, "decision+jws", decision.decision_id, decision.choice)
        self._receipts.put_nowait(self._receipt(decision))

    def _decision(self, claims: dict[str, Any]) -> KnownDecision:
        body = claims.get("decision")
        fields = [body.get(name) for name in ("id", "offer_id", "choice")] if isinstance(body, dict) else []
        texts = [value for value in fields if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID]
        if len(texts) != 3:
            raise MessageRejected("schema", "The message has no decision with an id, an offer and a choice.")
        decision_id, offer_id, choice = texts
        confirmed = self.objection is None and offer_id in self._offers
        return KnownDecision(
            decision_id=decision_id, offer_id=offer_id, choice=choice, claims=claims, confirmed=confirmed
        )

    def _receipt(self, decision: KnownDecision) -> tuple[str, str]:
        receipt_id = f"rcp-{decision.decision_id}"
        reason = "" if decision.confirmed else self.objection or "unknown request"
        body = {
            "receipt": {
                "id": receipt_id,
                "decision_id": decision.decision_id,
                "confirmed": decision.confirmed,
                "reason": reason,
            }
        }
        return receipt_id, self.sign("receipt+jws", replace(self.envelope(), message_id=receipt_id), body)

    async def _send_receipts(self) -> None:
        while True:
            receipt_id, compact = await self._receipts.get()
            try:
                await self._put(self._to_hub, receipt_id, compact)
            except ProviderRefused as error:
                self._note(Direction.REJECTED, "receipt+jws", receipt_id, str(error))
            else:
                self._sent[receipt_id] = compact
                self._note(Direction.SENT, "receipt+jws", receipt_id)
