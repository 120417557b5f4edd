"""Every item of the use case is named by a test that proves it."""

import ast
from pathlib import Path

from homeapp.demo.use_case import ITEMS, LATER

TESTS = Path(__file__).resolve().parents[1]


def _marked(path: Path) -> set[str]:
    """What the ``usecase`` marks in one file name."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    marks = (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "usecase")
    return {argument.value for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}


def test_every_item_has_a_test() -> None:
    named = set().union(*(_marked(path) for path in TESTS.rglob("test_*.py")))
    assert sorted(set(ITEMS) - named - LATER) == []


def test_no_test_names_an_item_that_is_not_there() -> None:
    unknown = {path.name: sorted(_marked(path) - set(ITEMS)) for path in TESTS.rglob("test_*.py")}
    assert {name: ids for name, ids in unknown.items() if ids} == {}


def test_an_item_without_a_test_is_noticed(tmp_path: Path) -> None:
    one = tmp_path / "test_one.py"
    one.write_text("import pytest\n@pytest.mark.usecase('F1', 'W2')\ndef test_it(): ...\n")
    assert _marked(one) == {"F1", "W2"}
