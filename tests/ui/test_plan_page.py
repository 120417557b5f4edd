"""Plan: reasons in colour, changes shown before they are kept, a tap reads and only the handle edits (T2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import plans_told
import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import WrongState
from homeapp.model.plan import AtDeadline, ChargingMode, FeedBudget, FeedUse, Plan, Schedule, SlotReason
from ui.charts import price_bars
from ui.pages.days_sheet import DaysSheet
from ui.pages.feed_sheet import FeedSheet
from ui.pages.plan import PlanPage
from ui.plan_words import reason_tone
from ui.theme import Tone
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
CHEAPER = replace(situations.PLANNED.plan, cost=Decimal("2.98"))


def planned(opened: Opener, situation: situations.Situation = situations.PLANNED) -> tuple[PlanPage, CannedHub]:
    window, hub = opened(situation)
    hub.answers[api.PreviewSchedule] = lambda _call: CHEAPER
    hub.answers[api.SetSchedule] = lambda call: call.schedule
    window.go("plan")
    hub.calls.clear()
    return window.plan, hub


def calls(hub: CannedHub, kind: type[api.Call[object]]) -> list[object]:
    return [call for call in hub.calls if isinstance(call, kind)]


def test_bars_have_the_colour_of_the_reason() -> None:
    now, plan = situations.NOW, situations.PLANNED.plan
    shown = price_bars.bars(situations.PLANNED.tariff, plan, now)
    tones = {bar.reason: bar.plan_tone(now.timestamp()) for bar in shown if bar.end > now.timestamp()}
    assert tones[SlotReason.CHEAP] is Tone.GREEN
    assert tones[SlotReason.NEEDED] is Tone.AMBER
    assert tones[SlotReason.FEED_PLAN] is Tone.VIOLET
    assert reason_tone(SlotReason.FEED_LESS) is Tone.VIOLET
    assert reason_tone(SlotReason.GUARANTEE) is Tone.AMBER
    assert tones[None] is Tone.BAR_IDLE
    assert [(start, end) for start, end, tone in price_bars.spans(plan) if tone is Tone.GREEN] == [
        (datetime(2026, 11, 24, 0, tzinfo=UTC).timestamp(), datetime(2026, 11, 24, 3, tzinfo=UTC).timestamp())
    ]


def test_a_change_is_shown_before_it_is_kept(opened: Opener, qtbot: QtBot) -> None:
    page, hub = planned(opened)
    before = page.cost.accessibleName()
    page.wishes.target.plus.click()
    page.wishes.time.plus.click()
    assert page.wishes.target.value.text() == "85\u00a0%"
    assert page.wishes.time.value.text() == "07:15"
    qtbot.waitUntil(lambda: page.draft.plan is not None, timeout=5000)
    (asked,) = calls(hub, api.PreviewSchedule)
    assert (asked.schedule.target_pct, asked.schedule.ready_by, asked.mode) == (85, "07:15", ChargingMode.POWER_FEED)
    assert page.cost.accessibleName() == "Expected cost: €3.42 → €2.98"
    assert calls(hub, api.SetSchedule) == []
    page.wishes.discard.click()
    assert page.cost.accessibleName() == before
    assert page.wishes.target.value.text() == "80\u00a0%"


def test_keep_has_the_hub_keep_it(opened: Opener, qtbot: QtBot) -> None:
    page, hub = planned(opened)
    page.wishes.floor.minus.click()
    page.wishes.keep.click()
    qtbot.waitUntil(lambda: page.draft.schedule is None, timeout=5000)
    (kept,) = calls(hub, api.SetSchedule)
    assert kept.schedule == replace(plans_told.SCHEDULE, floor_pct=45)
    assert not page.wishes.keep.isVisible()


def test_what_is_refused_stays_a_draft_and_says_why(opened: Opener, qtbot: QtBot) -> None:
    page, hub = planned(opened)
    hub.answers[api.PreviewSchedule] = lambda _call: WrongState("The reserve cannot be above the target.")
    page.wishes.floor.plus.click()
    qtbot.waitUntil(lambda: page.advice.text() == "The reserve cannot be above the target.", timeout=5000)
    assert page.draft.schedule is not None


def test_an_answer_to_a_draft_of_before_is_ignored(opened: Opener, qtbot: QtBot) -> None:
    page, hub = planned(opened)
    hub.hold = True
    page.wishes.target.plus.click()
    qtbot.waitUntil(lambda: len(calls(hub, api.PreviewSchedule)) == 1, timeout=5000)
    page.wishes.discard.click()
    hub.hold = False
    hub.release()
    page.wishes.target.minus.click()
    qtbot.waitUntil(lambda: page.draft.plan is not None, timeout=5000)
    assert [call.schedule.target_pct for call in calls(hub, api.PreviewSchedule)] == [85, 75]


def test_a_tap_reads_and_only_the_flag_edits(opened: Opener, qtbot: QtBot) -> None:
    page, hub = planned(opened)
    chart = page.chart
    assert chart is not None
    qtbot.wait(1)
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(chart.width() // 3, chart.height() // 2))
    assert "ct" in page._card.caption.text()
    assert page.draft.schedule is None
    x = round(chart._x_of(datetime(2026, 11, 24, 6, tzinfo=UTC)))
    later = round(chart._x_of(datetime(2026, 11, 24, 8, tzinfo=UTC)))
    qtbot.mousePress(chart, Qt.MouseButton.LeftButton, pos=QPoint(x, 20))
    qtbot.mouseMove(chart, QPoint(later, 20))
    assert page.draft.schedule is None
    qtbot.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=QPoint(later, 20))
    assert page.draft.schedule is not None
    assert page.draft.schedule.ready_by == "09:00"
    assert calls(hub, api.SetSchedule) == []


def test_without_a_departure_there_is_no_flag_and_no_time(opened: Opener) -> None:
    snapshot = replace(situations.PLANNED.snapshot, mode=ChargingMode.SOLAR)
    page, _hub = planned(opened, replace(situations.PLANNED, snapshot=snapshot))
    assert page.chart is not None
    assert page.chart._departure is None
    assert not page.wishes.time.isVisible()


def test_a_promise_that_breaks_comes_first(opened: Opener) -> None:
    page, _hub = planned(opened, situations.BROKEN)
    assert page.advice.text() == situations.BROKEN.plan.broken[0].sentence
    page, _hub = planned(opened, replace(situations.PLANNED, plan=_refusing("Feeding would gain only €0.08.")))
    assert page.advice.text() == "Feeding would gain only €0.08."


def _refusing(sentence: str) -> Plan:
    return replace(situations.PLANNED.plan, feed_refused=sentence, feed_gain=None)


@pytest.mark.parametrize("mode", list(ChargingMode))
def test_each_mode_can_be_chosen(opened: Opener, qtbot: QtBot, mode: ChargingMode) -> None:
    page, hub = planned(opened)
    cell = page.wishes.modes.cells[mode]
    assert cell.isChecked() is (mode is ChargingMode.POWER_FEED)
    qtbot.mouseClick(cell, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: calls(hub, api.SetMode) != [], timeout=5000)
    assert calls(hub, api.SetMode)[0].mode is mode


def sheet(page: PlanPage, kind: type) -> object:
    return page.window().findChild(kind)


def test_departures_are_added_and_removed(opened: Opener) -> None:
    page, _hub = planned(opened)
    page.wishes.days.click()
    days: DaysSheet = sheet(page, DaysSheet)
    assert not days.form.add.isEnabled()
    for number in (1, 3):
        days.form.days[number].click()
    days.form.time.plus.click()
    days.form.target.minus.click()
    days.form.add.click()
    assert page.draft.schedule is not None
    added = [entry for entry in page.draft.schedule.weekly if entry.weekdays == (2, 4)]
    assert [(entry.time, entry.target_pct) for entry in added] == [("07:15", 75)]
    days.form.kind._segments["once"].click()
    days.form.date.plus.click()
    days.form.add.click()
    assert datetime(2026, 11, 25, 6, 15, tzinfo=UTC) in [one.at for one in page.draft.schedule.once]
    days.late._segments["stop"].click()
    assert page.draft.schedule.at_deadline is AtDeadline.STOP


def test_a_departure_in_the_past_cannot_be_added(opened: Opener) -> None:
    page, _hub = planned(opened)
    page.wishes.days.click()
    days: DaysSheet = sheet(page, DaysSheet)
    days.form.kind._segments["once"].click()
    days.form.date.minus.click()
    assert not days.form.add.isEnabled()


def test_the_budget_of_power_feed_and_what_was_given(opened: Opener, qtbot: QtBot) -> None:
    page, hub = planned(opened)
    use = FeedUse(cycles_today=0.2, cycles_year=31.5, kwh_today=12, kwh_year=1890, budget=FeedBudget())
    hub.answers[api.GetFeedBudget] = lambda _call: use
    page.wishes.feed.click()
    feed: FeedSheet = sheet(page, FeedSheet)
    qtbot.waitUntil(lambda: "31.5 cycles" in feed.use.text(), timeout=5000)
    feed.limits["cycles_per_day"].minus.click()
    feed.limits["kwh_per_day"].minus.click()
    feed.wear.plus.click()
    budget = page.draft.schedule.feed if page.draft.schedule else FeedBudget()
    assert (budget.cycles_per_day, budget.kwh_per_day, budget.wear_per_kwh) == (0.75, 99.0, Decimal("0.06"))
    feed.limits["kwh_per_day"].plus.click()
    feed.limits["kwh_per_day"].plus.click()
    assert page.draft.schedule is not None
    assert page.draft.schedule.feed.kwh_per_day is None


def test_without_prices_it_still_says_what_is_wanted(opened: Opener) -> None:
    page, _hub = planned(opened, replace(situations.PLANNED, tariff=None, schedule=Schedule()))
    assert page._nothing.isVisible()
    assert page.wishes.time.value.text() == "07:00"


def test_a_home_without_a_hub_yet_changes_nothing(opened: Opener) -> None:
    page, hub = planned(opened)
    hub.stop()
    view = page._view
    assert view is not None
    page.show_view(replace(view, alive=False, now=view.now + timedelta(minutes=2)))
    assert not page.wishes.keep.isEnabled()
    assert not page.wishes.time.isEnabled()
