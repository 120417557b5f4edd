"""``homeapp secret`` and ``homeapp pin``: typed unseen or read from a pipe, never an argument."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from homeapp import api
from homeapp.secrets import open_secret_store
from homeapp.server import socket_path
from homeapp.settings import GRID_SP_SECRET, SecretPlace
from homeapp.store.lock import lock_data_directory
from kit.canned_commands import INSTALLER_PIN, OFFER, OWNER_PIN, CannedHub, Run, Terminal


def test_a_secret_is_read_from_a_pipe_and_kept(homeapp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.toml").write_text('secrets = "machine_file"\n')
    monkeypatch.setattr(sys, "stdin", io.StringIO("swordfish-4711\nmore"))
    code, out, _ = homeapp("secret", GRID_SP_SECRET)
    assert (code, out) == (0, "Kept in: machine_file\n")
    assert open_secret_store(tmp_path, SecretPlace.MACHINE_FILE).get(GRID_SP_SECRET) == "swordfish-4711"
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = homeapp("secret", GRID_SP_SECRET)
    assert (code, "Nothing was entered" in err) == (1, True)
    assert open_secret_store(tmp_path, SecretPlace.MACHINE_FILE).get(GRID_SP_SECRET) == "swordfish-4711"


def test_a_secret_is_not_entered_beside_a_running_hub(homeapp: Run, tmp_path: Path) -> None:
    with lock_data_directory(tmp_path):
        code, _, err = homeapp("secret", GRID_SP_SECRET)
    assert (code, "Another hub already works" in err) == (1, True)


def test_a_pin_is_typed_twice_and_both_must_be_the_same(hub: CannedHub, homeapp: Run, terminal: Terminal) -> None:
    terminal.typed = [OWNER_PIN, "471109"]
    code, _, err = homeapp("pin", "set", "owner")
    assert (code, "The two were different" in err) == (1, True)
    terminal.typed = [OWNER_PIN, OWNER_PIN]
    assert homeapp("pin", "set", "owner") == (0, "With a PIN: owner. Without one: guest.\n", "")
    assert terminal.asked == ["New PIN of the owner: ", "The same again: "] * 2


def test_pins_come_through_a_pipe_line_by_line(
    hub: CannedHub, homeapp: Run, pipe: Callable[[str], None], tmp_path: Path
) -> None:
    pipe(f"{OWNER_PIN}\n")
    assert homeapp("pin", "set", "owner")[0] == 0
    pipe(f"{OWNER_PIN}\n{INSTALLER_PIN}\n")
    code, out, _ = homeapp("--as", "owner", "--json", "pin", "set", "installer")
    assert (code, json.loads(out)["pins"]) == (0, ["owner", "installer"])
    pipe(f"{OWNER_PIN}\n")
    assert homeapp("pin", "open", "household", "--as", "owner") == (
        0,
        "With a PIN: owner, installer. Without one: household.\n",
        "",
    )
    pipe(f"{OWNER_PIN}\n6283\n")
    assert homeapp("pin", "set", "household", "--as", "owner")[0] == 0
    pipe(f"{OWNER_PIN}\n")
    code, out, _ = homeapp("pin", "remove", "household", "--as", "owner", "--json")
    assert (code, json.loads(out)["pins"]) == (0, ["owner", "installer"])
    pipe("")
    code, _, err = homeapp("pin", "set", "owner", "--as", "owner")
    assert (code, "Nothing was entered" in err) == (1, True)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert not any(pin.encode() in kept for pin in (OWNER_PIN, INSTALLER_PIN))


def test_in_a_home_with_a_pin_all_may_look_and_nobody_may_decide(
    hub: CannedHub, homeapp: Run, pipe: Callable[[str], None]
) -> None:
    pipe(f"{OWNER_PIN}\n")
    homeapp("pin", "set", "owner")
    pipe("")
    for looking in (("devices", "list"), ("offers", "list"), ("offers", "show", OFFER.key), ("doctor",)):
        assert homeapp(*looking)[0] == 0
    assert set(hub.callers) == {api.Role.GUEST}
    asked = len(hub.asked)
    for acting in (("offers", "approve", OFFER.key), ("devices", "adopt", "x"), ("devices", "forget", "x")):
        code, out, _ = homeapp(*acting, "--json")
        assert (code, json.loads(out)["error"]["kind"]) == (1, "NotAllowed")
    assert [call for call in hub.asked[asked:] if not isinstance(call, api.ShowOffer)] == []
    pipe(f"{OWNER_PIN}\n")
    assert homeapp("--as", "owner", "offers", "approve", OFFER.key)[0] == 0
    assert hub.callers[-1] is api.Role.OWNER
    pipe("555123\n")
    code, out, err = homeapp("offers", "approve", OFFER.key, "--as", "owner")
    assert (code, out, err) == (1, "", "homeapp: The PIN is wrong. 4 more tries before a pause.\n")
    pipe("555123\n")
    code, _, err = homeapp("offers", "list", "--as", "household")
    assert (code, err) == (1, "homeapp: The household has no PIN.\n")


def test_at_a_terminal_the_pin_that_is_needed_is_asked_for(hub: CannedHub, homeapp: Run, terminal: Terminal) -> None:
    terminal.typed = [OWNER_PIN, OWNER_PIN]
    homeapp("pin", "set", "owner")
    terminal.asked.clear()
    terminal.typed = [OWNER_PIN]
    assert homeapp("offers", "approve", OFFER.key)[0] == 0
    assert terminal.asked == ["PIN of the owner: "]
    assert hub.callers[-1] is api.Role.OWNER

    terminal.asked.clear()
    terminal.typed = [INSTALLER_PIN, INSTALLER_PIN, OWNER_PIN]
    assert homeapp("pin", "set", "installer")[0] == 0
    assert terminal.asked == ["New PIN of the installer: ", "The same again: ", "PIN of the owner: "]

    terminal.asked.clear()
    terminal.typed = [OWNER_PIN, "318042", "318042", INSTALLER_PIN]
    assert homeapp("pin", "set", "installer", "--as", "owner")[0] == 0
    assert terminal.asked[0] == "PIN of the owner: "
    assert terminal.asked[-1] == "PIN of the installer: "

    terminal.typed = ["555123"]
    code, _, err = homeapp("devices", "forget", "x")
    assert (code, "The PIN is wrong" in err) == (1, True)


def test_a_forgotten_pin_is_removed_while_no_hub_runs(
    homeapp: Run, pipe: Callable[[str], None], tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('secrets = "machine_file"\n')
    with CannedHub(socket_path(tmp_path)):
        pipe(f"{OWNER_PIN}\n")
        homeapp("pin", "set", "owner")
    with lock_data_directory(tmp_path):
        code, _, err = homeapp("pin", "reset")
    assert (code, "Another hub already works" in err) == (1, True)
    code, out, _ = homeapp("pin", "reset")
    assert (code, "homeapp pin set owner" in out) == (0, True)
    with CannedHub(socket_path(tmp_path)) as hub:
        assert homeapp("devices", "forget", "x")[0] == 0
        assert hub.callers == [api.Role.INSTALLER]
    code, out, _ = homeapp("audit", "export")
    assert '"kind": "pin_removed", "subject": "owner"' in out
