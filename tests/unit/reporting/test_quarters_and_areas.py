"""What the hub tells regularly: energy of each quarter-hour, and the area the car is in."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from homeapp.errors import DeviceUnreachable
from homeapp.model.consent import DataClass
from homeapp.model.health import Position
from homeapp.model.readings import MeterReading
from homeapp.model.record import Priority, RecordKind
from homeapp.store.telemetry import Sample
from kit.clocks import LeapingClock
from kit.reporting_home import DENMARK, IDLE, NOON, PLUGGED, Home, living


def meter(at: datetime, import_wh: int) -> MeterReading:
    return MeterReading(device_id="m", received_at=at, power_w=0.0, import_wh=import_wh, export_wh=7)


@pytest.mark.usecase("S4", "A1", "L4", "W1")
def test_each_quarter_hour_goes_to_the_grid_operator_once(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)

    async def first_life(ours: Home) -> None:
        for minute in range(33):
            ours.reporter.meter_read(meter(clock.at, 1000 + 10 * minute))
            await ours.telemetry.add(Sample(at=clock.at, grid_w=600.0, evce_w=-300.0))
            await ours.reporter.report()
            clock.at += timedelta(minutes=1)
        first, second = ours.told("grid_sp", RecordKind.METERING)
        assert first.body == {
            "start": NOON.isoformat(),
            "end": (NOON + timedelta(minutes=15)).isoformat(),
            "import_wh": 150,
            "export_wh": 0,
            "evce_charged_wh": 0.0,
            "evce_fed_wh": pytest.approx(75.0, abs=0.1),
            "quality": "OK",
        }
        assert second.body["start"] == first.body["end"]
        assert first.data_class is DataClass.METERING
        assert {record.sp_id for record in ours.sent} == {"grid_sp"}

    async def second_life(ours: Home) -> None:
        clock.at += timedelta(minutes=20)
        await ours.reporter.report()
        (third,) = ours.told("grid_sp")
        assert third.body["start"] == (NOON + timedelta(minutes=30)).isoformat()
        assert third.body["quality"] == "MISSING"
        assert "import_wh" not in third.body

    living(tmp_path, first_life, clock=clock)
    living(tmp_path, second_life, clock=clock)


def test_a_clock_that_was_far_ahead_does_not_silence_the_quarters(tmp_path: Path) -> None:
    clock = LeapingClock(NOON)

    async def wrong_year(ours: Home) -> None:
        clock.at += timedelta(days=365)
        await ours.reporter.report()
        clock.at += timedelta(minutes=20)
        await ours.reporter.report()
        clock.at -= timedelta(days=365)

    async def right_year(ours: Home) -> None:
        await ours.reporter.report()
        clock.at += timedelta(minutes=20)
        await ours.reporter.report()
        assert len(ours.told("grid_sp")) == 1

    living(tmp_path, wrong_year, clock=clock)
    living(tmp_path, right_year, clock=clock)


@pytest.mark.usecase("S7", "A7")
def test_the_fleet_is_told_the_area_of_the_plugged_in_car_once_an_hour(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        ours.position = DENMARK
        for _ in range(130):
            ours.evce(PLUGGED)
            await ours.reporter.report()
            ours.clock.at += timedelta(minutes=1)
            ours.position = replace(DENMARK, at=ours.clock.at)
        records = ours.told("fleet")
        assert [record.created_at for record in records] == [NOON + timedelta(hours=hour) for hour in range(3)]
        assert records[0].body == {
            "pev": records[0].body["pev"], "at": NOON.isoformat(), "latitude": 56.2, "longitude": 10.2,
        }  # fmt: skip
        assert records[0].kind is RecordKind.LOCATION
        assert records[0].priority is Priority.LOCATION
        assert records[0].not_after - records[0].created_at == timedelta(hours=1)
        assert [record for record in ours.sent if record.kind is RecordKind.LOCATION] == records

    living(tmp_path, body)


def test_away_from_home_only_another_area_is_told(tmp_path: Path) -> None:
    async def body(ours: Home) -> None:
        for latitude in (56.16, 56.17, 55.4, 55.4):
            ours.position = Position(at=ours.clock.at, latitude=latitude, longitude=10.2)
            ours.evce(IDLE)
            await ours.reporter.report()
            ours.clock.at += timedelta(hours=1)
        assert [record.body["latitude"] for record in ours.told("fleet")] == [56.2, 55.4]

    living(tmp_path, body)


@pytest.mark.parametrize("position", [None, DeviceUnreachable("The car is asleep.")])
def test_a_car_whose_place_is_not_known_is_nowhere(tmp_path: Path, position: DeviceUnreachable | None) -> None:
    async def body(ours: Home) -> None:
        ours.position = position
        ours.evce(PLUGGED)
        await ours.reporter.report()
        ours.position = DENMARK
        await ours.reporter.report()
        assert ours.told("fleet") == []
        ours.clock.at += timedelta(minutes=5)
        await ours.reporter.report()
        assert len(ours.told("fleet")) == 1

    living(tmp_path, body)
