"""Terms of a request beyond time and power, each of them optional: money, the battery's protection, cancellation."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class RewardBasis(StrEnum):
    """What a reward is paid for."""

    PER_EVENT = "per_event"
    PER_KWH = "per_kwh"
    """fed, or not used where less charging is asked for"""
    PER_HOUR = "per_hour"
    """of being available"""
    PER_CYCLE = "per_cycle"
    """equivalent full cycle of the battery"""
    POINTS = "points"
    """of a scheme of the provider's own, per event; no money"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """One part of what the owner gets, in the request's currency.

    Attributes:
        amount: per unit of ``basis``.
        cap: most that is paid for the whole request, or None.
    """

    basis: RewardBasis
    amount: Decimal
    cap: Decimal | None = None


class PenaltyBasis(StrEnum):
    """What it costs to deliver less than was agreed."""

    PER_KWH_SHORTFALL = "per_kwh_shortfall"
    FIXED = "fixed"
    FORFEIT_REWARD = "forfeit_reward"
    """nothing is paid, and nothing is to pay"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """What the owner loses by delivering less, in the request's currency.

    Attributes:
        amount: per unit of ``basis``; 0 where the reward is forfeited.
        tolerance_pct: part of the energy agreed that may be missing without a penalty, percent.
    """

    basis: PenaltyBasis
    amount: Decimal = Decimal(0)
    tolerance_pct: float = 0.0


class WearUnit(StrEnum):
    """What the wear of the battery is compensated by."""

    KWH = "kwh"
    CYCLE = "cycle"


@dataclass(frozen=True, slots=True, kw_only=True)
class WearCompensation:
    """Paid for what feeding wears off the battery, in the request's currency."""

    amount: Decimal
    per: WearUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryTerms:
    """What the provider promises about the car, besides ``Offer.min_soc_pct`` and ``Offer.max_feed_wh``.

    Attributes:
        guaranteed_soc_pct: state of charge that the car has again at ``ready_by``, or None.
        ready_by: when, or None.
        max_feed_cycles: most equivalent full cycles it will take, or None.
        wear_compensation: or None.
    """

    guaranteed_soc_pct: float | None = None
    ready_by: datetime | None = None
    max_feed_cycles: float | None = None
    wear_compensation: WearCompensation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Until when who may back out, and at what price, in the request's currency.

    Attributes:
        provider_until: afterwards the provider may not take it back any more; None where it says nothing.
        owner_until: until then the owner may back out for nothing; None where it says nothing.
        owner_fee: what backing out later costs, or None.
    """

    provider_until: datetime | None = None
    owner_until: datetime | None = None
    owner_fee: Decimal | None = None
