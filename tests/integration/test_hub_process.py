"""The hub as a process: without Qt, on a busy directory, with wrong settings, without a place for secrets."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from contextlib import closing
from pathlib import Path

import pytest

from homeapp.errors import SettingsInvalid
from homeapp.settings import load
from kit.hub_process import PROJECT, SETTINGS, homeapp, hub_process, new_data_dir, running_hub


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return new_data_dir(tmp_path)


def test_a_running_hub_answers_the_command_line(data_dir: Path) -> None:
    with running_hub(data_dir):
        doctor = homeapp("doctor", "--data-dir", data_dir, "--json")
        checks = {check["name"]: check["level"] for check in json.loads(doctor.stdout)}
        assert (checks["Secrets"], checks["PIN"], checks["Smart meter"]) == ("warning", "warning", "warning")
        assert homeapp("offers", "list", "--data-dir", data_dir).stdout == "Nothing.\n"
        missing = homeapp("devices", "adopt", "homewizard:000000000000", "--data-dir", data_dir, "--json")
        assert missing.returncode == 1
        assert json.loads(missing.stdout)["error"]["kind"] == "NotFound"
    assert not (data_dir / "hub.sock").exists()


def test_the_service_manager_hears_that_the_hub_is_ready_and_alive(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.settimeout(40)
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        with running_hub(data_dir):
            # It is alive before it is ready.
            while (heard := manager.recv(100)) != b"READY=1":
                assert heard == b"WATCHDOG=1"
            assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3


def test_the_hub_runs_where_qt_is_not_installed(data_dir: Path, tmp_path: Path) -> None:
    """A copy of the environment's packages, by links, with everything of Qt left out."""
    packages = tmp_path / "packages"
    packages.mkdir()
    without = ("PySide6", "pyside6", "shiboken6", "pyqtgraph", "__editable__", "_homeapp", "homeapp-")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(without) and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    program = f"import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(packages)!r}]\n"
    absent = subprocess.run(
        [sys.executable, "-S", "-c", program + "import PySide6"], capture_output=True, text=True, check=False
    )
    assert "No module named 'PySide6'" in absent.stderr
    start = "from homeapp.__main__ import main; sys.exit(main())"
    with running_hub(data_dir, python=[sys.executable, "-S", "-c", program + start]):
        assert homeapp("doctor", "--data-dir", data_dir).returncode == 0


def test_a_second_hub_on_the_same_directory_says_so(data_dir: Path) -> None:
    with running_hub(data_dir):
        second = homeapp("hub", "--data-dir", data_dir)
        assert second.returncode == 1
        assert "Another hub" in second.stderr
        assert homeapp("doctor", "--data-dir", data_dir).returncode == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[site]\nfuse_a = -5\n", "fuse_a"),
        ("[site]\nfuse = 25\n", "fuse"),
        ("[site]\nfuse_a = 'twenty-five'\n", "fuse_a"),
        ("[site]\nfuse_a = inf\n", "fuse_a"),
        ("[site]\nfuse_a = nan\n", "fuse_a"),
        ("[site]\nphases = 2\n", "phases"),
        ("[site]\nsafe_current_a = 20\nmax_current_a = 16\n", "safe_current_a"),
        ("[site]\ntime_zone = 'Mars/Base'\n", "Mars/Base"),
        ("[site]\ntime_zone = 'Europe'\n", "'Europe'"),
        ("[site]\ntime_zone = ''\n", "time_zone"),
        ("[site]\nname = ['a']\n", "name"),
        ("site = 5\n", "site"),
        ("secrets = 'pocket'\n", "secrets"),
        ("[ocpp]\nport = 70000\n", "port"),
        ("[ocpp]\nport = true\n", "port"),
        ("[grid_sp]\nname = 'G'\nvtn_url = 'http://vtn'\nclient_id = 'c'\n", "vtn_url"),
        ("[evc_sp]\nname = 'E'\nae_id = 'C'\nkey = {}\n", "evc_sp"),
        ("\udcff", "settings.toml"),
        ("[goal]\nready_by = '25:00'\n", "ready_by"),
        ("[ocpp]\nlease_s = 600\n", "lease_s"),
        ("this is not toml", "settings.toml"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "settings.toml").write_text(text, errors="surrogateescape")
    with pytest.raises(SettingsInvalid) as told:
        load(tmp_path)
    assert expected in str(told.value)
    assert str(tmp_path / "settings.toml") in str(told.value)


def test_the_settings_in_the_handbook_are_good_ones(tmp_path: Path) -> None:
    handbook = (PROJECT / "docs" / "operating.md").read_text()
    blocks = [block.partition("```")[0] for block in handbook.split("```toml\n")[1:]]
    (tmp_path / "settings.toml").write_text("\n".join(blocks))
    settings = load(tmp_path)
    assert settings.grid_sp is not None
    assert settings.pev.address
    assert settings.uplink.metered


def refused(*arguments: str | Path, env: dict[str, str] | None = None) -> str:
    """What is said where the program does not begin: one sentence after the log lines."""
    done = homeapp(*arguments, env=env)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("homeapp: ")
    return done.stderr


def test_wrong_settings_end_the_hub_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[site]\nfuse_a = 'twenty-five'\n")
    assert "fuse_a" in refused("hub", "--data-dir", tmp_path)


