"""The fail-safe value: what holds once an operator that has imposed a limit is out of reach.

After the EEBUS use case "Limitation of Power Consumption": when the heartbeat is lost the fail-safe value holds for at
least the fail-safe duration, and ends before only by the operator's own word. A limit that the operator has dated
itself goes on by its dates beside it; of two the lower holds.
"""

from dataclasses import dataclass
from enum import StrEnum

HEARTBEAT_S = 120.0
"""An operator that has been silent for so long is out of reach."""


class Reach(StrEnum):
    """How an operator stands."""

    IN_REACH = "in_reach"
    LOST = "lost"
    """out of reach, but not for long, or with no limit in force"""
    FAILSAFE = "failsafe"
    """the fail-safe value holds"""
    OVER = "over"
    """the fail-safe value has held for its duration; the operator is still out of reach"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsafeState:
    """One operator; all times by the monotonic clock, s.

    Attributes:
        lost_at: since when it is out of reach; None in reach.
        begun_at, ends_at: of the fail-safe value; None before it.
    """

    reach: Reach = Reach.IN_REACH
    lost_at: float | None = None
    begun_at: float | None = None
    ends_at: float | None = None


def stepped(
    state: FailsafeState, *, monotonic: float, in_reach: bool, limited: bool, duration_s: float
) -> FailsafeState:
    """The state now; ``limited`` says that a limit of the operator is in force.

    It begins at most once for each time that the operator is lost.
    """
    if in_reach:
        return FailsafeState()
    if state.lost_at is None:
        state = FailsafeState(reach=Reach.LOST, lost_at=monotonic)
    match state.reach:
        case Reach.LOST if limited and monotonic - (state.lost_at or 0.0) >= HEARTBEAT_S:
            return FailsafeState(
                reach=Reach.FAILSAFE,
                lost_at=state.lost_at,
                begun_at=monotonic,
                ends_at=monotonic + duration_s,
            )
        case Reach.FAILSAFE if state.ends_at is not None and monotonic >= state.ends_at:
            return FailsafeState(reach=Reach.OVER, lost_at=state.lost_at, begun_at=state.begun_at)
        case _:
            return state
