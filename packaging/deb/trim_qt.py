"""Leaves of PySide6 what a screen of Qt Widgets needs on xcb, wayland, offscreen, eglfs, linuxfb and vnc.

``trim_qt.py SITE_PACKAGES``. Whole files are deleted, none is changed: a stripped library of a wheel may not load.
Which libraries stay is read from the files that stay (ELF, DT_NEEDED), so a new Qt needs no new list.
"""

import re
import shutil
import sys
from pathlib import Path

from elf_needed import add_needed, needed

MODULES = (
    "QtCore",
    "QtDBus",
    "QtGui",
    "QtNetwork",
    "QtOpenGL",
    "QtOpenGLWidgets",
    "QtSvg",
    "QtTest",  # with QtOpenGL and QtOpenGLWidgets imported by pyqtgraph
    "QtWidgets",
)
PLUGINS = (
    "egldeviceintegrations/*",
    "generic/*",
    "iconengines/libqsvgicon.so",
    "imageformats/libqsvg.so",
    "platforminputcontexts/libcompose*",
    "platforminputcontexts/libibus*",
    "platforms/libqeglfs.so",
    "platforms/libqlinuxfb.so",
    "platforms/libqoffscreen.so",
    "platforms/libqvnc.so",
    "platforms/libqwayland.so",
    "platforms/libqxcb.so",
    "platformthemes/libqxdgdesktopportal.so",
    "wayland-decoration-client/*",
    "wayland-graphics-integration-client/*wayland-egl.so",
    "wayland-shell-integration/libxdg-shell.so",
    "xcbglintegrations/*",
)
_QT_LIBRARY = re.compile(r"lib(Qt6|icu|pyside6|shiboken6)")


def trim(site_packages: Path) -> None:
    """Delete the rest.

    Raises:
        SystemExit: nothing of a part that has to stay is there; Qt has changed.
    """
    pyside = site_packages / "PySide6"
    libraries = {path.name: path for path in (*pyside.glob("*.so*"), *(pyside / "Qt/lib").iterdir())}
    libraries |= {path.name: path for path in (site_packages / "shiboken6").glob("*.so*")}
    kept = {pyside / f"{module}.abi3.so" for module in MODULES}
    for pattern in PLUGINS:
        found = {path for path in (pyside / "Qt/plugins").glob(pattern) if _loads(path, libraries)}
        if not found:
            sys.exit(f"trim_qt: no plugin {pattern} that can be loaded")
        kept |= found
    missing = [path for path in kept if not path.is_file()]
    if missing:
        sys.exit(f"trim_qt: {missing} not there")
    add_needed(kept, libraries)
    for path in pyside.rglob("*"):
        if path.is_file() and path not in kept and not _is_python(path, pyside):
            path.unlink()
    for path in sorted(pyside.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    shutil.rmtree(site_packages / "shiboken6/include", ignore_errors=True)


def _loads(plugin: Path, libraries: dict[str, Path]) -> bool:
    """Whether Qt's own libraries for it came with the wheel; the one for eglfs on GBM does not."""
    return all(name in libraries or not _QT_LIBRARY.match(name) for name in needed(plugin))


def _is_python(path: Path, pyside: Path) -> bool:
    return path.parent == pyside and path.suffix == ".py"


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
