"""When the periods of a charging profile hold; pure."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from homeapp.demo.charger.charging_profile import Period, Profile, Purpose
from homeapp.demo.charger.composite import Situation


def outlived(profile: Profile, offline_s: float) -> bool:
    """The station has been offline for longer than the profile allows (2.1 maxOfflineDuration)."""
    return profile.max_offline_s is not None and offline_s > profile.max_offline_s


def overlap(one: Profile, other: Profile) -> bool:
    """There is an instant at which both are valid."""

    def begins_before_end(first: Profile, second: Profile) -> bool:
        return first.valid_from is None or second.valid_to is None or first.valid_from < second.valid_to

    return begins_before_end(one, other) and begins_before_end(other, one)


def period_now(profile: Profile, situation: Situation) -> Period | None:
    """The period that holds, or None."""
    now = situation.now
    if profile.valid_from is not None and now < profile.valid_from:
        return None
    if profile.valid_to is not None and now >= profile.valid_to:
        return None
    if situation.offline_s > 0 and outlived(profile, situation.offline_s):
        return None
    elapsed_s = (now - _origin(profile, situation)).total_seconds()
    if elapsed_s < 0:
        return None
    if profile.every_s is not None:
        elapsed_s %= profile.every_s
    if profile.duration_s is not None and elapsed_s >= profile.duration_s:
        return None
    return next(period for period in reversed(profile.periods) if period.start_s <= elapsed_s)


def changes(profile: Profile, situation: Situation, end: datetime) -> Iterable[datetime]:
    """Instants at which what the profile says may change, among them all until ``end``."""
    yield from (instant for instant in (profile.valid_from, profile.valid_to) if instant is not None)
    offsets = [period.start_s for period in profile.periods]
    if profile.duration_s is not None:
        offsets.append(profile.duration_s)
    origin, every_s = _origin(profile, situation), profile.every_s
    if every_s is None:
        yield from (origin + timedelta(seconds=offset) for offset in offsets)
        return
    cycle = max(0, math.floor((situation.now - origin).total_seconds() / every_s))
    while origin + timedelta(seconds=cycle * every_s) < end:
        yield from (origin + timedelta(seconds=cycle * every_s + offset) for offset in offsets if offset <= every_s)
        cycle += 1


def _origin(profile: Profile, situation: Situation) -> datetime:
    if profile.dynamic:
        return profile.updated_at
    if profile.start is not None:
        return profile.start
    if profile.purpose is Purpose.MAX:
        return profile.installed_at
    return situation.transaction_start or situation.now
