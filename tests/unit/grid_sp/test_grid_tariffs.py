"""From price events to one tariff."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.model.tariff import Tariff
from homeapp.providers.grid_sp.objects import Event, Program, read_event, read_json, read_program
from homeapp.providers.grid_sp.tariffs import MAX_SLOTS, Price, PriceEvent, price_window, read_prices, tariff_of

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EUROS = [{"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE", "units": "KWH", "currency": "EUR"}]


def program(**parts: object) -> Program:
    return read_program({"id": "p", "programName": "HomeTariff", **parts})


def event(payloads: list[dict[str, Any]], **parts: object) -> Event:
    told = {
        "id": "e",
        "programID": "p",
        "payloadDescriptors": EUROS,
        "intervalPeriod": {"start": "2027-01-15T12:00:00Z", "duration": "PT1H"},
        "intervals": [{"id": index, "payloads": [item]} for index, item in enumerate(payloads)],
    }
    return read_event(read_json(json.dumps(told | parts).encode()))


def price(*values: object) -> dict[str, Any]:
    return {"type": "PRICE", "values": list(values)}


def read(told: Event, frame: Program | None = None) -> PriceEvent:
    return read_prices(told, frame or program(), known_at=NOW, window=price_window(NOW))


def slots(tariff: Tariff | None) -> list[tuple[float, float, str, str | None]]:
    assert tariff is not None
    return [
        (
            (slot.start - NOW) / HOUR,
            (slot.end - NOW) / HOUR,
            str(slot.import_price),
            None if slot.export_price is None else str(slot.export_price),
        )
        for slot in tariff.slots
    ]


def priced(start: float, end: float, value: str, *, priority: int | None = None, revision: int = 0) -> PriceEvent:
    prices = (Price(NOW + start * HOUR, NOW + end * HOUR, Decimal(value)),)
    return PriceEvent(
        source="T", priority=priority, revision=revision, currency="EUR", import_prices=prices, export_prices=()
    )


def test_several_values_in_one_payload_are_equal_parts() -> None:
    told = read(event([price(0.1, 0.2, 0.3, 0.4), price(0.5)]))
    assert slots(tariff_of([told], received_at=NOW)) == [
        (0, 0.25, "0.1", None),
        (0.25, 0.5, "0.2", None),
        (0.5, 0.75, "0.3", None),
        (0.75, 1, "0.4", None),
        (1, 2, "0.5", None),
    ]


def test_the_currency_may_come_from_the_program() -> None:
    told = event([price(0.1)], payloadDescriptors=None)
    assert read(told, program(payloadDescriptors=EUROS)).currency == "EUR"
    with pytest.raises(MessageRejected, match="currency"):
        read(told)


@pytest.mark.parametrize("descriptor", [{"units": "THERMS"}, {"units": "MWH"}])
def test_other_units_are_refused(descriptor: dict[str, str]) -> None:
    with pytest.raises(MessageRejected, match="not per kWh"):
        read(event([price(0.1)], payloadDescriptors=[EUROS[0] | descriptor]))


@pytest.mark.parametrize(
    "value", ["abc", "0.1", float("nan"), float("inf"), float("-inf"), 100.001, -101, True, None, {}]
)
def test_what_is_no_sensible_price_is_refused(value: object) -> None:
    with pytest.raises(MessageRejected) as caught:
        read(event([price(0.1), price(value)]))
    assert caught.value.code == "value"


@pytest.mark.parametrize("value", [100, -100, 0, -0.0781, 4.0])
def test_high_and_negative_prices_are_prices(value: float) -> None:
    assert read(event([price(value)])).import_prices[0].value == Decimal(str(value))


def literal(number: str) -> Event:
    """An event with a price that Python's own encoder would not write."""
    return read_event(
        read_json(
            b'{"id":"e","programID":"p","intervalPeriod":{"start":"2027-01-15T12:00:00Z","duration":"PT1H"},'
            b'"payloadDescriptors":[{"payloadType":"PRICE","currency":"EUR"}],'
            b'"intervals":[{"payloads":[{"type":"PRICE","values":[' + number.encode() + b"]}]}]}"
        )
    )


@pytest.mark.parametrize(("number", "value"), [("0." + "3" * 5000, "0.333333"), ("1e-9999999", "0"), ("1E1", "10")])
def test_endless_digits_are_rounded(number: str, value: str) -> None:
    assert read(literal(number)).import_prices[0].value == Decimal(value)


