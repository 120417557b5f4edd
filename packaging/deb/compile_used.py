"""Compiles what the hub and its screen load, so that both start fast; what is seldom used is compiled when it is.

``compile_used.py TREE SITE_PACKAGES``: SITE_PACKAGES lies in TREE, which becomes ``/``. Nothing checks at run time
whether byte code is older than its source: dpkg sets other times than the ones that were compiled.
"""

import compileall
import importlib
import os
import pkgutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

_LEFT_OUT = ("homeapp.demo", "homeapp.bench", "homeapp.__main__")
"""Run as a program, or for whoever wants to see or to measure."""
_LATE = ("reportlab", "PIL")
"""Written with once in a home's life."""


def used(site_packages: Path) -> list[Path]:
    """Files of all modules of the product, and of those of others that they load."""
    sys.path.insert(0, str(site_packages))
    for package in ("homeapp", "devices", "ui"):
        for module in pkgutil.walk_packages([str(site_packages / package)], f"{package}."):
            if not module.name.startswith(_LEFT_OUT):
                importlib.import_module(module.name)
    loaded = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    files = {Path(file) for name, file in loaded.items() if file and name.partition(".")[0] not in _LATE}
    files.add(site_packages / "homeapp/__main__.py")
    return sorted(file for file in files if file.suffix == ".py" and file.is_relative_to(site_packages))


def main() -> None:
    """Carry the command line out."""
    tree, site_packages = (Path(argument).resolve() for argument in sys.argv[1:3])
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    files = used(site_packages)
    for file in files:
        done = compileall.compile_file(
            file,
            quiet=1,
            stripdir=str(tree),
            prependdir="/",
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
        if not done:
            sys.exit(f"compile_used: {file} cannot be compiled")
    sys.stdout.write(f"{len(files)} files compiled\n")


if __name__ == "__main__":
    main()
