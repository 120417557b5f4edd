"""From intervals to points in time."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.providers.grid_sp.intervals import TimedInterval, Window, equal_parts, timed_intervals
from homeapp.providers.grid_sp.objects import Event, read_event, read_json

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WIDE = Window(NOW - timedelta(days=2), NOW + timedelta(days=9))


def event(intervals: list[dict[str, Any]], **parts: object) -> Event:
    numbered = [
        {"id": index, "payloads": [{"type": "PRICE", "values": [index]}], **item}
        for index, item in enumerate(intervals)
    ]
    return read_event(read_json(json.dumps({"id": "e", "programID": "p", "intervals": numbered, **parts}).encode()))


def hours(read: tuple[TimedInterval, ...]) -> list[tuple[float, float, int]]:
    """Start and end in hours from now, and which interval it is."""
    return [((item.start - NOW) / HOUR, (item.end - NOW) / HOUR, int(str(item.payloads["PRICE"][0]))) for item in read]


def period(start: str | None = None, duration: str | None = None, **more: str) -> dict[str, Any]:
    told = {"start": start, "duration": duration, **more}
    return {"intervalPeriod": {key: value for key, value in told.items() if value is not None}}


FROM_NOON = period("2027-01-15T12:00:00Z", "PT1H")


def test_intervals_follow_immediately_with_the_default_duration() -> None:
    assert hours(timed_intervals(event([{}, {}, {}], **FROM_NOON), now=NOW, window=WIDE)) == [
        (0, 1, 0),
        (1, 2, 1),
        (2, 3, 2),
    ]


def test_an_interval_may_have_its_own_start_or_duration() -> None:
    told = event([{}, period(duration="PT30M"), {}, period("2027-01-15T18:00:00Z"), {}], **FROM_NOON)
    assert hours(timed_intervals(told, now=NOW, window=WIDE)) == [
        (0, 1, 0),
        (1, 1.5, 1),
        (1.5, 2.5, 2),
        (6, 7, 3),
        (7, 8, 4),
    ]


def test_periods_may_be_given_by_the_intervals_alone() -> None:
    told = event([period("2027-01-15T13:00:00Z", "PT1H"), period("2027-01-15T15:00:00Z", "PT2H")])
    assert hours(timed_intervals(told, now=NOW, window=WIDE)) == [(1, 2, 0), (3, 5, 1)]


def test_a_start_of_now_and_an_end_of_never() -> None:
    told = event([{}], **period("0001-01-01T00:00:00Z", "P9999Y"))
    (only,) = timed_intervals(told, now=NOW, window=WIDE)
    assert (only.start, only.end) == (NOW, WIDE.end)


def test_no_length_means_cancelled() -> None:
    assert timed_intervals(event([{}], **period("0001-01-01T00:00:00Z", "PT0S")), now=NOW, window=WIDE) == ()
    assert timed_intervals(event([], **FROM_NOON), now=NOW, window=WIDE) == ()


def test_the_event_duration_cuts_off() -> None:
    told = event([{}, {}, {}], duration="PT90M", **FROM_NOON)
    assert hours(timed_intervals(told, now=NOW, window=WIDE)) == [(0, 1, 0), (1, 1.5, 1)]


def test_the_event_duration_repeats() -> None:
    told = event([{}, {}], duration="PT5H", **FROM_NOON)
    assert hours(timed_intervals(told, now=NOW, window=WIDE)) == [
        (0, 1, 0),
        (1, 2, 1),
        (2, 3, 0),
        (3, 4, 1),
        (4, 5, 0),
    ]


def test_a_daily_pattern_that_has_repeated_for_years() -> None:
    told = event([{}] * 24, duration="P9999Y", **period("2019-01-01T00:00:00Z", "PT1H"))
    window = Window(NOW, NOW + timedelta(days=1))
    read = timed_intervals(told, now=NOW, window=window)
    assert [item[2] for item in hours(read)] == [*range(12, 24), *range(12)]
    assert (read[0].start, read[-1].end) == (window.start, window.end)


def test_only_the_event_duration_is_given() -> None:
    told = event([{}], duration="PT2H", **period("2027-01-15T12:00:00Z"))
    assert hours(timed_intervals(told, now=NOW, window=WIDE)) == [(0, 2, 0)]


@pytest.mark.parametrize("parts", [{}, period(duration="PT1H"), period("2027-01-15T12:00:00Z")])
def test_a_missing_start_or_duration_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(MessageRejected) as caught:
        timed_intervals(event([{}], **parts), now=NOW, window=WIDE)
    assert caught.value.code == "schema"


@pytest.mark.parametrize("chance", [-1.0, 0.0, 0.5, 1.0])
def test_a_randomized_start_moves_all_that_comes_later(chance: float) -> None:
    told = event(
        [{}, {}, period("2027-01-15T18:00:00Z")], **period("2027-01-15T12:00:00Z", "PT1H", randomizeStart="PT1H")
    )
    assert hours(timed_intervals(told, now=NOW, window=WIDE, chance=chance)) == [
        (chance, 1 + chance, 0),
        (1 + chance, 2 + chance, 1),
        (6 + chance, 7 + chance, 2),
    ]


def test_an_interval_may_be_randomized_anew() -> None:
    later = period("2027-01-15T18:00:00Z", randomizeStart="PT4H")
    told = event([{}, later, {}], **period("2027-01-15T12:00:00Z", "PT1H", randomizeStart="PT1H"))
    assert hours(timed_intervals(told, now=NOW, window=WIDE, chance=0.5)) == [
        (0.5, 1.5, 0),
        (8, 9, 1),
        (9, 10, 2),
    ]


def test_the_guides_spelling_of_no_randomness_is_understood() -> None:
    told = event([{}], **period("2027-01-15T12:00:00Z", "PT1H", randomizeStart="P0S"))
    assert hours(timed_intervals(told, now=NOW, window=WIDE, chance=1.0)) == [(0, 1, 0)]


@pytest.mark.parametrize("now", ["0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z"])
def test_now_in_an_interval_means_with_the_event_and_then_immediately_after(now: str) -> None:
    told = event([period(now), period(now, "PT30M"), period(now)], **period("2027-01-15T14:00:00Z", "PT1H"))
    assert hours(timed_intervals(told, now=NOW, window=WIDE)) == [(2, 3, 0), (3, 3.5, 1), (3.5, 4.5, 2)]
    alone = event([period(now, "PT1H"), period(now, "PT1H")])
    assert hours(timed_intervals(alone, now=NOW, window=WIDE)) == [(0, 1, 0), (1, 2, 1)]


@pytest.mark.parametrize("duration", ["PT0.000001S", "PT1S"])
def test_a_flood_of_repetitions_is_refused(duration: str) -> None:
    told = event([{}], duration="P9999Y", **period("2027-01-01T00:00:00Z", duration))
    with pytest.raises(MessageRejected) as caught:
        timed_intervals(told, now=NOW, window=WIDE)
    assert caught.value.code == "value"


def test_equal_parts_have_no_gaps() -> None:
    interval = TimedInterval(NOW, NOW + HOUR, {})
    parts = list(equal_parts(interval, 7))
    assert (parts[0][0], parts[-1][1], len(parts)) == (interval.start, interval.end, 7)
    assert all(before[1] == after[0] for before, after in pairwise(parts))


_durations = st.sampled_from(["PT0S", "PT15M", "PT1H", "P1D", "P1M", "P9999Y"])
_starts = st.sampled_from(
    ["0001-01-01T00:00:00Z", "2019-02-28T00:00:00Z", "2027-01-15T10:00:00Z", "2199-12-31T23:00:00Z"]
)
_periods = st.fixed_dictionaries({}, optional={"start": _starts, "duration": _durations, "randomizeStart": _durations})


@given(
    _periods,
    st.lists(_periods, max_size=6),
    st.none() | _durations,
    st.floats(-1, 1, allow_nan=False),
)
def test_whatever_the_periods_say_the_result_lies_within_the_window(
    default: dict[str, str], own: list[dict[str, str]], duration: str | None, chance: float
) -> None:
    told = event([{"intervalPeriod": item} for item in own], intervalPeriod=default, duration=duration)
    try:
        read = timed_intervals(told, now=NOW, window=WIDE, chance=chance)
    except MessageRejected:
        return
    assert all(WIDE.start <= item.start < item.end <= WIDE.end for item in read)


_minutes = st.integers(1, 600)


@given(
    count=st.integers(1, 6),
    each=_minutes,
    lasts=st.none() | _minutes,
    ahead=st.integers(-900, 900),
    spread=st.none() | st.integers(0, 120),
    chance=st.floats(-1, 1, allow_nan=False),
)
def test_repeating_cutting_and_moving_as_one_would_by_hand(
    count: int, each: int, lasts: int | None, ahead: int, spread: int | None, chance: float
) -> None:
    start = NOW + timedelta(minutes=ahead)
    randomize = {} if spread is None else {"randomizeStart": f"PT{spread}M"}
    told = event(
        [{}] * count,
        duration=None if lasts is None else f"PT{lasts}M",
        **period(start.isoformat(), f"PT{each}M", **randomize),
    )
    read = timed_intervals(told, now=NOW, window=WIDE, chance=chance)

    begin = start + timedelta(minutes=spread or 0) * chance
    end = begin + timedelta(minutes=count * each if lasts is None else lasts)
    assert abs(begin - start) <= timedelta(minutes=spread or 0)
    assert (read[0].start, read[-1].end) == (begin, end)
    assert all(before.end == after.start for before, after in pairwise(read))
    assert all(item.end - item.start == timedelta(minutes=each) for item in read[:-1])
    assert [number for _, _, number in hours(read)] == [index % count for index in range(len(read))]


@given(
    lengths=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    gaps=st.lists(st.none() | st.integers(0, 90), min_size=6, max_size=6),
)
def test_intervals_of_their_own_length_lie_where_their_starts_say_or_follow(
    lengths: list[int], gaps: list[int | None]
) -> None:
    wanted, parts, cursor = [], [], NOW
    for index, (length, gap) in enumerate(zip(lengths, gaps, strict=False)):
        own_start = None
        if gap is not None:
            cursor += timedelta(minutes=gap)
            own_start = cursor.isoformat()
        parts.append(period(own_start, f"PT{length}M"))
        if length:
            wanted.append((cursor, cursor + timedelta(minutes=length), index))
        cursor += timedelta(minutes=length)
    read = timed_intervals(event(parts, **period(NOW.isoformat())), now=NOW, window=WIDE)
    assert [(item.start, item.end, int(str(item.payloads["PRICE"][0]))) for item in read] == wanted
