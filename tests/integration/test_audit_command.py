"""``homeapp audit`` beside a hub as a process, after it, and after somebody has changed the file."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from kit.hub_process import homeapp, hub_process, new_data_dir, running_hub

pytestmark = pytest.mark.usecase("W6")


def audit(verb: str, data_dir: Path) -> "subprocess.CompletedProcess[str]":
    return homeapp("audit", verb, "--data-dir", data_dir)


def test_a_flipped_byte_in_the_log_of_a_hub_is_found(tmp_path: Path) -> None:
    data_dir = new_data_dir(tmp_path)
    with hub_process(data_dir):
        assert audit("verify", data_dir).stdout == "1 rows, unbroken.\n"
    assert audit("verify", data_dir).stdout == "1 rows, unbroken.\n"
    with running_hub(data_dir):
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
