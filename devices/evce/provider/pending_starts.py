"""Charging profiles that came with a remote start, until its transaction begins (K05)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.evce.provider.charging_profile import Profile

WAITS_FOR = timedelta(minutes=10)
"""A start whose car never came."""
_MOST = 8


@dataclass(frozen=True, slots=True)
class _Pending:
    start_id: int | None
    profile: Profile
    anywhere: bool


class PendingStarts:
    """At most one per start; of 1.6, which has no ids for them, one per connector."""

    def __init__(self) -> None:
        self._waiting: list[_Pending] = []

    def add(self, start_id: int | None, profile: Profile, *, anywhere: bool) -> None:
        """Keep the profile of a start.

        Args:
            start_id: remoteStartId, None in 1.6.
            profile: for its transaction.
            anywhere: the station chooses the EVSE.
        """
        self.forget(start_id)
        self._waiting = [*self._waiting[1 - _MOST :], _Pending(start_id, profile, anywhere)]

    def forget(self, start_id: int | None) -> None:
        """It was not started."""
        self._waiting = [pending for pending in self._waiting if pending.start_id != start_id]

    def clear(self) -> None:
        """None of them counts any more."""
        self._waiting = []

    def take(self, start_id: int, now: datetime) -> Profile | None:
        """The profile of the start with this id."""
        return self._take([pending for pending in self._waiting if pending.start_id == start_id], now)

    def take_next(self, evse: int, now: datetime) -> Profile | None:
        """1.6: the profile for the transaction that has begun at a connector."""
        fitting = [pending for pending in self._waiting if pending.start_id is None]
        return self._take([one for one in fitting if one.anywhere or one.profile.evse == evse], now)

    def _take(self, fitting: list[_Pending], now: datetime) -> Profile | None:
        self._waiting = [pending for pending in self._waiting if pending not in fitting]
        fresh = [pending.profile for pending in fitting if now - pending.profile.installed_at <= WAITS_FOR]
        return fresh[-1] if fresh else None