@pytest.mark.parametrize("number", ["1e9999999", "-1e999999999999999999", "9" * 5000, "1" + "0" * 5000 + ".5"])
def test_numbers_beyond_all_bounds_are_refused(number: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        read(literal(number))
    assert caught.value.code == "value"


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(MessageRejected):
        read(event([price()]))


def test_a_flood_of_values_is_refused() -> None:
    with pytest.raises(MessageRejected) as caught:
        read(event([price(*[0.1] * 6000)] * 2))
    assert caught.value.code == "value"


def test_of_overlapping_events_the_one_with_the_lowest_priority_number_holds() -> None:
    base = priced(0, 10, "0.20")
    peak = priced(4, 6, "0.90", priority=0)
    other = priced(5, 8, "0.50", priority=1)
    for order in ([base, peak, other], [other, base, peak], [peak, other, base]):
        assert slots(tariff_of(order, received_at=NOW)) == [
            (0, 4, "0.20", None),
            (4, 6, "0.90", None),
            (6, 8, "0.50", None),
            (8, 10, "0.20", None),
        ]


def test_among_equals_the_newer_event_holds() -> None:
    old, new = priced(0, 2, "0.20", revision=1), priced(1, 3, "0.30", revision=2)
    for order in ([old, new], [new, old]):
        assert slots(tariff_of(order, received_at=NOW)) == [(0, 1, "0.20", None), (1, 3, "0.30", None)]


def test_export_prices_cut_import_slots_and_may_be_partial() -> None:
    told = event([price(0.3), price(0.4)])
    export = event(
        [{"type": "EXPORT_PRICE", "values": [0.1]}],
        intervalPeriod={"start": "2027-01-15T12:30:00Z", "duration": "PT1H"},
        payloadDescriptors=[EUROS[0] | {"payloadType": "EXPORT_PRICE"}],
    )
    assert slots(tariff_of([read(told), read(export)], received_at=NOW)) == [
        (0, 0.5, "0.3", None),
        (0.5, 1, "0.3", "0.1"),
        (1, 1.5, "0.4", "0.1"),
        (1.5, 2, "0.4", None),
    ]


def test_there_is_no_tariff_without_an_import_price() -> None:
    assert tariff_of([], received_at=NOW) is None


def test_a_price_for_ever_is_cut_at_the_window() -> None:
    told = event([price(0.25)], intervalPeriod={"start": "0001-01-01T00:00:00Z", "duration": "P9999Y"})
    tariff = tariff_of([read(told)], received_at=NOW)
    assert tariff is not None
    assert (tariff.slots[0].start, tariff.known_until) == (NOW, price_window(NOW).end)
    later = NOW + timedelta(hours=11)
    assert price_window(later) == price_window(NOW), "the same within a day, so that the tariff does not change"


def test_a_hostile_mass_of_short_prices_is_bounded() -> None:
    minute = timedelta(seconds=15)
    prices = tuple(Price(NOW + i * minute, NOW + (i + 1) * minute, Decimal(i % 90)) for i in range(10_000))
    told = PriceEvent(
        source="T", priority=None, revision=0, currency="EUR", import_prices=prices, export_prices=prices[::2]
    )
    tariff = tariff_of([told, told, told], received_at=NOW)
    assert tariff is not None
    assert len(tariff.slots) == MAX_SLOTS


_spans = st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(0, 9), st.none() | st.integers(0, 3))


@given(st.lists(_spans, max_size=12))
def test_the_overlay_is_what_a_look_at_each_minute_would_give(spans: list[tuple[int, int, int, int | None]]) -> None:
    events = [
        priced(start, start + length, str(value), priority=priority, revision=index)
        for index, (start, length, value, priority) in enumerate(spans)
    ]
    tariff = tariff_of(events, received_at=NOW)
    found = tariff.slots if tariff is not None else ()
    assert all(before.end <= after.start for before, after in pairwise(found))
    for half in range(120):
        at = NOW + half * HOUR / 2
        holding = [
            (priority if priority is not None else 99, -index, value)
            for index, (start, length, value, priority) in enumerate(spans)
            if NOW + start * HOUR <= at < NOW + (start + length) * HOUR
        ]
        wanted = Decimal(min(holding)[2]) if holding else None
        slot = next((slot for slot in found if slot.start <= at < slot.end), None)
        assert (None if slot is None else slot.import_price) == wanted
