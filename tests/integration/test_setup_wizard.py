"""The setup wizard at the demo street, finished by real hands: real meter, charger, car, providers and hub."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from homeapp.commissioning.report import JSON_NAME, PDF_NAME
from homeapp.commissioning.report_words import CHECKS, STEPS
from kit.hub_process import PROJECT, homeapp
from kit.setup_story import HOME, INSTALLER, PICTURES

pytestmark = [pytest.mark.street, pytest.mark.timeout(300)]

_NO_FONTS = PROJECT / "tests" / "ui" / "no-fonts.conf"
_WITHIN_S = 280
_DPI, _MARGIN_MM = 50, 12
_PAPER = 0xFFFFFFFF


def needs(*programs: str) -> pytest.MarkDecorator:
    """Not there: the test is skipped, and an error where everything has to be there."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing) and "CI" not in os.environ, reason=f"not installed: {', '.join(missing)}")


def told(hands: str, directory: Path, platform: str, *around: str) -> None:
    """The story in a process of its own, with all that it starts."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if hands != "qt":
        kept.pop(PICTURES, None)
    paths = f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}"
    process = subprocess.Popen(
        [*around, sys.executable, "-W", "error", "-m", "kit.setup_story", hands, str(directory)],
        cwd=PROJECT,
        env=kept | {"PYTHONPATH": paths, "QT_QPA_PLATFORM": platform, "FONTCONFIG_FILE": str(_NO_FONTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=_WITHIN_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, said


@pytest.fixture(scope="module")
def by_qt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street whose home was commissioned with Qt's own events, the screen closed and the hub killed on the way."""
    directory = tmp_path_factory.mktemp("street")
    told("qt", directory, "offscreen")
    return directory


@pytest.fixture(scope="module")
def report(by_qt: Path) -> Path:
    """Its report on paper."""
    return by_qt / "home" / PDF_NAME


@pytest.mark.usecase("A1", "A2", "A3", "A7", "D1", "D2", "D3", "F1", "W4", "W6", "W9")
def test_a_report_that_is_signed_at_the_screen_is_the_hubs(by_qt: Path) -> None:
    home = by_qt / "home"
    credentials = {**os.environ, "CREDENTIALS_DIRECTORY": str(by_qt / "credentials")}
    for name in (JSON_NAME, PDF_NAME):
        said = homeapp("report", "verify", home / name, "--json", "--data-dir", home, env=credentials)
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["hub"]
        changed = bytearray((home / name).read_bytes())
        changed[len(changed) // 2] ^= 1
        (by_qt / name).write_bytes(changed)
        refused = homeapp("report", "verify", by_qt / name, "--data-dir", home, env=credentials)
        assert (refused.returncode, "changed" in refused.stderr) == (1, True), refused.stderr


@needs("pdftotext")
@pytest.mark.usecase("W6")
def test_the_report_on_paper_tells_of_every_step(report: Path) -> None:
    text = subprocess.run(
        ["pdftotext", "-layout", str(report), "-"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for words in (HOME, INSTALLER, "All 16 checks have passed", *STEPS.values(), *CHECKS.values()):
        assert words in text
    for seen in ("3 x 35 A", "The import rose by", "It drew 6.0 A", "Battery 60 kWh", "came in; the answer went out"):
        assert seen in " ".join(text.split())


@needs("pdftoppm")
@pytest.mark.usecase("W6")
def test_the_report_on_paper_keeps_its_margins_and_fills_its_pages(report: Path, tmp_path: Path) -> None:
    subprocess.run(["pdftoppm", "-png", "-r", str(_DPI), str(report), str(tmp_path / "page")], timeout=60, check=True)
    pages = [QImage(str(path)) for path in sorted(tmp_path.glob("page*.png"))]
    margin = round(_MARGIN_MM / 25.4 * _DPI)
    assert 2 <= len(pages) <= 3
    for page in pages:
        width, height = page.width(), page.height()
        inked = [(x, y) for y in range(height) for x in range(width) if page.pixel(x, y) != _PAPER]
        assert len(inked) > width * height / 100
        assert min(x for x, _ in inked) >= margin
        assert max(x for x, _ in inked) < width - margin
        assert min(y for _, y in inked) >= margin
        assert max(y for _, y in inked) < height - margin * 2 // 3


@needs("xvfb-run", "xdotool")
@pytest.mark.usecase("A1", "A2", "A3", "A7", "D1", "D2", "D3", "F1", "W4", "W6", "W9")
def test_a_home_is_commissioned_with_a_real_pointer_and_keyboard(tmp_path: Path) -> None:
    """A kiosk: an X server with nothing but this window."""
    told("x", tmp_path, "xcb", "xvfb-run", "--auto-servernum", "-s", "-screen 0 1280x800x24")
    assert (tmp_path / "home" / PDF_NAME).exists()
