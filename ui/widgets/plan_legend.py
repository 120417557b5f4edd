"""What the colours of the plan mean: only those that are in it."""

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QFontMetricsF, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy

from homeapp.model.plan import Plan
from ui import fonts, plan_words
from ui.theme import Tone, theme_of
from ui.tr import tr
from ui.widgets import paint

_SWATCH, _GAP = 12.0, 18.0


class PlanLegend(QLabel):
    """Swatches with words, and a line for the state of charge."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[tuple[str, Tone | None], ...] = ()
        self.setFont(fonts.font(14))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_plan(self, plan: Plan | None, *, drafted: bool) -> None:
        """Name the colours of this plan."""
        entries: list[tuple[str, Tone | None]] = [
            (plan_words.tone_words(tone), tone) for tone in plan_words.tones(plan)
        ]
        if plan is not None and not drafted and any(slot.soc_pct is not None for slot in plan.slots):
            entries.append((tr("Charge"), None))
        if drafted:
            entries.append((tr("Below: as it is"), Tone.LINE))
        if tuple(entries) != self._entries:
            self._entries = tuple(entries)
            self.setAccessibleName(tr("Colours: {names}", names=", ".join(name for name, _tone in entries)))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        width = sum(metrics.horizontalAdvance(name) + _SWATCH + 6 + _GAP for name, _tone in self._entries)
        return QSize(round(width), 24)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, metrics = theme_of(self), QFontMetricsF(self.font())
        left, middle = 0.0, self.height() / 2
        with paint.painting(self) as painter:
            for name, tone in self._entries:
                swatch = QRectF(left, middle - 6, _SWATCH, _SWATCH)
                if tone is None:
                    painter.setPen(QPen(theme.color(Tone.TEXT), 2))
                    painter.drawLine(QPointF(swatch.left(), middle), QPointF(swatch.right(), middle))
                elif tone is Tone.LINE:
                    paint.rounded(painter, swatch, 3, None, theme.color(Tone.TEXT2))
                else:
                    paint.rounded(painter, swatch, 4, theme.color(tone))
                width = metrics.horizontalAdvance(name) + 1
                place = QRectF(swatch.right() + 6, 0, width, self.height())
                paint.text(painter, place, name, self.font(), theme.color(Tone.TEXT2), paint.LEFT)
                left = place.right() + _GAP - 1
