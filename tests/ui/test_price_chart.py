"""The price chart: any length of slot, any day, and reading without changing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import plans_told
import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp.model.plan import Plan, PlanSlot, SlotReason
from homeapp.model.tariff import Tariff
from ui.charts import price_bars
from ui.theme import Tone
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("day", "quarters"),
    [((2026, 3, 29), 92), ((2026, 11, 23), 96), ((2026, 10, 25), 100)],
    ids=["spring", "plain", "autumn"],
)
def test_a_whole_local_day_in_quarters(day: tuple[int, int, int], quarters: int) -> None:
    start = datetime(*day, tzinfo=AMSTERDAM).astimezone(UTC)
    end = (datetime(*day, tzinfo=AMSTERDAM) + timedelta(days=1)).astimezone(UTC)
    prices = plans_told.tariff(start, int((end - start).total_seconds() // 3600), 15)
    now = start + timedelta(hours=4)
    shown = price_bars.bars(prices, None, now)
    assert len(shown) == quarters
    assert all(later.start == earlier.end for earlier, later in pairwise(shown))
    marks = price_bars.ticks(*price_bars.span(shown, now), AMSTERDAM, 3)
    for tick in marks:
        local = datetime.fromtimestamp(tick.at, AMSTERDAM)
        assert local.minute == 0
        assert tick.words == (f"{local.hour:02d}" if local.hour else local.strftime("%a"))
    assert [tick.words for tick in marks if not tick.midnight][:3] == ["03", "06", "09"]


def test_window_rolls_from_four_hours_back_to_36_ahead() -> None:
    shown = price_bars.bars(plans_told.tariff(hours=72), None, situations.NOW)
    start, end = price_bars.span(shown, situations.NOW)
    assert start == (situations.NOW - timedelta(hours=4)).timestamp()
    assert end == (situations.NOW + timedelta(hours=36)).timestamp()


def test_the_plan_colours_the_bars() -> None:
    now = situations.NOW
    shown = price_bars.bars(plans_told.tariff(), situations.CHARGING.plan, now)
    tones = {datetime.fromtimestamp(bar.start, UTC): bar.tone(now.timestamp()) for bar in shown}
    assert tones[datetime(2026, 11, 24, 1, tzinfo=UTC)] is Tone.GREEN
    assert tones[datetime(2026, 11, 23, 17, tzinfo=UTC)] is Tone.VIOLET
    assert tones[datetime(2026, 11, 23, 20, tzinfo=UTC)] is Tone.BAR_IDLE
    assert tones[datetime(2026, 11, 23, 12, tzinfo=UTC)] is Tone.BAR_PAST


def test_a_plan_finer_than_the_prices_counts_by_its_energy() -> None:
    prices = plans_told.tariff()
    hour = datetime(2026, 11, 23, 17, tzinfo=UTC)
    half = PlanSlot(start=hour, end=hour + timedelta(minutes=30), power_w=8000, reason=SlotReason.CHEAP)
    shown = price_bars.bars(prices, Plan(made_at=hour, slots=(half,), reaches_pct=80, shortfall_wh=0), situations.NOW)
    assert next(bar for bar in shown if bar.start == hour.timestamp()).power_w == 4000


def test_negative_prices_reach_below_zero() -> None:
    prices = plans_told.tariff()
    slots = (replace(prices.slots[16], import_price=Decimal("-0.05")), *prices.slots[17:])
    low, high, step = price_bars.scale(price_bars.bars(replace(prices, slots=slots), None, situations.NOW))
    assert low <= -5 < high
    assert step > 0


@pytest.mark.parametrize("minutes", [15, 60])
def test_tap_and_keys_read_a_bar(opened: Opener, qtbot: QtBot, minutes: int) -> None:
    window, hub = opened(replace(situations.CHARGING_QUIET, tariff=plans_told.tariff(minutes=minutes)))
    chart = window.home.prices.chart
    assert len(chart.bars) == (36 if minutes == 60 else 143)
    with qtbot.waitSignal(chart.reading, timeout=5000) as read:
        qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.rect().center())
    assert " ct" in read.args[0]
    assert window.home.prices.caption.text() == read.args[0]
    with qtbot.waitSignal(chart.reading, timeout=5000) as following:
        qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert following.args[0] != read.args[0]
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert window.home.prices.caption.text() == ""
    assert "Lowest" in chart.accessibleDescription()
    assert not hub.calls


@pytest.mark.parametrize("prices", [None, Tariff(source="x", currency="EUR", received_at=situations.NOW, slots=())])
def test_no_prices(opened: Opener, prices: Tariff | None) -> None:
    window, _hub = opened(replace(situations.CHARGING_QUIET, tariff=prices))
    assert not window.home.prices.chart.isVisible()
    assert window.home.prices._empty.isVisible()


def test_beyond_what_is_known(opened: Opener) -> None:
    window, _hub = opened(replace(situations.CHARGING_QUIET, tariff=plans_told.tariff(hours=20)))
    drawing = window.home.prices.chart._layer.drawing
    assert drawing.known_words == "Known until 20:00"
    assert drawing.area.right() > drawing.known_until
