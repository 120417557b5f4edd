"""Writes a requirements file to standard output without some of its packages, all else as it stands there.

``pinned.py FILE [--without NAME]... [--without-those-of FILE]``
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_PIN = re.compile(r"([A-Za-z0-9._-]+)==")


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Name and lines of each pin; the lines of a package with pins for several platforms come one by one.

    Raises:
        ValueError: the file does not begin with a pin.
    """
    name, lines = "", ""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if match := _PIN.match(line):
            if name:
                yield name, lines
            name, lines = match.group(1), line
        elif not name:
            raise ValueError(f"{path} does not begin with a pin: {line!r}")
        else:
            lines += line
    if name:
        yield name, lines


def main() -> None:
    """Carry the command line out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--without-those-of", type=Path)
    arguments = parser.parse_args()
    left_out = set(arguments.without)
    if arguments.without_those_of is not None:
        left_out |= {name for name, _ in blocks(arguments.without_those_of)}
    sys.stdout.writelines(lines for name, lines in blocks(arguments.file) if name not in left_out)


if __name__ == "__main__":
    main()
