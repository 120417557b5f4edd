"""The end of commissioning: what was commissioned, what was left out, and the signed report."""

from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from homeapp.api import FinishCommissioning
from ui import formats
from ui.setup import report_words, setup_words
from ui.setup.setup_desk import FINISH
from ui.setup.setup_flow import SetupFlow
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.banner import Banner
from ui.widgets.buttons import Button, Look
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.scroll import Scroll
from ui.widgets.term_list import TermList
from ui.widgets.text import Text
from ui.widgets.text_field import TextField

_BESIDE_WIDTH = 420


class ReportPage(QWidget):
    """What it is about at the left; at the right sign it, and see where it lies."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__()
        self.flow = flow
        self.setAccessibleName(setup_words.step_title(None))
        self.lead = Text(setup_words.step_lead(None), px=16, tone=Tone.TEXT2, lines=0)
        self.about, self.gaps = TermList(), TermList()
        self.installer = TextField(tr("Your name, for the report"), longest=100)
        self.sign = Button(tr("Sign the report"), "shield-check", Look.FILLED)
        self.sign.clicked.connect(lambda: flow.desk.finish(self.installer.text().strip()))
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.when = IconLine("circle-check", "", Tone.GREEN)
        self.digest = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.where = IconLine("download", "", Tone.TEXT2)
        self._about, self._gaps = Card(tr("What was commissioned")), Card(tr("Left out"))
        self.signing, self.signed = Card(tr("Signature")), Card(tr("Signed report"))
        self._cards = (self._about, self._gaps, self.signed, self.signing)
        self._shape: tuple[object, ...] = ()
        self._build()

    @property
    def done(self) -> bool:
        """It is signed, and nothing has changed since."""
        return self.flow.known is not None and self.flow.known.finished_at is not None

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        # Where room is short, what is to be done comes before what is to be read.
        direction = QBoxLayout.Direction.BottomToTop if compact else QBoxLayout.Direction.LeftToRight
        self._both.setDirection(direction)
        for layout in (self._both, self._left, self._right):
            layout.setSpacing(12 if compact else 16)
        for card in self._cards:
            card.set_padding(14 if compact else 20)
        if compact:
            self._beside.setMinimumWidth(0)
            self._beside.setMaximumWidth(16_777_215)
        else:
            self._beside.setFixedWidth(_BESIDE_WIDTH)

    def show_view(self, view: View) -> None:
        """Show whether it is signed."""
        known = self.flow.known
        if known is None:
            return
        state = view.action(FINISH)
        self.problem.say(state.problem or "")
        self.sign.set_busy(tr("Signing…") if state.busy else "")
        self.sign.setEnabled(view.alive and self.flow.complete and not state.busy)
        self.sign.set_locked(locked=view.needs_pin(FinishCommissioning.role))
        if self.done:
            self.sign.rename(tr("Sign it again"), "shield-check", Look.TONAL)
        else:
            self.sign.rename(tr("Sign the report"), "shield-check", Look.FILLED)
        self.about.show_lines(report_words.commissioned(known, view))
        self.gaps.show_lines(report_words.gaps(known))
        self._gaps.setVisible(bool(known.gaps))
        self.signed.setVisible(self.done)
        if known.finished_at is not None:
            when = formats.moment(known.finished_at, view.now, view.zone)
            self.when.say("circle-check", tr("Signed by this hub, {when}.", when=when), Tone.GREEN)
            self.digest.say(tr("SHA-256: {digest}", digest=report_words.grouped(known.report_digest)))
            self.where.say(
                "download",
                tr("commissioning-report.pdf lies in the hub's data directory. To verify it: homeapp report verify"),
            )

        shape = self.done, len(known.gaps), len(self.about.lines), self.width(), self.isVisible()
        if shape != self._shape:
            self._shape = shape
            self._scroll.settle()

    def _build(self) -> None:
        self._about.body.addWidget(self.about)
        self._gaps.body.addWidget(self.gaps)
        self.signing.body.addWidget(Text(tr("Who has commissioned this home?"), px=16, tone=Tone.TEXT2, lines=0))
        for widget in (self.installer, self.problem, self.sign):
            self.signing.body.addWidget(widget)
        for line in (self.when, self.digest, self.where):
            self.signed.body.addWidget(line)
        content, self._beside = QWidget(), QWidget()
        self._left, self._right = QVBoxLayout(), QVBoxLayout(self._beside)
        self._right.setContentsMargins(0, 0, 0, 0)
        for part in (self._gaps, self._about):
            self._left.addWidget(part)
        self._left.addStretch(1)
        for part in (self.signed, self.signing):
            self._right.addWidget(part)
        self._right.addStretch(1)
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._both.addLayout(self._left, 1)
        self._both.addWidget(self._beside)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        column.addWidget(self.lead)
        column.addLayout(self._both, 1)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        self._scroll = Scroll(content)
        around.addWidget(self._scroll)
