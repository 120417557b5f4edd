"""Every command against a real server with canned answers: words, JSON, errors, exit codes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homeapp import __main__ as program
from homeapp import __version__, api
from homeapp.errors import HomeappError, PairingPending, WrongState
from homeapp.model.offer import Choice, OfferState
from homeapp.model.standing_rule import RuleAction, StandingRule
from kit.canned_commands import LINE, METER, OFFER, WISH, WISHED, CannedHub, Run


@pytest.mark.parametrize(
    ("arguments", "words", "asked"),
    [
        (
            ("devices", "list"),
            "homewizard:0123  meter  found, not adopted  Smart meter\n           -> Press its button.\n",
            api.ListDevices(),
        ),
        (
            ("devices", "look", "192.168.1.20"),
            "homewizard:0123  meter  found, not adopted  Smart meter\n           -> Press its button.\n",
            api.LookForMeter(address="192.168.1.20"),
        ),
        (
            ("devices", "adopt", "homewizard:0123", "--name", "Hall"),
            "homewizard:0123  meter  found, adopted  Hall\n",
            api.AdoptDevice(device_id="homewizard:0123", name="Hall"),
        ),
        (("devices", "forget", "homewizard:0123"), "Done.\n", api.ForgetDevice(device_id="homewizard:0123")),
        (("devices", "raise-security", "ocpp:box"), "Done.\n", api.RaiseSecurity(device_id="ocpp:box")),
        (("offers", "list"), LINE.format("pending"), api.ListOffers()),
        (
            ("offers", "approve", OFFER.key),
            LINE.format("accepted"),
            api.DecideOffer(key=OFFER.key, digest=OFFER.digest(), choice=Choice.ACCEPT),
        ),
        (
            ("offers", "decline", OFFER.key, "--digest", OFFER.digest()[:12]),
            LINE.format("declined"),
            api.DecideOffer(key=OFFER.key, digest=OFFER.digest(), choice=Choice.DECLINE),
        ),
        (
            ("offers", "approve", OFFER.key, "--power-w", "2000", "--energy-wh", "900"),
            LINE.format("accepted"),
            api.DecideOffer(
                key=OFFER.key, digest=OFFER.digest(), choice=Choice.ACCEPT, committed_w=2000.0, committed_wh=900.0
            ),
        ),
        (
            ("offers", "stop", OFFER.key),
            LINE.format("declined"),
            api.DecideOffer(key=OFFER.key, digest=OFFER.digest(), choice=Choice.WITHDRAW),
        ),
        (("offers", "stop-price", OFFER.key), "It costs nothing.\n", api.StopPrice(key=OFFER.key)),
        (("offers", "rules", "list"), "r1  Accept power feeds.\n", api.ListRules()),
        (("offers", "rules", "add", *WISHED), "r1  Accept power feeds.\n", api.KeepRule(rule=WISH)),
        (
            ("offers", "rules", "add", "ask", "--id", "r1"),
            "r1  Accept power feeds.\n",
            api.KeepRule(rule=StandingRule(action=RuleAction.ASK, rule_id="r1")),
        ),
        (
            ("offers", "rules", "try", *WISHED),
            "2026-11-23 13:00  left to you  Feed: It pays too little.\n",
            api.DryRunRule(rule=WISH),
        ),
        (("offers", "rules", "remove", "r1"), "Done.\n", api.RemoveRule(rule_id="r1")),
        (("doctor",), "ok       Clock: 12:00\n", api.AskDoctor()),
    ],
)
def test_each_command_asks_the_hub_and_says_what_it_answers(
    hub: CannedHub, homeapp: Run, arguments: tuple[str, ...], words: str, asked: api.Call[Any]
) -> None:
    assert homeapp(*arguments) == (0, words, "")
    assert hub.asked[-1] == asked
    code, out, err = homeapp(*arguments, "--json")
    assert (code, err) == (0, "")
    expected = {
        api.ForgetDevice: type(None),
        api.RaiseSecurity: type(None),
        api.LookForMeter: dict,
        api.AdoptDevice: dict,
        api.DecideOffer: dict,
        api.StopPrice: dict,
        api.KeepRule: dict,
        api.RemoveRule: type(None),
    }.get(type(asked), list)
    assert type(json.loads(out)) is expected


def test_nothing_to_list_is_said(hub: CannedHub, homeapp: Run) -> None:
    hub.devices = ()
    assert homeapp("devices", "list") == (0, "Nothing.\n", "")
    assert homeapp("devices", "list", "--json") == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (WrongState("The time to answer is over."), "WrongState"),
        (PairingPending("Press the button."), "PairingPending"),
        (ZeroDivisionError(), "HomeappError"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence_and_code_1(
    hub: CannedHub, homeapp: Run, refusal: HomeappError, kind: str
) -> None:
    """The first is what approving an expired request comes to."""
    hub.case = replace(hub.case, state=OfferState.EXPIRED)
    hub.refusal = refusal
    sentence = str(refusal) or "The hub failed at this; see its log."
    assert homeapp("offers", "approve", OFFER.key) == (1, "", f"homeapp: {sentence}\n")
    code, out, err = homeapp("offers", "approve", OFFER.key, "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {"error": {"kind": kind, "message": sentence}}


def test_names_from_outside_cannot_steer_the_terminal(hub: CannedHub, homeapp: Run) -> None:
    hub.devices = (replace(METER, name="\x1b[2Jfine\nevc_sp/1  pending\u202e", problem=None),)
    _, out, _ = homeapp("devices", "list")
    assert out.count("\n") == 1
    assert out.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("devices",),
        ("devices", "adopt"),
        ("devices", "look"),
        ("devices", "list", "extra"),
        ("offers", "approve"),
        ("offers", "shred", "x"),
        ("hub", "--port", "1"),
        ("secret",),
        ("secret", "hub.key"),
        ("--theme", "pink"),
        ("--as", "guest", "devices", "list"),
        ("pin",),
        ("pin", "set", "guest"),
        ("pin", "set", "owner", "471108"),
        ("pin", "open", "owner"),
    ],
)
def test_bad_arguments_end_with_2_and_the_usage(homeapp: Run, capsys: Any, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as end:
        homeapp(*arguments)
    assert end.value.code == 2
    assert "usage: homeapp" in capsys.readouterr().err


@pytest.mark.usefixtures("hub")
def test_the_common_options_may_stand_before_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is dropped in silence would mean another home."""
    assert program.main(["--data-dir", str(tmp_path), "--json", "devices", "list"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["device_id"] == METER.device_id


def test_the_version_and_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option, expected in (("--version", f"homeapp {__version__}"), ("--help", "secret")):
        with pytest.raises(SystemExit) as end:
            program.main([option])
        assert end.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("devices", "list"), ("offers", "list"), ("offers", "show", "x")])
def test_without_a_hub_each_command_says_how_to_start_one(homeapp: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = homeapp(*arguments)
    assert (code, out) == (1, "")
    assert "homeapp hub" in err
    code, out, err = homeapp(*arguments, "--json")
    assert (code, err, json.loads(out)["error"]["kind"]) == (1, "", "HubNotRunning")
