"""The hub as a process: without Qt, on a busy directory, with wrong settings, without a place for secrets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SETTINGS = """\
secrets = "machine_file"
[ocpp]
host = "127.0.0.1"
port = 0
[discovery]
interfaces = ["127.0.0.1"]
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    (path / "settings.toml").write_text(SETTINGS)
    return path


def homeapp(*arguments: str | Path, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "homeapp", *map(str, arguments)],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running_hub(
    data_dir: Path, *, python: list[str] | None = None, env: dict[str, str] | None = None
) -> Iterator[None]:
    command = [*(python or [sys.executable, "-m", "homeapp"]), "hub", "--data-dir", str(data_dir)]
    with (data_dir.parent / "hub.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while not (data_dir / "hub.sock").exists():
                words = (data_dir.parent / "hub.log").read_text()
                assert process.poll() is None, words
                assert time.monotonic() < deadline, words
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


def test_a_running_hub_answers_the_command_line(data_dir: Path) -> None:
    with running_hub(data_dir):
        doctor = homeapp("doctor", "--data-dir", data_dir, "--json")
        checks = {check["name"]: check["level"] for check in json.loads(doctor.stdout)}
        assert (checks["Secrets"], checks["Smart meter"]) == ("warning", "warning")
        assert homeapp("offers", "list", "--data-dir", data_dir).stdout == "Nothing.\n"
        missing = homeapp("devices", "adopt", "homewizard:000000000000", "--data-dir", data_dir, "--json")
        assert missing.returncode == 1
        assert json.loads(missing.stdout)["error"]["kind"] == "NotFound"
    assert not (data_dir / "hub.sock").exists()


def test_the_hub_runs_where_qt_is_not_installed(data_dir: Path, tmp_path: Path) -> None:
    """A copy of the environment's packages, by links, with everything of Qt left out."""
    packages = tmp_path / "packages"
    packages.mkdir()
    without = ("PySide6", "pyside6", "shiboken6", "pyqtgraph", "__editable__", "_homeapp", "homeapp-")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(without) and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    program = f"import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(packages)!r}]\n"
    absent = subprocess.run(
        [sys.executable, "-S", "-c", program + "import PySide6"], capture_output=True, text=True, check=False
    )
    assert "No module named 'PySide6'" in absent.stderr
    start = "from homeapp.__main__ import main; sys.exit(main())"
    with running_hub(data_dir, python=[sys.executable, "-S", "-c", program + start]):
        assert homeapp("doctor", "--data-dir", data_dir).returncode == 0


def test_a_second_hub_on_the_same_directory_says_so(data_dir: Path) -> None:
    with running_hub(data_dir):
        second = homeapp("hub", "--data-dir", data_dir)
        assert second.returncode == 1
        assert "Another hub" in second.stderr
        assert homeapp("doctor", "--data-dir", data_dir).returncode == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[site]\nfuse_a = -5\n", "fuse_a"),
        ("[site]\nfuse = 25\n", "fuse"),
        ("[site]\ntime_zone = 'Mars/Base'\n", "Mars/Base"),
        ("[goal]\nready_by = '25:00'\n", "ready_by"),
        ("[ocpp]\nlease_s = 600\n", "lease_s"),
        ("this is not toml", "settings.toml"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    done = homeapp("hub", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_place_for_secrets_the_hub_refuses(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = homeapp(
        "hub", "--data-dir", tmp_path, env={**bare, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "secret" in done.stderr.lower()


def test_no_hub_is_a_clear_sentence(tmp_path: Path) -> None:
    done = homeapp("doctor", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "homeapp hub" in done.stderr


def test_the_console_script_is_installed() -> None:
    script = shutil.which("homeapp", path=str(Path(sys.executable).parent))
    assert script is not None
    assert "hub" in subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout
