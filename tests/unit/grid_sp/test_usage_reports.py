"""Quarter hours as reports."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.model.consent import DataClass
from homeapp.model.record import DataRecord, Priority, RecordKind, Value
from homeapp.providers.grid_sp.objects import read_event
from homeapp.providers.grid_sp.usage import is_quarter_hour, report_name, usage_report

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
QUARTER: dict[str, Value] = {
    "start": NOON.isoformat(),
    "end": (NOON + timedelta(minutes=15)).isoformat(),
    "import_wh": 151,
    "export_wh": 0,
    "quality": "OK",
}


def record(body: Mapping[str, Value]) -> DataRecord:
    return DataRecord(
        record_id="0b8f5b62-6f0a-4b1e-9f0e-8f9a1c1f2d3e",
        sp_id="grid_sp",
        data_class=DataClass.METERING,
        kind=RecordKind.METERING,
        priority=Priority.METERING,
        created_at=NOON,
        not_after=NOON + timedelta(days=35),
        body=body,
    )


def told(body: Mapping[str, Value]) -> dict[str, dict[str, object]]:
    """Values by resource and payload type."""
    report: Any = usage_report(record(body), event_id="event-7", client_name="home")
    found: dict[str, dict[str, object]] = {}
    for resource in report["resources"]:
        assert resource["intervalPeriod"] == {"start": "2027-01-15T12:00:00Z", "duration": "PT900S"}
        (interval,) = resource["intervals"]
        found[resource["resourceName"]] = {item["type"]: item["values"][0] for item in interval["payloads"]}
    return found


@pytest.mark.usecase("S4")
def test_each_direction_is_a_resource_of_its_own_in_kilowatt_hours() -> None:
    assert told(QUARTER | {"evce_charged_wh": 0.0, "evce_fed_wh": 75.1}) == {
        "grid-import": {"USAGE": 0.151, "DATA_QUALITY": "OK"},
        "grid-export": {"USAGE": 0.0, "DATA_QUALITY": "OK"},
        "evce-charge": {"USAGE": 0.0, "DATA_QUALITY": "OK"},
        "evce-feed": {"USAGE": 0.0751, "DATA_QUALITY": "OK"},
    }


def test_what_is_missing_is_said_to_be_and_what_was_never_measured_is_left_out() -> None:
    bounds = {key: QUARTER[key] for key in ("start", "end")}
    missing = {"DATA_QUALITY": "MISSING"}
    assert told(bounds | {"quality": "MISSING"}) == {"grid-import": missing, "grid-export": missing}


@pytest.mark.parametrize(("quality", "reading"), [("OK", "DIRECT_READ"), ("ESTIMATED", "ESTIMATED")])
def test_the_descriptors_tell_the_unit_and_how_it_was_read(quality: str, reading: str) -> None:
    report: Any = usage_report(record(QUARTER | {"quality": quality}), event_id="event-7", client_name="home")
    assert (report["eventID"], report["clientName"]) == ("event-7", "home")
    assert report["reportName"] == report_name(record(QUARTER)) == "usage-0b8f5b62-6f0a-4b1e-9f0e-8f9a1c1f2d3e"
    usage = report["payloadDescriptors"][0]
    assert (usage["payloadType"], usage["units"], usage["readingType"]) == ("USAGE", "KWH", reading)


def test_a_charging_period_is_no_quarter_hour() -> None:
    assert is_quarter_hour(QUARTER)
    assert not is_quarter_hour({"period_id": "p", "energy_wh": 5.0, "quality": "OK"})


def test_an_event_says_which_reports_it_wants() -> None:
    event = {"id": "event-1", "programID": "p", "reportDescriptors": [{"payloadType": "USAGE"}, {"payloadType": 7}]}
    assert set(read_event(event).reports) == {"USAGE"}
    assert not read_event({"id": "event-1", "programID": "p"}).reports
