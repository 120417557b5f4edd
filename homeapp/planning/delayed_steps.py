"""What a plan sets off at a full quarter of an hour begins and ends a little later, in each home by another time.

All homes plan on the same quarters; what an event of this home alone brings about is not put off.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeapp.model.plan import Plan, PlanSlot, SlotReason

_MAY_BEGIN_LATER = (SlotReason.CHEAP, SlotReason.NO_PRICE, SlotReason.FEED_PLAN)
_MAY_GO_ON = (SlotReason.WAIT_CHEAPER, SlotReason.IDLE)


class DelayedSteps:
    """Says which slot of the plan to act upon.

    Args:
        delay: of this home, for now.
    """

    def __init__(self, delay: Callable[[], timedelta]) -> None:
        self._delay = delay
        self._acting: PlanSlot | None = None
        self._made_at: datetime | None = None
        self._due: datetime | None = None

    def of(self, plan: Plan | None, now: datetime) -> PlanSlot | None:
        """The slot to act upon now, or None where the plan has none."""
        slot = plan.at(now) if plan else None
        same_plan = plan is not None and plan.made_at == self._made_at
        self._made_at = plan.made_at if plan else None
        if slot is None or not self._waits(slot, now, same_plan=same_plan):
            self._acting, self._due = slot, None
        return self._acting

    def _waits(self, slot: PlanSlot, now: datetime, *, same_plan: bool) -> bool:
        acting = self._acting
        if acting is None or _direction(acting) == _direction(slot) or not _may_wait(acting, slot):
            return False
        if self._due is None:
            if not same_plan:
                # An event of this home has brought it about.
                return False
            self._due = slot.start + self._delay()
        return now < self._due


def _may_wait(acting: PlanSlot, slot: PlanSlot) -> bool:
    if _direction(acting) == 0:
        return slot.reason in _MAY_BEGIN_LATER
    return _direction(slot) == 0 and acting.reason in _MAY_BEGIN_LATER and slot.reason in _MAY_GO_ON


def _direction(slot: PlanSlot) -> int:
    return (slot.power_w > 0) - (slot.power_w < 0)
