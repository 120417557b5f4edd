"""Which libraries a library needs (ELF, DT_NEEDED), as ``readelf`` tells."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")


def needed(path: Path) -> Iterator[str]:
    """Their names, as the file has them."""
    listed = subprocess.run(
        ["readelf", "--dynamic", "--wide", str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    return (match.group(1) for match in _NEEDED.finditer(listed.stdout))


def add_needed(kept: set[Path], libraries: Mapping[str, Path]) -> None:
    """Add to ``kept`` what its files need of ``libraries``, and what that needs."""
    waiting = list(kept)
    while waiting:
        for name in needed(waiting.pop()):
            path = libraries.get(name)
            if path is not None and path not in kept:
                kept.add(path)
                waiting.append(path)
