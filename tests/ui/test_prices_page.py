"""Prices: what is known, what is expected, what a price is made of; a tap reads and changes nothing (S6)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import plans_told
import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from homeapp.model.tariff import PriceSlot, Tariff
from ui import price_words
from ui.pages.prices import PricesPage
from ui.view import View
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
NOW = situations.NOW


def opened_page(opened: Opener, situation: situations.Situation) -> tuple[PricesPage, CannedHub]:
    window, hub = opened(situation)
    window.go("prices")
    return window.prices, hub


def said(page: PricesPage) -> list[str]:
    return [row.accessibleName() for row in page.detail.rows if row.isVisible()]


def test_the_price_now_is_taken_apart_and_the_parts_are_the_price(opened: Opener) -> None:
    page, _hub = opened_page(opened, situations.PRICED)
    slot = situations.PRICED.tariff.at(NOW)
    assert page.detail.title.text() == "Now · 16:15–16:30"
    assert said(page) == [
        f"{price_words.component_words(part.kind)}: {part.amount * 100:.1f} ct/kWh" for part in slot.components
    ]
    assert sum(part.amount for part in slot.components) == slot.import_price
    assert page.detail.stack.isVisible()


def test_a_tap_reads_another_price_and_asks_the_hub_for_nothing(opened: Opener, qtbot: QtBot) -> None:
    page, hub = opened_page(opened, situations.PRICED)
    assert page.chart is not None
    hub.calls.clear()
    middle = QPoint(page.chart.width() * 3 // 4, page.chart.height() // 2)
    qtbot.mouseClick(page.chart, Qt.MouseButton.LeftButton, pos=middle)
    read = page.detail.title.text()
    assert read.startswith("Tue")
    assert "expected" in read
    qtbot.keyClick(page.chart, Qt.Key.Key_Escape)
    assert page.detail.title.text().startswith("Now")
    assert hub.calls == []


def test_a_price_without_parts_shows_none(opened: Opener) -> None:
    page, _hub = opened_page(opened, situations.CHARGING)
    assert said(page) == []
    assert not page.detail.stack.isVisible()


def test_where_nobody_told_a_price_there_is_a_dash(opened: Opener) -> None:
    gap = replace(situations.CHARGING, tariff=plans_told.tariff(NOW + timedelta(hours=2)))
    page, _hub = opened_page(opened, gap)
    assert page.detail.title.text() == "Price now"
    assert page.outlook.isVisible()


def test_without_prices_the_page_says_where_they_come_from(opened: Opener) -> None:
    page, _hub = opened_page(opened, replace(situations.CHARGING, tariff=None))
    assert page.empty.isVisible()
    assert not page.detail.isVisible()


def view(tariff: Tariff | None, now: datetime = NOW) -> View:
    return View(now=now, alive=True, site=situations.SITE, snapshot=situations.CHARGING.snapshot, tariff=tariff)


def test_how_far_prices_reach_is_said() -> None:
    day, apart = plans_told.tariff(hours=24), situations.PRICED.tariff
    assert price_words.known_words(view(None)) == "No prices yet"
    assert price_words.known_words(view(day)) == "Known until 00:00 – what follows comes later"
    assert price_words.known_words(view(apart)) == "Known until Tue 11:00, expected after that"
    late = day.received_at + timedelta(hours=30)
    assert price_words.known_words(view(day, late)) == "No prices for now – the last ones came 30 h ago"
    expected = replace(apart, slots=tuple(replace(slot, forecast=True) for slot in apart.slots))
    assert price_words.known_words(view(expected)).startswith("Only expected prices")


def test_the_mean_counts_each_price_for_as_long_as_it_holds() -> None:
    def slot(start_h: float, hours: float, price: str) -> PriceSlot:
        start = NOW + timedelta(hours=start_h)
        return PriceSlot(start=start, end=start + timedelta(hours=hours), import_price=Decimal(price))

    slots = [slot(-1, 2, "0.10"), slot(1, 3, "0.30")]
    assert price_words.mean_ahead(slots, NOW) == Decimal("0.25")
    assert price_words.mean_ahead(slots, NOW + timedelta(days=1)) is None


@pytest.mark.parametrize(("market", "paid"), [("-0.05", "0.12"), ("-0.40", "-0.21")], ids=["taxed", "below zero"])
def test_a_market_below_zero_is_explained(opened: Opener, market: str, paid: str) -> None:
    def cheap(slot: PriceSlot) -> PriceSlot:
        return replace(slot, market_price=Decimal(market), import_price=Decimal(paid), components=())

    told = situations.PRICED.tariff
    changed = replace(told, ghg=(), slots=tuple(cheap(slot) for slot in told.slots))
    page, _hub = opened_page(opened, replace(situations.PRICED, tariff=changed))
    texts = [child.text() for child in page.detail.findChildren(type(page.detail.title)) if child.isVisible()]
    words = "taxes and fees make up the rest" if paid[0] != "-" else "You are paid for what you use now."
    assert any(words in text for text in texts)


@pytest.mark.parametrize(("day", "quarters"), [((2026, 3, 29), 92), ((2026, 11, 23), 96), ((2026, 10, 25), 100)])
def test_every_quarter_of_a_day_on_which_clocks_change_is_drawn(
    opened: Opener, day: tuple[int, int, int], quarters: int
) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    start = datetime(*day, tzinfo=zone).astimezone(situations.NOW.tzinfo)
    prices = plans_told.tariff(start, quarters // 4, 15)
    now = start + timedelta(hours=2)
    snapshot = replace(situations.CHARGING.snapshot, at=now)
    page, _hub = opened_page(opened, replace(situations.CHARGING, tariff=prices, now=now, snapshot=snapshot))
    assert page.chart is not None
    assert len(page.chart.bars) == quarters
