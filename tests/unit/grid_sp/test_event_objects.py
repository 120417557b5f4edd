"""The tolerant reader."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.providers.grid_sp.objects import StartNow, instant, plain_text, read_event, read_json, read_program

EVENT: dict[str, Any] = {
    "id": "event-1",
    "programID": "program-1",
    "objectType": "EVENT",
    "createdDateTime": "2026-11-23T08:00:00Z",
    "modificationDateTime": "2026-11-23T09:00:00.25Z",
    "eventName": "Prices",
    "priority": 2,
    "targets": None,
    "reportDescriptors": None,
    "duration": None,
    "somethingNew": {"of": ["tomorrow"]},
    "payloadDescriptors": [
        {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": "PRICE", "units": "kWh", "currency": "EUR"}
    ],
    "intervalPeriod": {"start": "2026-11-24T00:00:00+01:00", "duration": "PT1H", "randomizeStart": "PT5M"},
    "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.1512]}]}],
}


def read(**changes: object) -> Any:
    return read_event(read_json(json.dumps(EVENT | changes).encode()))


def test_an_event_is_read() -> None:
    event = read()
    assert (event.event_id, event.program_id, event.name, event.priority) == ("event-1", "program-1", "Prices", 2)
    assert event.revision == int(datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp())
    assert event.period.start == datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert event.period.randomize_start is not None
    assert event.descriptors["PRICE"].units == "KWH"
    assert event.intervals[0].payloads["PRICE"] == (Decimal("0.1512"),)
    assert event.has("PRICE", "SIMPLE")
    assert not event.has("SIMPLE")


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        ("2026-11-23 08:54:22", datetime(2026, 11, 23, 8, 54, 22, tzinfo=UTC).timestamp()),
        ("08:59:24", datetime(2026, 11, 23, 8, tzinfo=UTC).timestamp()),  # falls back to createdDateTime
        (None, datetime(2026, 11, 23, 8, tzinfo=UTC).timestamp()),
    ],
)
def test_odd_dates_of_change(text: str | None, revision: float) -> None:
    assert read(modificationDateTime=text).revision == revision


def test_an_event_without_any_date_has_revision_zero() -> None:
    event = read(modificationDateTime=None, createdDateTime="08:59:24")
    assert (event.changed_at, event.revision) == (None, 0)


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "0001-01-01", "0001-01-01T00:00:00+05:00"])
def test_the_start_that_means_now(start: str) -> None:
    assert read(intervalPeriod={"start": start}).period.start is StartNow.NOW


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "../token"},
        {"id": "a" * 129},
        {"programID": 7},
        {"intervals": {"id": 0}},
        {"intervals": [None]},
        {"intervals": [{"payloads": [{"type": "PRICE", "values": 1}]}]},
        {"intervals": [{"payloads": [{"type": None, "values": []}]}]},
        {"intervalPeriod": []},
        {"intervalPeriod": {"start": "soon"}},
        {"intervalPeriod": {"start": "1826-01-01T00:00:00Z"}},
        {"intervalPeriod": {"start": "9999-12-31T23:59:59-14:00"}},
        {"intervalPeriod": {"duration": 3600}},
        {"intervalPeriod": {"duration": "-PT1H"}},
        {"intervalPeriod": {"randomizeStart": "-PT1H"}},
        {"duration": "PT"},
        {"priority": -1},
        {"priority": float("nan")},
        {"priority": "0"},
        {"payloadDescriptors": "PRICE"},
        {"reportDescriptors": "USAGE"},
        {"targets": "street-7"},
        {"intervals": [{"id": 0, "payloads": []}] * 10_001},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_events_that_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MessageRejected) as caught:
        read(**changes)
    assert caught.value.code in ("schema", "value")


def test_programs_and_their_attributes() -> None:
    program = read_program(
        {
            "id": "p",
            "programName": "Tariff\u202eline\nbreak",
            "attributes": [
                {"type": "PROGRAM_TYPE", "values": ["A", "B"]},
                {"type": "PROGRAM_TYPE", "values": ["C"]},
                {"type": "EMPTY", "values": []},
            ],
        }
    )
    assert program.name == "Tariff line break"
    assert (program.attribute("PROGRAM_TYPE"), program.attribute("EMPTY"), program.attribute("OTHER")) == (
        "A",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("told", "binding"),
    [
        ({}, False),
        ({"attributes": [{"type": "BINDING_EVENTS", "values": [True]}]}, True),
        ({"attributes": [{"type": "BINDING_EVENTS", "values": ["true"]}]}, True),
        ({"attributes": [{"type": "BINDING_EVENTS", "values": [False]}]}, False),
        ({"attributes": [{"type": "BINDING_EVENTS", "values": []}]}, False),
        ({"bindingEvents": True}, True),
        ({"bindingEvents": False}, False),
    ],
)
def test_programs_are_binding_only_where_they_say_so(told: dict[str, object], *, binding: bool) -> None:
    assert read_program({"id": "p", **told}).is_binding is binding


def test_programs_of_the_version_before_have_their_attributes_as_members() -> None:
    program = read_program(
        {
            "id": "p",
            "programName": "Tariff",
            "programType": "PRICING_TARIFF",
            "retailerName": "Grid operator",
            "principalSubdivision": None,
            "targets": [{"type": "GROUP", "values": ["x"]}],
        }
    )
    assert (program.attribute("PROGRAM_TYPE"), program.attribute("RETAILER_NAME")) == (
        "PRICING_TARIFF",
        "Grid operator",
    )
    assert program.attribute("PRINCIPAL_SUBDIVISION") is None


@pytest.mark.parametrize(
    ("targets", "for_us"),
    [
        (None, True),
        ([], True),
        (["street-7", "homeapp"], True),
        ([{"type": "GROUP", "values": ["others"]}], True),
        ([{"type": "VEN_NAME", "values": ["others"]}], False),
        ([{"type": "VEN_NAME", "values": ["others", "homeapp"]}], True),
        ([{"type": "RESOURCE_NAME", "values": ["ev"]}, {"type": "VEN_NAME", "values": ["others"]}], True),
        ([{"type": "VEN_NAME", "values": []}], False),
        ([7, None, {"type": "VEN_NAME"}, {"values": "homeapp"}], True),
    ],
)
def test_whom_an_event_is_for(targets: object, *, for_us: bool) -> None:
    assert read(targets=targets).is_for({"homeapp", "ev"}) is for_us


def test_what_an_event_asks_to_be_told() -> None:
    event = read(
        reportDescriptors=[
            {"payloadType": "USAGE", "units": "kwh", "historical": False, "frequency": 2, "repeat": -1},
            {"payLoadType": "ACK"},
            {"payloadType": "USAGE", "frequency": 9},
            {"payloadType": "READING", "frequency": "often", "repeat": 1e99, "historical": "yes"},
            {"units": "KWH"},
        ]
    )
    assert set(event.reports) == {"USAGE", "ACK", "READING"}
    usage, reading = event.reports["USAGE"], event.reports["READING"]
    assert (usage.units, usage.historical, usage.frequency, usage.repeat) == ("KWH", False, 2, -1)
    assert (reading.frequency, reading.repeat, reading.historical) == (-1, 1, True)


def test_texts_carry_nothing_hidden_and_can_be_encoded() -> None:
    told = plain_text("a\x00b\u202ec\ud800d\u2028e" + "x" * 500, 100)
    assert told.startswith("a b c d e")
    assert len(told.encode()) == 100
    assert plain_text({"not": "a text"}, 5) == ""


@pytest.mark.parametrize("number", ["1e999999999999999999999", "-Infinity", "NaN", "1" * 5000])
def test_numbers_beyond_all_bounds_can_be_read_and_told_apart(number: str) -> None:
    (value,) = read_json(f"[{number}]".encode())
    assert isinstance(value, Decimal)
    assert not value.is_finite() or abs(value) > 10**100


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":'])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(MessageRejected):
        read_json(body)


@pytest.mark.parametrize("told", ["2027-01-15T12:00:00Z", "2027-01-15T13:00:00+01:00", "2027-01-15 12:00:00"])
def test_instants_are_utc(told: str) -> None:
    assert instant(told) == datetime(2027, 1, 15, 12, tzinfo=UTC)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*EVENT, "type", "values"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(EVENT)), _json, max_size=4))
def test_nothing_a_server_sends_crashes_the_reader(changes: dict[str, object]) -> None:
    for reader in (read_event, read_program):
        with contextlib.suppress(MessageRejected):
            reader(read_json(json.dumps(EVENT | changes).encode()))
