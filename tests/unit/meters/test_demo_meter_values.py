"""The values of the simulated meter: registers integrate the power, each product is told as the driver reads it."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from devices.meters.homewizard.measurement import V1_FIELDS, V2_FIELDS, json_object, read_measurement
from homeapp.clock import SystemClock
from homeapp.demo.meter.values import MeterValues, PhasePowers
from homeapp.model.readings import MeterReading

ZONE = ZoneInfo("Europe/Amsterdam")


class SetClock(SystemClock):
    """A clock that shows what it is set to."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s


def read(values: MeterValues, product_type: str, api: str, now: datetime) -> MeterReading:
    told = values.v1(product_type) if api == "v1" else values.v2(product_type)
    fields = V1_FIELDS if api == "v1" else V2_FIELDS
    body = json.dumps(told).encode()
    return read_measurement(json_object(body), fields, device_id="homewizard:x", received_at=now, zone=ZONE)


def test_registers_integrate_import_and_export_apart() -> None:
    clock = SetClock(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    phases: PhasePowers = (3000.0, 0.0, -1000.0)
    values = MeterValues(clock, lambda: phases, ZONE)
    before = read(values, "HWE-P1", "v2", clock.now())
    clock.elapsed_s += 1800
    phases = (-4000.0, 0.0, 0.0)
    values.measure()
    clock.elapsed_s += 900
    values.measure()
    after = read(values, "HWE-P1", "v2", clock.now())
    assert before.import_wh is not None
    assert before.export_wh is not None
    assert after.import_wh == before.import_wh + 1000
    assert after.export_wh == before.export_wh + 1000


@pytest.mark.parametrize(("hour", "tariff"), [(21, 2), (22, 1), (5, 1), (6, 2)])
def test_the_night_is_tariff_one(hour: int, tariff: int) -> None:
    """In winter Amsterdam is one hour ahead of UTC."""
    values = MeterValues(SetClock(datetime(2026, 11, 23, hour, 0, tzinfo=UTC)), lambda: (0.0, 0.0, 0.0), ZONE)
    assert values.v2("HWE-P1")["tariff"] == tariff


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize(("product_type", "phases"), [("HWE-P1", 3), ("HWE-KWH3", 3), ("HWE-KWH1", 1)])
def test_each_product_is_told_as_the_driver_reads_it(product_type: str, phases: int, api: str) -> None:
    clock = SetClock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    reading = read(MeterValues(clock, lambda: (-690.0, 0.0, 0.0), ZONE), product_type, api, clock.now())
    assert reading.power_w == -690
    assert reading.phase_power_w is not None
    assert len(reading.phase_power_w) == phases
    assert reading.phase_current_a is not None
    assert reading.phase_current_a[0] == pytest.approx(-2.98, abs=0.01)
    assert reading.phase_voltage_v is not None
    assert reading.phase_voltage_v[0] == pytest.approx(232.1, abs=0.1)
    assert reading.meter_time == (clock.now() if (product_type, api) == ("HWE-P1", "v2") else None)
