"""A service provider of the street that has a hub for a customer: what it says to it, and what it hears."""

import asyncio
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from homeapp.demo.operator.onem2m_application import Access, ContentInstance
from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.signed_message import Envelope, Expected, SigningKey, type_of, verify
from homeapp.demo.operator.street_application import Direction, StreetApplication
from homeapp.errors import MessageRejected, ProviderRefused
from homeapp.ports import Clock

_MESSAGE_HOLDS = timedelta(days=1)
_LONGEST_LIFE = timedelta(days=7)
_LONGEST_ID = 100
_DECISION = "decision+jws"
_RECORDS = frozenset(
    f"{kind}+jws"
    for kind in (
        "pev-state",
        "charging",
        "charging-parameters",
        "metering",
        "health-report",
        "job-result",
        "location",
    )
)


def rfc3339(moment: datetime) -> str:
    """In UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRecord:
    """A verified record of the home.

    Attributes:
        kind: for example ``metering``.
        at: of when it is, as the hub says.
        fields: all of its content but its id and ``at``.
        arrivals: how many messages have carried it.
    """

    kind: str
    record_id: str
    at: str
    fields: Mapping[str, Any]
    arrivals: int = 1


class HubCorrespondent(StreetApplication):
    """A service provider that writes to one hub and reads what the hub lets it read; all of it signed, and sealed.

    Attributes:
        decisions: by decision id.
        records: what the hub has told of its own accord, in the order of its first arrival.
        objection: a reason to reject decisions with, or None to confirm those about requests that it has made.
        offers: ids of the requests that it has made, in this order.
    """

    sp_id: str
    code: str
    """of its containers at the hub: ``Evc`` for ``inEvc`` and ``outEvc``"""
    data: tuple[str, ...]
    """what it asks consent for"""

    def __init__(self, access: Access, clock: Clock, hub_ae_id: str) -> None:
        super().__init__(access, clock)
        self.decisions: dict[str, KnownDecision] = {}
        self.records: list[ReceivedRecord] = []
        self.objection: str | None = None
        self.offers: list[str] = []
        self._sent: dict[str, str] = {}
        self._hub_ae_id = hub_ae_id
        self._hub_jwk: dict[str, str] | None = None
        self._hub_encryption_jwk: dict[str, str] = {}
        folder = f"cse-in/{hub_ae_id.removeprefix('C')}"
        self._to_hub = f"{folder}/in{self.code}"
        own = [name for name in self.data if name != "identity"]
        self._from_hub = [f"{folder}/{name}" for name in (f"out{self.code}", *own)]
        self._receipts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def trust_hub(self, signing_jwk: Mapping[str, str], encryption_jwk: Mapping[str, str]) -> None:
        """Accept what is signed with the one key from now on, and look for what waits; encrypt to the other one."""
        self._hub_jwk, self._hub_encryption_jwk = dict(signing_jwk), dict(encryption_jwk)
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
        """The compact JWS of ``body`` in ``envelope``, not sealed and not sent."""
        return self._key.sign(typ, {**envelope.claims(), **body})

    def seal(self, compact_jws: str) -> str:
        """The compact JWE around it for the hub.

        Raises:
            ProviderRefused: it does not know the hub's key yet.
        """
        if not self._hub_encryption_jwk:
            raise ProviderRefused(f"{self.name} does not know the hub yet.")
        return seal(compact_jws, self._hub_encryption_jwk)

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

    async def send_offer(self, offer: Mapping[str, object], expires_at: datetime) -> str:
        """Send a request with any members, sound or not; return the message id when it is delivered.

        Args:
            offer: with ``id``; all but ``expires_at``.
            expires_at: when an answer is too late.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        identifier = str(offer.get("id", ""))
        # Known before it is delivered: the answer may be faster than the acknowledgement.
        if identifier not in self.offers:
            self.offers.append(identifier)
        return await self._send("offer+jws", {"offer": {"expires_at": rfc3339(expires_at), **offer}}, expires_at)

    async def cancel_offer(self, offer_id: str) -> str:
        """Take a request back; return the message id when it is delivered.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        return await self._send("offer-cancel+jws", {"offer_id": offer_id})

    async def roll_keys(self, overlap: timedelta = timedelta(days=1)) -> str:
        """Take new keys into use and tell the hub; return the message id when it is delivered.

        Args:
            overlap: for how long the old ones go on to hold.

        Raises:
            ProviderRefused: the system operator does not let it pass.
        """
        signing, encryption = SigningKey(), EncryptionKey()
        keys = [{**signing.public_jwk, "use": "sig"}, {**encryption.public_jwk, "use": "enc"}]
        envelope = self.envelope()
        proven = {name: value for name, value in envelope.claims().items() if name in ("iss", "aud", "jti")}
        body = {
            "keys": keys,
            "old_keys_until": rfc3339(self._clock.now() + overlap),
            "proof": signing.sign("keys-proof+jws", {**proven, "keys": keys}),
        }
        # The hub may seal to the new key as soon as it has heard of it.
        self._encryption_keys.insert(0, encryption)
        message_id = await self._deliver("keys+jws", envelope, body)
        self._key = signing
        return message_id

    async def _send(self, typ: str, body: Mapping[str, object], expires_at: datetime | None = None) -> str:
        return await self._deliver(typ, self.envelope(expires_at), body)

    async def _deliver(self, typ: str, envelope: Envelope, body: Mapping[str, object]) -> str:
        compact = self.seal(self.sign(typ, envelope, body))
        await self._put(self._to_hub, envelope.message_id, compact)
        self._sent[envelope.message_id] = compact
        self._note(Direction.SENT, typ, envelope.message_id)
        return envelope.message_id

    async def _offer(
        self, offer: Mapping[str, object], expires_at: datetime, offer_id: str | None, revision: int
    ) -> str:
        terms = {
            "id": offer_id or f"offer-{uuid.uuid4().hex[:12]}",
            "revision": revision,
            "binding": "owner_decides",
        }
        return await self.send_offer({**offer, **terms}, expires_at)

    def _duties(self) -> list[Coroutine[Any, Any, None]]:
        return [*super()._duties(), self._send_receipts()]

    async def _set_up(self) -> bool:
        await super()._set_up()
        if self._hub_jwk is None:
            return False
        # The hub makes the containers for its data as it sees fit: what is not there yet is looked for again.
        answers_are_read, *_ = [await self._watch(container) for container in self._from_hub]
        return answers_are_read

    def _arrived(self, instance: ContentInstance) -> None:
        typ = "unknown"
        try:
            compact = self._open(instance.content)
            typ = type_of(compact)
            if typ == _DECISION:
                self._take_decision(self._decision(self._verified(compact, typ)))
            elif typ in _RECORDS:
                self._take_record(_record(typ, self._verified(compact, typ)))
            else:
                raise MessageRejected("schema", f"A hub does not send {typ}.")
        except MessageRejected as error:
            self._note(Direction.REJECTED, typ, instance.name, f"{error.code}: {error}")

    def _open(self, content: str) -> str:
        """With the newest key that fits; what came in before a roll-over is sealed to an older one."""
        refusal = MessageRejected("sealed", "There is no key to open it with.")
        for key in self._encryption_keys:
            try:
                return key.open(content)
            except MessageRejected as error:
                refusal = error
        raise refusal

    def _verified(self, compact: str, typ: str) -> dict[str, Any]:
        expected = Expected(typ=typ, issuer=self._hub_ae_id, audience=self.ae_id, public_jwk=self._hub_jwk or {})
        return verify(compact, expected, self._clock.now())

    def _take_decision(self, decision: KnownDecision) -> None:
        known = self.decisions.get(decision.decision_id)
        if known is not None:
            self.decisions[known.decision_id] = replace(known, arrivals=known.arrivals + 1)
            self._note(Direction.REPEATED, _DECISION, known.decision_id)
            return
        self.decisions[decision.decision_id] = decision
        self._note(Direction.RECEIVED, _DECISION, decision.decision_id, decision.choice)
        self._receipts.put_nowait(self._receipt(decision))

    def _take_record(self, record: ReceivedRecord) -> None:
        for place, known in enumerate(self.records):
            if (known.kind, known.record_id) == (record.kind, record.record_id):
                self.records[place] = replace(known, arrivals=known.arrivals + 1)
                self._note(Direction.REPEATED, f"{record.kind}+jws", record.record_id)
                return
        self.records.append(record)
        self._note(Direction.RECEIVED, f"{record.kind}+jws", record.record_id)

    def _decision(self, claims: dict[str, Any]) -> KnownDecision:
        body = claims.get("decision")
        fields = [body.get(name) for name in ("id", "offer_id", "choice")] if isinstance(body, dict) else []
        texts = [value for value in fields if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID]
        if len(texts) != 3:
            raise MessageRejected("schema", "The message has no decision with an id, an offer and a choice.")
        decision_id, offer_id, choice = texts
        confirmed = self.objection is None and offer_id in self.offers
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
        compact = self.sign("receipt+jws", replace(self.envelope(), message_id=receipt_id), body)
        return receipt_id, self.seal(compact)

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


def _record(typ: str, claims: Mapping[str, Any]) -> ReceivedRecord:
    body = claims.get("record")
    fields = dict(body) if isinstance(body, dict) else {}
    record_id, at = fields.pop("id", None), fields.pop("at", None)
    if not isinstance(record_id, str) or not 0 < len(record_id) <= _LONGEST_ID or not isinstance(at, str):
        raise MessageRejected("schema", "The message has no record with an id and a time.")
    return ReceivedRecord(kind=typ.removesuffix("+jws"), record_id=record_id, at=at, fields=fields)
