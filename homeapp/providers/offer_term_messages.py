"""The optional terms of a request in ``offer+jws``: money, protection of the battery, cancellation, unknown ones."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from homeapp.model.offer_terms import (
    BatteryTerms,
    Cancellation,
    Penalty,
    PenaltyBasis,
    Reward,
    RewardBasis,
    WearCompensation,
    WearUnit,
)
from homeapp.providers.fields import Instant, Money, Percent, Title, check_texts, finite, instant, wrong

MAX_RANDOM_S = 3600
_MOST_UNKNOWN = 20
_MEMBER = re.compile(r"[A-Za-z0-9_.-]{1,40}")

Cycles = Annotated[float, msgspec.Meta(gt=0, le=100)]
Region = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?\Z")]
TermsUrl = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^(https://[!-~]+)?\Z")]
RandomSeconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_RANDOM_S)]
Priority = Annotated[int, msgspec.Meta(ge=0, le=1000)]
DataShared = Annotated[tuple[Title, ...], msgspec.Meta(max_length=20)]


class RewardTerms(msgspec.Struct, frozen=True):
    """One of ``rewards``."""

    basis: RewardBasis
    amount: Money
    cap: Money | None = None


class PenaltyTerms(msgspec.Struct, frozen=True):
    """``penalty``."""

    basis: PenaltyBasis
    amount: Money = "0"
    tolerance_pct: Percent = 0.0


class _Wear(msgspec.Struct, frozen=True):
    amount: Money
    per: WearUnit


class BatteryMessage(msgspec.Struct, frozen=True):
    """``battery``."""

    guaranteed_soc_pct: Percent | None = None
    ready_by: Instant | None = None
    max_feed_cycles: Cycles | None = None
    wear_compensation: _Wear | None = None


class CancellationTerms(msgspec.Struct, frozen=True):
    """``cancellation``."""

    provider_until: Instant | None = None
    owner_until: Instant | None = None
    owner_fee: Money | None = None


Rewards = Annotated[tuple[RewardTerms, ...], msgspec.Meta(max_length=10)]


def rewards(told: Iterable[RewardTerms]) -> tuple[Reward, ...]:
    """As the model has them."""
    return tuple(
        Reward(basis=item.basis, amount=Decimal(item.amount), cap=None if item.cap is None else Decimal(item.cap))
        for item in told
    )


def penalty(told: PenaltyTerms | None) -> Penalty | None:
    """As the model has it.

    Raises:
        MessageRejected: ``value``.
    """
    if told is None:
        return None
    return Penalty(basis=told.basis, amount=Decimal(told.amount), tolerance_pct=finite(told.tolerance_pct) or 0.0)


def battery(told: BatteryMessage | None) -> BatteryTerms | None:
    """As the model has it.

    Raises:
        MessageRejected: ``value``.
    """
    if told is None:
        return None
    if (told.guaranteed_soc_pct is None) != (told.ready_by is None):
        raise wrong("it promises a state of charge without saying until when, or the other way round")
    wear = told.wear_compensation
    return BatteryTerms(
        guaranteed_soc_pct=finite(told.guaranteed_soc_pct),
        ready_by=None if told.ready_by is None else instant(told.ready_by),
        max_feed_cycles=finite(told.max_feed_cycles),
        wear_compensation=None if wear is None else WearCompensation(amount=Decimal(wear.amount), per=wear.per),
    )


def cancellation(told: CancellationTerms | None) -> Cancellation | None:
    """As the model has it.

    Raises:
        MessageRejected: ``value``.
    """
    if told is None:
        return None
    return Cancellation(
        provider_until=None if told.provider_until is None else instant(told.provider_until),
        owner_until=None if told.owner_until is None else instant(told.owner_until),
        owner_fee=None if told.owner_fee is None else Decimal(told.owner_fee),
    )


def data_shared(told: tuple[str, ...]) -> tuple[str, ...]:
    """As the model has it.

    Raises:
        MessageRejected: ``value``.
    """
    check_texts(*told)
    return told


def unknown_members(told: object, known: Iterable[str]) -> tuple[str, ...]:
    """Names of members of ``told`` that this hub does not know, sorted; nobody may agree to them unseen."""
    if not isinstance(told, Mapping):
        return ()
    names = sorted({name for name in told if isinstance(name, str)} - set(known))
    shown = [name if _MEMBER.fullmatch(name) else "?" for name in names[:_MOST_UNKNOWN]]
    return tuple(dict.fromkeys(shown))


def random_shift(claims: Mapping[str, Any], offer_id: str, most_s: int) -> timedelta:
    """Evenly spread over homes between minus and plus ``most_s`` s, whole seconds, always the same for this request."""
    digest = sha256(f"{claims.get('aud', '')}/{offer_id}".encode()).digest()
    return timedelta(seconds=round((int.from_bytes(digest[:8], "big") / 2**63 - 1) * most_s))
