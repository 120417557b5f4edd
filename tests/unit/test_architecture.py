"""Rules of the house that no linter checks."""

import subprocess
import sys
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


def test_hub_and_drivers_import_without_qt_and_in_any_order() -> None:
    """Each module is imported with Qt blocked; a fresh set of modules for each finds order-dependent imports."""
    program = (
        "import importlib, sys\n"
        "for name in ('PySide6', 'shiboken6', 'pyqtgraph'):\n"
        "    sys.modules[name] = None\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.split('.')[0] in ('homeapp', 'devices')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *MODULES], cwd=PROJECT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_project_names_no_registry_host() -> None:
    for path in (PROJECT / "requirements").glob("*.txt"):
        assert "://" not in path.read_text(), path
