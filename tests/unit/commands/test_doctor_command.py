"""``homeapp doctor``, with a hub and without one."""

import json
from pathlib import Path

import pytest

from homeapp import __main__ as program
from homeapp import api
from kit.canned_commands import CannedHub, Run


def test_the_doctor_ends_with_1_only_for_errors(hub: CannedHub, homeapp: Run) -> None:
    hub.checks = (api.Check(name="Prices", level=api.CheckLevel.WARNING, finding="none", advice="Wait."),)
    assert homeapp("doctor") == (0, "WARNING  Prices: none\n           -> Wait.\n", "")
    hub.checks = (*hub.checks, api.Check(name="Disk", level=api.CheckLevel.ERROR, finding="full", advice="Make room."))
    assert homeapp("doctor")[0] == 1
    code, out, _ = homeapp("doctor", "--json")
    assert (code, [check["level"] for check in json.loads(out)]) == (1, ["warning", "error"])


def test_without_a_hub_the_doctor_still_looks_at_the_home(homeapp: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 35\n")
    code, out, _ = homeapp("doctor")
    assert code == 1
    assert out.startswith(
        "ERROR    Hub: No hub runs with this data directory.\n           -> Start one with: homeapp hub"
    )
    assert "3 x 35 A" in out
    (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 'x'\n")
    tmp_path.chmod(0o777)
    code, out, err = homeapp("doctor", "--json")
    wrong = {check["name"] for check in json.loads(out) if check["level"] == "error"}
    assert (code, err, wrong) == (1, "", {"Hub", "Settings", "Data directory"})


def test_the_doctor_knows_a_home_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert program.main(["doctor", "--data-dir", str(tmp_path / "nowhere")]) == 1
    assert "nowhere does not exist" in capsys.readouterr().out
    assert not (tmp_path / "nowhere").exists()
