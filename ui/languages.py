"""Languages that the screen speaks: English, and every translation that lies beside it."""

from pathlib import Path

from PySide6.QtCore import QLocale

_TRANSLATIONS = Path(__file__).parent / "translations"


def spoken(directory: Path = _TRANSLATIONS) -> tuple[str, ...]:
    """Their codes, BCP 47, English first."""
    return ("en", *sorted(path.stem for path in directory.glob("*.qm") if path.stem != "en"))


def language_name(code: str) -> str:
    """What its speakers call it."""
    if code == "en":
        return "English"
    return QLocale(code).nativeLanguageName() or code
