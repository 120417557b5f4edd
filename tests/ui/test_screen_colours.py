"""Both themes can be read: text 4.5:1, everything that carries meaning 3:1 (WCAG 2.2, 1.4.3 and 1.4.11)."""

import pytest
from PySide6.QtGui import QColor

from ui.theme import DARK, LIGHT, Theme, Tone
from ui.widgets.banner import TINT
from ui.widgets.chip import BADGE_TINT
from ui.widgets.energy_flow import PIPE_TINT

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
MEANINGS = (Tone.GREEN, Tone.BLUE, Tone.AMBER, Tone.VIOLET, Tone.RED)


def contrast(first: QColor, second: QColor) -> float:
    """Contrast ratio of WCAG 2.2, 1..21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    red, green, blue = (_linear(part) for part in (color.redF(), color.greenF(), color.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


@THEMES
@pytest.mark.parametrize("ground", [Tone.BG, Tone.SURFACE, Tone.RAISED, Tone.ALERT_BG])
def test_text_on_every_ground(theme: Theme, ground: Tone) -> None:
    for tone in (Tone.TEXT, Tone.TEXT2):
        assert contrast(theme.color(tone), theme.color(ground)) >= 4.5, (tone, ground)


@THEMES
@pytest.mark.parametrize("tone", MEANINGS)
def test_coloured_words(theme: Theme, tone: Tone) -> None:
    assert contrast(theme.color(tone), theme.color(Tone.SURFACE)) >= 4.5
    assert contrast(theme.color(tone), theme.color(Tone.RAISED)) >= 4.5
    assert contrast(theme.color(tone), theme.tint(tone, BADGE_TINT)) >= 4.5


@THEMES
def test_special_grounds(theme: Theme) -> None:
    assert contrast(theme.color(Tone.TEXT3), theme.color(Tone.SURFACE)) >= 4.5
    assert contrast(theme.color(Tone.ON_GREEN), theme.color(Tone.GREEN)) >= 4.5
    assert contrast(theme.color(Tone.SURFACE), theme.color(Tone.RED)) >= 4.5
    assert contrast(theme.color(Tone.SURFACE), theme.color(Tone.TEXT)) >= 4.5
    assert contrast(theme.color(Tone.TEXT2), theme.color(Tone.RAISED)) >= 4.5
    for tone in MEANINGS:
        assert contrast(theme.color(Tone.TEXT), theme.tint(tone, TINT)) >= 4.5
        assert contrast(theme.color(tone), theme.tint(tone, TINT)) >= 3


@THEMES
def test_shapes_that_carry_meaning(theme: Theme) -> None:
    surface, raised = theme.color(Tone.SURFACE), theme.color(Tone.RAISED)
    for tone in (*MEANINGS, Tone.TEXT3):
        assert contrast(theme.color(tone), raised) >= 3
    assert contrast(theme.color(Tone.BAR_IDLE), surface) >= 3
    for tone in (Tone.BLUE, Tone.GREEN, Tone.VIOLET, Tone.AMBER):
        assert contrast(theme.tint(tone, PIPE_TINT), surface) >= 3
