"""Quarter hours from registers where there are any, from measurements of power where not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.readings import MeterReading
from homeapp.reporting.quarter_hours import QUARTER, BoundaryRegisters, quarter_body, quarter_of
from homeapp.store.quarters import QuarterEnergy

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
NOTHING = QuarterEnergy(import_wh=0.0, export_wh=0.0, covered=0.0, charged_wh=None, fed_wh=None)


def reading(seconds: float, import_wh: int | None, export_wh: int | None = 0, device_id: str = "m") -> MeterReading:
    return MeterReading(
        device_id=device_id,
        received_at=NOON + timedelta(seconds=seconds),
        power_w=0.0,
        import_wh=import_wh,
        export_wh=export_wh,
    )


@pytest.mark.usecase("S4")
@given(st.lists(st.tuples(st.integers(1, 59), st.integers(0, 50), st.integers(0, 50)), min_size=200, max_size=220))
def test_the_quarters_of_a_meter_sum_up_to_its_registers(steps: list[tuple[int, int, int]]) -> None:
    registers = BoundaryRegisters()
    seconds, imported, exported = 0, 1000, 70
    at_boundary: dict[datetime, tuple[int, int]] = {}
    for gap_s, more_in, more_out in steps:
        taken = reading(seconds, imported, exported)
        registers.take(taken)
        at_boundary.setdefault(quarter_of(taken.received_at), (imported, exported))
        seconds, imported, exported = seconds + gap_s, imported + more_in, exported + more_out
    boundaries = sorted(at_boundary)[-8:]
    parts = [registers.between(start, start + QUARTER) for start in boundaries[:-1]]
    assert None not in parts
    first, last = at_boundary[boundaries[0]], at_boundary[boundaries[-1]]
    assert sum(part[0] for part in parts if part) == last[0] - first[0]
    assert sum(part[1] for part in parts if part) == last[1] - first[1]


@pytest.mark.parametrize(
    "readings",
    [
        [reading(0, 100)],
        [reading(0, 100), reading(961, 300)],
        [reading(0, 100), reading(900, 90)],
        [reading(0, 100), reading(900, 300, device_id="another")],
        [reading(0, None), reading(900, None)],
    ],
)
def test_registers_that_do_not_fit_are_not_used(readings: list[MeterReading]) -> None:
    registers = BoundaryRegisters()
    for item in readings:
        registers.take(item)
    assert registers.between(NOON, NOON + QUARTER) is None


def test_the_body_says_how_well_it_is_known() -> None:
    measured = QuarterEnergy(import_wh=90.0, export_wh=9.0, covered=0.9, charged_wh=40.04, fed_wh=0.0)
    bounds = {"start": "2027-01-15T12:00:00+00:00", "end": "2027-01-15T12:15:00+00:00"}
    charger = {"evce_charged_wh": 40.0, "evce_fed_wh": 0.0}
    assert quarter_body(NOON, (101, 7), measured) == bounds | charger | {
        "import_wh": 101, "export_wh": 7, "quality": "OK",
    }  # fmt: skip
    assert quarter_body(NOON, None, measured) == bounds | charger | {
        "import_wh": 100.0, "export_wh": 10.0, "quality": "ESTIMATED",
    }  # fmt: skip
    assert quarter_body(NOON, None, NOTHING) == bounds | {"quality": "MISSING"}
