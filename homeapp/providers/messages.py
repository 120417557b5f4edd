"""What is inside the signed messages between service providers and the hub, and its mapping to the model.

Everything here has passed the signature; nothing of its content is believed for that: types are strict, numbers finite
and within bounds, texts free of control characters, and unknown members are ignored.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

import msgspec

from homeapp.errors import MessageRejected
from homeapp.model.health import HealthAlert, Severity
from homeapp.model.offer import Binding, Offer, OfferInterval, OfferKind, Receipt, ReceiptLevel
from homeapp.ports import DecisionMessage
from homeapp.providers.jose import VerifiedMessage

MAX_INTERVALS = 500
MAX_POWER_W = 100_000.0
MAX_ENERGY_WH = 1_000_000.0
DECISION_TYPE = "decision+jws"

_DECISION_LIFE = timedelta(days=7)
_YEARS = range(2000, 2200)


class MessageType(StrEnum):
    """``typ`` of what providers send."""

    OFFER = "offer+jws"
    OFFER_CANCEL = "offer-cancel+jws"
    RECEIPT = "receipt+jws"
    DEFECT = "defect+jws"


_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~:+-]{1,64}\Z")]
_Title = Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
_Text = Annotated[str, msgspec.Meta(max_length=2000)]
_Word = Annotated[str, msgspec.Meta(max_length=200)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_Power = Annotated[float, msgspec.Meta(ge=-MAX_POWER_W, le=MAX_POWER_W)]
_Limit = Annotated[float, msgspec.Meta(ge=0, le=MAX_POWER_W)]
_Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
_Energy = Annotated[float, msgspec.Meta(ge=0, le=MAX_ENERGY_WH)]
_Money = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?\Z")]
_Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]


class _Interval(msgspec.Struct, frozen=True):
    start: _Instant
    end: _Instant
    setpoint_w: _Power | None = None
    max_w: _Limit | None = None


class _Offer(msgspec.Struct, frozen=True):
    id: _Id
    revision: Annotated[int, msgspec.Meta(ge=0, le=2**31)]
    kind: Literal["power_feed", "load_shed"]
    binding: Literal["owner_decides"]
    title: _Title
    intervals: Annotated[tuple[_Interval, ...], msgspec.Meta(min_length=1, max_length=MAX_INTERVALS)]
    expires_at: _Instant
    description: _Text = ""
    reward: _Money | None = None
    currency: _Currency | None = None
    min_soc_pct: _Percent | None = None
    max_feed_wh: _Energy | None = None


class _OfferClaims(msgspec.Struct, frozen=True):
    offer: _Offer


class _CancelClaims(msgspec.Struct, frozen=True):
    offer_id: _Id


class _Receipt(msgspec.Struct, frozen=True):
    id: _Id
    decision_id: _Id
    confirmed: bool
    reason: _Word = ""


class _ReceiptClaims(msgspec.Struct, frozen=True):
    receipt: _Receipt


class _Defect(msgspec.Struct, frozen=True):
    id: _Id
    severity: Severity
    title: _Title
    found_at: _Instant
    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{0,16}\Z")] = ""
    advice: _Text = ""
    cleared_at: _Instant | None = None


class _DefectClaims(msgspec.Struct, frozen=True):
    defect: _Defect


def offer(message: VerifiedMessage, *, sp_id: str, sp_name: str, now: datetime) -> Offer:
    """The request in an ``offer+jws``.

    Raises:
        MessageRejected: ``schema``, ``value``, or ``expired`` where it can no longer be answered.
    """
    told = _content(message, _OfferClaims).offer
    _check_texts(told.title, told.description)
    kind = OfferKind(told.kind)
    intervals = tuple(_interval(item, kind) for item in told.intervals)
    if any(later.start < earlier.end for earlier, later in pairwise(intervals)):
        raise _wrong("its times overlap")
    expires_at = _instant(told.expires_at)
    if expires_at > intervals[-1].end:
        raise _wrong("it could be answered after its own end")
    if expires_at <= now:
        raise MessageRejected("expired", "A request came in too late to be answered. Nothing was done with it.")
    if told.reward is not None and told.currency is None:
        raise _wrong("it names a reward without a currency")
    return Offer(
        offer_id=told.id,
        revision=told.revision,
        sp_id=sp_id,
        sp_name=sp_name,
        kind=kind,
        binding=Binding(told.binding),
        issued_at=message.issued_at,
        expires_at=expires_at,
        intervals=intervals,
        title=told.title,
        description=told.description,
        reward=None if told.reward is None else Decimal(told.reward),
        currency="" if told.reward is None else told.currency or "",
        min_soc_pct=_finite(told.min_soc_pct),
        max_feed_wh=_finite(told.max_feed_wh),
    )


def cancelled_offer_id(message: VerifiedMessage) -> str:
    """The id in an ``offer-cancel+jws``.

    Raises:
        MessageRejected: ``schema``.
    """
    return _content(message, _CancelClaims).offer_id


def receipt(message: VerifiedMessage, *, sp_id: str, now: datetime) -> Receipt:
    """The provider's own word in a ``receipt+jws``.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = _content(message, _ReceiptClaims).receipt
    _check_texts(told.reason)
    return Receipt(
        decision_id=told.decision_id,
        sp_id=sp_id,
        level=ReceiptLevel.BUSINESS,
        received_at=now,
        confirmed=told.confirmed,
        reference=told.id,
        reason=told.reason,
    )


