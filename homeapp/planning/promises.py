"""What a plan cannot keep, in words: how much is missing, why, and what would help."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp.model.plan import BrokenPromise, ChargingMode, Promise
from homeapp.planning.formulation import Frame
from homeapp.planning.grid import Span
from homeapp.planning.guarantees import feeds_agreed
from homeapp.planning.solving import Draft

_MISSING_SHARE = 0.001
"""Of the battery: less is no broken promise."""


def broken_promises(frame: Frame, draft: Draft) -> tuple[BrokenPromise, ...]:
    """Those of ``draft``, the first first."""
    found = (
        *_missed_departures(frame, draft),
        *_missed_guarantees(frame, draft),
        *_missed_feeds(frame, draft),
    )
    return tuple(sorted(found, key=lambda promise: promise.at))


def _missed_departures(frame: Frame, draft: Draft) -> Iterator[BrokenPromise]:
    for number, departure in frame.needs:
        missing_wh = _missing_wh(frame, draft, number, departure.target_pct)
        if missing_wh is None:
            continue
        why, advice = _why(frame, number, missing_wh)
        yield BrokenPromise(
            kind=Promise.DEPARTURE,
            at=departure.at,
            by_wh=missing_wh,
            sentence=(
                f"At {_local(departure.at, frame)} the car has {_reaches(frame, draft, number)} % instead of "
                f"{departure.target_pct:.0f} %: {missing_wh / 1000:.1f} kWh are missing, {why}. {advice}"
            ),
        )


def _missed_guarantees(frame: Frame, draft: Draft) -> Iterator[BrokenPromise]:
    for number, guarantee in frame.guarantees:
        missing_wh = _missing_wh(frame, draft, number, guarantee.soc_pct)
        if missing_wh is None:
            continue
        why, _ = _why(frame, number, missing_wh)
        if frame.request.goal.mode is ChargingMode.PAUSE:
            why = "because you have paused the charging. Choose another mode to have it charged"
        yield BrokenPromise(
            kind=Promise.GUARANTEE,
            at=guarantee.at,
            by_wh=missing_wh,
            sentence=(
                f"{guarantee.sp_name} has promised you {guarantee.soc_pct:.0f} % at {_local(guarantee.at, frame)}. The "
                f"car has {_reaches(frame, draft, number)} % then: {missing_wh / 1000:.1f} kWh are missing, {why}."
            ),
        )


def _missing_wh(frame: Frame, draft: Draft, number: int, soc_pct: float) -> float | None:
    """What the battery lacks before a slot; None where that is nothing to speak of."""
    missing_wh = frame.wh(soc_pct) - draft.soc_wh[number - 1]
    return missing_wh if missing_wh > frame.request.goal.capacity_wh * _MISSING_SHARE else None


def _reaches(frame: Frame, draft: Draft, number: int) -> int:
    return round(100 * draft.soc_wh[number - 1] / frame.request.goal.capacity_wh)


def _why(frame: Frame, number: int, missing_wh: float) -> tuple[str, str]:
    """Why so much is missing before a slot, and what would help who leaves then."""
    request, before = frame.request, frame.spans[:number]
    if any(span.mandatory and span.capped for span in before):
        return "because the grid operator limits the charging", "Leave later, or be content with less."
    if _is_agreed(before):
        return "because of what you have agreed to with a provider", "Leave later, or take part in less."
    if any(span.charge_w < request.charge_max_w for span in before):
        return (
            "even if it charges all the time: the main fuse leaves no more",
            "Leave later, or use less power.",
        )
    hours = missing_wh / (request.charge_max_w * request.efficiency)
    return "even if it charges all the time", f"Leave {_duration(hours)} later, or be content with less."


def _is_agreed(spans: Sequence[Span]) -> bool:
    return any(span.capped or feeds_agreed(span) for span in spans)


def _missed_feeds(frame: Frame, draft: Draft) -> Iterator[BrokenPromise]:
    agreed_wh = missed_wh = 0.0
    first: datetime | None = None
    for span, power_w in zip(frame.spans, draft.powers_w, strict=True):
        if span.committed_w is None or span.committed_w >= 0:
            continue
        agreed_wh -= span.committed_w * span.hours
        short_wh = (power_w - span.committed_w) * span.hours
        if short_wh > 1.0:
            first, missed_wh = first or span.start, missed_wh + short_wh
    if first is not None and missed_wh > frame.request.goal.capacity_wh * _MISSING_SHARE:
        yield BrokenPromise(
            kind=Promise.FEED_OFFER,
            at=first,
            by_wh=missed_wh,
            sentence=(
                f"Of {agreed_wh / 1000:.1f} kWh that you have agreed to feed, {missed_wh / 1000:.1f} kWh will be "
                f"missing from {_local(first, frame)} on: {_what_comes_first(frame)} come first."
            ),
        )


def _what_comes_first(frame: Frame) -> str:
    promised = frame.guarantees or any(span.least_pct > frame.request.goal.floor_pct for span in frame.spans)
    return f"your reserve{', ' if promised else ' and '}your departure{' and what was promised' if promised else ''}"


def _local(instant: datetime, frame: Frame) -> str:
    return f"{instant.astimezone(ZoneInfo(frame.request.time_zone)):%a %H:%M}"


def _duration(hours: float) -> str:
    minutes = max(5, 5 * math.ceil(hours * 12))
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
