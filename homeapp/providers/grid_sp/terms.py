"""The private terms of an offer: payload types that its profile defines, read into the terms of the model.

Each holds for the whole event, whichever interval states it. Money may come as a string to keep its digits, and has
one currency in the whole offer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

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
from homeapp.providers.grid_sp.objects import Descriptor, Event, Program, instant, plain_text, refused

_CURRENCY = re.compile(r"[A-Z]{3}")
_DIGITS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_ZONED = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)$")
_MOST_MONEY = Decimal(100_000)
_MOST_PER_KWH = Decimal(100)
_MOST_ENERGY_KWH = Decimal(1000)
_MOST_CYCLES = Decimal(100)
_MOST_SHARED = 20


class Term(StrEnum):
    """Private payload types, and the prices that are a reward within an offer."""

    EXPIRY = "OFFER_EXPIRY"
    BINDING = "OFFER_BINDING"
    TEXT = "OFFER_TEXT"
    REWARD = "REWARD_FIXED"
    REWARD_PER_KWH = "EXPORT_PRICE"
    SAVING_PER_KWH = "PRICE"
    PENALTY = "PENALTY_PER_KWH"
    MIN_SOC = "MIN_SOC"
    GUARANTEED_SOC = "GUARANTEED_SOC"
    READY_BY = "READY_BY"
    MAX_FEED = "MAX_FEED_ENERGY"
    MAX_CYCLES = "MAX_FEED_CYCLES"
    WEAR = "WEAR_COMPENSATION"
    CANCEL_UNTIL = "OWNER_CANCEL_UNTIL"
    CANCEL_FEE = "OWNER_CANCEL_FEE"
    DATA_SHARED = "DATA_SHARED"


_MONEY = (
    Term.REWARD,
    Term.REWARD_PER_KWH,
    Term.SAVING_PER_KWH,
    Term.PENALTY,
    Term.WEAR,
    Term.CANCEL_FEE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the members of ``homeapp.model.offer.Offer`` of these names are to be."""

    binding: object = None
    expires_at: datetime | None = None
    description: str = ""
    reward: Decimal | None = None
    currency: str = ""
    min_soc_pct: float | None = None
    max_feed_wh: float | None = None
    rewards: tuple[Reward, ...] = ()
    penalty: Penalty | None = None
    battery: BatteryTerms | None = None
    cancellation: Cancellation | None = None
    data_shared: tuple[str, ...] = ()


def read_terms(event: Event, program: Program) -> Terms:
    """The private terms of an event.

    Raises:
        MessageRejected: ``value`` where one of them cannot be meant.
    """
    told = _Told(event)
    return Terms(
        binding=told.one(Term.BINDING),
        expires_at=told.instant(Term.EXPIRY, "time for an answer"),
        description=plain_text(told.one(Term.TEXT), 2000),
        reward=told.number(Term.REWARD, _MOST_MONEY, "reward"),
        currency=_currency(event, program),
        min_soc_pct=told.percent(Term.MIN_SOC, "lowest state of charge"),
        max_feed_wh=_watt_hours(told.number(Term.MAX_FEED, _MOST_ENERGY_KWH, "energy")),
        rewards=_rewards(event),
        penalty=_penalty(told),
        battery=_battery(told),
        cancellation=_cancellation(told),
        data_shared=_data_shared(event),
    )


