"""The composite schedule: what all charging profiles of a station together permit at an instant; pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeapp.demo.charger.charging_profile import (
    Period,
    Profile,
    ProfileRefused,
    Purpose,
    parse_profile,
)
from homeapp.demo.charger.ocpp_schemas import Json, Version

MAX_PROFILES = 20
_MOST_PERIODS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The station's own circuit; ``max_current_a`` is per phase."""

    phases: int = 3
    max_current_a: float = 16.0
    voltage_v: float = 230.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the composite depends on besides the profiles.

    Attributes:
        transaction_id: of the transaction at the EVSE, in the version's own words, or None.
        offline_s: for how long the station has been offline.
        may_feed: the car can feed, and this transaction may.
    """

    now: datetime
    transaction_id: str | None = None
    transaction_start: datetime | None = None
    offline_s: float = 0.0
    may_feed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """What holds at an instant.

    Attributes:
        limit_w: most charging power, W.
        setpoint_w: power to keep to, feeding -, W; None where there is only the limit.
        source: purpose of the profile that binds; None where only the station's circuit does.
        governing: TX or TX_DEFAULT, whichever profile holds for the transaction, or None.
        phases: that may be used.
    """

    limit_w: float
    setpoint_w: float | None
    source: Purpose | None
    governing: Purpose | None
    phases: int
    mode: str


class InstalledProfiles:
    """The charging profiles in a station."""

    def __init__(self, version: Version, wiring: Wiring) -> None:
        self._version = version
        self._wiring = wiring
        self._profiles: list[Profile] = []

    def __len__(self) -> int:
        return len(self._profiles)

    def install(self, profile: Profile, transaction_id: str | None) -> None:
        """Add a profile, or replace the one with its id (K01.FR.05).

        Args:
            profile: the new one.
            transaction_id: of the transaction that runs at its EVSE, or None.

        Raises:
            ProfileRefused: there is no such transaction (K01.FR.09, .33), or another profile is in its way
                (K01.FR.06, .39; 1.6 replaces that one instead), or there are too many.
        """
        if profile.purpose is Purpose.TX:
            if transaction_id is None or profile.transaction_id not in (None, transaction_id):
                raise ProfileRefused("TxNotFound", "no such transaction")
            profile = replace(profile, transaction_id=transaction_id)
        others = [other for other in self._profiles if other.profile_id != profile.profile_id]
        in_the_way = [other for other in others if self._collide(other, profile)]
        if in_the_way and self._version is not Version.V16:
            raise ProfileRefused("DuplicateProfile", "another profile has this purpose, stackLevel and time")
        others = [other for other in others if other not in in_the_way]
        if len(others) >= MAX_PROFILES:
            raise ProfileRefused("TooManyElements", f"more than {MAX_PROFILES} profiles")
        self._profiles = [*others, profile]

    def clear(
        self,
        *,
        profile_id: int | None = None,
        evse: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Remove what matches: the id alone, or all of the others that are given; returns how many."""

        def matches(profile: Profile) -> bool:
            if profile_id is not None:
                return profile.profile_id == profile_id
            wanted = ((evse, profile.evse), (purpose, profile.purpose), (stack_level, profile.stack_level))
            return all(want is None or want == have for want, have in wanted)

        before = len(self._profiles)
        self._profiles = [profile for profile in self._profiles if not matches(profile)]
        return before - len(self._profiles)

    def transaction_over(self, transaction_id: str | None) -> None:
        """Forget the TxProfiles of a transaction."""
        self._profiles = [
            profile
            for profile in self._profiles
            if profile.purpose is not Purpose.TX or profile.transaction_id != transaction_id
        ]

    def offline_for(self, seconds: float) -> int:
        """Forget what the station has been offline too long for (invalidAfterOfflineDuration); returns how many."""
        before = len(self._profiles)
        self._profiles = [
            profile for profile in self._profiles if not (profile.ends_offline and _outlived(profile, seconds))
        ]
        return before - len(self._profiles)

    def restart(self) -> None:
        """Keep what outlives a restart: all in 1.6 (errata 3.37), all but TxProfiles in 2.x (K01.FR.27)."""
        self._profiles = [profile for profile in self._profiles if self._lasting(profile)]

    def to_json(self) -> list[Json]:
        """What outlives a restart."""
        return [
            {
                "evse": profile.evse,
                "installedAt": profile.installed_at.isoformat(),
                "transactionId": profile.transaction_id,
                "profile": profile.payload,
            }
            for profile in self._profiles
            if self._lasting(profile)
        ]

    def restore(self, entries: Iterable[Json]) -> None:
        """Take back what ``to_json`` gave.

        Raises:
            ProfileRefused, KeyError, TypeError, ValueError: it is not of that form.
        """
        for entry in entries:
            stamp = datetime.fromisoformat(entry["installedAt"])
            profile = parse_profile(self._version, entry["evse"], entry["profile"], stamp)
            self._profiles.append(replace(profile, transaction_id=entry["transactionId"]))

    def composite(self, evse: int, situation: Situation) -> Composite:
        """What holds for an EVSE, or with 0 for the station as a whole, now."""
        highest = self._best(Purpose.MAX, evse, situation)
        own = self._best(Purpose.TX, evse, situation) or self._best(Purpose.TX_DEFAULT, evse, situation)
        found = [choice for choice in (own, highest) if choice is not None]
        phases = min([self._wiring.phases, *(period.phases for _, period in found)])
        limit_w, source = self._wiring.max_current_a * self._wiring.voltage_v * phases, None
        for profile, period in reversed(found):
            watts = self._limit_w(profile, period, phases)
            # Of equal limits the one nearest to the transaction is named.
            if watts <= limit_w:
                limit_w, source = watts, profile.purpose
        setpoint_w = None if own is None else self._setpoint_w(*own, limit_w, may_feed=situation.may_feed)
        return Composite(
            limit_w=limit_w,
            setpoint_w=setpoint_w,
            source=own[0].purpose if own is not None and setpoint_w is not None else source,
            governing=None if own is None else own[0].purpose,
            phases=phases,
            mode="ChargingOnly" if own is None else own[1].mode,
        )

    def schedule(self, evse: int, situation: Situation, duration_s: int) -> list[tuple[int, Composite]]:
        """What will hold from now on, each with its begin in seconds from now."""
        end = situation.now + timedelta(seconds=duration_s)
        offsets = {0}
        for profile in self._profiles:
            for instant in _changes(profile, situation, end):
                offset = math.ceil((instant - situation.now).total_seconds())
                if 0 < offset < duration_s:
                    offsets.add(offset)
        found: list[tuple[int, Composite]] = []
        for offset in sorted(offsets):
            then = replace(situation, now=situation.now + timedelta(seconds=offset))
            composite = self.composite(evse, then)
            if not found or found[-1][1] != composite:
                found.append((offset, composite))
        return found[:_MOST_PERIODS]

    def _lasting(self, profile: Profile) -> bool:
        return self._version is Version.V16 or profile.purpose is not Purpose.TX

    def _collide(self, one: Profile, other: Profile) -> bool:
        if (one.purpose, one.stack_level) != (other.purpose, other.stack_level):
            return False
        if one.purpose is Purpose.TX:
            return one.transaction_id == other.transaction_id
        if self._version is Version.V16:
            return one.evse == other.evse
        # K01.FR.52, .53: a TxDefaultProfile of the station and one of an EVSE collide too.
        return (one.evse == other.evse or 0 in (one.evse, other.evse)) and _overlap(one, other)

    def _best(self, purpose: Purpose, evse: int, situation: Situation) -> tuple[Profile, Period] | None:
        if evse == 0 and purpose is not Purpose.MAX:
            return None
        if purpose is Purpose.TX and situation.transaction_id is None:
            return None
        found: list[tuple[Profile, Period]] = []
        for profile in self._profiles:
            if profile.purpose is not purpose or profile.evse not in (0, evse):
                continue
            if purpose is Purpose.TX and profile.transaction_id != situation.transaction_id:
                continue
            period = _period_now(profile, situation)
            if period is not None:
                found.append((profile, period))
        return max(found, key=lambda choice: (choice[0].stack_level, choice[0].evse), default=None)

    def _limit_w(self, profile: Profile, period: Period, phases: int) -> float:
        if period.mode == "Idle":
            return 0.0
        if period.limit is None:
            return math.inf
        return period.limit * self._wiring.voltage_v * phases if profile.amperes else period.limit

    def _setpoint_w(self, profile: Profile, period: Period, limit_w: float, *, may_feed: bool) -> float | None:
        if period.mode != "CentralSetpoint" or period.setpoint is None:
            return None
        # Setpoints and discharge limits in A are the sum of the phases, unlike limits.
        to_watts = self._wiring.voltage_v if profile.amperes else 1.0
        most = self._wiring.max_current_a * self._wiring.voltage_v * min(self._wiring.phases, period.phases)
        if period.discharge_limit is not None:
            most = min(most, -period.discharge_limit * to_watts)
        return min(max(period.setpoint * to_watts, -most if may_feed else 0.0), limit_w)


