"""What a plan sets off at a full quarter of an hour is put off; what this home needs or asks for is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from homeapp.model.plan import Plan, PlanSlot, SlotReason
from homeapp.planning.delayed_steps import DelayedSteps
from kit.plan_requests import HOUR, NOW

DELAY = timedelta(minutes=10)
WAIT = PlanSlot(start=NOW, end=NOW + HOUR, power_w=0, reason=SlotReason.WAIT_CHEAPER)
CHARGE = PlanSlot(start=NOW + HOUR, end=NOW + 2 * HOUR, power_w=7000, reason=SlotReason.CHEAP)
AFTER = PlanSlot(start=NOW + 2 * HOUR, end=NOW + 3 * HOUR, power_w=0, reason=SlotReason.WAIT_CHEAPER)
PLAN = Plan(made_at=NOW, slots=(WAIT, CHARGE, AFTER), reaches_pct=80, shortfall_wh=0)


def followed(*plans: tuple[float, Plan]) -> list[PlanSlot | None]:
    """The slots acted upon at so many hours after the begin."""
    steps = DelayedSteps(lambda: DELAY)
    return [steps.of(plan, NOW + hours * HOUR) for hours, plan in plans]


def test_the_begin_and_the_end_come_later_by_the_same_time() -> None:
    hours = (0, 1.01, 1.16, 1.17, 2.01, 2.16, 2.17)
    assert followed(*((hour, PLAN) for hour in hours)) == [WAIT, WAIT, WAIT, CHARGE, CHARGE, CHARGE, AFTER]


def test_a_plan_made_anew_meanwhile_changes_nothing_about_it() -> None:
    anew = replace(PLAN, made_at=NOW + 1.05 * HOUR)
    assert followed((0.99, PLAN), (1.01, PLAN), (1.06, anew), (1.17, anew)) == [WAIT, WAIT, WAIT, CHARGE]


def test_what_an_event_has_brought_about_is_not_put_off() -> None:
    at_once = replace(PLAN, made_at=NOW + 0.5 * HOUR, slots=(replace(CHARGE, start=NOW),))
    assert followed((0.49, PLAN), (0.51, at_once))[1] == at_once.slots[0]
    assert followed((1.5, PLAN)) == [CHARGE]


def test_a_step_that_is_planned_away_while_it_waits_does_not_come() -> None:
    idle = replace(PLAN, made_at=NOW + 1.05 * HOUR, slots=(replace(WAIT, end=NOW + 3 * HOUR),))
    assert followed((0.99, PLAN), (1.01, PLAN), (1.06, idle), (1.5, idle))[2:] == [idle.slots[0]] * 2


@pytest.mark.parametrize(
    "reason",
    [
        SlotReason.NEEDED,
        SlotReason.GUARANTEE,
        SlotReason.FLOOR,
        SlotReason.AFTER_DEADLINE,
        SlotReason.NOW,
        SlotReason.REDUCED_BY_GRID,
    ],
)
def test_what_cannot_wait_begins_at_once(reason: SlotReason) -> None:
    urgent = replace(PLAN, slots=(WAIT, replace(CHARGE, reason=reason), AFTER))
    assert followed((0.99, urgent), (1.01, urgent))[1] == urgent.slots[1]


@pytest.mark.parametrize("reason", [SlotReason.FULL, SlotReason.REDUCED_BY_GRID, SlotReason.REDUCED_BY_OFFER])
def test_what_must_end_ends_at_once(reason: SlotReason) -> None:
    ends = replace(PLAN, slots=(WAIT, CHARGE, replace(AFTER, reason=reason)))
    assert followed((1.5, ends), (2.01, ends))[1] == ends.slots[2]


def test_from_charging_to_feeding_nothing_is_put_off() -> None:
    feeds = replace(PLAN, slots=(WAIT, CHARGE, replace(AFTER, power_w=-5000, reason=SlotReason.FEED_PLAN)))
    assert followed((1.5, feeds), (2.01, feeds))[1] == feeds.slots[2]


def test_without_a_plan_there_is_nothing_to_act_upon() -> None:
    assert DelayedSteps(lambda: DELAY).of(None, NOW) is None
    assert followed((0, PLAN), (9, PLAN)) == [WAIT, None]
