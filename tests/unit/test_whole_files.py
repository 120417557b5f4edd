"""Whole files or none, whoever else writes at the same time."""

import threading
from pathlib import Path

from homeapp.errors import EnvironmentProblem
from homeapp.identity.files import write_whole

WRITERS, ROUNDS = 8, 20


def test_threads_that_write_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "certificates" / "evc_sp.crl.pem"
    begin = threading.Barrier(WRITERS)
    problems: list[EnvironmentProblem] = []

    def write(number: int) -> None:
        begin.wait(timeout=20)
        for _ in range(ROUNDS):
            try:
                write_whole(path, f"{number}\n" * 200)
            except EnvironmentProblem as problem:
                problems.append(problem)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    assert problems == []
    lines = path.read_text().splitlines()
    assert len(lines) == 200
    assert len(set(lines)) == 1
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
