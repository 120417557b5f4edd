"""Every number carries its age, a stale one says so, and one that is not known is not invented."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from homeapp.goal import goal_at
from homeapp.model.health import HealthAlert, Severity
from homeapp.model.live import Figure, LinkState, Snapshot
from homeapp.model.plan import ChargingMode, Schedule
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Site
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.snapshot import LiveState

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.step_s = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds + self.step_s)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def live(clock: HandClock) -> LiveState:
    return LiveState(
        site=Site(), goal=goal_at(NOW, Schedule(), ChargingMode.READY_BY, "Europe/Amsterdam", 60_000), clock=clock
    )


def snapshot(live: LiveState) -> Snapshot:
    return live.snapshot(meter_online=True, evce_online=True, pending_offers=0)


def charger(power_w: float | None, *, at: datetime = NOW, soc: float | None = None) -> EvceState:
    return EvceState(
        device_id="ocpp:a",
        received_at=at,
        status=EvceStatus.CHARGING,
        connected=True,
        power_w=power_w,
        power_at=None if power_w is None else at,
        soc_pct=soc,
        soc_at=None if soc is None else at,
        transaction_id="t",
    )


def test_what_is_not_known_is_none(live: LiveState) -> None:
    seen = snapshot(live)
    assert seen.grid_w == seen.home_w == seen.evce_w == seen.soc_pct == Figure()
    assert seen.price is None


def test_phases_and_currents_are_told_with_the_age_of_what_they_were_measured_with(
    live: LiveState, clock: HandClock
) -> None:
    live.meter_read(MeterReading(device_id="m", received_at=NOW, power_w=900.0, phase_power_w=(1200.0, -300.0, 0.0)))
    live.chargers_are({"ocpp:a": "Driveway"})
    live.evce_changed(charger(4140.0))
    clock.seconds = 20
    seen = snapshot(live)
    assert seen.phase_w == tuple(Figure(power, 20.0, stale=True) for power in (1200.0, -300.0, 0.0))
    (only,) = seen.chargers
    assert only.current_a == Figure(18.0, 20.0, stale=False), "of one phase, as long as nothing else is known"
    assert only.limit_a is None
    known = EvceCapabilities(protocol="ocpp2.0.1", phases=3)
    live.evce_changed(replace(charger(4140.0), capabilities=known, granted_w=6900.0))
    (only,) = snapshot(live).chargers
    assert (only.current_a.value, only.limit_a) == (6.0, 10.0)
    live.evce_changed(replace(charger(4140.0), capabilities=known, phase_current_a=(6.2, 5.9, 0.0)))
    assert snapshot(live).chargers[0].current_a.value == 6.2
    live.evce_changed(replace(charger(None), transaction_id=None))
    assert snapshot(live).chargers[0].current_a.value == 0.0
    live.evce_changed(charger(None))
    assert snapshot(live).chargers[0].current_a == Figure()
    live.meter_read(MeterReading(device_id="m", received_at=NOW, power_w=900.0))
    assert snapshot(live).phase_w == ()


def test_numbers_age_and_become_stale(live: LiveState, clock: HandClock) -> None:
    live.meter_read(MeterReading(device_id="m", received_at=NOW, power_w=8400.0))
    live.evce_changed(charger(7200.0, soc=64.0))
    clock.seconds = 10
    seen = snapshot(live)
    assert seen.grid_w == Figure(8400.0, 10.0, stale=False)
    assert seen.home_w == Figure(1200.0, 10.0, stale=False)
    clock.seconds = 61
    seen = snapshot(live)
    assert (seen.grid_w.stale, seen.evce_w.stale, seen.home_w.stale, seen.soc_pct.stale) == (True, True, True, False)
    assert live.fresh_soc_pct == 64.0
    clock.seconds = 1000
    assert live.fresh_soc_pct is None


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0], ids=["back", "forward"])
def test_a_step_of_the_civil_time_makes_nothing_younger_or_older(
    live: LiveState, clock: HandClock, step_s: float
) -> None:
    live.evce_changed(charger(7200.0, soc=64.0))
    clock.seconds, clock.step_s = 30, step_s
    assert snapshot(live).evce_w == Figure(7200.0, 30.0, stale=False)
    live.evce_changed(replace(charger(7200.0, soc=64.0), received_at=clock.now()))
    clock.seconds = 899
    assert live.fresh_soc_pct == 64.0
    clock.seconds = 901
    assert live.fresh_soc_pct is None


def test_what_was_old_when_it_came_stays_old(live: LiveState) -> None:
    live.evce_changed(charger(7200.0, at=NOW - timedelta(seconds=901), soc=64.0))
    assert live.fresh_soc_pct is None


def test_the_price_is_the_one_of_now(live: LiveState, clock: HandClock) -> None:
    hour = timedelta(hours=1)
    slots = (
        PriceSlot(start=NOW, end=NOW + hour, import_price=Decimal("0.18"), export_price=Decimal("0.05")),
        PriceSlot(start=NOW + hour, end=NOW + 2 * hour, import_price=Decimal("-0.02")),
    )
    live.tariff_received("grid_sp", Tariff(source="s", currency="EUR", received_at=NOW, slots=slots))
    assert (snapshot(live).price, snapshot(live).export_price) == (Decimal("0.18"), Decimal("0.05"))
    clock.seconds = 3600
    assert (snapshot(live).price, snapshot(live).export_price) == (Decimal("-0.02"), None)
    clock.seconds = 7200
    assert snapshot(live).price is None


def test_the_same_notice_counts_up_and_their_number_is_bounded(live: LiveState) -> None:
    for _ in range(3):
        live.notice("a", "It happened.")
    assert snapshot(live).notices[0].count == 3
    for number in range(100):
        live.notice(f"n{number}", "Other.")
    assert len(snapshot(live).notices) == 20


def test_only_standing_alerts_are_shown_the_worst_first(live: LiveState) -> None:
    def alert(name: str, severity: Severity, cleared: datetime | None = None) -> HealthAlert:
        return HealthAlert(
            alert_id=name,
            sp_id="pev_sp",
            code="P0A1F",
            severity=severity,
            title=name,
            advice="",
            raised_at=NOW,
            cleared_at=cleared,
        )

    live.alert_raised([alert("a", Severity.INFO), alert("b", Severity.CRITICAL), alert("c", Severity.CRITICAL, NOW)])
    assert [item.alert_id for item in snapshot(live).alerts] == ["b", "a"]
    assert live.critical_health


def test_a_link_keeps_its_since_until_it_changes(live: LiveState, clock: HandClock) -> None:
    live.link_changed("grid_sp", "Grid operator", LinkState.UP, None)
    clock.seconds = 5
    live.link_changed("grid_sp", "Grid operator", LinkState.UP, None)
    live.waiting_changed({"grid_sp": 2})
    assert snapshot(live).providers[0].since == NOW
    assert snapshot(live).providers[0].waiting == 2
    live.link_changed("grid_sp", "Grid operator", LinkState.DOWN, "No answer.")
    assert snapshot(live).providers[0].since == NOW + timedelta(seconds=5)


def test_several_chargers_are_summed_and_shown_each(live: LiveState, clock: HandClock) -> None:
    live.chargers_are({"ocpp:a": "Driveway", "ocpp:b": "Garage", "ocpp:c": "Barn"})
    live.meter_read(MeterReading(device_id="m", received_at=NOW, power_w=12_000.0))
    live.evce_changed(replace(charger(3700.0), device_id="ocpp:b"))
    clock.seconds = 4
    live.evce_changed(charger(7200.0, at=clock.now(), soc=64.0))
    seen = snapshot(live)
    assert seen.evce_w == Figure(10_900.0, 4.0, stale=False)
    assert seen.home_w.value == 1100.0
    assert [(view.name, view.status, view.power_w.value, view.primary) for view in seen.chargers] == [
        ("Driveway", EvceStatus.CHARGING, 7200.0, True),
        ("Garage", EvceStatus.CHARGING, 3700.0, False),
        ("Barn", EvceStatus.OFFLINE, None, False),
    ]
    assert seen.car_w.value == 7200.0


def test_the_primary_charger_is_the_first_with_a_car_and_stays_so_until_the_car_leaves(
    live: LiveState, clock: HandClock
) -> None:
    def is_at(device_id: str, status: EvceStatus) -> str | None:
        state = replace(charger(0.0), device_id=device_id, status=status, connected=status is not EvceStatus.OFFLINE)
        live.evce_changed(state)
        return live.primary_id

    live.chargers_are({"ocpp:a": "Driveway", "ocpp:b": "Garage"})
    assert live.primary_id == "ocpp:a"
    assert is_at("ocpp:a", EvceStatus.AVAILABLE) == "ocpp:a"
    assert is_at("ocpp:b", EvceStatus.PLUGGED) == "ocpp:b"
    assert is_at("ocpp:a", EvceStatus.CHARGING) == "ocpp:b", "another car that comes changes nothing"
    assert is_at("ocpp:b", EvceStatus.OFFLINE) == "ocpp:b", "a short loss of the connection neither"
    clock.seconds = 121
    assert is_at("ocpp:b", EvceStatus.OFFLINE) == "ocpp:a"
    assert is_at("ocpp:a", EvceStatus.AVAILABLE) == "ocpp:a"
    live.chargers_are({"ocpp:b": "Garage"})
    assert live.primary_id == "ocpp:b"
    live.chargers_are({})
    assert live.primary_id is None
