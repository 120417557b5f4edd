"""Icons: SVG files in ``ui/icons``, drawn once per colour, size and screen density."""

from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_FOLDER = Path(__file__).parent / "icons"


def draw(painter: QPainter, name: str, center: QPointF, size: float, color: QColor) -> None:
    """Paint the icon ``name`` with its middle at ``center``, ``size`` logical pixels wide."""
    ratio = painter.device().devicePixelRatioF()
    pixels = round(size * ratio)
    pixmap = _pixmap(name, pixels, color.rgba())
    left, top = (round((at - size / 2) * ratio) / ratio for at in (center.x(), center.y()))
    place = QRectF(QPointF(left, top), QSizeF(pixels / ratio, pixels / ratio))
    painter.drawPixmap(place, pixmap, QRectF(pixmap.rect()))


@lru_cache(maxsize=256)
def _pixmap(name: str, pixels: int, rgba: int) -> QPixmap:
    color = QColor.fromRgba(rgba)
    text = (_FOLDER / f"{name}.svg").read_text(encoding="utf-8").replace("currentColor", color.name())
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(text.encode())).render(painter)
    painter.end()
    return pixmap
