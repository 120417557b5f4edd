"""The hub as a process, and the command line beside it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SETTINGS = """\
secrets = "machine_file"
[ocpp]
host = "127.0.0.1"
port = 0
[discovery]
interfaces = ["127.0.0.1"]
"""


def until(done: Callable[[], bool], within_s: float = 40.0) -> None:
    """Return when ``done``: other processes tell of themselves by what they write, so that is read again and again."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def homeapp(
    *arguments: str | Path, typed: str = "", env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run one command; ``typed`` comes through a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "homeapp", *map(str, arguments)],
        cwd=PROJECT,
        env=env,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def hub_process(
    data_dir: Path, *arguments: str, python: list[str] | None = None, umask: int = -1
) -> Iterator["subprocess.Popen[bytes]"]:
    """A hub that answers, with its log in ``hub.log`` beside ``data_dir``; killed at the end where it still runs."""
    command = [*(python or [sys.executable, "-m", "homeapp"]), "hub", *arguments, "--data-dir", str(data_dir)]
    log_path = data_dir.parent / "hub.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log, umask=umask)
        try:
            until(lambda: b"hub is ready" in log_path.read_bytes() or process.poll() is not None)
            assert process.poll() is None, log_path.read_text()
            yield process
        finally:
            process.kill()
            process.wait(timeout=20)


@contextmanager
def running_hub(data_dir: Path, *, python: list[str] | None = None, umask: int = -1) -> Iterator[None]:
    """The same, and in the end it is told to stop and does so in an orderly way."""
    with hub_process(data_dir, python=python, umask=umask) as process:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def new_data_dir(directory: Path) -> Path:
    """A data directory for a hub that nobody disturbs."""
    path = directory / "home"
    path.mkdir()
    (path / "settings.toml").write_text(SETTINGS)
    return path
