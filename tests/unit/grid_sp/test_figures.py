"""What events ask to be told about charger and car, and the reports that say it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from homeapp.model.consent import DataClass
from homeapp.model.grid_report import GridFigure, ReportWish
from homeapp.model.record import DataRecord, Priority, RecordKind, Value
from homeapp.providers.grid_sp.durations import FOREVER
from homeapp.providers.grid_sp.figures import figure_report, wish_of
from homeapp.providers.grid_sp.objects import Event, read_event, read_json

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)


def event(
    *descriptors: dict[str, Any], intervals: int = 2, each: str = "PT1H", start: str = "2027-01-15T13:00:00Z"
) -> Event:
    told = {
        "id": "e",
        "programID": "p",
        "reportDescriptors": list(descriptors),
        "intervalPeriod": {"start": start, "duration": each},
        "intervals": [{"id": index, "payloads": []} for index in range(intervals)],
    }
    return read_event(read_json(json.dumps(told).encode()))


def asked(name: str = "OPERATING_STATE", **how: object) -> dict[str, Any]:
    return {"payloadType": name, **how}


def wish(told: Event) -> ReportWish:
    found = wish_of(told, known_at=NOON)
    assert found is not None
    return found


def test_by_default_one_report_at_the_end_of_the_last_interval() -> None:
    told = wish(event(asked(), asked("STORAGE_CHARGE_LEVEL"), asked("USAGE"), asked("ACK")))
    assert told.figures == {GridFigure.OPERATING_STATE, GridFigure.STORAGE_CHARGE_LEVEL}
    assert (told.start, told.end, told.every, told.at_will) == (NOON + HOUR, NOON + 3 * HOUR, None, False)
    assert told.due(NOON + 2 * HOUR) is None
    assert told.due(NOON + 4 * HOUR) == told.end


def test_a_report_every_so_many_intervals() -> None:
    told = wish(event(asked(frequency=2, repeat=3), intervals=6))
    assert told.every == 2 * HOUR
    assert [told.due(NOON + hours * HOUR) for hours in (0, 1, 2, 3, 9)] == [
        None,
        NOON + HOUR,
        NOON + HOUR,
        NOON + 3 * HOUR,
        NOON + 7 * HOUR,
    ]


def test_at_will_means_each_quarter_hour_and_on_news() -> None:
    told = wish(event(asked(frequency=0)))
    assert (told.every, told.at_will) == (QUARTER, True)


@pytest.mark.parametrize("how", [{"frequency": 1}, {"frequency": 0}])
def test_nobody_is_told_more_often_than_every_quarter_hour(how: dict[str, object]) -> None:
    assert wish(event(asked(**how), each="PT10S", intervals=3)).every == QUARTER


def test_the_guides_request_for_the_state_of_charge_holds_for_as_long_as_it_is_there() -> None:
    names = (
        "STORAGE_USABLE_CAPACITY",
        "STORAGE_CHARGE_LEVEL",
        "STORAGE_MAX_DISCHARGE_POWER",
        "STORAGE_MAX_CHARGE_POWER",
    )
    descriptors = [asked(name, frequency=0, reportIntervals="OPEN_INTERVALS") for name in names]
    told = wish(event(*descriptors, intervals=0, start="0001-01-01", each="PT0H"))
    assert told.figures == set(GridFigure) - {GridFigure.OPERATING_STATE}
    assert (told.start, told.end, told.every) == (NOON, FOREVER, QUARTER)


def test_a_stream_of_reports_on_implied_intervals() -> None:
    told = wish(event(asked(repeat=-1), intervals=0))
    assert (told.start, told.end, told.every) == (NOON + HOUR, FOREVER, HOUR)
    assert wish(event(asked(frequency=3, repeat=-1), intervals=0)).every == 3 * HOUR


@pytest.mark.parametrize("descriptors", [[], [asked("USAGE")], [asked(historical=False)]], ids=str)
def test_forecasts_and_other_reports_are_not_among_them(descriptors: list[dict[str, Any]]) -> None:
    assert wish_of(event(*descriptors), known_at=NOON) is None


def record(**body: Value) -> DataRecord:
    return DataRecord(
        record_id="0b8f5b62",
        sp_id="grid_sp",
        data_class=DataClass.CHARGING,
        kind=RecordKind.GRID_REPORT,
        priority=Priority.METERING,
        created_at=NOON,
        not_after=NOON + HOUR,
        body={"event_id": "e", "at": NOON.isoformat(), **body},
    )


def test_percent_goes_out_between_0_and_1_and_power_in_kw() -> None:
    body: dict[str, Value] = {
        "operating_state": "IDLE_OPTED_OUT",
        "soc_pct": 55.5,
        "capacity_wh": 60_000,
        "max_charge_w": 11_000.0,
        "max_feed_w": 0.0,
    }
    report: Any = figure_report(record(**body), "homeapp")
    assert (report["eventID"], report["clientName"], report["reportName"]) == ("e", "homeapp", "figures-0b8f5b62")
    ((interval,),) = [resource["intervals"] for resource in report["resources"]]
    assert {item["type"]: item["values"] for item in interval["payloads"]} == {
        "OPERATING_STATE": ["IDLE_OPTED_OUT"],
        "STORAGE_CHARGE_LEVEL": [0.555],
        "STORAGE_USABLE_CAPACITY": [60.0],
        "STORAGE_MAX_CHARGE_POWER": [11.0],
        "STORAGE_MAX_DISCHARGE_POWER": [0.0],
    }
    assert {item["payloadType"]: item.get("units") for item in report["payloadDescriptors"]} == {
        "OPERATING_STATE": None,
        "STORAGE_CHARGE_LEVEL": "PERCENT",
        "STORAGE_USABLE_CAPACITY": "KWH",
        "STORAGE_MAX_CHARGE_POWER": "KW",
        "STORAGE_MAX_DISCHARGE_POWER": "KW",
    }
    assert [resource["resourceName"] for resource in report["resources"]] == ["ev"]


def test_what_is_not_known_is_not_told() -> None:
    report: Any = figure_report(record(operating_state="IDLE_NORMAL", soc_pct=None), "homeapp")
    assert [item["payloadType"] for item in report["payloadDescriptors"]] == ["OPERATING_STATE"]
