"""Which charger carries out an accepted power feed.

The one that the plan is about where its car can; else the first one whose car can; else one that may find out. Whoever
feeds goes on while it can, so that another car that comes changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from homeapp.model.readings import EvceState

_NO_CAR = "The car is not plugged in, so it cannot feed power."
_CANNOT = "The charger or the car cannot feed power; both must support it."
_UNKNOWN_SOC = "The car's state of charge is not known, so your floor cannot be kept."


class Ability(IntEnum):
    """How far a charger and its car are from feeding; the lower the better."""

    ABLE = 0
    MAY_BECOME = 1
    """only within a transaction does a car say whether it can feed and how full it is"""
    AT_FLOOR = 2
    UNABLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One adopted charger.

    Attributes:
        name: what people call it.
        evce: its newest state, or None where it has not come since the hub runs.
        soc_pct: of its car, where it is fresh enough.
    """

    device_id: str
    name: str
    evce: EvceState | None
    soc_pct: float | None


def feed_doubt(evce: EvceState | None, soc_pct: float | None) -> str | None:
    """Why there can be no feed at this charger at the moment, as a sentence; None where there can."""
    if evce is None or not evce.status.car_present:
        return _NO_CAR
    if evce.capabilities is None or not evce.capabilities.can_feed:
        told = evce.capabilities.feed_refusal if evce.capabilities is not None else None
        return told or _CANNOT
    return _UNKNOWN_SOC if soc_pct is None else None


def ability(evce: EvceState | None, soc_pct: float | None, floor_pct: float) -> Ability:
    """How far it is from feeding; below ``floor_pct`` no car feeds."""
    if evce is None or evce.capabilities is None or not evce.status.car_present:
        return Ability.UNABLE
    if soc_pct is not None and soc_pct <= floor_pct:
        return Ability.AT_FLOOR
    if evce.capabilities.can_feed:
        return Ability.ABLE if soc_pct is not None else Ability.MAY_BECOME
    undecided = evce.transaction_id is None and evce.capabilities.charger_can_feed
    return Ability.MAY_BECOME if undecided else Ability.UNABLE


def choose_feeder(
    candidates: Sequence[Candidate], *, primary_id: str | None, present_id: str | None, floor_pct: float, now: datetime
) -> str | None:
    """The id of the charger that carries out the feed that is due.

    Args:
        candidates: the adopted chargers, the one adopted first first.
        primary_id: the one that the plan is about.
        present_id: the one chosen in the cycle before, where a feed was due then.
        floor_pct: below it the car does not feed.
        now: hub clock.
    """

    def place(candidate: Candidate) -> tuple[bool, Ability, bool, bool]:
        present = candidate.device_id == present_id
        # Its feed goes on until the lease ends: two at once would be more than what was agreed to.
        out_of_reach = present and _may_feed_unseen(candidate.evce, now)
        able = ability(candidate.evce, candidate.soc_pct, floor_pct)
        return not out_of_reach, able, not present, candidate.device_id != primary_id

    best = min(candidates, key=place, default=None)
    hopeless = best is None or place(best)[:2] == (True, Ability.UNABLE)
    return primary_id if best is None or hopeless else best.device_id


def others_doubt(candidates: Sequence[Candidate], feeder_id: str | None, floor_pct: float) -> str:
    """Why no other charger can feed either, in words; empty where there is no other one, or one that could."""
    others = [candidate for candidate in candidates if candidate.device_id != feeder_id]
    doubts = [f"“{other.name}”: {doubt}" for other in others if (doubt := _doubt(other, floor_pct)) is not None]
    return " ".join(["Neither can another charger.", *doubts]) if doubts else ""


def at_floor(floor_pct: float) -> str:
    """Why a car that has fed down to its floor feeds no more, as a sentence."""
    return f"The car has reached {floor_pct:.0f} %, below which it never feeds power."


def _doubt(candidate: Candidate, floor_pct: float) -> str | None:
    if ability(candidate.evce, candidate.soc_pct, floor_pct) is Ability.AT_FLOOR:
        return at_floor(floor_pct)
    return feed_doubt(candidate.evce, candidate.soc_pct)


def _may_feed_unseen(evce: EvceState | None, now: datetime) -> bool:
    if evce is None or evce.connected or evce.lease_until is None:
        return False
    return evce.granted_feed_w > 0 and evce.lease_until > now
