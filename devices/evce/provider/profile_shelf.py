"""Which charging profiles may stand beside each other, which ones a filter means, and how they are kept; pure."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from devices.evce.fields import FieldError, Payload, instant, items, mapping, plain, text, whole
from devices.evce.provider.charging_profile import Kind, Profile, ProfileRefused, Purpose
from devices.evce.provider.profile_reader import read_profile
from devices.evce.schemas import Version

logger = logging.getLogger(__name__)

MOST_PROFILES = 64
MOST_PERIODS_IN_ALL = 2048

Shelf = tuple[Profile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Profiles that match all of what is not None.

    Attributes:
        ids: where given, purpose and stack level do not count (K09.FR.03).
    """

    ids: tuple[int, ...] = ()
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None

    def means(self, profile: Profile) -> bool:
        """Whether a profile is one of them."""
        if self.ids:
            return profile.profile_id in self.ids and self.evse in (None, profile.evse)
        wanted = ((self.evse, profile.evse), (self.purpose, profile.purpose), (self.stack_level, profile.stack_level))
        return all(want is None or want == have for want, have in wanted)


def placed(shelf: Shelf, profile: Profile) -> Shelf:
    """The shelf with ``profile`` on it, in the place of one with its id (K01.FR.05).

    Raises:
        ProfileRefused: another one is in its way (K01.FR.06, .39, .52, .53), which 1.6 replaces instead, or there are
            too many.
    """
    others = tuple(other for other in shelf if other.profile_id != profile.profile_id)
    in_the_way = [other for other in others if _collide(other, profile)]
    if in_the_way and profile.version is not Version.V16:
        sentence = f"Profile {in_the_way[0].profile_id} has this purpose and stack level at the same time."
        raise ProfileRefused("DuplicateProfile", sentence)
    others = tuple(other for other in others if other not in in_the_way)
    if len(others) >= MOST_PROFILES:
        raise ProfileRefused("TooManyElements", f"There is room for {MOST_PROFILES} profiles.")
    if sum(len(each.periods) for each in (*others, profile)) > MOST_PERIODS_IN_ALL:
        raise ProfileRefused("TooManyElements", f"There is room for {MOST_PERIODS_IN_ALL} periods in all profiles.")
    return (*others, profile)


def transaction_over(shelf: Shelf, running: str | None) -> Shelf:
    """The shelf without the TxProfiles of other transactions than the one that runs."""
    return tuple(profile for profile in shelf if profile.purpose is not Purpose.TX or profile.transaction_id == running)


def renamed(shelf: Shelf, old: str, new: str) -> Shelf:
    """The shelf after a transaction has got another id."""
    return tuple(
        replace(profile, transaction_id=new) if profile.transaction_id == old else profile for profile in shelf
    )


def updated(profile: Profile, update: Mapping[str, Any], now: datetime) -> Profile:
    """A dynamic profile with the values of an UpdateDynamicSchedule or PullDynamicScheduleUpdate (K28.FR.06, .08).

    Raises:
        ProfileRefused: it is not dynamic (K28.FR.11), or the values break a rule.
    """
    if profile.kind is not Kind.DYNAMIC:
        raise ProfileRefused("InvalidProfile", "This profile is not dynamic (K28.FR.11).")
    schedule = items(profile.payload, "chargingSchedule")[0]
    period = items(schedule, "chargingSchedulePeriod")[0]
    values = {name: value for name, value in update.items() if name != "customData"}
    payload = {
        **profile.payload,
        "dynUpdateTime": now.isoformat(),
        "chargingSchedule": [{**schedule, "chargingSchedulePeriod": [{**period, **values}]}],
    }
    return replace(read_profile(profile.version, profile.evse, payload, now), transaction_id=profile.transaction_id)


def as_reported(profile: Profile) -> Payload:
    """A profile as ReportChargingProfiles tells it."""
    payload = dict(profile.payload)
    if profile.transaction_id is not None and "transactionId" not in payload:
        payload["transactionId"] = profile.transaction_id
    return payload


def surviving(shelf: Shelf) -> Shelf:
    """The profiles of the shelf that have to survive a restart of the hub."""
    return tuple(profile for profile in shelf if profile.survives_restart)


def to_kept(profiles: Iterable[Profile]) -> list[Payload]:
    """What has to survive a restart of the hub, as JSON values."""
    return [
        {
            "version": profile.version.value,
            "evse": profile.evse,
            "installedAt": profile.installed_at.isoformat(),
            "transactionId": profile.transaction_id,
            "profile": dict(profile.payload),
        }
        for profile in profiles
        if profile.survives_restart
    ]


def from_kept(entries: Iterable[Mapping[str, Any]]) -> Shelf:
    """What ``to_kept`` gave; an entry that is not of that form is left out."""
    found: list[Profile] = []
    for entry in entries:
        try:
            found.append(_restored(entry))
        except (ProfileRefused, FieldError, ValueError) as error:
            logger.warning("a kept charging profile cannot be read and is left out: %s", error)
    return tuple(found)


def _restored(entry: Mapping[str, Any]) -> Profile:
    stamp = instant(entry, "installedAt")
    version, evse = Version(text(entry, "version")), whole(entry, "evse")
    profile = read_profile(version, evse, mapping(entry, "profile"), stamp or datetime.fromtimestamp(0, UTC))
    return replace(profile, transaction_id=plain(entry.get("transactionId")) or None)


def in_order(profiles: Sequence[Profile]) -> dict[int, list[Profile]]:
    """Profiles by EVSE."""
    found: dict[int, list[Profile]] = {}
    for profile in sorted(profiles, key=lambda each: (each.evse, each.profile_id)):
        found.setdefault(profile.evse, []).append(profile)
    return found


def _collide(one: Profile, other: Profile) -> bool:
    if (one.purpose, one.stack_level) != (other.purpose, other.stack_level):
        return False
    if one.purpose is Purpose.TX:
        return one.transaction_id == other.transaction_id
    if one.version is Version.V16:
        return one.evse == other.evse
    if one.evse != other.evse:
        # K01.FR.52, .53: whatever their validity
        return 0 in (one.evse, other.evse)
    return _begins_before_end(one, other) and _begins_before_end(other, one)


def _begins_before_end(one: Profile, other: Profile) -> bool:
    return one.valid_from is None or other.valid_to is None or one.valid_from < other.valid_to
