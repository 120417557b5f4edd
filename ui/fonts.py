"""The bundled font: static weights only, because Qt ignores the weights of variable fonts loaded at run time."""

import logging
from pathlib import Path

from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication

logger = logging.getLogger(__name__)

FAMILY = "Hub Inter"
_FOLDER = Path(__file__).parent / "fonts"
_TABULAR_DIGITS = QFont.Tag("tnum")


def load() -> None:
    """Register the bundled weights and make the font the application's own."""
    for path in sorted(_FOLDER.glob("*.otf")):
        if QFontDatabase.addApplicationFont(str(path)) < 0:
            logger.warning("the font %s cannot be loaded", path.name)
    QGuiApplication.setFont(font(15))


def font(pixels: int, weight: int = 500) -> QFont:
    """The product's font, digits of equal width so that live numbers do not jitter.

    Args:
        pixels: height in logical pixels, never under 13.
        weight: 400, 500, 600 or 700.
    """
    result = QFont(FAMILY)
    result.setPixelSize(max(13, pixels))
    result.setWeight(QFont.Weight(weight))
    result.setFeature(_TABULAR_DIGITS, 1)
    return result
