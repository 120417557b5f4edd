"""One request with all that has happened to it."""

from datetime import datetime

from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from homeapp.model.offer import Binding, Choice, OfferCase, OfferState
from homeapp.model.standing_rule import RuleAction, StandingRule
from ui import fonts, formats, icons, job_words, offer_terms, offer_words
from ui.actions import Actions
from ui.offer_previews import OfferPreviews
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.view import View, waits_for_owner
from ui.widgets import paint
from ui.widgets.buttons import Button
from ui.widgets.card import Card
from ui.widgets.job_plan import JobPlan
from ui.widgets.offer_buttons import OfferButtons
from ui.widgets.offer_facts import OfferFacts
from ui.widgets.offer_preview import OfferConsequences
from ui.widgets.scroll import Scroll
from ui.widgets.term_list import TermList
from ui.widgets.text import Text

_AWAITED = (OfferState.ACCEPTED, OfferState.RELAYED)
_MOST_STEPS = 6


class OfferDetail(Card):
    """Facts, the provider's words, the answer and its receipts, and the buttons.

    Signals:
        back: the person wants the list again (only where both do not fit).
        ruling: the rule that would answer requests like this one.
    """

    back = Signal()
    ruling = Signal(object)

    def __init__(self, actions: Actions, previews: OfferPreviews) -> None:
        super().__init__()
        self._previews = previews
        self._told: tuple[OfferCase, View] | None = None
        previews.changed.connect(self._again)
        self.against, self.terms = TermList(), TermList(tr("Terms"))
        self.consequences, self.outcome = OfferConsequences(), TermList(tr("What came of it"))
        self.facts = OfferFacts()
        self.description = Text("", tone=Tone.TEXT2, lines=0)
        self.problem = Text("", tone=Tone.RED, weight=600, lines=0)
        self.plan = JobPlan()
        self._happened = Text(tr("What happened"), px=17, weight=600)
        self.steps = [Step() for _ in range(_MOST_STEPS)]
        self.buttons = OfferButtons(actions, partial=True)
        self._back = Button(tr("Back"), "chevron-left", height=60)
        self._back.setAccessibleDescription(tr("To the list of requests"))
        self.make_rule = Button(tr("Answer such requests by a rule"), "list-check", height=60)
        self.make_rule.clicked.connect(self._rule)
        self._foot = QHBoxLayout()
        self._foot.setSpacing(12)
        self._back.clicked.connect(self.back.emit)
        content = QWidget()
        column = self._column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(8)
        column.addWidget(self.facts)
        column.addWidget(self.description)
        column.addWidget(self.plan)
        column.addWidget(self.problem)
        column.addWidget(self.against)
        column.addWidget(self.buttons)
        column.addWidget(self.consequences)
        column.addWidget(self.outcome)
        column.addWidget(self.terms)
        column.addSpacing(8)
        column.addWidget(self._happened)
        for step in self.steps:
            column.addWidget(step)
        column.addWidget(self.make_rule)
        column.addStretch(1)
        self.body.addWidget(Scroll(content), 1)
        self.body.addLayout(self._foot)
        self._foot.addWidget(self._back, 1)

    def arrange(self, *, compact: bool) -> None:
        """Where room is short: the buttons stay at the foot, with a way back to the list beside them."""
        self._back.setVisible(compact)
        self.set_padding(14 if compact else 20)
        self.buttons.set_height(60 if compact else 64)
        if compact:
            self._foot.addWidget(self.buttons, 3)
        else:
            self._column.insertWidget(self._column.indexOf(self.against) + 1, self.buttons)

    def show_case(self, case: OfferCase, view: View) -> None:
        """Show this request."""
        self._told = (case, view)
        self.facts.show_case(case, view)
        self.against.show_lines(offer_terms.against(case, view) if waits_for_owner(case) else ())
        self.terms.show_lines(offer_terms.terms(case.offer, view))
        self.outcome.show_lines(offer_terms.follow_up(case))
        asks = waits_for_owner(case) and case.offer.kind.takes_power and view.alive
        preview = self._previews.of(case) if asks else None
        self.consequences.show_case(case, preview, self._previews.problem if asks else "", view)
        self.description.say(case.offer.description)
        self.description.setVisible(bool(case.offer.description))
        self.plan.show_case(case)
        self.problem.say(case.problem or "")
        self.problem.setVisible(bool(case.problem))
        told = history(case, view)
        for step, line in zip(self.steps, [*told, *[None] * _MOST_STEPS], strict=False):
            step.setVisible(line is not None)
            if line is not None:
                step.say(*line)
        self.buttons.show_case(case, view)
        mandatory = case.offer.binding is Binding.MANDATORY
        self.make_rule.setVisible(case.offer.kind.takes_power and not mandatory and view.alive)
        self.setAccessibleName(f"{offer_words.badge(case.offer)[0]}: {case.offer.title}")

    def _rule(self) -> None:
        if self._told is not None:
            offer = self._told[0].offer
            self.ruling.emit(StandingRule(action=RuleAction.ACCEPT, sp_id=offer.sp_id, kind=offer.kind))

    def _again(self) -> None:
        if self._told is not None and self.isVisible():
            self.show_case(*self._told)


