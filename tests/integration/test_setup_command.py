"""``homeapp setup`` and ``report`` beside a hub as a process: an empty home is due, and what is refused is told."""

import json
from pathlib import Path

import pytest

from kit.hub_process import homeapp, new_data_dir, running_hub

ANSWERS = """\
[place]
time_zone = "Europe/Amsterdam"
[grid]
phases = 3
fuse_a = 26.0
"""


def due(data_dir: Path) -> str:
    checks = json.loads(homeapp("doctor", "--json", "--data-dir", data_dir).stdout)
    return next(str(check["finding"]) for check in checks if check["name"] == "Commissioning")


@pytest.mark.usecase("W4", "W6")
def test_an_empty_home_is_due_and_what_is_refused_is_told(tmp_path: Path) -> None:
    data_dir, answers = new_data_dir(tmp_path), tmp_path / "answers.toml"
    with running_hub(data_dir):
        assert due(data_dir) == "due: nothing of it was done yet"
        answers.write_text(ANSWERS + '[skip]\nno_such_check = "why"\n')
        refused = homeapp("setup", "--answers", answers, "--data-dir", data_dir)
        assert (refused.returncode, "no_such_check" in refused.stderr) == (1, True), refused.stderr
        answers.write_text(ANSWERS)
        refused = homeapp("setup", "--answers", answers, "--data-dir", data_dir)
        assert (refused.returncode, "No main fuse of 26 A is made" in refused.stderr) == (1, True), refused.stderr
        assert refused.stderr.startswith("answered   place\n")
        view = json.loads(homeapp("setup", "--json", "--data-dir", data_dir).stdout)
        assert (view["current"], view["due"]) == ("place", False)
        assert due(data_dir) == "under way, next: place"
    nobody = homeapp("report", "verify", "--data-dir", data_dir)
    assert (nobody.returncode, "cannot be read" in nobody.stderr) == (1, True), nobody.stderr
