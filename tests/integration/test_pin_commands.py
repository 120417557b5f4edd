"""PINs of a hub as a process, set by the command line through a pipe: they survive restarts and kills."""

import json
from pathlib import Path

import pytest

from kit.hub_process import homeapp, hub_process, new_data_dir

PIN, WRONG = "918273645", "918273646"


def said(data_dir: Path, *arguments: str, typed: str = "") -> "tuple[int, str]":
    """What a command ends with, and says in JSON."""
    done = homeapp(*arguments, "--json", "--data-dir", data_dir, typed=typed)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.usecase("W4", "W9")
def test_wrong_pins_are_counted_through_kills_and_no_pin_is_in_a_file_or_the_log(tmp_path: Path) -> None:
    data_dir, logs = new_data_dir(tmp_path), b""
    with hub_process(data_dir, "--verbose"):
        assert said(data_dir, "pin", "set", "owner", typed=f"{PIN}\n")[0] == 0
        for _ in range(3):
            assert said(data_dir, "--as", "owner", "offers", "list", typed=f"{WRONG}\n")[0] == 1
    logs += (data_dir.parent / "hub.log").read_bytes()
    with hub_process(data_dir, "--verbose"):
        refused = [said(data_dir, "--as", "owner", "offers", "list", typed=f"{WRONG}\n")[1] for _ in range(2)]
        told = [json.loads(text)["error"] for text in refused]
        assert [error["kind"] for error in told] == ["WrongPin", "WrongPin"]
        assert "1 more try" in told[0]["message"]
        assert "in 60 seconds" in told[1]["message"]
    logs += (data_dir.parent / "hub.log").read_bytes()
    with hub_process(data_dir, "--verbose"):
        code, text = said(data_dir, "--as", "owner", "offers", "list", typed=f"{PIN}\n")
        assert (code, "Too many wrong PINs" in text) == (1, True)
        assert said(data_dir, "offers", "list")[0] == 0
        code, text = said(data_dir, "devices", "forget", "x")
        assert json.loads(text)["error"]["kind"] == "NotAllowed"
    logs += (data_dir.parent / "hub.log").read_bytes()
    assert said(data_dir, "audit", "verify")[0] == 0
    assert b"a wrong PIN of the owner, 5 in a row" in logs
    files = {str(path): path.read_bytes() for path in data_dir.iterdir() if path.is_file()}
    for pin in (PIN, WRONG):
        assert [place for place, content in {**files, "log": logs}.items() if pin.encode() in content] == []
