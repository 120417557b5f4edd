"""Single values into settings.toml: nothing else of the file changes, and what cannot be done safely is not done."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.commissioning.settings_writer import changed, write_settings
from homeapp.errors import EnvironmentProblem, SettingsInvalid
from homeapp.settings import FILE_NAME, load

KEPT = """\
# By hand, 2026-03-01
secrets = "machine_file"

[site]   # the house
name = "Zoë's house"
fuse_a = 25.0            # main fuse, A per phase
phases = 3

[[ocpp.station]]
id = "BOX-7"
"""


def test_a_value_changes_and_every_other_byte_stays(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)
    settings = write_settings(tmp_path, {"site": {"fuse_a": 35.0, "feed_cap_a": None}, "goal": {"capacity_kwh": 77.0}})
    assert (settings.site.fuse_a, settings.goal.capacity_kwh) == (35.0, 77.0)
    text = (tmp_path / FILE_NAME).read_text()
    assert text == KEPT.replace("fuse_a = 25.0 ", "fuse_a = 35.0 ") + "\n[goal]\ncapacity_kwh = 77.0\n"
    assert load(tmp_path) == settings
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_new_value_stands_at_the_head_of_its_section_and_none_takes_it_out(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)
    write_settings(tmp_path, {"site": {"feed_cap_a": 10.0}})
    assert "[site]   # the house\nfeed_cap_a = 10.0\nname" in (tmp_path / FILE_NAME).read_text()
    write_settings(tmp_path, {"site": {"feed_cap_a": None}})
    assert (tmp_path / FILE_NAME).read_text() == KEPT


@pytest.mark.parametrize(
    "text",
    ["site = { fuse_a = 25.0 }\n", "site.fuse_a = 25.0\n", '[site]\nname = """\nfuse_a = 1\n"""\n'],
    ids=["inline table", "dotted", "inside a text"],
)
def test_a_file_that_is_laid_out_otherwise_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(SettingsInvalid):
        write_settings(tmp_path, {"site": {"fuse_a": 35.0}})
    assert (tmp_path / FILE_NAME).read_text() == text


def test_what_contradicts_itself_is_not_written(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)
    with pytest.raises(SettingsInvalid, match="safe_current_a must be at most"):
        write_settings(tmp_path, {"site": {"fuse_a": 6.0, "safe_current_a": 6.0}})
    assert (tmp_path / FILE_NAME).read_text() == KEPT


def test_a_disk_that_takes_nothing_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text(KEPT)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("homeapp.identity.files.os.fsync", full)
    with pytest.raises(EnvironmentProblem, match=r"No space left on device\. Make room"):
        write_settings(tmp_path, {"site": {"fuse_a": 35.0}})
    assert (tmp_path / FILE_NAME).read_text() == KEPT


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"))), st.booleans(), st.floats(-1e6, 1e6))
def test_whatever_is_written_is_read_back(name: str, flag: bool, number: float) -> None:
    text = changed(KEPT, {"site": {"name": name, "feed_allowed": flag, "fuse_a": number}, "pev": {"address": name}})
    read = tomllib.loads(text)
    assert (read["site"]["name"], read["site"]["feed_allowed"]) == (name, flag)
    assert (read["site"]["fuse_a"], read["pev"]) == (number, {"address": name})
    assert text.startswith("# By hand, 2026-03-01\n")
