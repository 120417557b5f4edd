"""Charging periods and power-feed cycles from what a charger measures."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.period import Direction, Period, Quality
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.reporting.periods import (
    BEGINS_AFTER,
    FLOW_W,
    GOES_ON_WITHIN,
    LONGEST_GAP,
    Tracking,
    follow,
    sample_of,
    taken_up,
    unseen_end,
)

START = datetime(2027, 1, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Moment:
    """Where the flow stands ``gap_s`` after the moment before."""

    gap_s: float
    power_w: float
    transaction_id: str = "7"


def status_of(power_w: float) -> EvceStatus:
    if abs(power_w) <= FLOW_W:
        return EvceStatus.SUSPENDED_EVSE
    return EvceStatus.CHARGING if power_w > 0 else EvceStatus.FEEDING


def states(moments: list[Moment], *, registers: bool) -> list[EvceState]:
    """The states of a charger whose power holds from each moment to the next."""
    made: list[EvceState] = []
    at, held_w, charged_wh, fed_wh = START, 0.0, 5000.0, 300.0
    for moment in moments:
        at += timedelta(seconds=moment.gap_s)
        energy_wh = held_w * moment.gap_s / 3600
        charged_wh, fed_wh = charged_wh + max(energy_wh, 0), fed_wh + max(-energy_wh, 0)
        held_w = moment.power_w
        made.append(
            EvceState(
                device_id="ocpp:a",
                received_at=at,
                status=status_of(moment.power_w),
                connected=True,
                power_w=moment.power_w,
                power_at=at,
                transaction_id=moment.transaction_id,
                import_wh=charged_wh if registers else None,
                export_wh=fed_wh if registers else None,
            )
        )
    return made


def told_by(run: list[EvceState]) -> tuple[list[Period], Tracking]:
    tracking, told = Tracking(), []
    for state in run:
        sample = sample_of(state, state.received_at)
        if sample is not None:
            tracking, changes = follow(tracking, sample)
            told.extend(changes)
    return told, tracking


def integrated_wh(run: list[EvceState], period: Period) -> float:
    """What flowed in the period's direction within its bounds, straight from the states."""
    sign = 1 if period.direction is Direction.CHARGE else -1
    total = 0.0
    for here, there in pairwise(run):
        power_w = sign * (here.power_w or 0.0)
        begin = max(here.received_at, period.begun_at)
        end = min(there.received_at, here.received_at + LONGEST_GAP, period.ended_at or there.received_at)
        if power_w > FLOW_W and end > begin:
            total += power_w * (end - begin).total_seconds() / 3600
    return total


POWERS = [0.0, 0.0, 1400.0, 3700.0, 11000.0, -2000.0, -6000.0]


def runs(*, idle_w: list[float], longest_s: int) -> st.SearchStrategy[list[Moment]]:
    moments = st.builds(
        Moment,
        gap_s=st.integers(1, longest_s).map(float),
        power_w=st.sampled_from([*POWERS, *idle_w]),
        transaction_id=st.sampled_from(["7", "7", "7", "7", "8"]),
    )
    # A flow that lasts is the usual case, not a lucky one.
    lasting = st.builds(lambda moment, times: [moment] * times, moments, st.integers(1, 12))
    return st.lists(lasting, min_size=1, max_size=12).map(lambda parts: [moment for part in parts for moment in part])


def check_order(told: list[Period]) -> list[Period]:
    """Each begins once, then ends once, before the next begins; the ended ones."""
    for begun, ended in zip(told[::2], told[1::2], strict=False):
        assert begun.ended_at is None
        assert ended.ended_at is not None
        assert begun.period_id == ended.period_id
        assert begun.begun_at == ended.begun_at <= ended.ended_at
    over = told[1::2]
    for earlier, later in zip(over, told[2::2], strict=False):
        assert earlier.ended_at is not None
        assert earlier.ended_at <= later.begun_at
    assert len({period.period_id for period in told}) == (len(told) + 1) // 2
    return over


@pytest.mark.usecase("S3", "F2c")
@given(runs(idle_w=[50.0, -80.0], longest_s=90))
def test_the_energy_of_the_periods_is_that_of_the_samples(moments: list[Moment]) -> None:
    run = states([*moments, Moment(10, 0.0), Moment(60, 0.0)], registers=False)
    told, tracking = told_by(run)
    assert not tracking.certain
    periods = check_order(told)
    for period in periods:
        assert period.energy_wh == pytest.approx(integrated_wh(run, period), abs=1e-6)
        assert period.quality is Quality.ESTIMATED
    # Nothing that lasted is left out.
    for begin, end, direction in lasting_flows(run):
        assert any(
            period.direction is direction and period.begun_at <= begin and end <= (period.ended_at or end)
            for period in periods
        )


