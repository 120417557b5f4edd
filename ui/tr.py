"""Every sentence on screen goes through here, so that it can be translated."""

from PySide6.QtCore import QCoreApplication


def tr(text: str, **values: object) -> str:
    """The translation of ``text`` with ``{name}`` places filled from ``values``."""
    translated = QCoreApplication.translate("ui", text)
    return translated.format(**values) if values else translated
