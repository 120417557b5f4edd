"""``homeapp tokens`` and ``homeapp control`` as they are typed."""

import argparse
import asyncio
import io
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeapp import api
from homeapp.commands.charger_commands import add_commands
from homeapp.errors import SettingsInvalid
from homeapp.model.charger import ControlSpan, OwnerControl, TokenView

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CARD = TokenView(name="Anna's card", added_at=NOON)
ANSWERS: dict[type[api.Call[Any]], object] = {
    api.ListTokens: (CARD,),
    api.AddToken: CARD,
    api.TakeControl: OwnerControl(since=NOON, until=NOON, by="household"),
}


class CannedClient:
    def __init__(self) -> None:
        self.asked: list[api.Call[Any]] = []

    async def call(self, call: api.Call[Any]) -> object:
        self.asked.append(call)
        return ANSWERS.get(type(call))


def run(*words: str) -> tuple[api.Call[Any], list[str]]:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(dest="what"), argparse.ArgumentParser(add_help=False))
    arguments, client = parser.parse_args(words), CannedClient()
    if "before" in arguments:
        arguments.before(arguments)
    result = asyncio.run(arguments.command(client, arguments))
    lines = arguments.lines(result, ZoneInfo("Europe/Amsterdam")) if "lines" in arguments else []
    return client.asked[0], lines


def test_a_card_is_added_by_its_number_which_is_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("04A2B3\n"))
    call, lines = run("tokens", "add", "Anna's card")
    assert call == api.AddToken(name="Anna's card", token="04A2B3")
    assert lines == ["Anna's card  added 2026-11-23 13:00"]
    assert "04A2B3" not in repr(call)
    with pytest.raises(SettingsInvalid):
        run("tokens", "add", "Anna's card")


def test_the_card_that_was_shown_last_is_added_without_its_number() -> None:
    assert run("tokens", "add", "Guest", "--last")[0] == api.AddToken(name="Guest")


def test_cards_are_listed_and_removed() -> None:
    assert run("tokens", "list")[1] == ["Anna's card  added 2026-11-23 13:00"]
    assert run("tokens", "remove", "Guest")[0] == api.RemoveToken(name="Guest")


def test_control_is_taken_for_a_span_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    call, lines = run("control", "take", "ocpp:a")
    assert call == api.TakeControl(device_id="ocpp:a", span=ControlSpan.HOUR)
    assert lines == ["You have control of the charger until 2026-11-23 13:00."]
    monkeypatch.setitem(ANSWERS, api.TakeControl, OwnerControl(since=NOON, until=None, by="owner"))
    call, lines = run("control", "take", "ocpp:a", "--span", "until_given_back")
    assert call == api.TakeControl(device_id="ocpp:a", span=ControlSpan.UNTIL_GIVEN_BACK)
    assert lines == ["You have control of the charger until you give it back."]
    assert run("control", "give-back", "ocpp:a")[0] == api.GiveControlBack(device_id="ocpp:a")
