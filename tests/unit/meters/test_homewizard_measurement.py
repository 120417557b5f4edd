"""HomeWizard measurements: every documented product is read, nothing but ProtocolError comes out of garbage."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.meters.homewizard.measurement import V1_FIELDS, V2_FIELDS, json_object, read_measurement
from homeapp.errors import ProtocolError
from homeapp.model.readings import MeterReading

CAPTURES = Path(__file__).parents[2] / "captures" / "homewizard"
ZONE = ZoneInfo("Europe/Amsterdam")
RECEIVED = datetime(2024, 6, 28, 12, 12, 36, tzinfo=UTC)
FIELDS = {"v1": V1_FIELDS, "v2": V2_FIELDS}


def parse(body: bytes, api: str = "v2", received_at: datetime = RECEIVED) -> MeterReading:
    return read_measurement(
        json_object(body), FIELDS[api], device_id="homewizard:5c2fafaabbcc", received_at=received_at, zone=ZONE
    )


def with_fields(**fields: object) -> bytes:
    return json.dumps({"power_w": 100} | fields).encode()


EXPECTED = {
    "HWE-P1_v1": (-543, (-676, 133, 0), (-4, 2, 0), None, 13_779_338, 0),
    "HWE-P1_v2": (-543, (-676, 133, 0), (-4, 2, 0), None, 13_779_338, 0),
    "HWE-P1-one-phase_v2": (-678, (-676,), None, None, 13_779_338, 4_162_461),
    "HWE-KWH1_v1": (-45.252, (-45.252,), (-0.273,), (228.472,), 122_376, 579_813),
    "HWE-KWH1_v2": (123, (123,), (1.5,), (230,), 123_456, 78_910),
    "HWE-KWH3_v1": (
        7100.278,
        (0, 3547.015, 3553.263),
        (0, 15.521, 15.477),
        (230.751, 228.391, 229.612),
        2_940_101,
        0,
    ),
    "HWE-KWH3_v2": (123, (50, 40, -30), (-0.5, 0.8, 1.2), (230, 230, 230), 123_456, 78_910),
}


@pytest.mark.parametrize("capture", sorted(CAPTURES.glob("*.json")), ids=lambda path: path.stem)
def test_each_documented_product_is_read(capture: Path) -> None:
    reading = parse(capture.read_bytes(), capture.stem.rpartition("_")[2])
    assert (
        reading.power_w,
        reading.phase_power_w,
        reading.phase_current_a,
        reading.phase_voltage_v,
        reading.import_wh,
        reading.export_wh,
    ) == EXPECTED[capture.stem]
    assert reading.device_id == "homewizard:5c2fafaabbcc"
    assert reading.received_at == RECEIVED


def test_the_expectations_are_those_of_the_captures() -> None:
    assert {path.stem for path in CAPTURES.glob("*.json")} == set(EXPECTED)


def test_the_meter_time_is_local_time() -> None:
    reading = parse((CAPTURES / "HWE-P1_v2.json").read_bytes())
    assert reading.meter_time == datetime(2024, 6, 28, 12, 12, 34, tzinfo=UTC)
    assert parse((CAPTURES / "HWE-P1_v1.json").read_bytes(), "v1").meter_time is None


@pytest.mark.parametrize(("received_hour", "meter_hour"), [(0, 0), (1, 1)])
def test_the_hour_that_comes_twice_is_the_one_closer_to_the_hub(received_hour: int, meter_hour: int) -> None:
    """On 2026-10-25 the clocks of Amsterdam show 02:30 at 00:30 UTC and again at 01:30 UTC."""
    received = datetime(2026, 10, 25, received_hour, 30, 2, tzinfo=UTC)
    reading = parse(with_fields(timestamp="2026-10-25T02:30:00"), received_at=received)
    assert reading.meter_time == datetime(2026, 10, 25, meter_hour, 30, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["", "yesterday", "0001-01-01T00:00:00", "9999-12-31T23:59:59", 5, None, "1" * 5000])
def test_an_unreadable_clock_does_not_spoil_the_power(stamp: object) -> None:
    reading = parse(with_fields(timestamp=stamp))
    assert reading.power_w == 100
    assert reading.meter_time is None or reading.meter_time.year in (1, 9999)


def test_a_total_without_phases_claims_none() -> None:
    reading = parse(with_fields(current_a=6))
    assert (reading.phase_power_w, reading.phase_current_a, reading.phase_voltage_v) == (None, None, None)


def test_an_incomplete_set_of_three_phases_is_left_out() -> None:
    reading = parse(with_fields(power_l1_w=1, power_l3_w=2, current_l1_a=1, current_l2_a=2, current_l3_a=3))
    assert reading.phase_power_w is None
    assert reading.phase_current_a == (1, 2, 3)


def test_null_is_the_same_as_absent() -> None:
    assert parse(with_fields(energy_import_kwh=None, power_l1_w=None)).import_wh is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b"{}",
        b'{"power_w":null}',
        b'{"power_w":"230"}',
        b'{"power_w":true}',
        b'{"power_w":NaN}',
        b'{"power_w":Infinity}',
        b'{"power_w":1e400}',
        b'{"power_w":1e30}',
        b'{"power_w":99999999999999999999999999}',
        b'{"power_w":1,"voltage_l1_v":"230"}',
        b'{"power_w":1,"current_l1_a":[1]}',
        b'{"power_w":1,"energy_import_kwh":-1}',
        b'{"power_w":1,"energy_import_kwh":1e20}',
        b'{"power_w":1,"energy_export_t2_kwh":{}}',
        b'{"power_w":1',
        b"[" * 60_000,
        b'{"power_w":1,"x":' + b"[" * 60_000,
        b'{"power_w":1,"x":"' + b"x" * 70_000 + b'"}',
        b'{"power_w":1,"\xff":1}',
        b"\xff\xfe",
    ],
)
def test_garbage_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(body)
    assert str(caught.value).endswith(".")


TEXT = st.text("aZ0.-+:TZé\x00 ", max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
KNOWN = st.sampled_from(
    [
        "power_w",
        "power_l1_w",
        "power_l2_w",
        "current_a",
        "current_l3_a",
        "voltage_v",
        "timestamp",
        "energy_import_kwh",
        "energy_export_t4_kwh",
        "active_power_w",
        "active_voltage_l2_v",
        "total_power_export_t1_kwh",
    ]
)


def read_or_protocol_error(body: bytes, api: str) -> None:
    try:
        reading = parse(body, api)
    except ProtocolError:
        return
    assert abs(reading.power_w) <= 1e6


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["v1", "v2"]))
def test_arbitrary_bytes_raise_only_protocol_errors(body: bytes, api: str) -> None:
    read_or_protocol_error(body, api)


@settings(deadline=None)
@given(st.dictionaries(KNOWN, JSON, max_size=8), st.sampled_from(["v1", "v2"]))
def test_known_fields_with_arbitrary_values_raise_only_protocol_errors(data: dict[str, object], api: str) -> None:
    read_or_protocol_error(json.dumps(data).encode(), api)


@settings(deadline=None)
@given(st.datetimes(timezones=st.none()), st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the meter's time is naive
def test_any_local_time_is_read_as_one_of_its_instants(stamp: datetime, received: datetime) -> None:
    meter_time = parse(with_fields(timestamp=stamp.isoformat()), received_at=received).meter_time
    if 1 < stamp.year < 9999:
        assert meter_time is not None
        assert abs((meter_time.astimezone(ZONE).replace(tzinfo=None) - stamp).total_seconds()) <= 3600
