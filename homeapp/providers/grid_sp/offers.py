"""From demand response events to requests for the owner, after the profile ``HOMEAPP_DR_OFFER-1``.

OpenADR 3.1 carries neither reward nor approval, so the profile adds private payload types (Definition, "Private
Strings"): OFFER_EXPIRY, OFFER_BINDING, OFFER_TEXT, REWARD_FIXED, MIN_SOC, MAX_FEED_ENERGY.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from homeapp.model.offer import Binding, Offer, OfferInterval, OfferKind
from homeapp.providers.grid_sp.intervals import TimedInterval, Window, timed_intervals
from homeapp.providers.grid_sp.objects import Event, Program, instant, plain_text, refused

MAX_INTERVALS = 500
MAX_POWER_KW = 100

_PROFILE = re.compile(r"HOMEAPP_DR_OFFER-1\.[0-9]{1,4}\.[0-9]{1,4}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_AROUND = timedelta(days=3660)
"""What holds for ever is read as ten years."""
_MAX_REWARD = Decimal(100_000)
_MAX_ENERGY_KWH = Decimal(1000)
_TITLES = {
    OfferKind.POWER_FEED: "Feed power to the grid",
    OfferKind.LOAD_SHED: "Charge less for a while",
    OfferKind.CAPACITY_LIMIT: "Limit of the grid connection",
}


class _Term(StrEnum):
    SETPOINT = "DISPATCH_SETPOINT"
    LIMIT = "IMPORT_CAPACITY_LIMIT"
    EXPIRY = "OFFER_EXPIRY"
    BINDING = "OFFER_BINDING"
    TEXT = "OFFER_TEXT"
    REWARD = "REWARD_FIXED"
    MIN_SOC = "MIN_SOC"
    MAX_FEED = "MAX_FEED_ENERGY"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSource:
    """What an offer needs to know besides its event.

    Attributes:
        sp_name: the provider's name for people.
        home: identifies this home, so that homes do not all begin at the same instant (randomizeStart).
        known_at: what "now" means in the event.
    """

    sp_id: str
    sp_name: str
    home: str
    known_at: datetime


def follows_profile(program: Program) -> bool:
    """Whether the program's events are requests of the profile that the hub understands."""
    kind = program.attribute("PROGRAM_TYPE")
    return isinstance(kind, str) and _PROFILE.fullmatch(kind) is not None


def is_request(event: Event) -> bool:
    """Whether the event asks for power at all."""
    return event.has(_Term.SETPOINT, _Term.LIMIT)


def read_offer(event: Event, program: Program, source: OfferSource) -> Offer | None:
    """The request in an event; None where it has no length, which is how a server without DELETE cancels it.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    window = Window(source.known_at - _AROUND, source.known_at + _AROUND)
    timed = timed_intervals(event, now=source.known_at, window=window, chance=_chance(source.home, event.event_id))
    if not timed:
        return None
    if len(timed) > MAX_INTERVALS:
        raise refused("value", f"it has more than {MAX_INTERVALS} intervals")
    binding = _binding(event)
    kind = _kind(event, binding)
    if kind is OfferKind.CAPACITY_LIMIT and program.attribute("BINDING_EVENTS") not in (True, "TRUE", "true", "True"):
        raise refused("value", "it calls itself mandatory in a program that is not")
    intervals = tuple(_interval(item, kind, event) for item in timed)
    if any(later.start < earlier.end for earlier, later in pairwise(intervals)):
        raise refused("value", "its times overlap or are out of order")
    reward = _reward(event)
    return Offer(
        offer_id=event.event_id,
        revision=event.revision,
        sp_id=source.sp_id,
        sp_name=source.sp_name,
        kind=kind,
        binding=binding,
        issued_at=event.changed_at or source.known_at,
        expires_at=_expiry(event, binding, intervals),
        intervals=intervals,
        title=event.name or _TITLES[kind],
        description=_description(event),
        reward=reward,
        currency=_currency(event, program) if reward is not None else "",
        min_soc_pct=_min_soc(event),
        max_feed_wh=_max_feed(event) if kind is OfferKind.POWER_FEED else None,
    )


def _chance(home: str, event_id: str) -> float:
    """Evenly spread over homes between -1 and 1, and always the same for the same event."""
    digest = hashlib.sha256(f"{home}/{event_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**63 - 1


def _term(event: Event, term: _Term) -> object:
    """The one value of a term that holds for the whole event, or None.

    Raises:
        MessageRejected: ``value`` where it has several.
    """
    told = [interval.payloads[term] for interval in event.intervals if term in interval.payloads]
    if any(len(values) != 1 or values != told[0] for values in told):
        raise refused("value", f"it states {term} more than once and differently")
    return told[0][0] if told else None


def _number(value: object, most: Decimal, what: str) -> Decimal:
    """``value`` between 0 and ``most``; money may come as a string to keep its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= most:
        raise refused("value", f"its {what} is not a number, or beyond all measure")
    return value


