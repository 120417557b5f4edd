"""ISO 8601 durations."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.providers.grid_sp.durations import FOREVER, parse_duration

START = datetime(2028, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("PT15M", timedelta(minutes=15)),
        ("PT0S", timedelta()),
        ("P0S", timedelta()),
        ("P1D", timedelta(days=1)),
        ("P2W", timedelta(weeks=2)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("PT3600S", timedelta(hours=1)),
    ],
)
def test_spans_of_fixed_length(text: str, after: timedelta) -> None:
    assert parse_duration(text).after(START) - START == after


def test_months_and_years_are_of_the_calendar() -> None:
    assert parse_duration("P1M").after(START) == datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert parse_duration("P1Y1M").after(START) == datetime(2029, 2, 28, 12, tzinfo=UTC)
    assert parse_duration("P11M").after(START) == datetime(2028, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["P9999Y", "P9999999Y", "P9999999D", "P7971Y"])
def test_for_ever(text: str) -> None:
    assert parse_duration(text).after(START) == FOREVER


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1H", "P1H", "PT1D", "pt1h", "P1.5D", "PT1H ", " PT1H", "PT1S1M", "P1D1Y", "PT1H\n", "P١D"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        parse_duration(text)
    assert caught.value.code == "schema"


@pytest.mark.parametrize("text", ["-PT1H", "-P1D"])
def test_negative_spans_are_refused(text: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        parse_duration(text)
    assert caught.value.code == "value"


_part = st.integers(0, 9_999_999)


@given(_part, _part, _part, _part, _part)
def test_a_span_never_leads_back_nor_out_of_the_calendar(
    years: int, months: int, days: int, hours: int, s: int
) -> None:
    end = parse_duration(f"P{years}Y{months}M{days}DT{hours}H{s}S").after(START)
    assert START <= end <= FOREVER


@given(st.text(alphabet="PTYMWDHS0123456789.-", max_size=12))
def test_no_text_crashes_it(text: str) -> None:
    try:
        duration = parse_duration(text)
    except MessageRejected:
        return
    assert duration.after(START) >= START
