"""Only listed fields leave, to any depth; places only coarsely."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.consent import DataClass
from homeapp.model.record import RecordKind, Value
from homeapp.sharing.allow_list import faults
from homeapp.sharing.consent_texts import data_classes, terms

pytestmark = pytest.mark.usecase("W8")

REPORT = terms("pev_sp", DataClass.HEALTH).records[RecordKind.HEALTH_REPORT]
PLACE = terms("fleet", DataClass.LOCATION).records[RecordKind.LOCATION]
GOOD_REPORT: dict[str, Value] = {
    "pev": "00112233aabbccdd",
    "offer_id": None,
    "defects": [{"code": "P0A1F", "confirmed": True}],
    "soc_pct": 64.0,
}


def test_listed_fields_may_leave() -> None:
    assert not list(faults(GOOD_REPORT, REPORT))
    assert not list(faults({}, REPORT))
    assert not list(faults({"defects": []}, REPORT))
    assert not list(faults({"latitude": 52.1, "longitude": -4, "pev": "0011"}, PLACE))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"vin": "WVW"}, "'vin' is not on its list"),
        ({"defects.code": "P0A1F"}, "'defects.code' is not on its list"),
        ({"defects": [{"code": "P0A1F", "driver": "Anna"}]}, "'defects.driver' is not on its list"),
        ({"defects": [{"code": {"vin": "WVW"}}]}, "'defects.code' holds more than one value"),
        ({"defects": [[{"driver": "Anna"}]]}, "'defects' holds something else"),
        ({"defects": ["at 52.09 north"]}, "'defects' holds something else"),
        ({"defects": {"driver": "Anna"}}, "'defects.driver' is not on its list"),
        ({"soc_pct": {"vin": "WVW"}}, "'soc_pct' holds more than one value"),
        ({"soc_pct": ["WVW"]}, "'soc_pct' holds more than one value"),
    ],
)
def test_one_unlisted_or_nested_field_is_enough_to_stop_it(body: dict[str, Value], fault: str) -> None:
    assert any(fault in found for found in faults({**GOOD_REPORT, **body}, REPORT))


@pytest.mark.usecase("S7")
@pytest.mark.parametrize("value", [52.0907, 52.05, 91.0, -90.1, math.nan, math.inf, "52.0907", None, True, [52.1]])
def test_a_place_that_is_not_coarse_does_not_leave(value: Value) -> None:
    assert any("latitude" in found for found in faults({"latitude": value, "longitude": 4.4}, PLACE))


@pytest.mark.usecase("S7")
@given(st.floats(-180, 180))
def test_every_rounded_place_may_leave_and_no_other(value: float) -> None:
    assert not list(faults({"longitude": round(value, 1)}, PLACE))
    assert bool(list(faults({"longitude": value}, PLACE))) is (round(value, 1) != value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "P0A1F"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "x", "pev"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*sorted(REPORT), "vin", "at.x", ""]), _JSON, max_size=4))
def test_what_passes_names_only_listed_fields(body: dict[str, Value]) -> None:
    if not list(faults(body, REPORT)):
        assert _paths(body, "") <= REPORT


def _paths(value: object, prefix: str) -> set[str]:
    if isinstance(value, list):
        return set().union(*(_paths(item, prefix) for item in value))
    if not isinstance(value, dict):
        return set()
    own = {f"{prefix}{name}" for name in value}
    return own.union(*(_paths(part, f"{prefix}{name}.") for name, part in value.items()))


def test_every_kind_of_record_has_a_list_for_each_provider_that_may_get_it() -> None:
    """The table of docs/providers.md; a job of the charger is told to its provider as charging data."""
    charging = {RecordKind.PEV_STATE, RecordKind.CHARGING, RecordKind.CHARGING_PARAMETERS}
    assert {
        (sp_id, data_class): set(terms(sp_id, data_class).records)
        for sp_id in ("grid_sp", "evc_sp", "pev_sp", "fleet")
        for data_class in data_classes(sp_id)
    } == {
        ("grid_sp", DataClass.IDENTITY): set(),
        ("grid_sp", DataClass.CHARGING): {RecordKind.GRID_REPORT},
        ("grid_sp", DataClass.METERING): {RecordKind.METERING},
        ("evc_sp", DataClass.IDENTITY): set(),
        ("evc_sp", DataClass.CHARGING): charging | {RecordKind.JOB_RESULT},
        ("evc_sp", DataClass.METERING): {RecordKind.METERING},
        ("pev_sp", DataClass.IDENTITY): set(),
        ("pev_sp", DataClass.CHARGING): charging,
        ("pev_sp", DataClass.HEALTH): {RecordKind.HEALTH_REPORT, RecordKind.JOB_RESULT},
        ("fleet", DataClass.IDENTITY): set(),
        ("fleet", DataClass.LOCATION): {RecordKind.LOCATION},
    }
    assert data_classes("somebody") == ()


def test_the_lists_name_every_field_of_the_messages_and_the_words_have_versions() -> None:
    documented = _documented_fields()
    for sp_id in ("grid_sp", "evc_sp", "evc_sp.csms", "pev_sp", "fleet"):
        for data_class in data_classes(sp_id):
            found = terms(sp_id, data_class)
            numbers = [text.version for text in found.texts]
            assert numbers == list(range(1, len(numbers) + 1))
            assert all(text.valid_from_version <= text.version for text in found.texts)
            assert [found.version(number) for number in numbers] == list(found.texts)
            assert found.version(0) is None
            summary, _, rest = found.newest.text.partition("\n")
            assert summary.endswith(".")
            assert rest
            for kind, fields in found.records.items():
                assert fields == documented[kind] | {"id", "at"}, (sp_id, kind)


def _documented_fields() -> dict[str, set[str]]:
    """From the table "kind, data class, priority, fields"."""
    text = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
    found: dict[str, set[str]] = {}
    for kinds, data_class, fields in re.findall(
        r"^\| `([a-z-]+)` \| ([^|]+) \| [a-z]+ \| (.+) \|$", text, re.MULTILINE
    ):
        if not set(data_class.replace("`", " ").split()) & {"charging", "metering", "health", "location"}:
            continue
        names = set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", fields)))
        if "`defects` of" in fields:
            names = names - {"code", "confirmed"} | {"defects.code", "defects.confirmed"}
        found[kinds] = names
    return found