def _binding(event: Event) -> Binding:
    match _term(event, _Term.BINDING):
        case None | "OWNER_DECIDES":
            return Binding.OWNER_DECIDES
        case "MANDATORY":
            return Binding.MANDATORY
        case _:
            raise refused("value", "it does not say clearly whose decision it is")


def _kind(event: Event, binding: Binding) -> OfferKind:
    setpoints = [value for item in event.intervals for value in item.payloads.get(_Term.SETPOINT, ())]
    if binding is Binding.MANDATORY:
        if setpoints:
            raise refused("value", "only a limit of the grid connection can be mandatory")
        return OfferKind.CAPACITY_LIMIT
    if any(isinstance(value, Decimal) and value.is_finite() and value < 0 for value in setpoints):
        return OfferKind.POWER_FEED
    return OfferKind.LOAD_SHED


def _interval(item: TimedInterval, kind: OfferKind, event: Event) -> OfferInterval:
    setpoint_w, limit_w = _power(item, _Term.SETPOINT, event), _power(item, _Term.LIMIT, event)
    if limit_w is not None and limit_w < 0:
        raise refused("value", "it sets a limit below zero")
    if kind is OfferKind.POWER_FEED:
        if setpoint_w is None or setpoint_w > 0:
            raise refused("value", "it asks for power out of the car and for charging at once")
        return OfferInterval(start=item.start, end=item.end, setpoint_w=setpoint_w, max_w=limit_w)
    told = [power for power in (setpoint_w, limit_w) if power is not None]
    if not told:
        raise refused("value", "it does not say how much power may be used")
    return OfferInterval(start=item.start, end=item.end, max_w=min(told))


def _power(item: TimedInterval, term: _Term, event: Event) -> float | None:
    values = item.payloads.get(term)
    if values is None:
        return None
    descriptor = event.descriptors.get(term)
    units = descriptor.units if descriptor is not None and descriptor.units else "KW"
    if units != "KW":
        raise refused("value", "its power is not in kW")
    value = values[0] if len(values) == 1 else None
    if not isinstance(value, Decimal) or not value.is_finite() or value.copy_abs() > MAX_POWER_KW:
        raise refused("value", "its power is not a number, or beyond all measure")
    return float(value * 1000)


def _expiry(event: Event, binding: Binding, intervals: tuple[OfferInterval, ...]) -> datetime:
    """When an answer is too late: as told, else at the start; a mandatory request stands until its end."""
    if binding is Binding.MANDATORY:
        return intervals[-1].end
    told = _term(event, _Term.EXPIRY)
    if told is None:
        return intervals[0].start
    if not isinstance(told, str) or not re.search(r"(?:[Zz]|[+-]\d\d:?\d\d)$", told):
        raise refused("value", "the time for an answer has no zone")
    return min(instant(told), intervals[-1].end)


def _reward(event: Event) -> Decimal | None:
    told = _term(event, _Term.REWARD)
    return None if told is None else _number(told, _MAX_REWARD, "reward")


def _currency(event: Event, program: Program) -> str:
    for descriptors in (event.descriptors, program.descriptors):
        descriptor = descriptors.get(_Term.REWARD)
        if descriptor is not None and _CURRENCY.fullmatch(descriptor.currency):
            return descriptor.currency
    raise refused("value", "it names a reward without a currency")


def _min_soc(event: Event) -> float | None:
    """Percent 0..100. PERCENT is 0..1 in the standard's prose and 0..100 in its guide: read by what fits."""
    told = _term(event, _Term.MIN_SOC)
    if told is None:
        return None
    value = _number(told, Decimal(100), "lowest state of charge")
    descriptor = event.descriptors.get(_Term.MIN_SOC)
    of_one = (descriptor is None or descriptor.units != "PERCENTAGE") and value <= 1
    return float(value * 100 if of_one else value)


def _max_feed(event: Event) -> float | None:
    told = _term(event, _Term.MAX_FEED)
    return None if told is None else float(_number(told, _MAX_ENERGY_KWH, "energy") * 1000)


def _description(event: Event) -> str:
    """The provider's text; terms that the hub cannot honour or show are named, so that nobody agrees to them unseen."""
    told = plain_text(_term(event, _Term.TEXT), 2000)
    unknown = sorted({name for interval in event.intervals for name in interval.payloads} - set(_Term))
    if unknown:
        told = f"{told} Terms that this hub does not support: {', '.join(unknown)[:300]}.".strip()
    return told
