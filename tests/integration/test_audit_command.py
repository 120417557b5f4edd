"""``homeapp audit`` beside a hub as a process, after it, and after somebody has changed the file."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.usecase("W6")

PROJECT = Path(__file__).parents[2]
SETTINGS = """\
secrets = "machine_file"
[ocpp]
host = "127.0.0.1"
port = 0
[discovery]
interfaces = ["127.0.0.1"]
"""


def audit(verb: str, data_dir: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "homeapp", "audit", verb, "--data-dir", str(data_dir)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def hub_process(data_dir: Path, end: signal.Signals) -> Iterator[None]:
    """A hub that is ready; ended by ``end``."""
    log_path = data_dir.parent / "hub.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "homeapp", "hub", "--data-dir", str(data_dir)], cwd=PROJECT, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + 30
            while b"hub is ready" not in log_path.read_bytes():
                assert process.poll() is None, log_path.read_text()
                assert time.monotonic() < deadline, log_path.read_text()
                time.sleep(0.05)
            yield
            process.send_signal(end)
            process.wait(timeout=20)
        finally:
            process.kill()
            process.wait(timeout=20)


def test_a_flipped_byte_in_the_log_of_a_hub_is_found(tmp_path: Path) -> None:
    data_dir = tmp_path / "home"
    data_dir.mkdir()
    (data_dir / "settings.toml").write_text(SETTINGS)
    with hub_process(data_dir, signal.SIGKILL):
        assert audit("verify", data_dir).stdout == "1 rows, unbroken.\n"
    assert audit("verify", data_dir).stdout == "1 rows, unbroken.\n"
    with hub_process(data_dir, signal.SIGTERM):
        pass
    done = audit("verify", data_dir)
    assert (done.returncode, done.stdout) == (0, "2 rows, unbroken.\n"), done.stderr
    rows = [json.loads(line) for line in audit("export", data_dir).stdout.splitlines()]
    assert [(row["seq"], row["kind"]) for row in rows] == [(1, "hub_started"), (2, "hub_started")]

    with closing(sqlite3.connect(data_dir / "ledger.db")) as database, database:
        database.execute("DROP TRIGGER audit_is_not_changed")
        database.execute("UPDATE audit SET detail = replace(detail, 'v', 'w') WHERE seq = 1")
    done = audit("verify", data_dir)
    assert (done.returncode, done.stdout) == (
        1,
        "The audit log is broken: Row 1 was changed after it was written.\n",
    ), done.stderr