def lasting_flows(run: list[EvceState]) -> list[tuple[datetime, datetime, Direction]]:
    """Unbroken flows of one direction in one transaction, from their first to their last sample."""
    found: list[tuple[datetime, datetime, Direction]] = []
    here: list[EvceState] = []
    for state in [*run, None]:
        power_w = 0.0 if state is None else state.power_w or 0.0
        goes_on = bool(here) and state is not None and state.transaction_id == here[0].transaction_id
        goes_on = goes_on and power_w * (here[0].power_w or 0.0) > 0 and abs(power_w) > FLOW_W
        if here and not goes_on:
            direction = Direction.CHARGE if (here[0].power_w or 0.0) > 0 else Direction.FEED
            if here[-1].received_at - here[0].received_at >= BEGINS_AFTER[direction]:
                found.append((here[0].received_at, here[-1].received_at, direction))
            here = []
        if state is not None and abs(power_w) > FLOW_W:
            here.append(state)
    return found


@pytest.mark.usecase("S3")
@given(runs(idle_w=[], longest_s=60))
def test_registers_tell_the_same_energy_and_count_as_measured(moments: list[Moment]) -> None:
    run = states([*moments, Moment(10, 0.0), Moment(60, 0.0)], registers=True)
    told, _ = told_by(run)
    for period in check_order(told):
        assert period.quality is Quality.OK
        assert period.energy_wh == pytest.approx(integrated_wh(run, period), abs=1e-6)
        assert period.meter_start_wh is not None
        assert period.meter_end_wh is not None
        assert period.meter_end_wh - period.meter_start_wh == pytest.approx(period.energy_wh)


@given(runs(idle_w=[50.0], longest_s=120), st.lists(st.integers(-600, 600), min_size=1, max_size=20))
def test_a_clock_that_jumps_makes_no_period_run_backwards(moments: list[Moment], jumps: list[int]) -> None:
    run = states(moments, registers=False)
    tracking, told = Tracking(), []
    for place, state in enumerate(run):
        at = state.received_at + timedelta(seconds=jumps[place % len(jumps)])
        sample = sample_of(replace(state, power_at=at), at)
        assert sample is not None
        tracking, changes = follow(tracking, sample)
        told.extend(changes)
    check_order(told)


@pytest.mark.usecase("F2c")
def test_a_flip_ends_one_and_begins_the_other() -> None:
    run = states([Moment(10, power) for power in [0, *[7000] * 6, *[-6000] * 6, 0, 0, 0, 0]], registers=True)
    told, _ = told_by(run)
    assert [(period.direction, period.ended_at is None) for period in told] == [
        (Direction.CHARGE, True),
        (Direction.CHARGE, False),
        (Direction.FEED, True),
        (Direction.FEED, False),
    ]
    assert told[1].ended_at == told[2].begun_at
    assert told[1].energy_wh == pytest.approx(7000 * 60 / 3600)
    assert told[3].energy_wh == pytest.approx(6000 * 60 / 3600)


def test_a_short_pause_ends_nothing_and_a_long_one_ends_where_it_began() -> None:
    powers = [*[7000] * 6, 0, 0, *[7000] * 6, *[0] * 5]
    run = states([Moment(10, power) for power in powers], registers=False)
    told, _ = told_by(run)
    assert len(told) == 2
    assert told[1].ended_at == run[14].received_at
    assert told[1].energy_wh == pytest.approx(7000 * 120 / 3600)


def test_a_blip_is_no_period() -> None:
    told, tracking = told_by(states([Moment(10, power) for power in [0, 900, 0, 0, 900, 0]], registers=False))
    assert told == []
    assert tracking.period is None


@pytest.mark.parametrize(
    "change",
    [
        {"transaction_id": None, "status": EvceStatus.FINISHING},
        {"transaction_id": "8"},
        {"status": EvceStatus.AVAILABLE},
        {"device_id": "ocpp:b"},
    ],
)
def test_the_end_of_the_transaction_and_the_car_that_leaves_end_it_at_once(change: dict[str, object]) -> None:
    run = states([Moment(10, 7000)] * 6, registers=False)
    last = replace(run[-1], **change)  # type: ignore[arg-type]
    told, _ = told_by([*run[:-1], last])
    assert told[1].ended_at == (run[-2].received_at if "device_id" in change else run[-1].received_at)


def test_without_measured_power_the_status_says_so_and_registers_tell_the_energy() -> None:
    run = [
        replace(state, power_w=None, power_at=None)
        for state in states([Moment(10, power) for power in [0, 7000, 7000, 7000, 0, 0, 0, 0]], registers=True)
    ]
    told, _ = told_by(run)
    assert told[1].energy_wh == pytest.approx(7000 * 30 / 3600)
    assert told[1].quality is Quality.OK


def test_a_charge_goes_on_through_a_lost_connection() -> None:
    run = states(
        [Moment(10, 7000)] * 4 + [Moment(600, 7000), Moment(10, 7000), Moment(10, 0), Moment(40, 0)], registers=True
    )
    lost = replace(run[3], connected=False, status=EvceStatus.OFFLINE)
    told, _ = told_by([*run[:4], lost, *run[4:]])
    assert len(told) == 2
    assert told[1].energy_wh == pytest.approx(7000 * 650 / 3600)
    assert told[1].quality is Quality.OK