def health_alert(message: VerifiedMessage, *, sp_id: str) -> HealthAlert:
    """The defect in a ``defect+jws``.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = _content(message, _DefectClaims).defect
    _check_texts(told.title, told.advice)
    raised_at = _instant(told.found_at)
    cleared_at = None if told.cleared_at is None else _instant(told.cleared_at)
    if cleared_at is not None and cleared_at < raised_at:
        raise _wrong("it reports a repair before the defect")
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


def decision_payload(message: DecisionMessage, *, issuer: str, audience: str, now: datetime) -> bytes:
    """The claims of a ``decision+jws``; it holds until the decision is useless, but for seven days at most."""
    decision = message.decision
    claims = {
        "iss": issuer,
        "aud": audience,
        "jti": decision.decision_id,
        "iat": int(now.timestamp()),
        "exp": int(min(message.not_after, now + _DECISION_LIFE).timestamp()),
        "decision": {
            "id": decision.decision_id,
            "offer_id": message.offer.offer_id,
            "offer_revision": decision.offer_revision,
            "offer_digest": decision.offer_digest,
            "choice": decision.choice,
            "decided_at": decision.decided_at,
            "decided_by": decision.decided_by,
            "reason": decision.reason,
        },
    }
    return msgspec.json.encode(claims)


_T = TypeVar("_T", bound=msgspec.Struct)


def _content(message: VerifiedMessage, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(message.claims, kind)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise MessageRejected(
            "schema", "A message was refused because its content is not as agreed. Nothing was done with it."
        ) from error


def _wrong(because: str) -> MessageRejected:
    return MessageRejected("value", f"A message was refused because {because}. Nothing was done with it.")


def _interval(told: _Interval, kind: OfferKind) -> OfferInterval:
    start, end = _instant(told.start), _instant(told.end)
    setpoint_w, max_w = _finite(told.setpoint_w), _finite(told.max_w)
    if end <= start:
        raise _wrong("one of its times ends before it begins")
    # What the owner is told it is (a feed, less charging) has to be what it does.
    if kind is OfferKind.POWER_FEED and (setpoint_w is None or setpoint_w > 0):
        raise _wrong("it calls itself a power feed but does not ask for one")
    if kind is OfferKind.LOAD_SHED and (max_w is None and setpoint_w is None):
        raise _wrong("it does not say how much power may be used")
    if kind is OfferKind.LOAD_SHED and setpoint_w is not None and setpoint_w < 0:
        raise _wrong("it asks for a power feed without saying so")
    return OfferInterval(start=start, end=end, setpoint_w=setpoint_w, max_w=max_w)


def _instant(told: datetime) -> datetime:
    """In UTC; the edges of the calendar are refused because arithmetic would leave it."""
    if told.year not in _YEARS:
        raise _wrong("one of its times is not of this age")
    return told.astimezone(UTC)


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise _wrong("one of its numbers is not finite")
    return value


_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of writing."""


def _check_texts(*texts: str) -> None:
    """Hidden characters can make a text look like something else than it is."""
    if any(_HIDDEN.search(text) for text in texts):
        raise _wrong("its text contains hidden characters")
