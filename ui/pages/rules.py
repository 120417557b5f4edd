"""Rules: what the home answers by itself, in plain words, and the way to make a new rule."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from homeapp.api import KeepRule
from homeapp.model.standing_rule import RuleAction, RuleView, StandingRule
from ui import rule_words
from ui.actions import Actions, rule_key
from ui.pages.rule_sheet import RuleSheet
from ui.rule_draft import RuleDraft
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import rows
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.scroll import Scroll
from ui.widgets.sheet import confirm
from ui.widgets.text import Text


class RulesPage(QWidget):
    """One card a rule.

    Signals:
        back: to the requests.
    """

    back = Signal()

    def __init__(self, actions: Actions, draft: RuleDraft) -> None:
        super().__init__()
        self.setAccessibleName(tr("Rules"))
        self._actions = actions
        self._draft = draft
        self._view: View | None = None
        self._shape: tuple[str, ...] | None = None
        self.cards: list[RuleCard] = []
        self.to_inbox = Button(tr("Inbox"), "chevron-left", height=60)
        self.to_inbox.clicked.connect(self.back)
        self.add = Button(tr("New rule"), "plus", Look.FILLED, height=60)
        self.add.clicked.connect(lambda: self.open_rule(StandingRule(action=RuleAction.ACCEPT)))
        for button in (self.to_inbox, self.add):
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.empty = _empty()
        content = QWidget()
        self._list = QVBoxLayout(content)
        self._list.setContentsMargins(0, 0, 8, 0)
        self._scroll = Scroll(content)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self.to_inbox)
        head.addWidget(Text(tr("Rules"), px=26, weight=600))
        head.addStretch(1)
        head.addWidget(self.add)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addWidget(self.empty, 1)
        self._column.addWidget(self._scroll, 1)
        self.arrange(compact=False)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        margin = 12 if compact else 20
        self._column.setContentsMargins(margin, margin, margin, margin)
        self._column.setSpacing(12 if compact else 16)
        self._list.setSpacing(12)

    def show_view(self, view: View) -> None:
        """Show these rules."""
        self._view = view
        rules = view.rules or ()
        self.empty.setVisible(view.rules is not None and not rules)
        self._scroll.setVisible(bool(rules))
        self.add.setEnabled(view.alive)
        self.add.set_locked(locked=view.needs_pin(KeepRule.role))
        shape = tuple(rule.rule.rule_id for rule in rules)
        if shape != self._shape:
            self._shape = shape
            self._rebuild(len(rules))
        for card, rule in zip(self.cards, rules, strict=True):
            card.show_rule(rule, view)

    def open_rule(self, rule: StandingRule) -> None:
        """Make or change a rule."""
        if self._view is not None:
            sheet = RuleSheet(self.window(), self._draft, rule, self._view, self._actions)
            sheet.open_sheet()

    def _rebuild(self, count: int) -> None:
        rows.empty(self._list)
        self.cards = [RuleCard(self._actions) for _ in range(count)]
        for card in self.cards:
            card.changing.connect(self.open_rule)
            self._list.addWidget(card)
        self._list.addStretch(1)
        self._scroll.settle()


class RuleCard(Card):
    """The sentence, and the ways to change it or be rid of it.

    Signals:
        changing: the rule that is to be changed.
    """

    changing = Signal(object)

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._rule: RuleView | None = None
        self.sentence = Text("", px=18, weight=600, lines=0)
        self.problem = Text("", tone=Tone.RED, lines=0)
        self.change = Button(tr("Change"), "adjustments", height=60)
        self.remove = Button(tr("Remove"), "trash", Look.DANGER, height=60)
        self.change.clicked.connect(self._change)
        self.remove.clicked.connect(self._ask)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addStretch(2)
        row.addWidget(self.change, 2)
        row.addWidget(self.remove, 2)
        self.body.addWidget(self.sentence)
        self.body.addWidget(self.problem)
        self.body.addLayout(row)

    def show_rule(self, rule: RuleView, view: View) -> None:
        """Show this rule."""
        self._rule = rule
        words = rule_words.sentence(rule)
        self.sentence.say(words)
        self.setAccessibleName(words)
        state = view.action(rule_key(rule.rule.rule_id))
        self.problem.say(state.problem or "")
        self.problem.setVisible(bool(state.problem))
        for button in (self.change, self.remove):
            button.setEnabled(view.alive and not state.busy)
            button.set_locked(locked=view.needs_pin(KeepRule.role))

    def _change(self) -> None:
        if self._rule is not None:
            self.changing.emit(self._rule.rule)

    def _ask(self) -> None:
        if self._rule is None:
            return
        rule_id = self._rule.rule.rule_id
        confirm(
            self.window(),
            tr("Remove this rule?"),
            tr("What it has answered stays answered. From now on you are asked again."),
            (tr("Remove"), "trash"),
            lambda: self._actions.remove_rule(rule_id),
            locked=self.remove.locked,
        )


def _empty() -> EmptyState:
    return EmptyState(
        "list-check",
        tr("No rules yet"),
        (
            tr("A rule answers requests for you, for instance: accept power feeds that pay at least €0.30 per kWh."),
            tr("Before you keep a rule you see what it would have done with the requests so far."),
            tr("It never agrees to terms that the hub does not understand, and never goes below your reserve."),
        ),
    )