class _Told:
    """The values of an event's terms."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def one(self, term: Term) -> object:
        """The value that holds for the whole event, or None."""
        told = [interval.payloads[term] for interval in self._event.intervals if term in interval.payloads]
        if any(len(values) != 1 or values != told[0] for values in told):
            raise refused("value", f"it states {term} more than once and differently")
        return told[0][0] if told else None

    def number(self, term: Term, most: Decimal, what: str) -> Decimal | None:
        told = self.one(term)
        return None if told is None else bounded(told, most, what)

    def percent(self, term: Term, what: str) -> float | None:
        told = self.one(term)
        return None if told is None else percent(told, self._event.descriptors.get(term), what)

    def instant(self, term: Term, what: str) -> datetime | None:
        told = self.one(term)
        if told is None:
            return None
        if not isinstance(told, str) or not _ZONED.search(told):
            raise refused("value", f"the {what} has no zone")
        return instant(told)

    def units(self, term: Term) -> str:
        descriptor = self._event.descriptors.get(term)
        return "" if descriptor is None else descriptor.units


def bounded(value: object, most: Decimal, what: str) -> Decimal:
    """``value`` where it is a number between 0 and ``most``.

    Raises:
        MessageRejected: ``value`` where it is none.
    """
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= most:
        raise refused("value", f"its {what} is not a number, or beyond all measure")
    return value


def percent(value: object, descriptor: Descriptor | None, what: str) -> float:
    """Percent 0..100. PERCENT is 0..1 in the standard's prose and 0..100 in its guide: read by what fits.

    Raises:
        MessageRejected: ``value`` where it is none.
    """
    number = bounded(value, Decimal(100), what)
    of_one = (descriptor is None or descriptor.units != "PERCENTAGE") and number <= 1
    return float(number * 100 if of_one else number)


def _rewards(event: Event) -> tuple[Reward, ...]:
    """Prices within an offer; of several the lowest, which is what the owner gets at least."""
    found: list[Reward] = []
    for term in (Term.REWARD_PER_KWH, Term.SAVING_PER_KWH):
        told = [value for interval in event.intervals for value in interval.payloads.get(term, ())]
        amounts = [bounded(value, _MOST_PER_KWH, "reward") for value in told]
        if amounts:
            descriptor = event.descriptors.get(term)
            if descriptor is not None and descriptor.units not in ("", "KWH"):
                raise refused("value", "its reward is not per kWh")
            found.append(Reward(basis=RewardBasis.PER_KWH, amount=min(amounts)))
    if len(found) > 1:
        raise refused("value", "it states two rewards for the same energy")
    return tuple(found)


def _penalty(told: _Told) -> Penalty | None:
    amount = told.number(Term.PENALTY, _MOST_PER_KWH, "penalty")
    return None if amount is None else Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=amount)


def _battery(told: _Told) -> BatteryTerms | None:
    cycles = told.number(Term.MAX_CYCLES, _MOST_CYCLES, "number of cycles")
    terms = BatteryTerms(
        guaranteed_soc_pct=told.percent(Term.GUARANTEED_SOC, "guaranteed state of charge"),
        ready_by=told.instant(Term.READY_BY, "time at which the car is ready"),
        max_feed_cycles=None if cycles is None else float(cycles),
        wear_compensation=_wear(told),
    )
    return terms if terms != BatteryTerms() else None


def _wear(told: _Told) -> WearCompensation | None:
    amount = told.number(Term.WEAR, _MOST_PER_KWH, "compensation")
    if amount is None:
        return None
    match told.units(Term.WEAR):
        case "" | "KWH":
            return WearCompensation(amount=amount, per=WearUnit.KWH)
        case "CYCLE":
            return WearCompensation(amount=amount, per=WearUnit.CYCLE)
        case _:
            raise refused("value", "its compensation for wear is neither per kWh nor per cycle")


def _cancellation(told: _Told) -> Cancellation | None:
    terms = Cancellation(
        owner_until=told.instant(Term.CANCEL_UNTIL, "time for backing out"),
        owner_fee=told.number(Term.CANCEL_FEE, _MOST_MONEY, "fee"),
    )
    return terms if terms != Cancellation() else None


def _data_shared(event: Event) -> tuple[str, ...]:
    told = [value for interval in event.intervals for value in interval.payloads.get(Term.DATA_SHARED, ())]
    return tuple(dict.fromkeys(text for value in told[:_MOST_SHARED] if (text := plain_text(value, 200))))


def _currency(event: Event, program: Program) -> str:
    """That of all the money in the offer; empty where there is none."""
    terms = [term for term in _MONEY if event.has(term)]
    found = {currency for term in terms if (currency := _of(term, event.descriptors, program.descriptors))}
    if terms and not found:
        raise refused("value", "it names a reward without a currency")
    if len(found) > 1:
        raise refused("value", "it names money in several currencies")
    return next(iter(found), "")


def _of(term: Term, *descriptors: Mapping[str, Descriptor]) -> str:
    for told in descriptors:
        descriptor = told.get(term)
        if descriptor is not None and _CURRENCY.fullmatch(descriptor.currency):
            return descriptor.currency
    return ""


def _watt_hours(kilowatt_hours: Decimal | None) -> float | None:
    return None if kilowatt_hours is None else float(kilowatt_hours * 1000)
