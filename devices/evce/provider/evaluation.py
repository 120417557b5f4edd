"""What the provider's charging profiles permit at an instant, and when that changes next; pure.

Within a purpose the highest stack level that has something to say wins (K01.FR.17). Of the purposes the lowest limit
holds: ChargingStationMaxProfile together with PriorityCharging where that is active, else TxProfile, else
TxDefaultProfile (2.1 part 2, K 3.6).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.evce.profiles import StationLimits
from devices.evce.provider.charging_profile import Kind, Mode, Period, Profile, Purpose

_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the profiles' meaning depends on.

    Attributes:
        evse: whose transaction it is about; 0 for the station as a whole.
        transaction_id: of the transaction at the EVSE, or None: then TxDefaultProfiles hold for the coming one
            (K08.FR.06).
        began_at: when that transaction was ready to charge (K01.FR.42), or None.
        offline_since: since when the CSMS has been out of reach, or None.
        priority: priority charging is active for the transaction (K21).
    """

    now: datetime
    evse: int
    transaction_id: str | None = None
    began_at: datetime | None = None
    offline_since: datetime | None = None
    priority: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """What the provider permits.

    Attributes:
        limit_w: most charging power, W; None for no limit.
        feed_w: power that the car is asked to feed, W >= 0; None where nothing is asked.
        phases: that may be used.
        mode: operationMode of the transaction's profile.
        next_change: when to look again, or None for never.
    """

    limit_w: float | None
    feed_w: float | None
    phases: int
    mode: Mode = Mode.CHARGING_ONLY
    next_change: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A time in which a profile lets the car feed.

    Attributes:
        begin: not before now.
        end: or None for no end.
        power_w: asked for, W > 0; None where feeding is only allowed.
    """

    begin: datetime
    end: datetime | None
    power_w: float | None


def evaluate(profiles: Sequence[Profile], limits: StationLimits, when: Circumstances) -> Permitted:
    """What holds at ``when.now``."""
    station = _leading(profiles, Purpose.STATION_MAX, when)
    own = _own(profiles, when)
    found = [leading for leading in (station, own) if leading is not None]
    phases = min([limits.phases, *(period.phases for _, period in found)])
    limit_w: float | None = None
    for profile, period in found:
        watts = _limit_w(profile, period, phases, limits)
        if watts is not None:
            limit_w = watts if limit_w is None else min(limit_w, watts)
    setpoint_w = None if own is None else _setpoint_w(*own, limits)
    if setpoint_w is not None:
        charge_w = max(0.0, setpoint_w)
        limit_w = charge_w if limit_w is None else min(limit_w, charge_w)
    mode = Mode.CHARGING_ONLY if own is None else own[1].mode
    return Permitted(
        limit_w=limit_w,
        feed_w=_feed_w(mode, setpoint_w),
        phases=phases,
        mode=mode,
        next_change=next_change(profiles, when),
    )


def next_change(profiles: Iterable[Profile], when: Circumstances) -> datetime | None:
    """The earliest instant after ``when.now`` at which one of ``profiles`` begins, changes or ends."""
    instants = (instant for profile in profiles for instant in _changes(profile, when) if instant > when.now)
    return min(instants, default=None)


def feeds(profile: Profile, limits: StationLimits, when: Circumstances) -> list[Feed]:
    """When a profile lets the car feed from now on; of a recurring one only the present or coming cycle."""
    found: list[Feed] = []
    for index, period in enumerate(profile.periods):
        setpoint_w = _setpoint_w(profile, period, limits)
        asked_w = -setpoint_w if setpoint_w is not None and setpoint_w < 0 else None
        if asked_w is None and not (period.discharge_limit and not period.mode.is_central):
            continue
        span = _span(profile, index, when)
        if span is not None:
            found.append(Feed(begin=max(span[0], when.now), end=span[1], power_w=asked_w))
    return found


def _span(profile: Profile, index: int, when: Circumstances) -> tuple[datetime, datetime | None] | None:
    """From when until when a period holds next; None where that is over."""
    ends = [period.starts_s for period in profile.periods[index + 1 : index + 2]]
    ends += [seconds for seconds in (profile.duration_s, profile.every_s) if seconds is not None]
    begin = _origin(profile, when) + timedelta(seconds=profile.periods[index].starts_s)
    end = _origin(profile, when) + timedelta(seconds=min(ends)) if ends else None
    if profile.every_s is not None and end is not None and end <= when.now:
        cycles = math.floor((when.now - end).total_seconds() / profile.every_s) + 1
        begin, end = (instant + timedelta(seconds=cycles * profile.every_s) for instant in (begin, end))
    if profile.valid_from is not None:
        begin = max(begin, profile.valid_from)
    if profile.valid_to is not None:
        end = profile.valid_to if end is None else min(end, profile.valid_to)
    over = end is not None and (end <= when.now or end <= begin)
    return None if over else (begin, end)


def outlived(profile: Profile, when: Circumstances) -> bool:
    """The CSMS has been out of reach for longer than the profile allows (K01.FR.101)."""
    if profile.max_offline_s is None or when.offline_since is None:
        return False
    return when.now - when.offline_since > timedelta(seconds=profile.max_offline_s)


def _own(profiles: Sequence[Profile], when: Circumstances) -> tuple[Profile, Period] | None:
    """The profile that holds for the transaction."""
    if when.evse == 0:
        return None
    if when.priority and (leading := _leading(profiles, Purpose.PRIORITY, when)) is not None:
        return leading
    return _leading(profiles, Purpose.TX, when) or _leading(profiles, Purpose.TX_DEFAULT, when)


def _leading(profiles: Sequence[Profile], purpose: Purpose, when: Circumstances) -> tuple[Profile, Period] | None:
    found: list[tuple[Profile, Period]] = []
    for profile in profiles:
        if profile.purpose is not purpose or profile.evse not in (0, when.evse):
            continue
        if purpose is Purpose.TX and (when.transaction_id is None or profile.transaction_id != when.transaction_id):
            continue
        period = _period_at(profile, when)
        if period is not None:
            found.append((profile, period))
    # An EVSE's own profile goes before one for all of them.
    return max(found, key=lambda leading: (leading[0].stack_level, leading[0].evse), default=None)


def _period_at(profile: Profile, when: Circumstances) -> Period | None:
    now = when.now
    if profile.valid_from is not None and now < profile.valid_from:
        return None
    if profile.valid_to is not None and now >= profile.valid_to:
        return None
    if outlived(profile, when):
        return None
    elapsed = now - _origin(profile, when)
    if elapsed < timedelta(0):
        return None
    if profile.every_s is not None:
        elapsed %= timedelta(seconds=profile.every_s)
    if profile.duration_s is not None and elapsed >= timedelta(seconds=profile.duration_s):
        return None
    return next(period for period in reversed(profile.periods) if timedelta(seconds=period.starts_s) <= elapsed)


def _origin(profile: Profile, when: Circumstances) -> datetime:
    """When the schedule begins; a schedule that begins with a transaction that is not there yet begins now."""
    if profile.start is not None:
        return profile.start
    return (when.began_at or when.now) if _begins_with_transaction(profile) else profile.installed_at


def _begins_with_transaction(profile: Profile) -> bool:
    return profile.start is None and profile.kind is not Kind.DYNAMIC and profile.purpose is not Purpose.STATION_MAX


def _changes(profile: Profile, when: Circumstances) -> Iterable[datetime]:
    """Instants after which to look again; some of them may be past."""
    yield from (instant for instant in (profile.valid_from, profile.valid_to) if instant is not None)
    if when.offline_since is not None and profile.max_offline_s is not None:
        # It holds for so long and not beyond.
        yield when.offline_since + timedelta(seconds=profile.max_offline_s) + _SECOND
    if when.began_at is None and _begins_with_transaction(profile):
        return
    begin, every_s = _origin(profile, when), profile.every_s
    if every_s is not None and when.now > begin:
        begin += (when.now - begin) // timedelta(seconds=every_s) * timedelta(seconds=every_s)
    # Whole numbers: a boundary must not be missed for a rounded second.
    passed = (when.now - begin) // _MICROSECOND
    offsets = [0, *(period.starts_s for period in profile.periods)]
    offsets += [seconds for seconds in (profile.duration_s, every_s) if seconds is not None]
    ahead = [offset for offset in offsets if offset * 1_000_000 > passed]
    if ahead:
        yield begin + timedelta(seconds=min(ahead))


def _limit_w(profile: Profile, period: Period, phases: int, limits: StationLimits) -> float | None:
    if period.mode is Mode.IDLE:
        return 0.0
    if period.limit is None:
        return None
    if profile.amperes:
        return period.limit * limits.voltage_v * phases
    return period.limit * phases if period.each_phase else period.limit


def _setpoint_w(profile: Profile, period: Period, limits: StationLimits) -> float | None:
    if not period.mode.is_central or period.setpoint is None:
        return None
    setpoint = period.setpoint
    if period.discharge_limit is not None:
        # V2X.04
        setpoint = max(setpoint, period.discharge_limit)
    return setpoint * limits.voltage_v if profile.amperes else setpoint


def _feed_w(mode: Mode, setpoint_w: float | None) -> float | None:
    if setpoint_w is not None:
        return max(0.0, -setpoint_w)
    return 0.0 if mode is Mode.IDLE else None
