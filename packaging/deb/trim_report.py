"""Leaves of reportlab and Pillow what writes a report of words and lines: no pictures, no charts, no fonts of its own.

``trim_report.py SITE_PACKAGES``. Whole files are deleted, none is changed; a report is written afterwards, to see that
all of it is still there.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from elf_needed import add_needed

_USED = (
    "import sys; sys.path.insert(0, sys.argv[1]); import PIL.Image; from homeapp.commissioning import report_pdf; "
    "print(*(m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'PIL' and m.__file__), sep='\\n')"
)
_UNUSED = ("graphics", "fonts")


def trim(site_packages: Path) -> None:
    """Delete the rest."""
    for name in _UNUSED:
        shutil.rmtree(site_packages / "reportlab" / name)
    pillow, libraries = site_packages / "PIL", site_packages / "pillow.libs"
    kept = {Path(line) for line in _used(site_packages).splitlines()}
    binaries = {path for path in kept if path.suffix == ".so"}
    if not binaries or not all(path.is_relative_to(pillow) for path in kept):
        sys.exit(f"trim_report: Pillow is not loaded from {pillow}")
    add_needed(binaries, {path.name: path for path in libraries.iterdir()})
    for path in (*pillow.rglob("*"), *libraries.iterdir()):
        if path.is_file() and path not in kept | binaries:
            path.unlink()
    _used(site_packages)


def _used(site_packages: Path) -> str:
    command = [sys.executable, "-I", "-S", "-B", "-c", _USED, str(site_packages)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


if __name__ == "__main__":
    trim(Path(sys.argv[1]).resolve())
