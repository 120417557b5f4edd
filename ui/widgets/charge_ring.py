"""The car's charge as a ring, with the goal marked on it."""

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QProgressBar, QSizePolicy

from homeapp.model.live import Doing, Snapshot
from homeapp.model.readings import EvceStatus
from ui import fonts, formats, icons
from ui.theme import Theme, Tone, theme_of
from ui.tr import tr
from ui.view import Seen, View
from ui.widgets import paint

_START_DEG, _SPAN_DEG = 225.0, 270.0
_NOTICEABLE_W = 50.0
_SMALL = 78.0
_LIVE = (Tone.GREEN, Tone.VIOLET)


@dataclass(frozen=True, slots=True)
class _Face:
    """What the ring says: colour, the line under the big number, the power line, the line in the gap."""

    tone: Tone
    icon: str
    hero: str
    goal: str
    power: str
    foot: str
    foot_tone: Tone
    share: float
    grey: bool
    marks: tuple[tuple[float, Tone], ...]


_UNKNOWN = _Face(Tone.BAR_IDLE, "bolt", formats.DASH, "", "", "", foot_tone=Tone.TEXT2, share=0.0, grey=True, marks=())


class ChargeRing(QProgressBar):
    """State of charge in percent; green while charging, violet while feeding, grey while old."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, 100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("The car's charge"))
        self._face = _UNKNOWN

    def show_view(self, snapshot: Snapshot, view: View) -> None:
        """Draw this state."""
        face = self._face = _face(snapshot, view)
        self.setValue(round(face.share * 100))
        self.setAccessibleDescription(", ".join(part for part in (face.hero, face.goal, face.power, face.foot) if part))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(220, 150)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, 96)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, face = theme_of(self), self._face
        radius = min(self.width() / 2 - 4, (self.height() - 6) / 1.92)
        stroke = max(10.0, radius * 0.145)
        center = QPointF(self.width() / 2, radius + max(2.0, (self.height() - radius * 1.92) / 2))
        arc = QRectF(center.x() - radius, center.y() - radius, 2 * radius, 2 * radius)
        arc.adjust(stroke / 2, stroke / 2, -stroke / 2, -stroke / 2)
        with paint.painting(self) as painter:
            _paint_arc(painter, arc, stroke, 1.0, theme, Tone.LINE)
            if face.share > 0:
                _paint_arc(painter, arc, stroke, face.share, theme, face.tone)
            for share, tone in face.marks:
                _paint_mark(painter, center, radius, stroke, share, theme, tone)
            _paint_words(painter, center, radius, face, theme)


def _face(snapshot: Snapshot, view: View) -> _Face:
    soc, evce = view.seen(snapshot.soc_pct), view.seen(snapshot.car_w)
    power = 0.0 if evce.value is None or evce.stale else evce.value
    feeding = power < -_NOTICEABLE_W
    tone = Tone.VIOLET if feeding else Tone.GREEN if power > _NOTICEABLE_W else Tone.BAR_IDLE
    goal = tr("Stays above {floor}", floor=formats.percent(snapshot.floor_pct)) if feeding else _goal(snapshot)
    foot, foot_tone = _foot(snapshot, view)
    marks: tuple[tuple[float, Tone], ...] = ((snapshot.target_pct / 100, Tone.TEXT),)
    if feeding:
        marks = (*marks, (snapshot.floor_pct / 100, Tone.VIOLET))
    if _nobody(snapshot, soc):
        empty = tr("No charger") if snapshot.evce_online is None else _away(snapshot)
        return _Face(Tone.BAR_IDLE, "plug-connected", empty, goal, "", foot, foot_tone, 0.0, grey=True, marks=marks)
    old = soc.stale and soc.age_s is not None
    return _Face(
        tone=Tone.BAR_IDLE if soc.stale else tone,
        icon=_icon(snapshot, power),
        hero=formats.percent(soc.value),
        goal=formats.age(soc.age_s or 0) if old else goal,
        power=_power_words(power, snapshot, evce),
        foot=foot,
        foot_tone=foot_tone,
        share=max(0.0, min(1.0, (soc.value or 0.0) / 100)),
        grey=soc.stale,
        marks=marks,
    )


def _nobody(snapshot: Snapshot, soc: Seen) -> bool:
    return soc.value is None and (snapshot.evce_status is None or not snapshot.evce_status.car_present)


def _away(snapshot: Snapshot) -> str:
    # Of several chargers another one may be offline.
    missing = not snapshot.evce_online and len(snapshot.chargers) <= 1
    offline = missing or snapshot.evce_status is EvceStatus.OFFLINE
    return tr("Charger offline") if offline else tr("Not plugged in")


def _goal(snapshot: Snapshot) -> str:
    return tr("Goal {target}", target=formats.percent(snapshot.target_pct))


def _foot(snapshot: Snapshot, view: View) -> tuple[str, Tone]:
    ready = formats.moment(snapshot.ready_by, view.now, view.zone)
    short = snapshot.reaches_pct is not None and snapshot.reaches_pct < snapshot.target_pct - 1
    if short and snapshot.activity.doing is not Doing.NO_CAR:
        return tr("{charge} by {ready}", charge=formats.percent(snapshot.reaches_pct), ready=ready), Tone.AMBER
    return tr("Ready by {ready}", ready=ready), Tone.TEXT2


def _icon(snapshot: Snapshot, power: float) -> str:
    if snapshot.activity.doing is Doing.PAUSED_BY_OWNER:
        return "player-pause"
    return "bolt-filled" if abs(power) > _NOTICEABLE_W else "plug-connected"


def _power_words(power: float, snapshot: Snapshot, evce: Seen) -> str:
    if evce.value is None or evce.stale:
        return ""
    if power > _NOTICEABLE_W:
        return formats.kilowatts(power)
    if power < -_NOTICEABLE_W:
        return formats.kilowatts(power)
    return tr("Plugged in") if snapshot.evce_status is not None and snapshot.evce_status.car_present else ""


def _paint_arc(painter: QPainter, arc: QRectF, stroke: float, share: float, theme: Theme, tone: Tone) -> None:
    painter.setPen(QPen(theme.color(tone), stroke, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(arc, round(_START_DEG * 16), -round(_SPAN_DEG * share * 16))


def _paint_mark(
    painter: QPainter, center: QPointF, radius: float, stroke: float, share: float, theme: Theme, tone: Tone
) -> None:
    angle = math.radians(_START_DEG - _SPAN_DEG * max(0.0, min(1.0, share)))
    way = QPointF(math.cos(angle), -math.sin(angle))
    inner, outer = center + way * (radius - stroke - 3), center + way * (radius + 2)
    painter.setPen(QPen(theme.color(Tone.SURFACE), 7))
    painter.drawLine(inner, outer)
    painter.setPen(QPen(theme.color(tone), 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(inner, outer)


def _paint_words(painter: QPainter, center: QPointF, radius: float, face: _Face, theme: Theme) -> None:
    wide = radius * 1.4
    ink = theme.color(Tone.TEXT3 if face.grey else Tone.TEXT)
    big = round(radius * (0.5 if len(face.hero) < 7 else 0.19))
    number = fonts.font(max(17, big), 600)
    signal = theme.color(Tone.TEXT3 if face.grey or face.tone is Tone.BAR_IDLE else face.tone)
    icons.draw(painter, face.icon, center + QPointF(0, -radius * 0.53), max(20.0, radius * 0.24), signal)

    def line(offset: float, height: float, words: str, size: int, weight: int, tone: Tone) -> None:
        place = QRectF(center.x() - wide / 2, center.y() + offset * radius - height / 2, wide, height)
        paint.text(painter, place, words, fonts.font(size, weight), theme.color(tone))

    hero = QRectF(center.x() - wide / 2, center.y() - radius * 0.37, wide, radius * 0.6)
    _paint_hero(painter, hero, face.hero, number, ink)
    small, value = (15, 22) if radius > 105 else (14, 18) if radius > 85 else (13, 16)
    if radius < _SMALL:
        line(0.42, 20, face.power or face.goal, 14, 600, face.tone if face.power and face.tone in _LIVE else Tone.TEXT2)
        return
    line(0.34, small * 1.4, face.goal, small, 500, Tone.TEXT2)
    power_tone = Tone.TEXT2 if face.tone is Tone.BAR_IDLE else face.tone
    line(0.59, value * 1.4, face.power, value if power_tone is not Tone.TEXT2 else small, 600, power_tone)
    line(0.85, small * 1.4, face.foot, small, 600 if face.foot_tone is Tone.AMBER else 500, face.foot_tone)


def _paint_hero(painter: QPainter, place: QRectF, words: str, number: QFont, ink: QColor) -> None:
    digits, _, unit = words.partition("\u00a0")
    if not digits.isdigit() or not unit:
        paint.text(painter, place, words, number, ink)
        return
    small = fonts.font(round(number.pixelSize() * 0.5), 500)
    wide, narrow = (QFontMetricsF(face).horizontalAdvance(part) for face, part in ((number, digits), (small, unit)))
    left = place.center().x() - (wide + narrow + 4) / 2
    paint.text(painter, QRectF(left, place.top(), wide + 1, place.height()), digits, number, ink)
    lowered = place.center().y() + (QFontMetricsF(number).capHeight() - QFontMetricsF(small).capHeight()) / 2
    paint.text(painter, QRectF(left + wide + 4, lowered - 30, narrow + 1, 60), unit, small, ink)
