"""Sentences of the test run: what the hub has found at itself."""

from homeapp.api import Check, CheckLevel
from ui.offer_terms import Line
from ui.theme import Tone
from ui.tr import tr

_LOOKS = {
    CheckLevel.ERROR: ("alert-triangle", Tone.RED),
    CheckLevel.WARNING: ("alert-triangle", Tone.AMBER),
    CheckLevel.OK: ("check", Tone.GREEN),
}
"""From the worst to the best."""


def whole(found: tuple[Check, ...]) -> str:
    """All of it in one sentence."""
    if not found:
        return tr("The hub is being asked…")
    errors = sum(check.level is CheckLevel.ERROR for check in found)
    warnings = sum(check.level is CheckLevel.WARNING for check in found)
    if errors:
        return tr("{errors} of {count} to be mended before the test run can pass.", errors=errors, count=len(found))
    if warnings:
        return tr("{count} looked at; {warnings} to know about, none in the way.", count=len(found), warnings=warnings)
    return tr("{count} looked at, all in order.", count=len(found))


def lines(found: tuple[Check, ...]) -> list[Line]:
    """One for each, the worst first."""
    order = list(_LOOKS)
    return [_line(check) for check in sorted(found, key=lambda check: order.index(check.level))]


def _line(check: Check) -> Line:
    icon, tone = _LOOKS[check.level]
    told = f"{check.name}: {check.finding}"
    return icon, f"{told.rstrip('.')}. {check.advice}" if check.advice else told, tone
