"""``homeapp export`` beside a hub and ``homeapp erase`` after it, with a real desktop keyring: nothing is left."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("dbus-run-session", "gnome-keyring-daemon")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.usecase("W8"),
]

PROJECT = Path(__file__).parents[2]
_SETTINGS = """\
secrets = "keyring"
[site]
name = "Anna"
[ocpp]
host = "127.0.0.1"
port = 0
[discovery]
interfaces = ["127.0.0.1"]
"""
_PROGRAM = """
import json, pathlib, signal, subprocess, sys, time
import secretstorage

data_dir = pathlib.Path(sys.argv[1]) / "home"
homeapp = [sys.executable, "-m", "homeapp", "--data-dir", str(data_dir)]


def entries():
    with secretstorage.dbus_init() as bus:
        found = secretstorage.get_default_collection(bus).get_all_items()
        return sorted(item.get_attributes()["username"] for item in found)


def run(*words, **options):
    done = subprocess.run([*homeapp, *words], capture_output=True, text=True, timeout=60, **options)
    return [done.returncode, done.stdout, done.stderr]


log = (data_dir.parent / "hub.log").open("w+")
hub = subprocess.Popen([*homeapp, "hub"], stdout=log, stderr=subprocess.STDOUT)
while "hub is ready" not in (data_dir.parent / "hub.log").read_text():
    assert hub.poll() is None, (data_dir.parent / "hub.log").read_text()
    time.sleep(0.05)
told = {"kept": entries(), "export": run("export"), "busy": run("erase", input="Anna\\n")}
hub.send_signal(signal.SIGKILL)
hub.wait(20)
told["files"] = sorted(path.name for path in data_dir.iterdir())
told["erase"] = run("erase", input="Anna\\n")
told["left"] = entries(), sorted(path.name for path in data_dir.iterdir())
print(json.dumps(told))
"""


def test_no_file_and_no_keyring_entry_remains(tmp_path: Path) -> None:
    data_dir = tmp_path / "home"
    for directory in (data_dir, tmp_path / ".local" / "share", tmp_path / "runtime"):
        directory.mkdir(mode=0o700, parents=True)
    (data_dir / "settings.toml").write_text(_SETTINGS)
    script = 'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$0" -c "$1" "$2"'
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", script, sys.executable, _PROGRAM, str(tmp_path)],
        env={**kept, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "runtime")},
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert {"homeapp.names", "hub.key", "ocpp_ca.key"} <= set(told["kept"])
    code, exported, _errors = told["export"]
    assert code == 0
    assert "hub.key" in json.loads(exported)["secrets_kept"]
    assert "PRIVATE KEY" not in exported
    assert told["busy"][0] == 1
    assert "Another hub already works" in told["busy"][2]
    assert {"ledger.db", "ledger.db-wal", "telemetry.db", "hub-key.json", "ocpp-ca.pem", "hub.sock"} <= set(
        told["files"]
    )
    assert told["erase"][0] == 0, told["erase"]
    assert told["left"] == [[], []]
