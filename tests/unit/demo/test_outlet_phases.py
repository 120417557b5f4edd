"""The demo outlet phase by phase: what a car on some of its conductors draws, and what the meter says of it."""

from datetime import UTC, datetime

import pytest

from homeapp.demo.charger.abilities import Abilities, PhaseSwitching
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.composite import Composite
from homeapp.demo.charger.measurands import measured
from homeapp.demo.charger.outlet import ChargingState, Outlet

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CIRCUIT_W = 16 * 230.0


def composite(
    phase_limit_w: tuple[float, float, float] = (CIRCUIT_W,) * 3,
    *,
    limit_w: float | None = None,
    usable: tuple[int, ...] = (1, 2, 3),
    setpoint_w: float | None = None,
    phase_setpoint_w: tuple[float, float, float] | None = None,
) -> Composite:
    return Composite(
        limit_w=sum(phase_limit_w) if limit_w is None else limit_w,
        setpoint_w=setpoint_w,
        source=None,
        governing=None,
        phases=len(usable),
        mode="ChargingOnly" if setpoint_w is None else "CentralSetpoint",
        usable=usable,
        phase_limit_w=phase_limit_w,
        phase_setpoint_w=phase_setpoint_w,
    )


def outlet(car: Car | None = None, **abilities: object) -> Outlet:
    subject = Outlet(car or Car(60_000, 50, 11_000, 6000, 3), Abilities(**abilities))  # type: ignore[arg-type]
    subject.plugged = True
    subject.begin_session()
    return subject


def settle(subject: Outlet, found: Composite) -> tuple[float, ...]:
    subject.step(30, found)
    return tuple(round(current, 6) for current in subject.currents_a)


def test_a_car_on_one_conductor_draws_there_alone_and_no_more_than_that_phase_allows() -> None:
    on_l2 = outlet(Car(60_000, 50, 7400, 0, 1, on_phases=(2,)))
    ten_a = composite((2300.0, 2300.0, 2300.0))
    assert settle(on_l2, ten_a) == (0, 10, 0)
    # A limit in W is for all phases together: one of them may take it all, as far as the circuit goes.
    assert settle(on_l2, composite(limit_w=3220)) == (0, 14, 0)
    assert settle(on_l2, composite(limit_w=6900)) == (0, 16, 0)


def test_the_tightest_of_the_phases_in_use_binds_all_of_them() -> None:
    limits = (3680.0, 1840.0, 2760.0)
    assert settle(outlet(), composite(limits)) == (8, 8, 8)
    assert settle(outlet(Car(60_000, 50, 7400, 0, 2)), composite((3680.0, 3680.0, 0.0))) == pytest.approx(
        (16, 16, 0), abs=0.1
    )
    assert settle(outlet(Car(60_000, 50, 7400, 0, 1)), composite(limits)) == (16, 0, 0)


def test_a_setpoint_told_apart_by_phase_is_met_by_the_mildest_of_the_phases_in_use() -> None:
    feed = composite(setpoint_w=-4600, phase_setpoint_w=(-2300.0, -1150.0, -1150.0))
    assert settle(outlet(), feed) == (-5, -5, -5)
    mixed = composite(setpoint_w=0, phase_setpoint_w=(-2300.0, 1150.0, 1150.0))
    assert settle(outlet(), mixed) == (0, 0, 0)
    single = outlet(Car(60_000, 50, 7400, 6000, 1, on_phases=(3,)))
    assert settle(single, composite(setpoint_w=-6000)) == (0, 0, -16)


@pytest.mark.parametrize("switching", [PhaseSwitching.SEAMLESS, PhaseSwitching.PAUSES])
def test_switching_to_one_phase(switching: PhaseSwitching) -> None:
    subject = outlet(phase_switching=switching, switch_pause_s=5)
    assert settle(subject, composite((2300.0, 2300.0, 2300.0))) == (10, 10, 10)
    one = composite((0.0, 2300.0, 0.0), usable=(2,))
    assert subject.switches_to((2,))
    subject.step(1, one)
    if switching is PhaseSwitching.PAUSES:
        assert subject.power_w == 0
        assert subject.state is ChargingState.SUSPENDED_EVSE
        subject.step(4, one)
    assert settle(subject, one) == (0, 10, 0)


def test_a_pilot_that_is_interrupted_wakes_the_car() -> None:
    sleepy = Car(60_000, 50, 11_000, 0, 3, wakes_by_offer=False)
    nothing, ten_a = composite((0.0, 0.0, 0.0)), composite((2300.0, 2300.0, 2300.0))
    plain = outlet(sleepy)
    settle(plain, nothing)
    assert settle(plain, ten_a) == (0, 0, 0)
    assert plain.state is ChargingState.SUSPENDED_EV
    kind = outlet(sleepy, interrupts_pilot=True)
    settle(kind, nothing)
    assert settle(kind, ten_a) == (10, 10, 10)


def test_a_full_car_suspends_itself() -> None:
    full = outlet(Car(60_000, 80, 11_000, 0, 3, target_soc_pct=80))
    assert settle(full, composite()) == (0, 0, 0)
    assert full.state is ChargingState.SUSPENDED_EV


def test_registers_of_a_session_begin_at_zero_and_the_meter_goes_on() -> None:
    subject = outlet()
    subject.step(3600, composite())
    assert subject.sample(NOW, by_session=True).import_wh == subject.sample(NOW).import_wh > 5000
    subject.open()
    subject.begin_session()
    assert subject.sample(NOW, by_session=True).import_wh == 0
    assert subject.sample(NOW).import_wh > 5000


def test_the_home_sees_the_currents_by_how_the_station_is_wired() -> None:
    assert Abilities().at_home((1, 2, 3)) == (1, 2, 3)
    assert Abilities(phase_rotation="STR").at_home((10, 0, 0)) == (0, 10, 0)
    assert Abilities(phase_rotation="TRS").at_home((1, 2, 3)) == (2, 3, 1)


def test_measurands_by_phase() -> None:
    subject = outlet(Car(60_000, 50, 7400, 6000, 1, on_phases=(2,)))
    settle(subject, composite((2300.0, 2300.0, 2300.0)))
    sample = subject.sample(NOW)
    found = [(entry.phase, entry.value) for entry in measured(sample, ["Current.Import"])]
    assert found == [("L1", 0), ("L2", 10), ("L3", 0)]
    assert {entry.value for entry in measured(sample, ["Current.Export"])} == {0}
    assert [entry.value for entry in measured(sample, ["Voltage", "Frequency"])] == [230, 230, 230]
    assert [(entry.unit, entry.value) for entry in measured(sample, ["SoC"])] == [("Percent", 50)]