def history(case: OfferCase, view: View) -> list[tuple[str, str, str, Tone]]:
    """Icon, words, time and colour of each step; what was handed over never reads like the provider's word."""

    def at(instant: datetime) -> str:
        return formats.moment(instant, view.now, view.zone)

    offer = case.offer
    steps = [("inbox", tr("Asked by {provider}", provider=offer.sp_name), at(offer.issued_at), Tone.TEXT2)]
    if case.revised:
        steps.append(("refresh", tr("Changed by the provider since you first saw it"), "", Tone.TEXT2))
    if case.decision is not None:
        accepted = case.decision.choice is Choice.ACCEPT
        tone = Tone.GREEN if accepted else Tone.TEXT2
        words = offer_words.decision_words(case.decision)
        steps.append(("check" if accepted else "x", words, at(case.decision.decided_at), tone))
    if case.transport is not None:
        words = offer_words.transport_words(case.transport)
        steps.append(("send", words, at(case.transport.received_at), Tone.TEXT2))
    if case.business is not None:
        words = offer_words.business_words(case.business, offer.sp_name)
        tone = Tone.GREEN if case.business.confirmed else Tone.RED
        icon = "circle-check" if case.business.confirmed else "alert-triangle"
        steps.append((icon, words, at(case.business.received_at), tone))
    elif case.state in _AWAITED:
        steps.append(("clock", tr("The provider's own answer is still to come"), "", Tone.AMBER))
    if case.delivered_wh is not None:
        words, tone = offer_words.state_words(case, view)
        steps.append(("bolt", f"{words} · {offer_words.delivered(case)}", at(case.updated_at), tone))
    elif case.state not in _AWAITED and case.state is not OfferState.PENDING and _tells_more(case):
        words, tone = offer_words.state_words(case, view)
        icon = job_words.icon(offer.kind) if offer.kind.is_job else "info-circle"
        steps.append((icon, words, at(case.updated_at), tone))
    return steps[-_MOST_STEPS:]


def _tells_more(case: OfferCase) -> bool:
    """Whether its state says more than the provider's own word did."""
    refused = case.state is OfferState.REJECTED
    return case.business is None or (case.offer.kind.is_job and not refused)


class Step(QLabel):
    """One line of the history."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._line: tuple[str, str, str, Tone] = ("check", "", "", Tone.TEXT2)

    def say(self, icon: str, words: str, when: str, tone: Tone) -> None:
        """What happened, and when."""
        self._line = (icon, words, when, tone)
        self.setAccessibleName(f"{words}, {when}" if when else words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 34)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 34)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = theme_of(self)
        icon, words, when, tone = self._line
        rect = QRectF(self.rect())
        with paint.painting(self) as painter:
            icons.draw(painter, icon, QPointF(11, rect.center().y()), 20, theme.color(tone))
            ink = theme.color(Tone.TEXT)
            paint.text(painter, rect.adjusted(34, 0, -92, 0), words, fonts.font(15), ink, paint.LEFT)
            time = rect.adjusted(rect.width() - 90, 0, 0, 0)
            paint.text(painter, time, when, fonts.font(14), theme.color(Tone.TEXT2), paint.RIGHT)
