"""Colours: two themes, carried to every widget by Qt's palette, so that a change needs no list of widgets."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

ThemeChoice = Literal["auto", "light", "dark"]


class Tone(StrEnum):
    """A colour by its meaning; the value is the field of ``Theme``."""

    BG = "bg"
    SURFACE = "surface"
    RAISED = "raised"
    LINE = "line"
    TEXT = "text"
    TEXT2 = "text2"
    TEXT3 = "text3"
    BAR_IDLE = "bar_idle"
    BAR_PAST = "bar_past"
    GREEN = "green"
    ON_GREEN = "on_green"
    BLUE = "blue"
    AMBER = "amber"
    VIOLET = "violet"
    RED = "red"
    ALERT_BG = "alert_bg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One set of colours, ``#RRGGBB``.

    Attributes:
        text3: on ``surface`` only.
        green: charging and money in; ``blue`` grid, ``amber`` home and alerts, ``violet`` power feed, ``red`` badge
            and error.
    """

    name: str
    bg: str
    surface: str
    raised: str
    line: str
    text: str
    text2: str
    text3: str
    bar_idle: str
    bar_past: str
    green: str
    on_green: str
    blue: str
    amber: str
    violet: str
    red: str
    alert_bg: str

    def color(self, tone: Tone) -> QColor:
        """The colour that carries this meaning."""
        return QColor(str(getattr(self, tone.value)))

    def tint(self, tone: Tone, share: float, over: Tone = Tone.SURFACE) -> QColor:
        """``share`` (0..1) of a colour over a ground, opaque, so that its contrast can be computed."""
        top, ground = self.color(tone), self.color(over)
        return QColor(
            round(top.red() * share + ground.red() * (1 - share)),
            round(top.green() * share + ground.green() * (1 - share)),
            round(top.blue() * share + ground.blue() * (1 - share)),
        )

    def palette(self) -> QPalette:
        """The same for Qt's own controls; its window colour is how ``theme_of`` knows the theme again."""
        palette = QPalette(self.color(Tone.RAISED), self.color(Tone.BG))
        palette.setColor(QPalette.ColorRole.Base, self.color(Tone.SURFACE))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
            palette.setColor(role, self.color(Tone.TEXT))
        palette.setColor(QPalette.ColorRole.PlaceholderText, self.color(Tone.TEXT2))
        palette.setColor(QPalette.ColorRole.Highlight, self.color(Tone.BLUE))
        return palette


DARK = Theme(
    name="dark",
    bg="#0D1117",
    surface="#161B22",
    raised="#212934",
    line="#2B3440",
    text="#F3F6F9",
    text2="#A9B4C0",
    text3="#7D8997",
    bar_idle="#5B6979",
    bar_past="#333E4B",
    green="#35D08E",
    on_green="#04210F",
    blue="#5BA8FF",
    amber="#FFBF47",
    violet="#B79CFF",
    red="#FF7B72",
    alert_bg="#2B2313",
)
LIGHT = Theme(
    name="light",
    bg="#F1F4F7",
    surface="#FFFFFF",
    raised="#EDF1F5",
    line="#DDE3EA",
    text="#0F1720",
    text2="#4B5866",
    text3="#687585",
    bar_idle="#8694A5",
    bar_past="#CBD4DE",
    green="#08774A",
    on_green="#FFFFFF",
    blue="#1767D2",
    amber="#9A5B00",
    violet="#6A3FE0",
    red="#C62839",
    alert_bg="#FFF4DC",
)


def theme_of(widget: QWidget) -> Theme:
    """The theme that a widget is shown in."""
    return DARK if widget.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def apply(choice: ThemeChoice) -> None:
    """Show the whole application in this theme; ``auto`` follows the system, dark where it does not say."""
    light = (
        QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light if choice == "auto" else choice == "light"
    )
    QApplication.setPalette((LIGHT if light else DARK).palette())
