"""The charging profiles in a station, and what all of them together permit; pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from homeapp.demo.charger.charging_profile import Profile, ProfileRefused, Purpose
from homeapp.demo.charger.composite import Choice, Composite, Situation, Wiring, combine
from homeapp.demo.charger.profile_reader import parse_profile, updated
from homeapp.demo.charger.schedule_time import changes, outlived, overlap, period_now
from homeapp.demo.ocpp.schemas import Json, Version

MAX_PROFILES = 20
_MOST_PERIODS = 1024
_PASSING = (Purpose.TX, Purpose.LOCAL)


class InstalledProfiles:
    """The profiles.

    Args:
        version: whose rules hold.
        wiring: the station's circuit.
        most: how many fit in.
    """

    def __init__(self, version: Version, wiring: Wiring, most: int = MAX_PROFILES) -> None:
        self._version = version
        self._wiring = wiring
        self._most = most
        self._profiles: list[Profile] = []

    def __len__(self) -> int:
        return len(self._profiles)

    def __iter__(self) -> Iterator[Profile]:
        return iter(tuple(self._profiles))

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
        if len(others) >= self._most:
            raise ProfileRefused("TooManyElements", f"more than {self._most} profiles")
        self._profiles = [*others, profile]

    def update(self, profile_id: int, values: Json, at: datetime) -> None:
        """Give a dynamic profile new values (2.1, K28).

        Raises:
            ProfileRefused: there is no such profile, it is of another kind, or the values break a rule.
        """
        found = next((profile for profile in self._profiles if profile.profile_id == profile_id), None)
        if found is None:
            raise ProfileRefused("NotFound", "no such profile")
        fresh = updated(self._version, found, values, at)
        self._profiles = [fresh if profile is found else profile for profile in self._profiles]

    def select(
        self,
        *,
        profile_ids: Sequence[int] | None = None,
        evse: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> list[Profile]:
        """What matches: the ids alone, or all of the others that are given."""

        def matches(profile: Profile) -> bool:
            if profile_ids is not None:
                return profile.profile_id in profile_ids
            wanted = ((evse, profile.evse), (purpose, profile.purpose), (stack_level, profile.stack_level))
            return all(want is None or want == have for want, have in wanted)

        return [profile for profile in self._profiles if matches(profile)]

    def clear(
        self,
        *,
        profile_id: int | None = None,
        evse: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Remove what matches: the id alone, or all of the others that are given; returns how many."""
        ids = None if profile_id is None else (profile_id,)
        gone = self.select(profile_ids=ids, evse=evse, purpose=purpose, stack_level=stack_level)
        self._profiles = [profile for profile in self._profiles if profile not in gone]
        return len(gone)

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
            profile for profile in self._profiles if not (profile.ends_offline and outlived(profile, seconds))
        ]
        return before - len(self._profiles)

    def restart(self) -> None:
        """Keep what outlives a restart: all in 1.6 (errata 3.37), MAX, TX_DEFAULT and PRIORITY in 2.x (K01.FR.27)."""
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
        return combine(
            self._wiring,
            self._own(evse, situation),
            self._best(Purpose.MAX, evse, situation),
            self._best(Purpose.LOCAL, evse, situation),
            may_feed=situation.may_feed,
        )

    def schedule(self, evse: int, situation: Situation, duration_s: int) -> list[tuple[int, Composite]]:
        """What will hold from now on, each with its begin in seconds from now."""
        end = situation.now + timedelta(seconds=duration_s)
        offsets = {0}
        for profile in self._profiles:
            for instant in changes(profile, situation, end):
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
        return self._version is Version.V16 or profile.purpose not in _PASSING

    def _collide(self, one: Profile, other: Profile) -> bool:
        if (one.purpose, one.stack_level) != (other.purpose, other.stack_level):
            return False
        if one.purpose is Purpose.TX:
            return one.transaction_id == other.transaction_id
        if self._version is Version.V16:
            return one.evse == other.evse
        # K01.FR.52, .53: a TxDefaultProfile of the station and one of an EVSE collide too.
        return (one.evse == other.evse or 0 in (one.evse, other.evse)) and overlap(one, other)

    def _own(self, evse: int, situation: Situation) -> Choice | None:
        priority = self._best(Purpose.PRIORITY, evse, situation) if situation.priority else None
        if priority is not None:
            return priority
        return self._best(Purpose.TX, evse, situation) or self._best(Purpose.TX_DEFAULT, evse, situation)

    def _best(self, purpose: Purpose, evse: int, situation: Situation) -> Choice | None:
        if evse == 0 and purpose is not Purpose.MAX:
            return None
        if purpose is Purpose.TX and (situation.transaction_id is None or not situation.heeds_tx):
            return None
        profiles: Iterable[Profile] = self._profiles
        if purpose is Purpose.TX_DEFAULT and situation.defaults is not None:
            profiles = situation.defaults
        found: list[Choice] = []
        for profile in profiles:
            if profile.purpose is not purpose or profile.evse not in (0, evse):
                continue
            if purpose is Purpose.TX and profile.transaction_id != situation.transaction_id:
                continue
            period = period_now(profile, situation)
            if period is not None:
                found.append((profile, period))
        return max(found, key=lambda choice: (choice[0].stack_level, choice[0].evse), default=None)
