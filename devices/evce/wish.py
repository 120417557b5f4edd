"""What the hub wants of one transaction on one connection, and when a wish is worth a message."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from devices.evce.grants import Grant
from devices.evce.outlet import Target
from devices.evce.profiles import StationLimits, on_phases
from devices.evce.session import Session
from devices.evce.station_clock import TOLERATED

RISE_A = 0.5
"""A wish for more is passed on from here; one for less at once, as soon as the station can tell the difference."""
FALL_A = 0.1
COARSE_RISE_A = 2.0
COARSE_FALL_A = 0.5
"""The same where each message wears the station's flash memory."""
COARSE_LEASE_S = 600.0
"""Renewed after three quarters of it, so that a charge of a whole day stays within the daily budget of writes."""
FEED_LEASE_S = 60.0
"""A power feed ends within this when the hub is gone."""


class Means(StrEnum):
    """How a wish gets into the station."""

    TX = "tx"
    TX_DEFAULT = "tx_default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One command.

    Attributes:
        limit_w, feed_w: W >= 0.
        phases: to use, or None for all.
        endangers: to exceed it endangers the fuse or breaks a mandatory limit.
        restarts: of the station on this connection.
        at, asked_s: when it was wished, civil and monotonic.
        seconds: how long it holds.
        clock_offset: of the station's clock when it was wished; by another clock it holds at another time.
    """

    limit_w: float
    feed_w: float
    phases: int | None
    endangers: bool
    target: Target
    session: Session
    restarts: int
    at: datetime
    asked_s: float
    seconds: float
    means: Means = Means.TX
    clock_offset: timedelta = timedelta()

    @property
    def until(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    @property
    def grant(self) -> Grant:
        return Grant(
            limit_w=self.limit_w, feed_w=self.feed_w, until=self.until, of_transaction=self.means is Means.TX
        )  # fmt: skip

    @property
    def place(self) -> tuple[Session, int, Target]:
        """Where it holds; anywhere else nothing of it does."""
        return self.session, self.restarts, self.target

    def lapsed(self, now_s: float) -> bool:
        """Its time is over at ``now_s``, s."""
        return now_s - self.asked_s >= self.seconds

    def covers(self, newer: "Wish", limits: StationLimits) -> bool:
        """The newer one says nothing new, and this one need not be renewed yet."""
        renewed_after = 0.75 if self.means is Means.TX_DEFAULT else 0.5
        return self.alike(newer, limits) and newer.asked_s - self.asked_s < self.seconds * renewed_after

    def alike(self, newer: "Wish", limits: StationLimits) -> bool:
        """The newer one asks for about the same at the same place by the same means."""
        if self.place != newer.place or self.means is not newer.means or self.phases != newer.phases:
            return False
        if abs(self.clock_offset - newer.clock_offset) > TOLERATED:
            return False
        if (self.feed_w > 0) is not (newer.feed_w > 0):
            return False
        coarse = self.means is Means.TX_DEFAULT
        more_a = on_phases(limits, self.phases).amperes(newer.limit_w + newer.feed_w - self.limit_w - self.feed_w)
        if newer.limit_w == 0 < self.limit_w:
            return False
        return -(COARSE_FALL_A if coarse else FALL_A) < more_a <= (COARSE_RISE_A if coarse else RISE_A)
