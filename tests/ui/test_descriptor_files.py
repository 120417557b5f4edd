"""Descriptors on a stick: which are found, what is read of them, and a stick that never answers."""

import os
import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from homeapp.errors import EnvironmentProblem, SettingsInvalid
from ui.setup import descriptor_files, disk_reader
from ui.setup.disk_reader import DiskReader

pytestmark = pytest.mark.usecase("W4")


def written(file: Path, second: int, content: bytes = b"xxxx") -> None:
    file.write_bytes(content)
    os.utime(file, (second, second))


def test_descriptors_are_found_newest_first_and_nothing_else(tmp_path: Path) -> None:
    for number, name in enumerate(("old.jws", "new.json", "NEWEST.JWS", "picture.png")):
        written(tmp_path / name, number)
    written(tmp_path / "big.jws", 9, b"x" * (descriptor_files.LARGEST_BYTES + 1))
    (tmp_path / "folder.jws").mkdir()
    (tmp_path / "nowhere.jws").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.jws")
    found = descriptor_files.found((tmp_path, tmp_path / "gone", tmp_path))
    assert [file.path.name for file in found] == ["NEWEST.JWS", "new.json", "old.jws"]
    assert [file.written_at.timestamp() for file in found] == [2, 1, 0]


def test_of_many_descriptors_the_newest_fifty_are_shown(tmp_path: Path) -> None:
    for number in range(60):
        written(tmp_path / f"{number}.jws", number)
    names = [file.path.name for file in descriptor_files.found((tmp_path,))]
    assert names == [f"{number}.jws" for number in range(59, 9, -1)]


def test_places_are_those_of_the_user_and_nobody_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert descriptor_files.places()[-1] == tmp_path
    (tmp_path / "Downloads").mkdir()
    assert descriptor_files.places()[-2:] == (tmp_path / "Downloads", tmp_path)
    written(tmp_path / "Downloads" / "car.jws", 7)
    assert tmp_path / "Downloads" / "car.jws" in [file.path for file in descriptor_files.lying()]
    written(tmp_path / "here.jws", 7)
    assert descriptor_files.read(Path("~/here.jws")) == "xxxx"


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    written(tmp_path / "old.jws", 1)
    assert descriptor_files.read(tmp_path / "old.jws") == "xxxx"
    written(tmp_path / "big.jws", 1, b"x" * (descriptor_files.LARGEST_BYTES + 1))
    with pytest.raises(SettingsInvalid, match="too large"):
        descriptor_files.read(tmp_path / "big.jws")
    written(tmp_path / "picture.png", 1, b"\xff\xfe\x00")
    with pytest.raises(SettingsInvalid, match="no text"):
        descriptor_files.read(tmp_path / "picture.png")
    for path, reason in (("gone.jws", "No such file"), ("a\0b", "null"), (".", "directory")):
        with pytest.raises(EnvironmentProblem, match=reason):
            descriptor_files.read(tmp_path / path)
    with pytest.raises(EnvironmentProblem, match="home directory"):
        descriptor_files.read(Path("~nobody-of-that-name/car.jws"))
    os.mkfifo(tmp_path / "pipe.jws")
    assert descriptor_files.read(tmp_path / "pipe.jws") == "", "nobody is waited for"
    assert isinstance(descriptor_files.tried(tmp_path / "gone.jws"), EnvironmentProblem)


def test_names_on_a_stick_are_shown_without_what_plays_tricks() -> None:
    assert descriptor_files.printable("a\u202ebc\nd\udcff.jws") == "a\ufffdbc\ufffdd\ufffd.jws"


def test_an_answer_comes_back_and_a_newer_job_takes_the_place_of_an_older_one(qtbot: QtBot) -> None:
    reader, said, slow = DiskReader(), [], threading.Event()
    reader.run(lambda: slow.wait(5), lambda answer: said.append(("old", answer)), lambda: said.append("late"))
    assert reader.busy
    reader.run(lambda: threading.current_thread() is threading.main_thread(), said.append, lambda: said.append("late"))
    qtbot.waitUntil(lambda: bool(said), timeout=5000)
    slow.set()
    assert said == [False], "not in the thread of the screen"
    assert not reader.busy
    qtbot.wait(20)
    assert said == [False]


def test_a_stick_that_never_answers_is_given_up(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_reader, "WITHIN_MS", 20)
    reader, said, pulled = DiskReader(), [], threading.Event()
    reader.run(lambda: pulled.wait(5), said.append, lambda: said.append("late"))
    qtbot.waitUntil(lambda: bool(said), timeout=5000)
    pulled.set()
    qtbot.wait(20)
    assert said == ["late"]
    assert not reader.busy
