"""PINs of a hub as a process, set by the command line through a pipe: they survive restarts and kills."""

import json
import subprocess
import sys
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
PIN, WRONG = "918273645", "918273646"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    (path / "settings.toml").write_text(SETTINGS)
    return path


@contextmanager
def hub(data_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A hub that answers, and is killed at the end."""
    path = data_dir.parent / "hub.log"
    with path.open("wb") as log:
        command = [sys.executable, "-m", "homeapp", "hub", "--verbose", "--data-dir", str(data_dir)]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while b"hub is ready" not in path.read_bytes():
                assert process.poll() is None, path.read_text()
                assert time.monotonic() < deadline, path.read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.kill()
            process.wait(timeout=20)


def homeapp(data_dir: Path, *arguments: str, typed: str = "") -> "tuple[int, str]":
    command = [sys.executable, "-m", "homeapp", *arguments, "--json", "--data-dir", str(data_dir)]
    done = subprocess.run(command, cwd=PROJECT, input=typed, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.usecase("W4", "W9")
def test_wrong_pins_are_counted_through_kills_and_no_pin_is_in_a_file_or_the_log(data_dir: Path) -> None:
    logs = b""
    with hub(data_dir):
        assert homeapp(data_dir, "pin", "set", "owner", typed=f"{PIN}\n")[0] == 0
        for _ in range(3):
            assert homeapp(data_dir, "--as", "owner", "offers", "list", typed=f"{WRONG}\n")[0] == 1
    logs += (data_dir.parent / "hub.log").read_bytes()
    with hub(data_dir):
        refused = [homeapp(data_dir, "--as", "owner", "offers", "list", typed=f"{WRONG}\n")[1] for _ in range(2)]
        told = [json.loads(text)["error"] for text in refused]
        assert [error["kind"] for error in told] == ["WrongPin", "WrongPin"]
        assert "1 more try" in told[0]["message"]
        assert "in 60 seconds" in told[1]["message"]
    logs += (data_dir.parent / "hub.log").read_bytes()
    with hub(data_dir):
        code, text = homeapp(data_dir, "--as", "owner", "offers", "list", typed=f"{PIN}\n")
        assert (code, "Too many wrong PINs" in text) == (1, True)
        assert homeapp(data_dir, "offers", "list")[0] == 0
        code, text = homeapp(data_dir, "devices", "forget", "x")
        assert json.loads(text)["error"]["kind"] == "NotAllowed"
    logs += (data_dir.parent / "hub.log").read_bytes()
    assert homeapp(data_dir, "audit", "verify")[0] == 0
    assert b"a wrong PIN of the owner, 5 in a row" in logs
    files = {str(path): path.read_bytes() for path in data_dir.iterdir() if path.is_file()}
    for pin in (PIN, WRONG):
        assert [place for place, content in {**files, "log": logs}.items() if pin.encode() in content] == []