def _outlived(profile: Profile, offline_s: float) -> bool:
    return profile.max_offline_s is not None and offline_s > profile.max_offline_s


def _overlap(one: Profile, other: Profile) -> bool:
    def begins_before_end(first: Profile, second: Profile) -> bool:
        return first.valid_from is None or second.valid_to is None or first.valid_from < second.valid_to

    return begins_before_end(one, other) and begins_before_end(other, one)


def _origin(profile: Profile, situation: Situation) -> datetime:
    if profile.start is not None:
        return profile.start
    if profile.purpose is Purpose.MAX:
        return profile.installed_at
    return situation.transaction_start or situation.now


def _period_now(profile: Profile, situation: Situation) -> Period | None:
    now = situation.now
    if profile.valid_from is not None and now < profile.valid_from:
        return None
    if profile.valid_to is not None and now >= profile.valid_to:
        return None
    if situation.offline_s > 0 and _outlived(profile, situation.offline_s):
        return None
    elapsed_s = (now - _origin(profile, situation)).total_seconds()
    if elapsed_s < 0:
        return None
    if profile.every_s is not None:
        elapsed_s %= profile.every_s
    if profile.duration_s is not None and elapsed_s >= profile.duration_s:
        return None
    return next(period for period in reversed(profile.periods) if period.start_s <= elapsed_s)


def _changes(profile: Profile, situation: Situation, end: datetime) -> Iterable[datetime]:
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
