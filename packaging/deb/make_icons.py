"""Draws an SVG icon as PNG in the sizes that desktops ask for. ``make_icons.py ICON.svg HICOLOR_DIRECTORY``."""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIZES = (32, 48, 64, 128, 256)


def draw(icon: Path, hicolor: Path) -> None:
    """``HICOLOR/48x48/apps/NAME.png`` and so on.

    Raises:
        SystemExit: the icon is no SVG, or a picture cannot be written.
    """
    renderer = QSvgRenderer(str(icon))
    if not renderer.isValid():
        sys.exit(f"make_icons: {icon} is no SVG")
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        path = hicolor / f"{size}x{size}/apps/{icon.stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not image.save(str(path), "PNG"):
            sys.exit(f"make_icons: {path} cannot be written")


if __name__ == "__main__":
    application = QGuiApplication(sys.argv[:1])
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
