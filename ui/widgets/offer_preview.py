"""What a request would change: cost, charge at departure, cycles, and both plans."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from homeapp.model.offer import OfferCase
from homeapp.model.plan import OfferPreview
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.offer_facts import Tile
from ui.widgets.preview_chart import PreviewChart
from ui.widgets.text import Text


class OfferConsequences(QWidget):
    """Hidden while nothing is known."""

    def __init__(self) -> None:
        super().__init__()
        self.cost, self.charge, self.cycles = Tile(), Tile(), Tile()
        self.sentence = Text("", tone=Tone.TEXT2, lines=0)
        self.chart = PreviewChart()
        tiles = QHBoxLayout()
        tiles.setSpacing(12)
        for tile in (self.cost, self.charge, self.cycles):
            tiles.addWidget(tile, 1)
        self._title = Text(tr("What it would change"), px=17, weight=600)
        self._tiles = QWidget()
        self._tiles.setLayout(tiles)
        tiles.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(8)
        for widget in (self._title, self._tiles, self.chart, self.sentence):
            column.addWidget(widget)

    def show_case(self, case: OfferCase, preview: OfferPreview | None, problem: str, view: View) -> None:
        """Show the consequences of taking part, or why they are not known."""
        self.setVisible(preview is not None or bool(problem))
        for widget in (self._tiles, self.chart):
            widget.setVisible(preview is not None)
        if preview is None:
            self.sentence.say(problem)
            return
        currency = preview.currency
        before, after = (formats.money(cost, currency) for cost in (preview.cost_without, preview.cost_with))
        self.cost.say(_change(before, after), tr("Charging costs"))
        lower = preview.reaches_with_pct < preview.reaches_without_pct - 0.5
        before, after = formats.percent(preview.reaches_without_pct), formats.percent(preview.reaches_with_pct)
        self.charge.say(_change(before, after), tr("At departure"), Tone.AMBER if lower else Tone.TEXT)
        before, after = f"{preview.cycles_without:.1f}", f"{preview.cycles_with:.1f}"
        self.cycles.say(_change(before, after), tr("Battery cycles"))
        self.chart.show_preview(preview, case.offer, view)
        self.sentence.say(preview.sentence)


def _change(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"
