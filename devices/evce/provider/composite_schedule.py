"""GetCompositeSchedule (K08): what the station is expected to be permitted from now on."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from devices.evce.fields import Payload, rfc3339
from devices.evce.profiles import StationLimits
from devices.evce.provider.charging_profile import Profile
from devices.evce.provider.evaluation import Circumstances, Permitted, evaluate
from devices.evce.schemas import Version

MOST_CHANGES = 512
"""That are looked at; a schedule of more is cut short there."""

MayFeed = Callable[[datetime], float | None]
"""The power feed that the owner has approved for an instant, W > 0, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What holds from an offset on.

    Attributes:
        starts_s: after the begin of the schedule.
        limit_w: least of the circuit's and the provider's.
        setpoint_w: where the provider gives one that may be followed, feeding -; else None.
    """

    starts_s: int
    limit_w: float
    setpoint_w: float | None
    phases: int


async def expected(
    profiles: Sequence[Profile], limits: StationLimits, when: Circumstances, duration_s: int, may_feed: MayFeed
) -> tuple[list[Expected], int]:
    """What changes from ``when.now`` on, and for how many seconds that is known: ``duration_s``, or less of very many.

    Others get their turn in between: a provider may ask about a great many periods.
    """
    found: list[Expected] = []
    end, now = when.now + timedelta(seconds=duration_s), when.now
    at: datetime | None = now
    for _ in range(MOST_CHANGES):
        if at is None or at >= end:
            return found, duration_s
        permitted = evaluate(profiles, limits, replace(when, now=at))
        entry = _expected(permitted, limits, math.ceil((at - now).total_seconds()), may_feed(at))
        if found and found[-1].starts_s == entry.starts_s:
            found.pop()
        if not found or replace(found[-1], starts_s=entry.starts_s) != entry:
            found.append(entry)
        at = permitted.next_change
        await asyncio.sleep(0)
    return found, duration_s if at is None else min(duration_s, math.floor((at - now).total_seconds()))


def answer(
    version: Version, evse: int, unit: str, schedule: Sequence[Expected], duration_s: int, limits: StationLimits,
    now: datetime,
) -> Payload:  # fmt: skip
    """The CALLRESULT of a GetCompositeSchedule."""
    periods = [_period(version, unit, entry, limits) for entry in schedule]
    if version is Version.V16:
        charging_schedule = {
            "duration": duration_s,
            "startSchedule": rfc3339(now),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods,
        }
        return {
            "status": "Accepted",
            "connectorId": evse,
            "scheduleStart": rfc3339(now),
            "chargingSchedule": charging_schedule,
        }
    composite = {
        "evseId": evse,
        "duration": duration_s,
        "scheduleStart": rfc3339(now),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return {"status": "Accepted", "schedule": composite}


def _expected(permitted: Permitted, limits: StationLimits, starts_s: int, approved_w: float | None) -> Expected:
    circuit_w = limits.max_current_a * limits.voltage_v * permitted.phases
    limit_w = circuit_w if permitted.limit_w is None else min(circuit_w, permitted.limit_w)
    setpoint_w: float | None = None
    if permitted.mode.is_central:
        feed_w = min(permitted.feed_w or 0.0, approved_w or 0.0, circuit_w)
        setpoint_w = -feed_w if feed_w > 0 else limit_w
    return Expected(starts_s=starts_s, limit_w=limit_w, setpoint_w=setpoint_w, phases=permitted.phases)


def _period(version: Version, unit: str, entry: Expected, limits: StationLimits) -> Payload:
    period: Payload = {"startPeriod": entry.starts_s, "numberPhases": entry.phases}
    if version is Version.V21 and entry.setpoint_w is not None:
        # Of a setpoint in A there is one for all phases.
        setpoint = entry.setpoint_w if unit == "W" else entry.setpoint_w / limits.voltage_v
        return period | {"setpoint": _tenth(setpoint), "operationMode": "CentralSetpoint"}
    limit = entry.limit_w if unit == "W" else entry.limit_w / (limits.voltage_v * entry.phases)
    return period | {"limit": _tenth(limit)}


def _tenth(value: float) -> float:
    """Towards 0 at one decimal, which is all that 1.6 can carry."""
    return math.trunc(value * 10 + math.copysign(1e-6, value)) / 10
