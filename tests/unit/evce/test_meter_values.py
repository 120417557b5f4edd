"""The many ways in which stations report the same measurement."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce.metering import LONGEST_SIGNED, Sample, samples
from devices.evce.profiles import StationLimits

THREE = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
ONE = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=1, voltage_v=230.0)
POWER = "Power.Active.Import"


def sample(
    *sampled: dict[str, Any], limits: StationLimits = THREE, timestamp: object = "2026-01-15T12:00:00Z"
) -> Sample:
    (only,) = samples({"meterValue": [{"timestamp": timestamp, "sampledValue": list(sampled)}]}, limits)
    return only


def test_energy_without_measurand_and_unit_is_imported_wh() -> None:
    assert sample({"value": "1234"}).import_wh == 1234


@pytest.mark.parametrize(
    "item",
    [
        {"value": "3.5", "unit": "kW"},
        {"value": "3500"},
        {"value": 3500, "unitOfMeasure": {"unit": "W"}},
        {"value": 3.5, "unitOfMeasure": {"unit": "kW"}},
        {"value": 35, "unitOfMeasure": {"unit": "W", "multiplier": 2}},
    ],
)
def test_power_in_any_unit(item: dict[str, Any]) -> None:
    assert sample(item | {"measurand": POWER}).power_w == pytest.approx(3500)


def test_phases_are_summed_unless_there_is_a_total() -> None:
    phases = [{"value": "1000", "measurand": POWER, "phase": phase} for phase in ("L1", "L2-N", "L3")]
    assert sample(*phases).power_w == 3000
    assert sample(*phases, {"value": "2900", "measurand": POWER}).power_w == 2900


def test_export_is_negative() -> None:
    assert sample({"value": "3000", "measurand": "Power.Active.Export"}).power_w == -3000
    both = [{"value": "0", "measurand": POWER}, {"value": "3000", "measurand": "Power.Active.Export"}]
    assert sample(*both).power_w == -3000
    assert sample({"value": "7", "measurand": "Energy.Active.Export.Register", "unit": "kWh"}).export_wh == 7000


def test_power_comes_from_currents_where_it_is_missing() -> None:
    per_phase = [{"value": "10", "measurand": "Current.Import", "phase": phase} for phase in ("L1", "L2", "L3")]
    taken = sample(*per_phase)
    assert (taken.power_w, taken.phase_current_a) == (6900, (10, 10, 10))
    assert sample({"value": "10", "measurand": "Current.Import"}).power_w == 6900
    assert sample({"value": "10", "measurand": "Current.Import"}, limits=ONE).power_w == 2300
    assert sample({"value": "9", "measurand": "Current.Import", "phase": "L3"}, limits=ONE).phase_current_a == (9,)
    assert sample({"value": "4", "measurand": "Current.Export"}, limits=ONE).power_w == -920


def test_state_of_charge_in_range_only() -> None:
    assert sample({"value": "55", "measurand": "SoC", "unit": "Percent", "location": "EV"}).soc_pct == 55
    assert sample({"value": 56, "measurand": "Display.PresentSOC"}).soc_pct == 56
    assert sample({"value": "101", "measurand": "SoC"}).soc_pct is None


def test_power_inside_the_car_is_not_power_at_the_outlet() -> None:
    assert sample({"value": "3000", "measurand": POWER, "location": "EV"}).power_w is None


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:00Z", "0000-00-00", 5, None, "x" * 100, "2019-12-31T23:59:59Z"])
def test_a_clock_that_was_never_set_is_not_believed(stamp: object) -> None:
    assert sample({"value": "1"}, timestamp=stamp).stamp is None


def test_a_stamp_with_an_offset_becomes_utc() -> None:
    assert sample({"value": "1"}, timestamp="2026-01-15T13:00:00+01:00").stamp == datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["NaN", "inf", "-inf", "1e400", "", "abc", None, True, [], {}, 10**400])
def test_what_is_no_finite_number_is_left_out(value: object) -> None:
    assert sample({"value": value, "measurand": POWER}).power_w is None


def test_a_signed_value_of_16_is_kept_as_text_and_not_read_as_a_number() -> None:
    text = 'OCMF|{"FV":"1.0"}|{"SD":"304502"}'
    taken = sample({"value": text, "format": "SignedData", "context": "Transaction.End"}, {"value": "1234"})
    (reading,) = taken.signed
    assert (reading.data, reading.context, reading.stamp) == (text, "Transaction.End", taken.stamp)
    assert taken.import_wh == 1234
    assert sample({"value": "99", "format": "SignedData"}).import_wh is None


def test_a_signed_value_of_2x_is_kept_with_all_that_a_check_needs() -> None:
    described = {
        "signedMeterData": "c2lnbmVk", "signingMethod": "ECDSA-secp256r1-SHA256", "encodingMethod": "OCMF",
        "publicKey": "MFkw",
    }  # fmt: skip
    taken = sample({"value": 1234, "signedMeterValue": described, "context": "Transaction.Begin"})
    (reading,) = taken.signed
    assert (reading.data, reading.method, reading.encoding, reading.public_key, reading.context) == (
        "c2lnbmVk", "ECDSA-secp256r1-SHA256", "OCMF", "MFkw", "Transaction.Begin",
    )  # fmt: skip
    assert taken.import_wh == 1234


@pytest.mark.parametrize("data", ["", None, 5, "x" * (LONGEST_SIGNED + 1)])
def test_no_signed_text_or_an_absurd_one_is_left_out(data: object) -> None:
    assert sample({"value": 1, "signedMeterValue": {"signedMeterData": data}}).signed == ()
    assert sample({"value": data, "format": "SignedData"}).signed == ()


def test_a_clock_that_was_never_set_still_tells_its_time() -> None:
    taken = sample({"value": "1"}, timestamp="1970-01-01T00:10:00Z")
    assert (taken.stamp, taken.told_at) == (None, datetime(1970, 1, 1, 0, 10, tzinfo=UTC))


def test_phases_without_voltage_change_nothing() -> None:
    voltages = [
        {"value": volts, "measurand": "Voltage", "phase": phase} for phase, volts in (("L1-N", 231), ("L2-N", 0))
    ]
    current = {"value": 10, "measurand": "Current.Import", "phase": "L1"}
    assert sample(*voltages, current).phase_current_a == (10, 0, 0)
    assert sample(*voltages, current).power_w == 2300
    assert sample(*voltages, {"value": 2310, "measurand": POWER}).power_w == 2310


def test_strings_and_numbers_a_sum_and_phases_agree() -> None:
    as_text = sample({"value": " 3500.0 ", "measurand": POWER})
    assert as_text.power_w == sample({"value": 3500, "measurand": POWER}).power_w
    energy = "Energy.Active.Import.Register"
    phases = [{"value": "1.5", "unit": "kWh", "measurand": energy, "phase": phase} for phase in ("L1", "L2", "L3-N")]
    assert sample(*phases).import_wh == 4500
    between = {"value": "400", "measurand": "Voltage", "phase": "L1-L2"}
    assert sample(between, {"value": "0.2", "measurand": "Voltage", "phase": "L3"}).power_w is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "value",
                    "measurand",
                    "phase",
                    "unit",
                    "unitOfMeasure",
                    "multiplier",
                    "timestamp",
                    "location",
                    "format",
                    "signedMeterValue",
                    "signedMeterData",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(st.fixed_dictionaries({"timestamp": json_values, "sampledValue": json_values}) | json_values, max_size=3)
)
def test_no_garbage_crashes_it_or_yields_a_number_that_is_none(values: list[Any]) -> None:
    for taken in samples({"meterValue": values}, THREE):
        numbers = [taken.power_w, taken.soc_pct, taken.import_wh, taken.export_wh, *(taken.phase_current_a or ())]
        assert all(number is None or math.isfinite(number) for number in numbers)
