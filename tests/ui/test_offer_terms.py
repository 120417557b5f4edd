"""Requests with all their terms: consequences before the answer, a yes to a part, the price of stopping, rules (T2)."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import offers_told
import plans_told
import situations
from canned_hub import CannedHub
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import WrongState
from homeapp.model.offer import Choice, OfferKind
from homeapp.model.standing_rule import RuleAction, RuleView, StandingRule, StopTerms
from ui import offer_terms, rule_words
from ui.offer_share import OfferShare
from ui.pages.offer_detail import OfferDetail
from ui.pages.rule_sheet import RuleSheet
from ui.view import View
from ui.widgets.sheet import Sheet
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
TERMS, BEYOND = offers_told.PENDING_TERMS, offers_told.PENDING_BEYOND


def shown(opened: Opener, key: str) -> tuple[OfferDetail, CannedHub]:
    window, hub = opened(situations.ASKED)
    window.go("inbox")
    window.inbox.open_case(key)
    return window.inbox.detail, hub


def view(**changes: object) -> View:
    return View(now=situations.NOW, alive=True, site=situations.SITE, offers=situations.ASKED.offers, **changes)


def test_what_it_would_change_is_shown_before_the_answer(opened: Opener, qtbot: QtBot) -> None:
    detail, hub = shown(opened, TERMS.offer.key)
    qtbot.waitUntil(detail.consequences.cost.isVisible, timeout=5000)
    assert detail.consequences.cost.accessibleName() == "Charging costs: €3.42 → €2.91"
    assert detail.consequences.charge.accessibleName() == "At departure: 80\u00a0% → 76\u00a0%"
    assert detail.consequences.cycles.accessibleName() == "Battery cycles: 0.1 → 0.3"
    assert detail.consequences.chart.accessibleDescription() == detail.consequences.sentence.text()
    asked = [call for call in hub.calls if isinstance(call, api.PreviewOffer) and call.key == TERMS.offer.key]
    assert [call.digest for call in asked] == [TERMS.digest]


def test_where_the_hub_cannot_say_it_says_why(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.ASKED)
    hub.answers[api.PreviewOffer] = lambda _call: WrongState("It has changed since it was shown.")
    window.go("inbox")
    consequences = window.inbox.detail.consequences
    qtbot.waitUntil(lambda: consequences.sentence.text() == "It has changed since it was shown.", timeout=5000)
    assert not consequences.chart.isVisible()


def test_a_limit_that_must_be_followed_asks_for_no_consequences(opened: Opener) -> None:
    detail, hub = shown(opened, situations.LIMIT.offer.key)
    hub.calls.clear()
    assert not detail.consequences.isVisible()
    assert not detail.make_rule.isVisible()
    assert hub.calls == []


def test_all_terms_are_said() -> None:
    said = [words for _icon, words, _tone in offer_terms.terms(TERMS.offer, view())]
    assert said == [
        "€0.31 for each kWh, at most €5.00.",
        "€0.10 for each hour that you are ready.",
        "If less is delivered you pay €0.12 for each kWh; 10\u00a0% may be missing.",
        "Your car has 80\u00a0% again at 06:24.",
        "It takes 0.3 battery cycles at most.",
        "€0.04 for each kWh for the battery's wear.",
        "You can back out for nothing until 17:24.",
        "Backing out later costs €0.50.",
        "Homes begin up to 10 min earlier or later than each other.",
        "The provider gets to know: energy per quarter hour, state of charge.",
        "Its terms: https://evc.example/terms/7",
    ]
    assert offer_terms.terms(situations.LIMIT.offer, view()) == ()


def test_what_speaks_against_it_is_said() -> None:
    against = [words for _icon, words, _tone in offer_terms.against(TERMS, view())]
    assert against == ["At the same time as “Charge less after dinner”: only one of them can have the power."]
    against = [words for _icon, words, _tone in offer_terms.against(BEYOND, view())]
    assert against[0].startswith("It holds for homes in NL-GR only")
    assert "terms that this hub does not understand: CURVE" in against[1]


def test_what_came_of_it_stands_beside_what_was_promised() -> None:
    told = [words for _icon, words, _tone in offer_terms.follow_up(situations.DONE)]
    assert told == [
        "Measured here: 5.0\u00a0kWh of 6.0\u00a0kWh promised.",
        "Earned by the terms: €1.60 of €1.92.",
        "EVC provider pays 1.60 EUR for 5.0 kWh.",
    ]
    assert offer_terms.follow_up(TERMS) == ()


def test_a_yes_can_be_to_less_than_is_asked(opened: Opener, qtbot: QtBot) -> None:
    detail, hub = shown(opened, TERMS.offer.key)
    detail.buttons.share.minus.click()
    detail.buttons.share.minus.click()
    assert detail.buttons.share.value.text() == "4.0\u00a0kW of 5.0\u00a0kW"
    hub.hold = True
    qtbot.mouseClick(detail.buttons.approve, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(isinstance(call, api.DecideOffer) for call in hub.calls), timeout=5000)
    (answer,) = (call for call in hub.calls if isinstance(call, api.DecideOffer))
    assert (answer.choice, answer.committed_w) == (Choice.ACCEPT, 4000.0)


def test_a_share_belongs_to_one_request() -> None:
    share = OfferShare()
    share.about(TERMS)
    assert (share.committed_w, share.more, share.less) == (None, False, True)
    share.step(-20)
    assert (share.committed_w, share.less) == (1500.0, False)
    share.about(TERMS)
    assert share.committed_w == 1500.0
    share.about(BEYOND)
    assert share.committed_w is None
    share.about(situations.PENDING_SHED)
    assert not share.possible


def test_stopping_says_what_it_costs_first(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.FEEDING)
    price = "2.4 of 6.0 kWh are delivered. By stopping now you give up 1.15 EUR of the reward."
    hub.answers[api.StopPrice] = lambda _call: StopTerms(
        sentence=price,
        reward_lost=Decimal("1.15"),
        fee=None,
        currency="EUR",
        delivered_wh=2400,
        promised_wh=6000,
    )
    window.go("inbox")
    window.inbox.open_case(situations.ACTIVE.offer.key)
    window.inbox.detail.buttons.withdraw.click()

    def asks() -> bool:
        return any(price in label.text() for label in window.findChildren(type(window.inbox._title)))

    qtbot.waitUntil(asks, timeout=5000)
    assert not [call for call in hub.calls if isinstance(call, api.DecideOffer)]


def test_a_contracted_request_waits_for_the_owner_too(opened: Opener) -> None:
    window, _hub = opened(situations.ASKED)
    assert [case.offer.offer_id for case in window.view.undecided] == ["feed-18", "feed-19", "shed-3"]


def test_rules_are_sentences() -> None:
    assert [rule_words.sentence(rule) for rule in plans_told.RULES] == [
        "Accept power feeds on Mon–Fri between 17:00 and 22:00 that pay at least €0.30 per kWh and leave at least 60 % "
        "at departure.",
        "Decline all requests for power of Grid operator that take more than 2 battery cycles a week.",
    ]


def sheet(window: Window) -> RuleSheet:
    found = window.findChild(RuleSheet)
    assert isinstance(found, RuleSheet)
    return found


def test_a_rule_is_tried_on_the_past_before_it_is_kept(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.ASKED)
    hub.answers[api.DryRunRule] = lambda _call: plans_told.DRY_RUN
    hub.answers[api.KeepRule] = lambda call: RuleView(rule=call.rule, clauses=(), sentence="")
    window.go("rules")
    window.rules.add.click()
    form = sheet(window)
    form.kinds._segments["power_feed"].click()
    form.start.plus.click()
    form.start.plus.click()
    form.days[5].click()
    for _ in range(6):
        form.money.plus.click()
    form.cycles.plus.click()
    form.charge.plus.click()
    qtbot.waitUntil(lambda: form.tried.text().startswith("Of 2 requests"), timeout=5000)
    wanted = StandingRule(
        action=RuleAction.ACCEPT,
        kind=OfferKind.POWER_FEED,
        weekdays=(5,),
        not_before="17:30",
        not_after="21:00",
        least_per_kwh=Decimal("0.30"),
        currency="EUR",
        most_cycles_per_week=0.5,
        least_soc_pct=5.0,
    )
    tried = [call.rule for call in hub.calls if isinstance(call, api.DryRunRule)]
    assert tried[-1] == wanted
    assert not [call for call in hub.calls if isinstance(call, api.KeepRule)]
    form.keep.click()
    qtbot.waitUntil(lambda: any(isinstance(call, api.KeepRule) for call in hub.calls), timeout=5000)
    assert [call.rule for call in hub.calls if isinstance(call, api.KeepRule)] == [wanted]


def test_a_rule_that_contradicts_itself_cannot_be_kept(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.ASKED)
    hub.answers[api.DryRunRule] = lambda _call: WrongState("A rule that accepts needs no limit of its own.")
    window.go("rules")
    window.rules.cards[0].change.click()
    form = sheet(window)
    qtbot.waitUntil(form.problem.isVisible, timeout=5000)
    assert not form.keep.isEnabled()
    form.close_sheet()


def test_a_rule_is_removed_after_a_question(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.ASKED)
    window.go("rules")
    window.rules.cards[1].remove.click()
    assert not [call for call in hub.calls if isinstance(call, api.RemoveRule)]
    question = window.findChild(Sheet)
    next(button for button in question.findChildren(type(window.rules.add)) if button.text() == "Remove").click()
    qtbot.waitUntil(lambda: any(isinstance(call, api.RemoveRule) for call in hub.calls), timeout=5000)
    assert [call.rule_id for call in hub.calls if isinstance(call, api.RemoveRule)] == ["night"]


def test_a_request_leads_to_a_rule_about_its_like(opened: Opener, qtbot: QtBot) -> None:
    detail, hub = shown(opened, TERMS.offer.key)
    hub.answers[api.DryRunRule] = lambda _call: ()
    window = detail.window()
    assert isinstance(window, Window)
    detail.make_rule.click()
    form = sheet(window)
    assert form._draft.rule == StandingRule(action=RuleAction.ACCEPT, sp_id="evc_sp", kind=OfferKind.POWER_FEED)
    qtbot.waitUntil(lambda: form.tried.text().startswith("There has been no request"), timeout=5000)
    form.close_sheet()


def test_without_rules_the_page_says_what_they_are_for(opened: Opener) -> None:
    window, _hub = opened(replace(situations.ASKED, rules=()))
    window.go("rules")
    assert window.rules.empty.isVisible()
    window.rules.to_inbox.click()
    assert window.inbox.isVisible()
