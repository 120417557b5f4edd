"""``homeapp sharing``, ``export`` and ``erase`` as they are typed."""

import argparse
import asyncio
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeapp import __main__ as program
from homeapp import api
from homeapp.commands.sharing_commands import add_commands
from homeapp.errors import NotFound, WrongState
from homeapp.model.consent import DataClass, Disclosed, ProviderSharing, SharingEntry
from homeapp.sharing.consent_texts import data_classes, terms
from homeapp.store.database import Database

pytestmark = pytest.mark.usecase("W8")


def entry(data_class: DataClass, **changes: Any) -> SharingEntry:
    found = terms("evc_sp", data_class)
    made = SharingEntry(
        data_class=data_class, text=found.newest.text, text_version=1, fields=found.fields, granted=False
    )
    return replace(made, **changes)


SHARING = (
    ProviderSharing(sp_id="evc_sp", name="EVC provider", entries=tuple(entry(kind) for kind in data_classes("evc_sp"))),
)


class FakeClient:
    def __init__(self) -> None:
        self.asked: list[api.Call[Any]] = []

    async def call(self, call: api.Call[Any]) -> object:
        if isinstance(call, api.GetSharing):
            return SHARING
        self.asked.append(call)
        return SHARING[0]


def typed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(dest="what"), argparse.ArgumentParser(add_help=False))
    return parser.parse_args(words)


def run(*words: str) -> tuple[FakeClient, list[str]]:
    arguments, client = typed(*words), FakeClient()
    result = asyncio.run(arguments.command(client, arguments))
    return client, arguments.lines(result, ZoneInfo("Europe/Amsterdam"))


def test_the_list_shows_the_words_in_full_and_what_may_be_in_it() -> None:
    lines = run("sharing", "list")[1]
    assert lines[0] == "evc_sp  EVC provider"
    assert "  charging: not allowed  (words, version 1)" in lines
    for line in terms("evc_sp", DataClass.METERING).newest.text.splitlines():
        assert f"    {line}" in lines
    assert any("soc_pct" in line for line in lines)
    assert lines.count("    nothing has left the home") == 3
    assert typed("sharing", "list").lines((), ZoneInfo("UTC")) == ["This home is paired with no provider."]


def test_what_has_left_is_told_with_its_time_and_fields() -> None:
    left = Disclosed(count=3, size_bytes=1350, fields=("pev",), last_at=datetime(2026, 11, 23, 12, tzinfo=UTC))
    provider = replace(SHARING[0], entries=(entry(DataClass.CHARGING, granted=True, disclosed=left),))
    lines = typed("sharing", "list").lines((provider,), ZoneInfo("Europe/Amsterdam"))
    assert "  charging: allowed  (words, version 1)" in lines
    assert lines[-1] == "    has left: 3 messages, 1350 bytes, the last 2026-11-23 13:00; in them: pev"


def test_words_that_have_changed_since_are_told() -> None:
    provider = replace(SHARING[0], entries=(entry(DataClass.CHARGING, outdated=True),))
    lines = typed("sharing", "list").lines((provider,), ZoneInfo("UTC"))
    assert "  charging: not allowed, the words have changed since somebody agreed  (words, version 1)" in lines


def test_allow_agrees_to_the_words_that_were_read() -> None:
    client, _lines = run("sharing", "allow", "evc_sp", "charging", "--version", "1")
    assert client.asked == [api.SetConsent(sp_id="evc_sp", data_class=DataClass.CHARGING, granted=True, text_version=1)]
    with pytest.raises(WrongState, match="have changed since you read them"):
        run("sharing", "allow", "evc_sp", "charging", "--version", "2")
    with pytest.raises(NotFound, match="asks for location data"):
        run("sharing", "allow", "evc_sp", "location")


def test_revoke_takes_one_kind_or_everything_back() -> None:
    for words, data_class in ((("metering",), DataClass.METERING), ((), DataClass.IDENTITY)):
        client, _lines = run("sharing", "revoke", "evc_sp", *words)
        assert client.asked == [api.SetConsent(sp_id="evc_sp", data_class=data_class, granted=False, text_version=1)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    data_dir = tmp_path / "home"
    data_dir.mkdir()
    (data_dir / "settings.toml").write_text('secrets = "machine_file"\n[site]\nname = "Anna"\n')

    async def live() -> None:
        async with Database(data_dir):
            pass

    asyncio.run(live())
    return data_dir


def test_export_writes_to_a_file_or_standard_output(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = home.parent / "out.json"
    assert program.main(["export", str(out), "--data-dir", str(home)]) == 0
    assert program.main(["export", "--data-dir", str(home)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {**printed, "made_at": ""} == {**json.loads(out.read_text()), "made_at": ""}
    assert program.main(["export", str(out), "--data-dir", str(home)]) == 1
    assert "cannot be made" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["Anna\n", "erase\n"])
def test_erase_wants_the_name_of_the_home_or_the_word(
    home: Path, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in ("\n", "yes\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(wrong))
        assert program.main(["erase", "--data-dir", str(home)]) == 1
        assert (home / "ledger.db").exists()
    assert "Nothing was erased: type the name" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert program.main(["erase", "--data-dir", str(home), "--keep-settings"]) == 0
    assert [path.name for path in home.iterdir()] == ["settings.toml"]


def test_erase_tells_a_person_what_goes_and_what_stays_with_providers(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO("no\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert program.main(["erase", "--data-dir", str(home)]) == 1
    said = capsys.readouterr().err
    assert "What providers have already stays with them" in said
    assert "Type Anna or erase to go on" in said
