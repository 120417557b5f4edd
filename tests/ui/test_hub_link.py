"""The line client: reconnects, times out, drops what does not fit."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from canned_hub import CannedHub
from pytestqt.qtbot import QtBot
from situations import CHARGING, NOW, OFFERED

from homeapp import api
from homeapp.errors import HomeappError, HubNotRunning, WrongState
from homeapp.model.offer import Choice
from homeapp.model.plan import ChargingMode
from ui import hub_link
from ui.hub_link import HubClock, HubLink


@pytest.fixture
def link(hub: CannedHub, qtbot: QtBot) -> HubLink:
    made = HubLink(hub.path)
    yield made
    made.stop()


def _set_mode(link: HubLink, answers: list[object], errors: list[HomeappError]) -> None:
    link.call(api.SetMode(mode=ChargingMode.NOW), answers.append, errors.append)


def test_all_topics_come(link: HubLink, qtbot: QtBot) -> None:
    signals = [link.connected, link.snapshot, link.devices, link.offers, link.tariff, link.plan]
    with qtbot.waitSignals(signals, timeout=5000):
        link.start()
    assert link.alive
    assert abs(link.now() - NOW) < timedelta(seconds=5)


def test_hub_comes_later_and_comes_back(tmp_path: Path, qtbot: QtBot) -> None:
    late = CannedHub(tmp_path / "late.sock")
    link = HubLink(late.path)
    with qtbot.waitSignal(link.lost, timeout=5000):
        link.start()
    late.start()
    with qtbot.waitSignal(link.connected, timeout=8000):
        pass
    with qtbot.waitSignal(link.lost, timeout=5000):
        late.stop()
    assert not link.alive
    late.start()
    with qtbot.waitSignal(link.connected, timeout=8000):
        pass
    link.stop()
    late.stop()


def test_answers_and_errors_reach_the_caller(link: HubLink, hub: CannedHub, qtbot: QtBot) -> None:
    with qtbot.waitSignal(link.plan, timeout=5000):
        link.start()
    answers: list[object] = []
    errors: list[HomeappError] = []
    hub.situation = OFFERED
    hub.answers[api.DecideOffer] = lambda _call: WrongState("Too late.")
    link.call(api.DecideOffer(key="a/b", digest="d", choice=Choice.ACCEPT), answers.append, errors.append)
    qtbot.waitUntil(lambda: bool(errors), timeout=5000)
    assert isinstance(errors[0], WrongState)
    assert str(errors[0]) == "Too late."
    assert not answers


def test_a_call_without_a_hub_fails_soon(tmp_path: Path, qtbot: QtBot) -> None:
    link = HubLink(tmp_path / "none.sock")
    errors: list[HomeappError] = []
    _set_mode(link, [], errors)
    assert not errors
    qtbot.waitUntil(lambda: bool(errors), timeout=5000)
    assert isinstance(errors[0], HubNotRunning)


def test_a_hub_that_dies_fails_what_waits(link: HubLink, hub: CannedHub, qtbot: QtBot) -> None:
    with qtbot.waitSignal(link.plan, timeout=5000):
        link.start()
    errors: list[HomeappError] = []
    hub.hold = True
    _set_mode(link, [], errors)
    qtbot.waitUntil(lambda: bool(hub.held), timeout=5000)
    hub.stop()
    qtbot.waitUntil(lambda: bool(errors), timeout=5000)
    assert isinstance(errors[0], HubNotRunning)


def test_a_call_times_out(link: HubLink, hub: CannedHub, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    with qtbot.waitSignal(link.plan, timeout=5000):
        link.start()
    monkeypatch.setattr(hub_link, "CALL_TIMEOUT_S", 0.1)
    errors: list[HomeappError] = []
    hub.hold = True
    _set_mode(link, [], errors)
    qtbot.waitUntil(lambda: bool(errors), timeout=5000)
    assert "too long" in str(errors[0])


def test_a_silent_hub_is_lost(link: HubLink, hub: CannedHub, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_link, "_SILENCE_S", 0.2)
    monkeypatch.setattr(hub_link, "CALL_TIMEOUT_S", 0.2)
    with qtbot.waitSignal(link.plan, timeout=5000):
        link.start()
    with qtbot.waitSignal(link.lost, timeout=8000):
        hub.mute = True


def test_bad_lines_are_dropped(link: HubLink, hub: CannedHub, qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    with qtbot.waitSignal(link.plan, timeout=5000):
        link.start()
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(link.snapshot, timeout=5000):
        hub.send(b'nonsense\n{"jsonrpc":"2.0","method":"snapshot","params":{"at":5}}\n\xff\xfe\n[]\n')
        hub.send(b'{"jsonrpc":"2.0","method":"unknown","params":1}\n{"jsonrpc":"2.0","id":99,"result":1}\n')
        hub.push(api.Topic.SNAPSHOT)
    assert sum("dropped" in record.message for record in caplog.records) == 5
    assert link.alive


def test_an_endless_line_closes_the_connection(
    link: HubLink, hub: CannedHub, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with qtbot.waitSignal(link.plan, timeout=5000):
        link.start()
    monkeypatch.setattr(api, "MAX_LINE", 1000)
    with qtbot.waitSignal(link.lost, timeout=5000):
        hub.send(b"x" * 2000)


def test_another_protocol_version_is_said(link: HubLink, hub: CannedHub, qtbot: QtBot) -> None:
    hub.protocol = api.PROTOCOL_VERSION + 1
    with qtbot.waitSignal(link.refused, timeout=5000) as refused:
        link.start()
    assert "different versions" in refused.args[0]
    assert not link.alive


def test_the_clock_runs_at_the_hubs_speed_and_never_back() -> None:
    clock = HubClock()
    start = datetime(2026, 11, 23, tzinfo=UTC)
    clock.set(start, 60.0)
    clock.heard(start + timedelta(minutes=10))
    ahead = clock.now()
    assert ahead >= start + timedelta(minutes=10)
    clock.heard(start + timedelta(minutes=9))
    assert clock.now() >= ahead
    clock.heard(start - timedelta(days=1))
    assert clock.now() < start


def test_sample_is_what_the_contract_carries() -> None:
    line = api.encode_notification(api.Topic.SNAPSHOT, CHARGING.snapshot)
    assert api.decode_incoming(line) == api.Pushed(api.Topic.SNAPSHOT, CHARGING.snapshot)
