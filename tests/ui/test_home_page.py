"""Home shows what holds, how old it is, and what can be done about it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import offers_told
import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import WrongState
from homeapp.model.live import GridLimit, LinkState
from homeapp.model.offer import Choice, OfferState
from homeapp.model.plan import ChargingMode, Goal
from ui.theme import Tone
from ui.view import View
from ui.widgets.flow_pipes import flow
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
BOTH_SIZES = pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (800, 480)], ids=["wide", "tablet", "compact"])


@pytest.mark.usecase("T2")
@BOTH_SIZES
def test_approve_sends_what_was_shown_and_waits(opened: Opener, qtbot: QtBot, size: tuple[int, int]) -> None:
    window, hub = opened(situations.OFFERED, size)
    card = window.home.offer if size == (1280, 800) else window.home.offer_strip
    shown = offers_told.PENDING
    hub.hold = True
    accepted = replace(shown, state=OfferState.ACCEPTED, decision=offers_told.decision(shown.offer, Choice.ACCEPT))
    hub.answers[api.DecideOffer] = lambda _call: accepted
    qtbot.mouseClick(card.buttons.approve, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(hub.held), timeout=5000)
    qtbot.waitUntil(lambda: not card.buttons.approve.isEnabled(), timeout=5000)
    assert card.buttons.approve.accessibleDescription() == "Sending…"
    assert not card.buttons.decline.isEnabled()
    assert hub.calls == [api.DecideOffer(key="evc_sp/feed-17", digest=shown.offer.digest(), choice=Choice.ACCEPT)]
    hub.release()
    qtbot.waitUntil(lambda: card.buttons is not None and len(window.view.undecided) == 1, timeout=5000)
    qtbot.waitUntil(lambda: "Charge less" in _title(window), timeout=5000)


def _title(window: Window) -> str:
    card = window.home.offer if window.home.offer.isVisible() else window.home.offer_strip
    return card.accessibleName()


@BOTH_SIZES
def test_a_refused_answer_is_said(opened: Opener, qtbot: QtBot, size: tuple[int, int]) -> None:
    window, hub = opened(situations.OFFERED, size)
    card = window.home.offer if size == (1280, 800) else window.home.offer_strip
    hub.answers[api.DecideOffer] = lambda _call: WrongState("The provider has changed this offer. Look at it again.")
    qtbot.mouseClick(card.buttons.decline, Qt.MouseButton.LeftButton)
    told = card.buttons.problem.words if size == (1280, 800) else card.line
    qtbot.waitUntil(lambda: told.text() == "The provider has changed this offer. Look at it again.", timeout=5000)
    assert told.isVisible()
    assert card.buttons.decline.isEnabled()


def test_an_expired_offer_cannot_be_answered(opened: Opener) -> None:
    late = replace(offers_told.PENDING.offer, expires_at=situations.NOW - timedelta(seconds=1))
    case = offers_told.case(late, OfferState.PENDING)
    window, _hub = opened(replace(situations.OFFERED, offers=(case,)))
    assert not window.home.offer.buttons.approve.isEnabled()


def test_a_mandatory_limit_has_no_buttons(opened: Opener) -> None:
    window, _hub = opened(situations.CHARGING)
    assert window.home.offer.isVisible()
    buttons = window.home.offer.buttons
    assert not any(button.isVisible() for button in (buttons.approve, buttons.decline, buttons.withdraw))


def test_stopping_a_feed_asks_first(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.FEEDING)
    hub.answers[api.DecideOffer] = lambda _call: offers_told.ACTIVE
    qtbot.mouseClick(window.home.offer.buttons.withdraw, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.findChild(_sheet_type()) is not None, timeout=5000)
    assert not [call for call in hub.calls if isinstance(call, api.DecideOffer)]
    sheet = window.findChild(_sheet_type())
    stop = next(button for button in sheet.findChildren(_button_type()) if button.text() == "Stop now")
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(isinstance(call, api.DecideOffer) for call in hub.calls), timeout=5000)
    assert [call.choice for call in hub.calls if isinstance(call, api.DecideOffer)] == [Choice.WITHDRAW]


def _sheet_type() -> type:
    from ui.widgets.sheet import Sheet

    return Sheet


def _button_type() -> type:
    from ui.widgets.buttons import Button

    return Button


def test_mode_switch(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.CHARGING)
    goal = Goal(mode=ChargingMode.NOW, target_pct=80, ready_by=situations.NOW, floor_pct=50, capacity_wh=60000)
    hub.answers[api.SetMode] = lambda _call: goal
    segment = window.home.car.modes._segments["now"]
    qtbot.mouseClick(segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.view.snapshot.mode is ChargingMode.NOW, timeout=5000)
    assert hub.calls == [api.SetMode(mode=ChargingMode.NOW)]
    qtbot.waitUntil(segment.isChecked, timeout=5000)


def test_a_refused_mode_goes_back(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.CHARGING)
    hub.answers[api.SetMode] = lambda _call: WrongState("The charger is offline.")
    qtbot.mouseClick(window.home.car.modes._segments["pause"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.home.car.sentence.text() == "The charger is offline.", timeout=5000)
    assert window.home.car.modes._segments["ready_by"].isChecked()


def test_a_stale_figure_is_grey_with_its_age(opened: Opener) -> None:
    window, _hub = opened(situations.STALE_METER)
    nodes = window.home.flow._nodes(window.home.flow._places(), window.home.flow._flow)
    grid, home = nodes[0], nodes[1]
    assert (grid.value, grid.caption, grid.grey, grid.tone) == ("3.1\u00a0kW", "3 min old", True, Tone.TEXT3)
    assert (home.value, home.grey) == ("–", True)
    assert "3 min old" in window.home.flow.accessibleDescription()


def test_figures_age_between_snapshots() -> None:
    snapshot = situations.CHARGING.snapshot
    later = View(now=situations.NOW + timedelta(seconds=100), alive=True, snapshot=snapshot)
    assert later.seen(snapshot.grid_w).age_s == 102
    assert not later.seen(snapshot.grid_w).stale
    lost = replace(later, alive=False)
    assert lost.seen(snapshot.grid_w).stale


def test_hub_lost_and_back(opened: Opener, hub: CannedHub, qtbot: QtBot) -> None:
    window, _hub = opened(situations.OFFERED)
    assert not window.banner.isVisible()
    hub.stop()
    qtbot.waitUntil(window.banner.isVisible, timeout=5000)
    assert window.banner.words.text() == "The hub does not answer. Charging goes on at the safe limit."
    flow_nodes = window.home.flow._nodes(window.home.flow._places(), window.home.flow._flow)
    assert all(node.grey and "old" in node.caption for node in flow_nodes)
    assert not window.home.offer.buttons.approve.isEnabled()
    hub.start()
    qtbot.waitUntil(lambda: not window.banner.isVisible(), timeout=8000)
    qtbot.waitUntil(window.home.offer.buttons.approve.isEnabled, timeout=5000)


def test_pipes_take_the_colour_of_their_source() -> None:
    def pipes(situation: situations.Situation) -> tuple[Tone, Tone, Tone]:
        shown = flow(situation.snapshot, View(now=situations.NOW, alive=True, snapshot=situation.snapshot))
        return shown.to_grid.tone, shown.to_home.tone, shown.to_car.tone

    assert pipes(situations.CHARGING) == (Tone.BLUE, Tone.BLUE, Tone.GREEN)
    assert pipes(situations.FEEDING) == (Tone.VIOLET, Tone.VIOLET, Tone.VIOLET)
    assert pipes(situations.EMPTY) == (Tone.LINE, Tone.LINE, Tone.LINE)
    offline = pipes(situations.OFFLINE_CHARGER)
    assert offline == (Tone.BLUE, Tone.BLUE, Tone.LINE)


def test_the_ring_tells_feeding_from_charging(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.CHARGING)
    face = window.home.car.ring._face
    assert (face.tone, face.power) == (Tone.GREEN, "7.2\u00a0kW")
    hub.become(situations.FEEDING)
    qtbot.waitUntil(lambda: window.home.car.ring._face.tone is Tone.VIOLET, timeout=5000)
    assert window.home.car.ring._face.power == "6.0\u00a0kW"
    assert window.home.car.ring._face.goal == "Stays above 50\u00a0%"
    hub.become(situations.EMPTY)
    qtbot.waitUntil(lambda: window.home.car.ring._face.hero == "No charger", timeout=5000)


def test_movement_only_while_power_flows_and_visible(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.CHARGING)
    flow_widget = window.home.flow
    assert not flow_widget.moving
    flow_widget.animated = True
    window.go("home")
    assert flow_widget.moving
    window.go("inbox")
    assert not flow_widget.moving
    window.go("home")
    assert flow_widget.moving
    window.hide()
    assert not flow_widget.moving
    window.show()
    hub.become(situations.EMPTY)
    qtbot.waitUntil(lambda: not flow_widget.moving, timeout=5000)


def test_an_alert_opens_its_story(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.OFFERED)
    qtbot.mouseClick(window.home.alert, Qt.MouseButton.LeftButton)
    sheet = window.findChild(_sheet_type())
    seen = next(button for button in sheet.findChildren(_button_type()) if button.text() == "Mark as seen")
    qtbot.mouseClick(seen, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(hub.calls), timeout=5000)
    assert hub.calls == [api.AlertSeen(sp_id="pev_sp", alert_id="a1")]
    assert window.navigation.isEnabled()


def test_offline_devices_are_said_in_the_header(opened: Opener) -> None:
    window, _hub = opened(situations.OFFLINE_CHARGER)
    assert window.home._header._charger.text() == "Charger offline"
    assert window.home._header._meter.text() == "Meter"


def test_a_refused_message_is_told_with_its_count(opened: Opener) -> None:
    window, _hub = opened(situations.STALE_METER)
    assert window.home.strip.isVisible()
    assert window.home.strip.words.text().endswith("(3×)")


def test_the_strip_opens_all_that_is_to_be_known_with_its_time(opened: Opener, qtbot: QtBot) -> None:
    window, _hub = opened(
        replace(
            situations.OFFERED,
            sharing=situations.SHARING,
            snapshot=replace(situations.STALE_METER.snapshot, providers=situations.SHARED.snapshot.providers),
        )
    )
    assert window.home.strip.accessibleName().endswith("It must be followed. · 2 more")
    qtbot.mouseClick(window.home.strip, Qt.MouseButton.LeftButton)
    sheet = window.findChild(_sheet_type())
    told = [line.words.text() for line in sheet.findChildren(IconLine)]
    assert told == [
        "Grid limit until 18:30: Draw 4.2\u00a0kW at most. It must be followed.\nSince 16:04",
        "A message for EVC provider was turned away: its signature is wrong. (3×)\nSince 16:24",
        "Grid operator: The system operator cannot be reached. The hub tries again by itself. 2 answers wait.\n"
        "Since Sun 14:24",
    ]


@BOTH_SIZES
def test_a_home_without_a_pin_says_so_and_takes_the_first_one(
    opened: Opener, qtbot: QtBot, size: tuple[int, int]
) -> None:
    window, hub = opened(situations.NO_PIN_QUIET, size)
    notice = window.home.pin_notice
    assert notice.isVisible()
    assert (notice.accessibleName(), notice.accessibleDescription()) == (
        "Set a PIN",
        "Anybody at this screen may change everything.",
    )
    hub.answers[api.SetPin] = lambda _call: situations.OWNER
    qtbot.mouseClick(notice, Qt.MouseButton.LeftButton)
    for _twice in range(2):
        for digit in "739184":
            qtbot.mouseClick(window.lock.sheet.pad.keys[digit], Qt.MouseButton.LeftButton)
        qtbot.mouseClick(window.lock.sheet.pad.enter, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.lock.sheet is None, timeout=5000)
    assert hub.calls == [api.SetPin(for_role=api.Role.OWNER, pin="739184")]
    hub.become(situations.CHARGING_QUIET)
    qtbot.waitUntil(lambda: not notice.isVisible(), timeout=5000)


def test_what_cannot_wait_goes_before_the_notice_about_the_pin(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.NO_PIN, (800, 480))
    assert (window.home.strip.isVisible(), window.home.alert.isVisible()) == (True, True)
    assert not window.home.pin_notice.isVisible()
    hub.become(situations.NO_PIN_QUIET)
    qtbot.waitUntil(window.home.pin_notice.isVisible, timeout=5000)
    hub.stop()
    qtbot.waitUntil(lambda: not window.home.pin_notice.isVisible(), timeout=5000)


def test_only_links_that_are_wanted_can_be_missed(opened: Opener, qtbot: QtBot) -> None:
    links = tuple(situations.link(sp_id, sp_id, LinkState.DOWN, 5, waiting=1) for sp_id in ("evc_sp", "pev_sp", "old"))
    situation = replace(situations.SHARED, snapshot=replace(situations.SHARED.snapshot, providers=links))
    window, hub = opened(situation)
    assert window.home.strip.words.text() == "No connection to evc_sp. The hub keeps trying. 1 answer waits."
    hub.become(situations.OUTDATED)
    qtbot.waitUntil(lambda: window.home.strip.words.text().endswith("12 answers wait. · 2 more"), timeout=5000)
    assert window.home.strip.words.text().startswith("No connection to Municipal electricity network operator")


@BOTH_SIZES
def test_totals_of_the_day_go_grey_with_their_age_too(opened: Opener, qtbot: QtBot, size: tuple[int, int]) -> None:
    window, hub = opened(situations.CHARGING_QUIET, size)
    told = window.home.today.caption if size == (1280, 800) else window.home.mode_strip._hint
    assert " old" not in told.text()
    hub.stop()
    qtbot.waitUntil(lambda: told.text().endswith(" s old"), timeout=5000)
    tone = window.home.today._cost._tone if size == (1280, 800) else told._tone
    assert tone is Tone.TEXT3


@BOTH_SIZES
def test_several_chargers_are_listed_and_one_is_not(opened: Opener, size: tuple[int, int]) -> None:
    window, _hub = opened(situations.SEVERAL, size)
    listed = window.home.car.chargers
    assert listed.isVisible()
    assert listed.accessibleName() == "Chargers"
    said = listed.accessibleDescription().replace("\u00a0", " ")
    assert said == (
        "Driveway: Charging · 7.2 kW. Garage on the left: Charging · 3.9 kW. Garage on the right: Not plugged in"
    )
    assert not any(text.shortened for text in listed.findChildren(Text))
    assert "7.2" in window.home.car.ring.accessibleDescription()


def test_a_single_charger_is_not_listed(opened: Opener) -> None:
    window, _hub = opened(situations.CHARGING)
    assert not window.home.car.chargers.isVisible()


def test_more_chargers_than_there_is_room_for_are_counted(opened: Opener) -> None:
    several = situations.SEVERAL.snapshot
    crowd = replace(several, chargers=(*several.chargers, *several.chargers))
    window, _hub = opened(replace(situations.SEVERAL, snapshot=crowd))
    assert window.home.car.chargers.accessibleDescription().endswith("4 more")


def test_a_fail_safe_limit_says_why_it_holds_and_how_long(opened: Opener) -> None:
    limit = GridLimit(
        value_w=4200,
        since=situations.NOW,
        until=situations.NOW + timedelta(hours=2),
        source="Grid operator",
        failsafe=True,
    )
    window, _hub = opened(
        replace(situations.CHARGING, snapshot=replace(situations.CHARGING.snapshot, grid_limit=limit))
    )
    assert window.home._lines[0].words == (
        "Grid operator cannot be reached. Until its word is back, your chargers keep to 4.2\u00a0kW together. At the "
        "latest this ends at 18:24."
    )
