"""Which pins go into which Debian package."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
REQUIREMENTS = PROJECT / "requirements"


def pinned(*arguments: str | Path) -> str:
    return subprocess.run(
        [sys.executable, str(PROJECT / "packaging/deb/pinned.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout


def names(text: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE))


def test_nothing_left_out_is_the_file_itself() -> None:
    assert pinned(REQUIREMENTS / "demo.txt") == (REQUIREMENTS / "demo.txt").read_text()


def test_hub_and_demo_share_no_package_and_lack_none() -> None:
    screen = pinned(REQUIREMENTS / "screen.txt", "--without", "pip")
    demo = pinned(REQUIREMENTS / "demo.txt", "--without", "pip", "--without-those-of", REQUIREMENTS / "screen.txt")
    assert names(screen).isdisjoint(names(demo))
    assert names(screen) | names(demo) == names((REQUIREMENTS / "demo.txt").read_text()) - {"pip"}
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", demo))
