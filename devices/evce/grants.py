"""What a station may draw and feed by all that it has accepted, or may have accepted.

Between a command and its answer either may hold, and an answer that never comes proves nothing. So the most of what is
possible counts until it is certain or has lapsed; the fuse guard relies on that.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One command.

    Attributes:
        limit_w: most charging power, W.
        feed_w: power feed, W >= 0.
        until: when it lapses; None for the floor, which never does.
        of_transaction: it dies with its transaction (K01.FR.09), as a TxProfile does and a TxDefaultProfile does not.
    """

    limit_w: float
    feed_w: float = 0.0
    until: datetime | None = None
    of_transaction: bool = True

    def holds(self, now: datetime) -> bool:
        return self.until is None or self.until > now


class Grants:
    """The accepted command and those whose fate is not known.

    Args:
        floor_w: what holds when nothing else does, W.
    """

    def __init__(self, floor_w: float) -> None:
        self._floor = Grant(limit_w=floor_w)
        self._held: Grant | None = None
        self._open: list[Grant] = []
        self._hidden: list[Grant] = []
        self._excess: Grant | None = None

    @property
    def exceeds(self) -> bool:
        """It does not keep to what it was granted."""
        return self._excess is not None

    def asked(self, grant: Grant, now: datetime) -> None:
        """It is on its way to the station."""
        self._open = [older for older in self._open if older.holds(now)]
        self._hidden = [older for older in self._hidden if older.holds(now)]
        self._open.append(grant)

    def accepted(self, grant: Grant) -> None:
        """The station has taken it; what was asked before it the same way is void, what comes later is still open.

        A TxProfile hides a TxDefaultProfile and does not replace it, so that the one lives on beside the other.
        """
        before = self._open.index(grant) + 1 if grant in self._open else 0
        older = [*self._hidden, *self._open[:before], *self._known()]
        self._hidden = [one for one in older if one.of_transaction is not grant.of_transaction]
        del self._open[:before]
        self._held = grant

    def refused(self, grant: Grant) -> None:
        """The station has certainly not taken it."""
        if grant in self._open:
            self._open.remove(grant)

    def exceeded(self, power_w: float) -> None:
        """The station does not keep to what it was granted: it draws this, or feeds it (< 0), W."""
        self._excess = Grant(limit_w=max(0.0, power_w), feed_w=max(0.0, -power_w))

    def kept(self) -> None:
        """It keeps to it again."""
        self._excess = None

    def floor_is(self, floor_w: float) -> None:
        """Another floor holds from now on when nothing else does, W."""
        floor = Grant(limit_w=floor_w)
        self._held = floor if self._held is self._floor else self._held
        self._floor = floor

    def floor_stands(self, now: datetime) -> None:
        """The station has accepted the floor; what still runs above it goes on."""
        if self._held is None or not self._held.holds(now):
            self._held = self._floor

    def older(self, limit_w: float, until: datetime) -> None:
        """A lease is found in the station that the hub does not remember."""
        self._hidden.append(Grant(limit_w=limit_w, until=until))

    def fall_back(self) -> None:
        """The transaction is over, and its leases with it."""
        lasting = [*self._hidden, *self._open, *self._known()]
        self._hidden = [one for one in lasting if not one.of_transaction]
        self._open.clear()
        self._excess = None
        if self._held is not None:
            self._held = self._floor

    def most(self, now: datetime) -> tuple[float | None, float, datetime | None]:
        """The most charging power, the most power feed, W, and when the last lease ends."""
        possible = self._possible(now) + ([self._excess] if self._excess is not None else [])
        if not possible:
            return None, 0.0, None
        ends = [grant.until for grant in possible if grant.until is not None]
        return max(one.limit_w for one in possible), max(one.feed_w for one in possible), max(ends, default=None)

    def allowed(self, now: datetime) -> tuple[float, float]:
        """The most charging power and power feed, W, that the station may have been granted, whatever it draws."""
        possible = [*self._possible(now), self._floor]
        return max(one.limit_w for one in possible), max(one.feed_w for one in possible)

    def _possible(self, now: datetime) -> list[Grant]:
        possible = [grant for grant in (*self._open, *self._hidden) if grant.holds(now)]
        if self._held is not None:
            possible.append(self._held if self._held.holds(now) else self._floor)
        return possible

    def _known(self) -> list[Grant]:
        """What is held, unless it is the floor, which nothing replaces."""
        return [self._held] if self._held is not None and self._held.until is not None else []
