"""Departures that have passed: whether the car was as full as it should be, and what happens where it was not."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp.model.plan import AtDeadline, ChargingMode, Departure, Goal
from homeapp.planning.state_of_charge import Reckoned

_NEARLY_PCT = 0.5
_LATEST_S = 3600.0
"""A hub that was away for longer says nothing about a departure in the meantime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What came of the departure that has passed.

    Attributes:
        overdue: the departure whose target is still wanted, or None.
        sentence: to be told once, or None.
    """

    overdue: Departure | None
    sentence: str | None = None


def missed(before: Goal, now: datetime, soc: Reckoned, time_zone: str) -> Missed:
    """Look back from ``now`` on the goal that held until then."""
    soc_pct = soc.soc_pct
    if soc_pct is None:
        # The car is gone.
        return Missed(overdue=None)
    passed = next((item for item in reversed(before.departures) if item.at <= now), None)
    if passed is None:
        overdue = before.overdue
        reached = overdue is not None and soc_pct >= overdue.target_pct - _NEARLY_PCT
        return Missed(overdue=None if reached or before.at_deadline is AtDeadline.STOP else overdue)
    if before.mode not in (ChargingMode.READY_BY, ChargingMode.POWER_FEED):
        return Missed(overdue=None)
    if soc_pct >= passed.target_pct - _NEARLY_PCT or (now - passed.at).total_seconds() > _LATEST_S:
        return Missed(overdue=None)
    when = f"{passed.at.astimezone(ZoneInfo(time_zone)):%H:%M}"
    what = f"At {when} the car had {soc_pct:.0f} % instead of {passed.target_pct:.0f} %."
    if before.at_deadline is AtDeadline.STOP:
        return Missed(overdue=None, sentence=f"{what} As you have set, it does not charge on for that.")
    return Missed(overdue=passed, sentence=f"{what} It charges on as fast as it can.")
