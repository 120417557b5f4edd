"""The owner's answer to a request."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import DecideOffer
from homeapp.model.offer import Binding, Choice, OfferCase, OfferState
from homeapp.model.standing_rule import StopTerms
from ui.actions import Actions, offer_key
from ui.offer_share import OfferShare
from ui.offer_words import withdraw_question
from ui.theme import Tone
from ui.tr import tr
from ui.view import View, waits_for_owner
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.sheet import confirm
from ui.widgets.stepper import Stepper

WITHDRAWABLE = (
    OfferState.ACCEPTED,
    OfferState.RELAYED,
    OfferState.CONFIRMED,
    OfferState.SCHEDULED,
    OfferState.ACTIVE,
)
"""States after an approval in which the owner may still say no."""


class OfferButtons(QWidget):
    """Decline and Approve, or what can still be done; busy until the hub has answered, then its sentence if it said no.

    No buttons where there is nothing to decide.

    Args:
        tells: show the sentence here; else its card does.
        partial: let the owner agree to less power than is asked for.
    """

    def __init__(self, actions: Actions, *, tells: bool = True, partial: bool = False) -> None:
        super().__init__()
        self._partial = partial
        self._tells = tells
        self._actions = actions
        self._case: OfferCase | None = None
        self.problem = Banner("alert-triangle", Tone.RED, lines=3)
        self.decline = Button(tr("Decline"), "x")
        self.approve = Button(tr("Approve"), "check", Look.FILLED)
        self.share = Stepper(tr("Of the power that is asked for"))
        self.share.stepped.connect(self._step)
        self._part = OfferShare()
        self.withdraw = Button(tr("Withdraw"), "arrow-back-up", Look.DANGER)
        self.decline.clicked.connect(lambda: self._decide(Choice.DECLINE))
        self.approve.clicked.connect(lambda: self._decide(Choice.ACCEPT))
        self.withdraw.clicked.connect(self._ask_withdraw)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.problem)
        column.addWidget(self.share)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.decline, 2)
        row.addWidget(self.approve, 3)
        row.addWidget(self.withdraw, 1)
        column.addLayout(row)

    def show_case(self, case: OfferCase, view: View) -> None:
        """Offer what can be done with this request now."""
        self._case = case
        state = view.action(offer_key(case))
        undecided = waits_for_owner(case)
        expired = case.offer.expires_at <= view.now
        withdrawable = case.state in WITHDRAWABLE and case.offer.binding is not Binding.MANDATORY
        self._show_share(case, undecided=undecided)
        for button in (self.decline, self.approve):
            button.setVisible(undecided)
            button.setEnabled(view.alive and not state.busy and not expired)
        for button in (self.decline, self.approve, self.withdraw):
            button.set_locked(locked=view.needs_pin(DecideOffer.role))
        self.withdraw.setVisible(withdrawable)
        self.withdraw.setEnabled(view.alive and not state.busy)
        runs = case.state is OfferState.ACTIVE and not case.offer.kind.is_job
        self.withdraw.rename(tr("Stop now") if runs else tr("Withdraw"), "x")
        self.approve.set_busy(tr("Sending…") if state.busy and state.wish == Choice.ACCEPT else "")
        self.decline.set_busy(tr("Sending…") if state.busy and state.wish == Choice.DECLINE else "")
        self.withdraw.set_busy(tr("Sending…") if state.busy and state.wish == Choice.WITHDRAW else "")
        self.problem.say((state.problem or "") if self._tells else "")
        self.setVisible(undecided or withdrawable or bool(state.problem))

    def set_height(self, height: int) -> None:
        """Height of the buttons."""
        for button in (self.decline, self.approve, self.withdraw):
            button.set_height(height)

    def _show_share(self, case: OfferCase, *, undecided: bool) -> None:
        self._part.about(case)
        self.share.setVisible(undecided and self._partial and self._part.possible)
        self.share.show_value(self._part.words, less=self._part.less, more=self._part.more)

    def _step(self, steps: int) -> None:
        self._part.step(steps)
        self.share.show_value(self._part.words, less=self._part.less, more=self._part.more)

    def _ask_withdraw(self) -> None:
        case = self._case
        if case is None:
            return
        if case.offer.kind.takes_power:
            self._actions.ask_stop_price(case, self._confirm_withdraw)
        else:
            self._confirm_withdraw(None)

    def _confirm_withdraw(self, price: StopTerms | None) -> None:
        if self._case is None:
            return
        words = self.withdraw.text()
        question = price.sentence if price is not None else withdraw_question(self._case.offer)
        title = tr("{verb}?", verb=words)
        confirm(
            self.window(),
            title,
            question,
            (words, "x"),
            lambda: self._decide(Choice.WITHDRAW),
            locked=self.withdraw.locked,
        )

    def _decide(self, choice: Choice) -> None:
        if self._case is not None:
            committed_w = self._part.committed_w if choice is Choice.ACCEPT else None
            self._actions.decide(self._case, choice, committed_w)
