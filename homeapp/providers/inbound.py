"""What providers send besides requests, and its mapping to the model.

Everything here has passed the signature; nothing of its content is believed for that: types are strict, numbers finite
and within bounds, texts free of control characters, and unknown members are ignored.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from homeapp.errors import SettingsInvalid
from homeapp.model.health import HealthAlert, OrderStatus, PartOrder, Severity
from homeapp.model.offer import Receipt, ReceiptLevel
from homeapp.providers.fields import (
    Currency,
    Energy,
    Id,
    Instant,
    OptionalId,
    SignedMoney,
    Text,
    Title,
    Word,
    check_texts,
    content,
    finite,
    instant,
    wrong,
)
from homeapp.providers.jose import VerifiedMessage, signed_claims, verification_key
from homeapp.providers.peer import LONGEST_OVERLAP, Jwk

KEYS_PROOF_TYPE = "keys-proof+jws"
_PROVEN = ("iss", "aud", "jti", "keys")


class MessageType(StrEnum):
    """``typ`` of what providers send."""

    OFFER = "offer+jws"
    OFFER_CANCEL = "offer-cancel+jws"
    RECEIPT = "receipt+jws"
    DEFECT = "defect+jws"
    ORDER_STATUS = "order-status+jws"
    KEYS = "keys+jws"

    @property
    def purpose(self) -> str:
        """As a descriptor names it."""
        return self.removesuffix("+jws")


class _CancelClaims(msgspec.Struct, frozen=True):
    offer_id: Id


class _Settled(msgspec.Struct, frozen=True):
    energy_wh: Energy | None = None
    amount: SignedMoney | None = None
    currency: Currency | None = None


class _Receipt(msgspec.Struct, frozen=True):
    id: Id
    decision_id: Id
    confirmed: bool
    reason: Word = ""
    settled: _Settled | None = None


class _ReceiptClaims(msgspec.Struct, frozen=True):
    receipt: _Receipt


class _Defect(msgspec.Struct, frozen=True):
    id: Id
    severity: Severity
    title: Title
    found_at: Instant
    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{0,16}\Z")] = ""
    advice: Text = ""
    cleared_at: Instant | None = None


class _DefectClaims(msgspec.Struct, frozen=True):
    defect: _Defect


class _Order(msgspec.Struct, frozen=True):
    id: Id
    part: Title
    status: OrderStatus
    updated_at: Instant
    alert_id: OptionalId = ""
    note: Word = ""


class _OrderClaims(msgspec.Struct, frozen=True):
    order: _Order


class _KeysClaims(msgspec.Struct, frozen=True):
    keys: Annotated[tuple[dict[str, str], ...], msgspec.Meta(min_length=2, max_length=2)]
    old_keys_until: Instant
    proof: Annotated[str, msgspec.Meta(max_length=8192)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRollOver:
    """A provider's new keys, one for signatures and one for encryption, the former proven to be its own."""

    keys: tuple[Jwk, Jwk]
    old_keys_until: datetime


def cancelled_offer_id(message: VerifiedMessage) -> str:
    """The id in an ``offer-cancel+jws``.

    Raises:
        MessageRejected: ``schema``.
    """
    return content(message.claims, _CancelClaims).offer_id


def receipt(message: VerifiedMessage, *, sp_id: str, now: datetime) -> Receipt:
    """The provider's own word in a ``receipt+jws``; with ``settled`` it is its account after the end.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = content(message.claims, _ReceiptClaims).receipt
    check_texts(told.reason)
    account = told.settled or _Settled()
    if told.settled is not None and (not told.confirmed or (account.amount is None) != (account.currency is None)):
        raise wrong("its account contradicts itself")
    return Receipt(
        decision_id=told.decision_id,
        sp_id=sp_id,
        level=ReceiptLevel.BUSINESS if told.settled is None else ReceiptLevel.SETTLEMENT,
        received_at=now,
        confirmed=told.confirmed,
        reference=told.id,
        reason=told.reason,
        energy_wh=finite(account.energy_wh),
        amount=None if account.amount is None else Decimal(account.amount),
        currency=account.currency or "",
    )


def health_alert(message: VerifiedMessage, *, sp_id: str) -> HealthAlert:
    """The defect in a ``defect+jws``.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = content(message.claims, _DefectClaims).defect
    check_texts(told.title, told.advice)
    raised_at = instant(told.found_at)
    cleared_at = None if told.cleared_at is None else instant(told.cleared_at)
    if cleared_at is not None and cleared_at < raised_at:
        raise wrong("it reports a repair before the defect")
    return HealthAlert(
        alert_id=told.id,
        sp_id=sp_id,
        code=told.code,
        severity=told.severity,
        title=told.title,
        advice=told.advice,
        raised_at=raised_at,
        cleared_at=cleared_at,
    )


def part_order(message: VerifiedMessage, *, sp_id: str) -> PartOrder:
    """How an order stands, in an ``order-status+jws``.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = content(message.claims, _OrderClaims).order
    check_texts(told.part, told.note)
    return PartOrder(
        order_id=told.id,
        sp_id=sp_id,
        alert_id=told.alert_id,
        part=told.part,
        status=told.status,
        updated_at=instant(told.updated_at),
        note=told.note,
    )


def key_roll_over(message: VerifiedMessage, *, now: datetime) -> KeyRollOver:
    """The new keys in a ``keys+jws``, after the proof that its sender has the new signing key.

    Raises:
        MessageRejected: ``schema``, ``value``, or ``signature`` where the proof fails.
    """
    told = content(message.claims, _KeysClaims)
    old_keys_until = instant(told.old_keys_until)
    if old_keys_until > now + LONGEST_OVERLAP:
        raise wrong("it lets its old keys hold for longer than thirty days")
    by_use = {jwk.get("use"): jwk for jwk in told.keys}
    if set(by_use) != {"sig", "enc"}:
        raise wrong("its new keys are not one for signatures and one for encryption")
    try:
        signing = verification_key(by_use["sig"])
    except SettingsInvalid as error:
        raise wrong("its new key for signatures cannot be used") from error
    proof = signed_claims(told.proof, keys=(signing,), allowed_types=(KEYS_PROOF_TYPE,))
    if any(proof.claims.get(name) != message.claims.get(name) for name in _PROVEN):
        raise wrong("the proof of its new key is about something else")
    return KeyRollOver(keys=(_bare(by_use["sig"]), _bare(by_use["enc"])), old_keys_until=old_keys_until)


def _bare(jwk: Jwk) -> Jwk:
    """Without what is not needed, so that the same key is always told in the same words."""
    if "d" in jwk:
        raise wrong("it gives away a private key")
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "use") if name in jwk}
