"""The keyring of a real desktop: GNOME Keyring on a D-Bus session of its own, in a child process with its own home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("dbus-run-session", "gnome-keyring-daemon")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

_KEEP = """
import pathlib, sys
from homeapp.secrets import open_secret_store
from homeapp.settings import SecretPlace
store = open_secret_store(pathlib.Path(sys.argv[1]), SecretPlace.AUTO)
print(store.place, store.get("hub.key"))
store.set("hub.key", "-----BEGIN PRIVATE KEY-----\\nline\\n")
store.set("evc.token", "first")
store.set("evc.token", "second")
store.delete("hub.key")
store.delete("hub.key")
print(store.get("hub.key"), store.get("evc.token"))
"""

_LOCKED = """
import pathlib, sys
from homeapp.errors import SecretStoreUnavailable
from homeapp.secrets import open_secret_store
from homeapp.settings import SecretPlace
try:
    open_secret_store(pathlib.Path(sys.argv[1]), SecretPlace.AUTO)
except SecretStoreUnavailable as error:
    print(error)
"""


def _in_session(home: Path, program: str, *, unlock: bool) -> str:
    """What ``program`` prints inside a desktop session whose keyring is unlocked or not."""
    (home / ".local" / "share").mkdir(parents=True, exist_ok=True)
    (home / "runtime").mkdir(mode=0o700, exist_ok=True)
    mode = "--unlock" if unlock else "--start"
    script = f'printf pw | gnome-keyring-daemon {mode} --components=secrets >/dev/null && exec "$0" -c "$1" "$2"'
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV", "PYTHONPATH") if name in os.environ}
    environment = {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "runtime")}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", script, sys.executable, program, str(home)],
        env=environment,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_secrets_outlive_the_session_in_the_unlocked_keyring(tmp_path: Path) -> None:
    assert _in_session(tmp_path, _KEEP, unlock=True).splitlines() == ["keyring None", "None second"]
    again = _in_session(tmp_path, _KEEP.replace('"hub.key"))\n', '"evc.token"))\n', 1), unlock=True)
    assert again.splitlines()[0] == "keyring second"
    assert not (tmp_path / "secrets.sealed").exists()


def test_a_keyring_that_nobody_unlocks_is_refused_with_a_sentence(tmp_path: Path) -> None:
    said = _in_session(tmp_path, _LOCKED, unlock=False)
    assert said.startswith("There is no safe place for secrets. The keyring is locked or refuses.")
    assert "homeapp-master-key" in said