@pytest.mark.parametrize("below", ["", "below"])
def test_a_data_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    assert "cannot be made" in refused("hub", "--data-dir", tmp_path / "file" / below)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written_is_a_sentence(data_dir: Path) -> None:
    data_dir.chmod(0o500)
    as_nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_nobody, sys.executable, "-m", "homeapp", "hub", "--data-dir", str(data_dir)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    data_dir.chmod(0o700)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "hub.lock cannot be written: Permission denied. Mend the rights" in done.stderr


def test_a_place_for_the_socket_that_is_taken_is_a_sentence(data_dir: Path) -> None:
    (data_dir / "hub.sock").mkdir()
    assert "local socket" in refused("hub", "--data-dir", data_dir)


def test_a_meter_authority_that_is_no_text_is_a_sentence(data_dir: Path) -> None:
    (data_dir / "meter-ca.pem").write_bytes(b"\xff\xfe")
    assert "meter-ca.pem" in refused("hub", "--data-dir", data_dir)


def test_a_hub_without_the_screens_packages_says_so(data_dir: Path) -> None:
    program = (
        "import sys; sys.modules['PySide6'] = None\nfrom homeapp.__main__ import main\n"
        "sys.exit(main(['--data-dir', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_dir)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "homeapp hub" in done.stderr


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no file system of its own can be mounted here",
)
@pytest.mark.parametrize("kilobytes", [4, 8, 12, 16, 32, 64, 100])
def test_a_full_disk_at_the_start_is_a_sentence(tmp_path: Path, kilobytes: int) -> None:
    script = (
        f'mount -t tmpfs -o size={kilobytes}k none "$1" && cp "$2" "$1/settings.toml" && '
        'exec "$0" -m homeapp hub --data-dir "$1"'
    )
    disk, settings = tmp_path / "disk", tmp_path / "settings.toml"
    disk.mkdir()
    settings.write_text(SETTINGS)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, sys.executable, str(disk), str(settings)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert re.search(r"disk is full|No space left", done.stderr), done.stderr


def test_a_hub_that_was_killed_starts_again(data_dir: Path) -> None:
    with hub_process(data_dir) as process:
        process.kill()
        process.wait(timeout=10)
    assert (data_dir / "hub.sock").exists()
    assert "No hub runs" in homeapp("offers", "list", "--data-dir", data_dir).stderr
    with running_hub(data_dir):
        assert homeapp("offers", "list", "--data-dir", data_dir).stdout == "Nothing.\n"


def test_a_hub_whose_secrets_are_gone_does_not_become_another_one(data_dir: Path) -> None:
    with running_hub(data_dir):
        pass
    kept = {name: (data_dir / name).read_bytes() for name in ("secrets.sealed", "secrets.key")}
    for name in kept:
        (data_dir / name).unlink()
    assert "hub-key.json" in refused("hub", "--data-dir", data_dir)
    for name, content in kept.items():
        (data_dir / name).write_bytes(content)
    with running_hub(data_dir):
        pass


def test_a_provider_whose_secret_was_never_entered_is_named_with_the_remedy(data_dir: Path) -> None:
    settings = (data_dir / "settings.toml").read_text()
    vtn = '[grid_sp]\nname = "Grid operator"\nvtn_url = "https://127.0.0.1:9"\nclient_id = "c"\n'
    (data_dir / "settings.toml").write_text(settings + vtn)
    with running_hub(data_dir):
        doctor = homeapp("doctor", "--data-dir", data_dir, "--json")
        advice = {check["name"]: check["advice"] for check in json.loads(doctor.stdout)}["Grid operator"]
    assert advice.endswith("homeapp secret grid_sp.client_secret")
    entered = homeapp(*advice.split()[-2:], "--data-dir", data_dir, typed="the secret\n")
    assert entered.stdout == "Kept in: machine_file\n", entered.stderr
    with running_hub(data_dir):
        doctor = homeapp("doctor", "--data-dir", data_dir, "--json")
        finding = {check["name"]: check["finding"] for check in json.loads(doctor.stdout)}["Grid operator"]
    assert finding.startswith("not connected")


def test_what_the_hub_writes_is_its_users_alone(data_dir: Path) -> None:
    """Whatever the umask of the shell that starts it."""
    with running_hub(data_dir, umask=0o000):
        written = {path.name: path.stat().st_mode & 0o777 for path in data_dir.iterdir()}
    written.pop("settings.toml")
    assert {"hub.lock", "secrets.key", "secrets.sealed", "ledger.db", "ledger.db-wal", "hub.sock"} <= set(written)
    assert {name for name, mode in written.items() if mode & 0o077} == set()


def test_without_a_place_for_secrets_the_hub_refuses(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = homeapp(
        "hub", "--data-dir", tmp_path, env={**bare, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "secret" in done.stderr.lower()


def test_no_hub_is_a_clear_sentence(tmp_path: Path) -> None:
    done = homeapp("doctor", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "homeapp hub" in done.stdout


def test_the_console_script_is_installed() -> None:
    script = shutil.which("homeapp", path=str(Path(sys.executable).parent))
    assert script is not None
    assert "hub" in subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout
