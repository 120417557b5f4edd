"""From events that ask for power to requests for the owner; the private terms of profiles included."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from homeapp.model.offer import Binding, Offer, OfferInterval, OfferKind
from homeapp.model.offer_terms import BatteryTerms
from homeapp.providers.grid_sp.intervals import TimedInterval, Window, timed_intervals
from homeapp.providers.grid_sp.objects import Event, Program, plain_text, refused
from homeapp.providers.grid_sp.profile import Profile, profile_of
from homeapp.providers.grid_sp.signals import (
    LIMITS,
    Signal,
    charge_state,
    intervals_of,
    kind_of,
    signals_of,
    without_normal_operation,
)
from homeapp.providers.grid_sp.terms import Term, Terms, read_terms

MAX_INTERVALS = 500

AROUND = timedelta(days=3660)
"""What holds for ever is read as ten years."""
_LARGEST_SHIFT = timedelta(days=1)
_MOST_UNSUPPORTED = 20
_TITLES = {
    OfferKind.POWER_FEED: "Feed power to the grid",
    OfferKind.LOAD_SHED: "Charge less for a while",
    OfferKind.CHARGE_BOOST: "Charge more for a while",
    OfferKind.CAPACITY_LIMIT: "Limit of the grid connection",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSource:
    """What an offer needs to know besides its event.

    Attributes:
        sp_name: the provider's name for people.
        home: identifies this home, so that homes do not all begin at the same instant (randomizeStart).
        known_at: what "now" means in the event.
        charger_w: the most that the home's charger can draw, W.
    """

    sp_id: str
    sp_name: str
    home: str
    known_at: datetime
    charger_w: float = 11_000.0


def is_request(event: Event) -> bool:
    """Whether the event asks for power at all."""
    return bool(signals_of(event.intervals))


def read_offer(event: Event, program: Program, source: OfferSource) -> Offer | None:
    """The request in an event; None where it asks for nothing: by its length, as a server without DELETE cancels it,
    or by the level of normal operation.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    window = Window(source.known_at - AROUND, source.known_at + AROUND)
    spread = _chance(source.home, event.event_id)
    timed = without_normal_operation(timed_intervals(event, now=source.known_at, window=window, chance=spread))
    if not timed:
        return None
    if len(timed) > MAX_INTERVALS:
        raise refused("value", f"it has more than {MAX_INTERVALS} intervals")
    profile = profile_of(program)
    terms = read_terms(event, program) if profile.private_terms else Terms()
    binding = _binding(timed, program, terms)
    kind = kind_of(timed, mandatory=binding is Binding.MANDATORY)
    descriptors = {**program.descriptors, **event.descriptors}
    intervals = intervals_of(timed, kind, descriptors, source.charger_w)
    return _offer(event, program, source, _Read(profile, terms, binding, kind, timed, intervals))


@dataclass(frozen=True, slots=True)
class _Read:
    profile: Profile
    terms: Terms
    binding: Binding
    kind: OfferKind
    timed: tuple[TimedInterval, ...]
    intervals: tuple[OfferInterval, ...]


def _offer(event: Event, program: Program, source: OfferSource, read: _Read) -> Offer:
    terms = read.terms
    return Offer(
        offer_id=event.event_id,
        revision=event.revision,
        sp_id=source.sp_id,
        sp_name=source.sp_name,
        kind=read.kind,
        binding=read.binding,
        issued_at=event.changed_at or source.known_at,
        expires_at=_expiry(read, source.known_at),
        intervals=read.intervals,
        title=event.name or _TITLES[read.kind],
        description=terms.description,
        reward=terms.reward,
        currency=terms.currency,
        min_soc_pct=terms.min_soc_pct,
        max_feed_wh=terms.max_feed_wh if read.kind is OfferKind.POWER_FEED else None,
        rewards=terms.rewards,
        penalty=terms.penalty,
        battery=_battery(event, program, read),
        cancellation=terms.cancellation,
        data_shared=terms.data_shared,
        terms_url=program.terms_url,
        priority=event.priority,
        randomize_start=_spread(event, source.known_at),
        region=_region(program),
        unsupported=_unsupported(event, read.profile),
        confirms=read.profile.confirms,
    )


def _chance(home: str, event_id: str) -> float:
    """Evenly spread over homes between -1 and 1, and always the same for the same event."""
    digest = hashlib.sha256(f"{home}/{event_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**63 - 1


def _binding(timed: Iterable[TimedInterval], program: Program, terms: Terms) -> Binding:
    """Whose decision it is: as told, else a pure limit of a binding program is obeyed, and all else asked about."""
    match terms.binding:
        case None:
            signals = signals_of(timed)
            is_limit = bool(signals) and not signals - LIMITS
            return Binding.MANDATORY if is_limit and program.is_binding else Binding.OWNER_DECIDES
        case "OWNER_DECIDES":
            return Binding.OWNER_DECIDES
        case "OPT_OUT":
            return Binding.OPT_OUT
        case "MANDATORY" if program.is_binding:
            return Binding.MANDATORY
        case "MANDATORY":
            raise refused("value", "it calls itself mandatory in a program that is not")
        case _:
            raise refused("value", "it does not say clearly whose decision it is")


def _expiry(read: _Read, known_at: datetime) -> datetime:
    """When an answer is too late: as told, else at the start; at the end where it has begun before it was known.

    A mandatory request stands until its end.
    """
    start, end = read.intervals[0].start, read.intervals[-1].end
    if read.binding is Binding.MANDATORY:
        return end
    if read.terms.expires_at is None:
        return start if start > known_at else end
    return min(read.terms.expires_at, end)


def _battery(event: Event, program: Program, read: _Read) -> BatteryTerms | None:
    """With a state of charge that is asked for: it is what the car has then."""
    if not event.has(Signal.CHARGE_STATE) or not any(Signal.CHARGE_STATE in item.payloads for item in read.timed):
        return read.terms.battery
    due, soc_pct = charge_state(read.timed, {**program.descriptors, **event.descriptors})
    return replace(read.terms.battery or BatteryTerms(), guaranteed_soc_pct=soc_pct, ready_by=due.end)


def _spread(event: Event, known_at: datetime) -> timedelta:
    told = [event.period.randomize_start, *(interval.period.randomize_start for interval in event.intervals)]
    spans = [duration.after(known_at) - known_at for duration in told if duration is not None]
    return min(max(spans, default=timedelta()), _LARGEST_SHIFT)


def _region(program: Program) -> str:
    """ISO 3166-1, or 3166-2 where a part of the country is named."""
    country = plain_text(program.attribute("COUNTRY"), 2).upper()
    part = plain_text(program.attribute("PRINCIPAL_SUBDIVISION"), 6).upper()
    if "-" in part or not part:
        return part or country
    return f"{country}-{part}" if country else ""


def _unsupported(event: Event, profile: Profile) -> tuple[str, ...]:
    """Terms that the hub cannot honour or show, each once and as it came, so that nobody agrees to them unseen."""
    known = {*Signal, *(Term if profile.private_terms else ())}
    found = {
        f"{name}: {', '.join(map(_raw, values))}"
        for interval in event.intervals
        for name, values in interval.payloads.items()
        if name not in known
    }
    return tuple(plain_text(text, 200) for text in sorted(found)[:_MOST_UNSUPPORTED])


def _raw(value: object) -> str:
    if isinstance(value, str | Decimal):
        return str(value)
    return json.dumps(value, default=str, ensure_ascii=False)