def test_an_end_that_nobody_saw_is_estimated() -> None:
    run = states([Moment(10, 7000)] * 4, registers=True)
    _, tracking = told_by(run)
    assert tracking.period is not None
    closed = unseen_end(tracking.period)
    assert (closed.ended_at, closed.quality) == (run[-1].received_at, Quality.ESTIMATED)
    assert closed.energy_wh == pytest.approx(7000 * 30 / 3600)


def test_the_same_period_has_the_same_id_and_another_one_another() -> None:
    run = states([Moment(10, 7000)] * 4, registers=True)
    (first,), _ = told_by(run)
    (again,), _ = told_by(run)
    (other,), _ = told_by([replace(state, device_id="ocpp:b") for state in run])
    assert first.period_id == again.period_id != other.period_id


def split(moments: list[Moment], at: int, *, registers: bool = True) -> tuple[Period, list[EvceState]]:
    """What a hub that died after so many moments has left open, and what the next one sees."""
    run = states(moments, registers=registers)
    _, tracking = told_by(run[:at])
    assert tracking.period is not None
    assert tracking.certain
    return tracking.period, run[at:]


@pytest.mark.usecase("W3", "S3")
@pytest.mark.parametrize("power_w", [7000, -5000])
def test_a_flow_that_lasts_beyond_a_restart_is_one_period(power_w: float) -> None:
    moments = [Moment(10, power_w)] * 4
    left, seen = split([*moments, Moment(90, power_w), Moment(10, power_w), Moment(10, 0), Moment(40, 0)], 4)
    _, tracking = told_by(seen[:1])
    found = taken_up(left, tracking, told=False)
    assert found is not None
    tracking, ended = found
    assert ended is None
    for state in seen[1:]:
        sample = sample_of(state, state.received_at)
        assert sample is not None
        tracking, told = follow(tracking, sample)
    (whole,) = told
    assert (whole.period_id, whole.begun_at) == (left.period_id, left.begun_at)
    assert whole.energy_wh == pytest.approx(abs(power_w) * 140 / 3600)
    assert whole.quality is Quality.OK


@pytest.mark.usecase("W3", "S3")
def test_the_energy_of_a_feed_that_ended_unseen_is_whole_also_where_its_transaction_is_over() -> None:
    moments = [*([Moment(10, -5000)] * 4), Moment(60, 0)]
    for after in (Moment(100, 4140), Moment(100, 4140, "8"), Moment(5000, 0)):
        left, seen = split([*moments, after, Moment(10, after.power_w, after.transaction_id)], 4)
        _, tracking = told_by(seen[1:2])
        found = taken_up(left, tracking, told=False)
        assert found is not None
        kept, ended = found
        assert kept is tracking
        assert ended is not None
        assert (ended.ended_at, ended.quality) == (left.seen_at, Quality.ESTIMATED)
        assert ended.energy_wh == pytest.approx(5000 * 90 / 3600)


def test_a_charge_that_ended_unseen_counts_within_its_transaction_only() -> None:
    moments = [Moment(10, 7000)] * 4
    left, seen = split([*moments, Moment(600, 0), Moment(10, 0), Moment(10, 0, "8")], 4)
    found = taken_up(left, told_by(seen[:1])[1], told=False)
    assert found is not None
    assert found[1] is not None
    assert found[1].energy_wh == pytest.approx(7000 * 630 / 3600)
    found = taken_up(left, told_by(seen[2:])[1], told=False)
    assert found is not None
    assert found[1] == unseen_end(left)


def test_what_a_new_period_counts_is_not_counted_twice() -> None:
    moments = [Moment(10, 7000)] * 4
    late = GOES_ON_WITHIN.total_seconds() + 1
    left, seen = split([*moments, Moment(late, 7000), Moment(5, 7000), Moment(10, 0), Moment(31, 0)], 4)
    _, tracking = told_by(seen[:2])
    found = taken_up(left, tracking, told=False)
    assert found is not None
    tracking, ended = found
    assert ended is not None
    assert tracking.period is not None
    assert ended.meter_end_wh == tracking.period.meter_start_wh
    assert ended.energy_wh == pytest.approx(7000 * (30 + late) / 3600)


def test_as_long_as_the_charger_tells_too_little_nothing_is_judged() -> None:
    moments = [*([Moment(10, -5000)] * 4), Moment(10, 0)]
    left, (state,) = split(moments, 4)
    assert taken_up(left, Tracking(), told=False) is None
    assert taken_up(left, told_by([replace(state, export_wh=None)])[1], told=False) is None
    charge, (idle,) = split([*([Moment(10, 7000)] * 4), Moment(10, 0)], 4)
    assert taken_up(charge, told_by([replace(idle, transaction_id=None)])[1], told=False) is None


def test_without_a_register_that_goes_on_counting_only_what_was_seen_counts() -> None:
    moments = [*([Moment(10, -5000)] * 4), Moment(10, -5000)]
    left, (state,) = split(moments, 4)
    for told, period in (
        (replace(state, export_wh=1.0), left),
        (state, replace(left, meter_start_wh=None, meter_end_wh=None)),
    ):
        found = taken_up(period, told_by([told])[1], told=False)
        assert found is not None
        assert found[1] == unseen_end(period)
