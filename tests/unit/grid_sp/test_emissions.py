"""From GHG events to grams per kilowatt hour."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.model.tariff import GhgSlot
from homeapp.providers.grid_sp.emissions import GhgEvent, emissions_of, read_emissions
from homeapp.providers.grid_sp.objects import Event, read_event, read_json
from homeapp.providers.grid_sp.tariffs import price_window

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(*values: object, priority: int | None = None, changed_s: int = 0) -> Event:
    told: dict[str, Any] = {
        "id": "e",
        "programID": "p",
        "priority": priority,
        "modificationDateTime": (NOON + timedelta(seconds=changed_s)).isoformat(),
        "intervalPeriod": {"start": NOON.isoformat(), "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [{"type": "GHG", "values": list(values)}]}],
    }
    return read_event(read_json(json.dumps(told).encode()))


def read(told: Event) -> GhgEvent:
    return read_emissions(told, known_at=NOON, window=price_window(NOON))


def test_several_values_share_the_interval() -> None:
    assert [
        ((slot.start - NOON) / HOUR, (slot.end - NOON) / HOUR, slot.g_per_kwh) for slot in read(event(1, 2.5)).slots
    ] == [
        (0, 0.5, 1),
        (0.5, 1, 2.5),
    ]


@pytest.mark.parametrize("value", ["300", None, True, float("nan"), float("inf"), -1, 10_001])
def test_what_is_no_emission_is_refused(value: object) -> None:
    with pytest.raises(MessageRejected) as caught:
        read(event(value))
    assert caught.value.code == "value"


@pytest.mark.parametrize(
    ("one", "other", "holds"),
    [
        (event(1, priority=0), event(2, priority=1), 1),
        (event(1, priority=None), event(2, priority=9), 2),
        (event(1, changed_s=5), event(2, changed_s=9), 2),
    ],
)
def test_of_two_that_overlap_one_holds(one: Event, other: Event, holds: int) -> None:
    for events in ((one, other), (other, one)):
        assert [slot.g_per_kwh for slot in emissions_of(map(read, events))] == [holds]


_slots = st.builds(
    lambda start, length, value: GhgSlot(
        start=NOON + timedelta(minutes=start), end=NOON + timedelta(minutes=start + length), g_per_kwh=value
    ),
    st.integers(0, 300),
    st.integers(0, 90),
    st.floats(0, 1000),
)


@given(
    st.lists(
        st.builds(
            GhgEvent, rank=st.tuples(st.floats(0, 3), st.integers(-3, 0)), slots=st.lists(_slots, max_size=8).map(tuple)
        ),
        max_size=4,
    )
)
def test_the_result_ascends_without_overlaps_and_makes_nothing_up(events: list[GhgEvent]) -> None:
    result = emissions_of(events)
    assert all(before.end <= after.start for before, after in pairwise(result))
    assert {*result} <= {slot for item in events for slot in item.slots}
    if events and any(slot.start < slot.end for item in events for slot in item.slots):
        assert result
