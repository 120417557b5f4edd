"""Floor, target and departure, on big buttons."""

from PySide6.QtCore import Signal

from homeapp.api import SetSchedule
from ui import formats
from ui.actions import SCHEDULE
from ui.setup.wishes_draft import Wish, WishesDraft
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.stepper import Stepper


class WishesCard(Card):
    """Nothing is kept before the page's own button is tapped.

    Signals:
        stepped: the draft is another one.
    """

    stepped = Signal()

    def __init__(self) -> None:
        super().__init__(tr("The car"))
        self.draft = WishesDraft()
        self.steppers = {
            Wish.FLOOR: Stepper(tr("Never below")),
            Wish.TARGET: Stepper(tr("Charged to")),
            Wish.READY_BY: Stepper(tr("Ready by")),
        }
        self.meaning = IconLine("info-circle")
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.undo = Button(tr("Undo"), "arrow-back-up", height=60)
        self.undo.clicked.connect(self._undo)
        for wish, stepper in self.steppers.items():
            stepper.stepped.connect(lambda steps, wish=wish: self._step(wish, steps))
            self.body.addWidget(stepper)
        for part in (self.meaning, self.problem, self.undo):
            self.body.addWidget(part)
        self.body.setSpacing(10)

    def show_view(self, view: View) -> None:
        """Show the draft."""
        self.draft.take(view.schedule)
        schedule = self.draft.schedule
        state = view.action(SCHEDULE)
        self.problem.say(state.problem or "")
        self.undo.setVisible(self.draft.is_changed)
        self.undo.setEnabled(not state.busy)
        for stepper in self.steppers.values():
            stepper.setEnabled(view.alive and schedule is not None and not state.busy)
            stepper.set_locked(locked=view.needs_pin(SetSchedule.role))
        if schedule is None:
            return
        tone = Tone.AMBER if self.draft.is_changed else Tone.TEXT
        floor, target = schedule.floor_pct, schedule.target_pct
        self.steppers[Wish.FLOOR].show_value(formats.percent(floor), less=floor > 0, more=floor < 100, tone=tone)
        self.steppers[Wish.TARGET].show_value(formats.percent(target), less=target > 5, more=target < 100, tone=tone)
        self.steppers[Wish.READY_BY].show_value(schedule.ready_by or tr("No fixed time"), tone=tone)
        self.meaning.say("info-circle", _meaning(floor, target, schedule.ready_by))

    def _step(self, wish: Wish, steps: int) -> None:
        self.draft.step(wish, steps)
        self.stepped.emit()

    def _undo(self) -> None:
        self.draft.forget()
        self.stepped.emit()


def _meaning(floor_pct: float, target_pct: float, ready_by: str) -> str:
    floor, target = formats.percent(floor_pct), formats.percent(target_pct)
    if floor_pct > target_pct:
        words = tr("The car cannot be kept above {floor} and be charged to {target} only. Change one.")
        return words.format(floor=floor, target=target)
    kept = tr("Below {floor} the car is charged at once, and it never feeds below that.", floor=floor)
    if not ready_by:
        return kept
    ready = tr("It has {target} by {time}, from the cheapest hours before.", target=target, time=ready_by)
    return f"{kept} {ready}"
