"""Grants, the budget of writes, the pace of phase switching, and the station's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce.grants import Grant, Grants
from devices.evce.phase_switching import PAUSE_AT_MOST_S, SWITCH_EVERY_S, PhaseSwitch
from devices.evce.station_clock import StationClock
from devices.evce.write_budget import DAILY_WRITES, WRITE_EVERY_S, WriteBudget

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FLOOR = 4140.0


def grant(limit_w: float, feed_w: float = 0.0, seconds: float = 60.0) -> Grant:
    return Grant(limit_w=limit_w, feed_w=feed_w, until=NOW + timedelta(seconds=seconds))


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_nothing_is_granted_before_anything_is_accepted() -> None:
    assert Grants(FLOOR).most(NOW) == (None, 0.0, None)


@pytest.mark.parametrize(("old", "new"), [(9000.0, 5000.0), (5000.0, 9000.0)])
def test_between_question_and_answer_the_greater_counts(old: float, new: float) -> None:
    grants = Grants(FLOOR)
    grants.accepted(grant(old))
    grants.asked(grant(new), NOW)
    assert grants.most(NOW)[0] == 9000
    grants.accepted(grant(new))
    assert grants.most(NOW)[0] == new


def test_a_question_without_an_answer_counts_until_it_lapses() -> None:
    grants = Grants(FLOOR)
    grants.floor_stands(NOW)
    grants.asked(grant(9000, seconds=60), NOW)
    assert grants.most(later(59)) == (9000, 0.0, later(60))
    assert grants.most(later(60)) == (FLOOR, 0.0, None)


def test_a_refused_question_counts_no_more_and_an_answer_settles_the_older_ones() -> None:
    grants = Grants(FLOOR)
    grants.accepted(grant(5000))
    grants.asked(grant(9000), NOW)
    grants.refused(grant(9000))
    assert grants.most(NOW)[0] == 5000
    grants.asked(grant(11000), NOW)
    grants.asked(grant(7000), NOW)
    grants.accepted(grant(7000))
    assert grants.most(NOW)[0] == 7000


def test_feeding_and_charging_count_both_while_it_is_open_which_holds() -> None:
    grants = Grants(FLOOR)
    grants.accepted(grant(9000))
    grants.asked(grant(0, 3000), NOW)
    assert grants.most(NOW)[:2] == (9000, 3000)
    grants.accepted(grant(0, 3000))
    assert grants.most(NOW)[:2] == (0, 3000)


def test_a_lapsed_lease_leaves_the_floor_and_so_does_the_end_of_a_transaction() -> None:
    grants = Grants(FLOOR)
    grants.accepted(grant(0, 3000, 60))
    assert grants.most(later(61)) == (FLOOR, 0.0, None)
    grants.accepted(grant(9000))
    grants.asked(grant(10000), NOW)
    grants.fall_back()
    assert grants.most(NOW) == (FLOOR, 0.0, None)


def test_a_default_outlives_the_transaction_and_is_hidden_by_its_profile() -> None:
    default = Grant(limit_w=9000, until=later(600), of_transaction=False)
    grants = Grants(FLOOR)
    grants.asked(default, NOW)
    grants.accepted(default)
    grants.fall_back()
    assert grants.most(later(599))[0] == 9000, "the next charge may begin with it"
    assert grants.most(later(600))[0] == FLOOR
    grants.accepted(grant(5000, seconds=60))
    assert grants.most(later(61))[0] == 9000, "where the profile lapses, the default holds"
    lower = Grant(limit_w=2000, until=later(600), of_transaction=False)
    grants.accepted(grant(8000, seconds=60))
    grants.accepted(lower)
    assert grants.most(later(59))[0] == 8000, "the profile of the transaction still hides it"
    assert grants.most(later(61))[0] == 2000


def test_what_is_drawn_beyond_the_grant_counts_until_it_ends() -> None:
    grants = Grants(FLOOR)
    grants.accepted(grant(5000))
    grants.exceeded(11000)
    assert grants.most(NOW)[0] == 11000
    grants.exceeded(-2000)
    assert grants.most(NOW)[:2] == (5000, 2000)
    grants.kept()
    assert grants.most(NOW)[:2] == (5000, 0.0)


def test_a_lease_from_before_the_hub_was_started_anew_counts() -> None:
    grants = Grants(FLOOR)
    grants.floor_stands(NOW)
    grants.older(8000, later(120))
    assert grants.most(later(119))[0] == 8000
    assert grants.most(later(121))[0] == FLOOR


steps = st.lists(
    st.tuples(st.sampled_from(["asked", "accepted", "refused", "lost"]), st.floats(0, 11000), st.floats(0, 60)),
    max_size=12,
)


@given(steps, st.floats(0, 200))
def test_the_most_is_never_less_than_what_may_hold(steps: list[tuple[str, float, float]], after_s: float) -> None:
    grants, holding = Grants(FLOOR), [Grant(limit_w=FLOOR)]
    grants.floor_stands(NOW)
    for kind, limit_w, seconds in steps:
        new = grant(limit_w, seconds=seconds)
        grants.asked(new, NOW)
        if kind == "accepted":
            grants.accepted(new)
            holding = [new]
        elif kind == "refused":
            grants.refused(new)
        else:
            holding.append(new)
    at = later(after_s)
    most_w, _, _ = grants.most(at)
    assert most_w is not None
    for possible in holding:
        assert most_w >= (possible.limit_w if possible.holds(at) else 0.0)


def test_writes_are_spaced_and_counted_and_reductions_always_go() -> None:
    budget = WriteBudget()
    assert budget.allows(NOW, 0.0, reduces=False)
    budget.wrote(NOW, 0.0)
    assert not budget.allows(NOW, WRITE_EVERY_S - 1, reduces=False)
    assert budget.allows(NOW, WRITE_EVERY_S - 1, reduces=True)
    assert budget.allows(NOW, WRITE_EVERY_S, reduces=False)
    for _ in range(DAILY_WRITES):
        budget.wrote(NOW, 0.0)
    assert budget.used_up(NOW)
    assert not budget.allows(NOW, 9999.0, reduces=False)
    assert budget.allows(NOW, 9999.0, reduces=True)
    assert not budget.used_up(NOW + timedelta(days=1))


def test_a_restart_of_the_hub_does_not_refill_the_budget() -> None:
    budget, again = WriteBudget(), WriteBudget()
    for _ in range(DAILY_WRITES):
        budget.wrote(NOW, 0.0)
    again.restore(budget.kept())
    assert again.used_up(NOW)
    again.restore("{}")
    assert again.used_up(NOW)


@pytest.mark.parametrize("text", [None, "", "nonsense", '{"day": 5}', '{"writes": "many"}'])
def test_a_damaged_count_counts_from_zero(text: str | None) -> None:
    budget = WriteBudget()
    budget.restore(text)
    assert not budget.used_up(NOW)


def test_phases_change_after_a_pause_and_not_often() -> None:
    switch = PhaseSwitch()
    assert switch.step(1, 0.0, 7000.0), "the charge pauses first"
    assert switch.phases is None
    assert not switch.step(1, 5.0, 20.0)
    assert switch.phases == 1
    assert not switch.step(3, 300.0, 1400.0), "too early"
    assert switch.phases == 1
    assert switch.step(3, 5.0 + SWITCH_EVERY_S, 1400.0)
    assert not switch.step(3, 5.0 + SWITCH_EVERY_S + PAUSE_AT_MOST_S, 1400.0), "it does not wait for ever"
    assert switch.phases == 3


def test_another_charge_begins_with_the_stations_own_phases() -> None:
    switch = PhaseSwitch()
    switch.step(1, 0.0, 0.0)
    switch.forget()
    assert switch.phases is None
    assert not switch.step(None, 1.0, 7000.0)
    assert not switch.step(3, 1.0, 7000.0), "three are what it has"
    assert not switch.step(1, 1.0, 0.0)
    assert switch.phases is None, "the contactor has switched a moment ago"


def test_a_steady_difference_is_the_stations_clock() -> None:
    clock = StationClock()
    for seconds in (0, 10):
        clock.told(later(seconds - 45), later(seconds))
    assert clock.offset == timedelta(seconds=-45)
    assert not clock.wrong
    clock.told(later(20), later(21))
    assert clock.offset == timedelta(seconds=-45), "one sample is no proof"
    clock.told(later(30), later(31))
    assert clock.offset == timedelta(), "a second of transit is no difference"


def test_a_clock_that_was_never_set_has_a_difference_all_the_same() -> None:
    clock = StationClock()
    for seconds in (0, 10):
        clock.told(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), later(seconds))
    assert clock.wrong
    assert NOW + clock.offset == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_backlog_of_old_samples_is_no_clock() -> None:
    clock = StationClock()
    for number in range(20):
        clock.told(later(number * 10 - 600), later(0))
    assert clock.offset == timedelta()


def test_a_stamp_that_stands_still_is_no_clock() -> None:
    clock = StationClock()
    for tenths in range(200):
        clock.told(datetime(1970, 1, 1, tzinfo=UTC), later(tenths / 10))
    assert clock.offset == timedelta()


def test_several_stamps_at_once_prove_nothing() -> None:
    clock = StationClock()
    for seconds in (0, 1, 2):
        clock.hinted(later(seconds - 7200), later(seconds))
    assert clock.offset == timedelta(), "reports from the memory may come so"
    clock.hinted(later(6 - 7200), later(6))
    assert clock.offset == timedelta(hours=-2)
    assert not clock.wrong, "only what it measures now tells so much"


def test_a_clock_that_jumps_is_followed() -> None:
    clock = StationClock()
    for seconds in (0, 10):
        clock.told(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), later(seconds))
    for seconds in (20, 30):
        clock.told(later(seconds), later(seconds))
    assert (clock.offset, clock.wrong) == (timedelta(), False)


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_a_time_that_no_clock_shows_is_none(year: int) -> None:
    clock = StationClock()
    for seconds in (0, 10):
        clock.told(datetime(year, 6, 1, tzinfo=UTC) + timedelta(seconds=seconds), later(seconds))
    assert clock.offset == timedelta()


def test_a_composite_schedule_tells_the_time_unless_it_tells_its_profiles_beginning() -> None:
    clock = StationClock()
    for seconds in (0, 10):
        clock.schedule_begins(later(seconds - 7200), later(seconds))
    assert clock.offset == timedelta(hours=-2)
    for seconds in (20, 30):
        # The hub's own lease, backdated: to believe it would drive the next lease further back.
        clock.schedule_begins(later(seconds - 7200 - 90), later(seconds))
    assert clock.offset == timedelta(hours=-2)
    other = StationClock()
    for seconds in (0, 1):
        other.schedule_begins(datetime(1970, 1, 1, tzinfo=UTC), later(seconds * 5.5))
    assert other.offset == timedelta(), "that is the beginning of the hub's floor"


def test_the_beginning_of_the_hubs_floor_does_not_disturb_what_is_being_learnt() -> None:
    clock = StationClock()
    clock.told(later(-7200), later(0))
    clock.schedule_begins(datetime(1970, 1, 1, tzinfo=UTC), later(5))
    clock.schedule_begins(datetime(2000, 1, 1, tzinfo=UTC), later(6))
    clock.told(later(10 - 7200), later(10))
    assert clock.offset == timedelta(hours=-2)


def test_what_a_station_may_draw_is_not_what_it_draws() -> None:
    grants = Grants(4140.0)
    grants.floor_stands(NOW)
    grants.exceeded(11_000.0)
    assert grants.most(NOW)[0] == 11_000.0
    assert grants.allowed(NOW) == (4140.0, 0.0)
    grants.older(8000.0, later(60))
    assert grants.allowed(NOW) == (8000.0, 0.0)
    assert grants.allowed(later(60)) == (4140.0, 0.0)
