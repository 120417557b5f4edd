"""Rules of the house that no linter checks."""

import ast
import functools
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(path.relative_to(PROJECT).with_suffix("").parts)
    for package in ("homeapp", "devices")
    for path in (PROJECT / package).rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)


def test_packaging_does_not_shadow_the_library_of_that_name() -> None:
    assert not (PROJECT / "packaging" / "__init__.py").exists()


@pytest.mark.parametrize("package", ["homeapp", "devices", "ui"])
def test_no_module_grows_beyond_six_hundred_lines(package: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (PROJECT / package).rglob("*.py")}
    assert {str(path): count for path, count in lengths.items() if count > 600} == {}


def test_hub_and_drivers_import_without_qt() -> None:
    program = (
        "import importlib, sys\n"
        "for name in ('PySide6', 'shiboken6', 'pyqtgraph'):\n"
        "    sys.modules[name] = None\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *MODULES], cwd=PROJECT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_modules_can_be_imported_in_any_order() -> None:
    """None of them needs, directly or not, one that needs it."""
    order = TopologicalSorter({name: _needs(name, path) for name, path in _modules().items()})
    order.prepare()
    assert order.is_active()


def _modules() -> dict[str, Path]:
    """Module or package by name; a package stands for its ``__init__``."""
    found = {}
    for package in ("homeapp", "devices"):
        for path in (PROJECT / package).rglob("*.py"):
            parts = path.relative_to(PROJECT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _needs(name: str, path: Path) -> set[str]:
    """What is imported while the module itself is; ``if TYPE_CHECKING`` and the insides of functions are not."""
    modules, needed = _modules_by_name(), set[str]()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            needed |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                needed.add(whole if whole in modules else node.module)
    return (needed & modules) - {name}


@functools.cache
def _modules_by_name() -> frozenset[str]:
    return frozenset(_modules())


def test_the_project_names_no_registry_host() -> None:
    for path in (PROJECT / "requirements").glob("*.txt"):
        assert "://" not in path.read_text(), path
