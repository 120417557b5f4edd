"""The end of commissioning: who has done it, what was left out, and the signed report."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from homeapp.api import FinishCommissioning
from homeapp.model.commissioning import CommissioningView
from ui import formats
from ui.setup import setup_words
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
from ui.widgets.text import Text
from ui.widgets.text_field import TextField

_IN_A_GROUP = 8


class ReportPage(QWidget):
    """Sign it, and say where it lies."""

    def __init__(self, flow: SetupFlow) -> None:
        super().__init__()
        self.flow = flow
        self.setAccessibleName(setup_words.step_title(None))
        self.lead = Text(setup_words.step_lead(None), px=16, tone=Tone.TEXT2, lines=0)
        self.installer = TextField(tr("Your name, for the report"), longest=100)
        self.sign = Button(tr("Sign the report"), "shield-check", Look.FILLED)
        self.sign.clicked.connect(lambda: flow.desk.finish(self.installer.text().strip()))
        self.problem = Banner("alert-triangle", Tone.RED, lines=0)
        self.gaps = Card(tr("Left out"))
        self.gap_lines = IconLine("flag", "", Tone.AMBER)
        self.gaps.body.addWidget(self.gap_lines)
        self.signing, self.signed = Card(tr("Signature")), Card(tr("Signed report"))
        for widget in (self.installer, self.problem, self.sign):
            self.signing.body.addWidget(widget)
        self.when = IconLine("circle-check", "", Tone.GREEN)
        self.digest = Text("", px=15, tone=Tone.TEXT2, lines=0)
        self.where = IconLine("download", "", Tone.TEXT2)
        for line in (self.when, self.digest, self.where):
            self.signed.body.addWidget(line)
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 8, 0)
        for part in (self.lead, self.gaps, self.signing, self.signed):
            self._column.addWidget(part)
        self._column.addStretch(1)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(Scroll(content))

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        self._column.setSpacing(12 if compact else 16)
        for card in (self.gaps, self.signing, self.signed):
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        """Show whether it is signed."""
        known = self.flow.known
        if known is None:
            return
        state = view.action(FINISH)
        done = known.finished_at is not None
        self.problem.say(state.problem or "")
        self.sign.set_busy(tr("Signing…") if state.busy else "")
        self.sign.setEnabled(view.alive and self.flow.complete and not state.busy)
        self.sign.set_locked(locked=view.needs_pin(FinishCommissioning.role))
        self.sign.rename(tr("Sign it again") if done else tr("Sign the report"), "shield-check")
        self._show_gaps(known)
        self.signed.setVisible(done)
        if known.finished_at is not None:
            when = formats.moment(known.finished_at, view.now, view.zone)
            self.when.say("circle-check", tr("Signed by this hub, {when}.", when=when), Tone.GREEN)
            self.digest.say(tr("SHA-256: {digest}", digest=_grouped(known.report_digest)))
            self.where.say(
                "download",
                tr("commissioning-report.pdf lies in the hub's data directory. To verify it: homeapp report verify"),
            )

    def _show_gaps(self, known: CommissioningView) -> None:
        self.gaps.setVisible(bool(known.gaps))
        lines = [f"{setup_words.check_title(gap.check)}: {gap.reason}" for gap in known.gaps]
        self.gap_lines.say("flag", "\n".join(lines), Tone.AMBER)


def _grouped(digest: str) -> str:
    return " ".join(digest[at : at + _IN_A_GROUP] for at in range(0, len(digest), _IN_A_GROUP))
