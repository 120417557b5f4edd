"""Trouble codes in plain words."""

import pytest

from homeapp.jobs.trouble_codes import _MEANINGS, meaning
from homeapp.model.health import Severity


def test_the_failure_type_does_not_matter() -> None:
    assert meaning("P0AA6-4A") == meaning("P0AA6")
    assert meaning("P0AA6").severity is Severity.CRITICAL


def test_an_unknown_code_is_told_as_such() -> None:
    told = meaning("P1ABC-12")
    assert told.title == "The car reports code P1ABC-12"
    assert told.severity is Severity.WARNING


@pytest.mark.parametrize("code", sorted(_MEANINGS))
def test_every_meaning_fits_on_the_screen(code: str) -> None:
    told = meaning(code)
    assert 0 < len(told.title) <= 50
    assert not told.title.endswith(".")
    assert told.advice.endswith(".")
    assert len(told.advice) <= 160
