"""Full erase: nothing of the home is left, and nothing else is touched."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from homeapp import identity
from homeapp.errors import DataDirectoryBusy, EnvironmentProblem, SecretStoreUnavailable, StoreUnavailable
from homeapp.secrets import open_secret_store
from homeapp.server import socket_path
from homeapp.settings import SecretPlace
from homeapp.sharing.erase import check_is_home, erase_home
from homeapp.store.database import Database
from homeapp.store.lock import lock_data_directory
from kit.keyring_backend import MemoryKeyring

pytestmark = pytest.mark.usecase("W8")


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    before, backend = keyring.get_keyring(), MemoryKeyring()
    monkeypatch.setattr(MemoryKeyring, "__module__", "keyring.backends.SecretService")
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def live(data_dir: Path, place: SecretPlace) -> None:
    """Leave what a hub leaves, one that was killed included."""

    async def with_databases() -> None:
        async with Database(data_dir):
            for name in ("ledger.db", "telemetry.db"):
                for suffix in ("-wal", "-shm"):
                    shutil.copy(data_dir / f"{name}{suffix}", data_dir / f"saved-{name}{suffix}")

    secrets = open_secret_store(data_dir, place)
    identity.home_key_pem(secrets, data_dir)
    secrets.set("pin.owner", "argon2 of a PIN")
    asyncio.run(with_databases())
    for saved in data_dir.glob("saved-*"):
        saved.rename(data_dir / saved.name.removeprefix("saved-"))
    for name in ("settings.toml", "ocpp-ca.pem", "hub.sock", "ledger.part", "ledger.damaged-20261123T120000Z.db"):
        (data_dir / name).write_text("")


def test_secrets_of_a_keyring_and_all_files_go(data_dir: Path, desktop: MemoryKeyring) -> None:
    live(data_dir, SecretPlace.AUTO)
    assert desktop.kept
    erase_home(data_dir, keep_settings=False)
    assert not desktop.kept
    assert list(data_dir.iterdir()) == []


def test_sealed_secrets_go_without_their_key(data_dir: Path, desktop: MemoryKeyring) -> None:
    live(data_dir, SecretPlace.MACHINE_FILE)
    (data_dir / "secrets.key").unlink()
    desktop.locked = True
    erase_home(data_dir, keep_settings=False)
    assert list(data_dir.iterdir()) == []


def test_settings_can_stay_even_broken_ones(data_dir: Path, desktop: MemoryKeyring) -> None:
    live(data_dir, SecretPlace.KEYRING)
    (data_dir / "settings.toml").write_text("[site")
    erase_home(data_dir, keep_settings=True)
    assert [path.name for path in data_dir.iterdir()] == ["settings.toml"]
    assert not desktop.kept


def test_a_locked_keyring_stops_it_before_anything_is_deleted(data_dir: Path, desktop: MemoryKeyring) -> None:
    live(data_dir, SecretPlace.KEYRING)
    before = sorted(data_dir.iterdir())
    desktop.locked = True
    with pytest.raises(SecretStoreUnavailable, match="Nothing was erased"):
        erase_home(data_dir, keep_settings=False)
    assert set(before) <= set(data_dir.iterdir())
    desktop.locked = False
    erase_home(data_dir, keep_settings=False)
    assert list(data_dir.iterdir()) == []


def test_a_home_that_never_had_secrets_needs_no_keyring(data_dir: Path, desktop: MemoryKeyring) -> None:
    desktop.locked = True
    (data_dir / "ledger.db").write_text("")
    erase_home(data_dir, keep_settings=False)
    assert list(data_dir.iterdir()) == []


def test_a_socket_elsewhere_goes_too(tmp_path: Path, desktop: MemoryKeyring) -> None:
    data_dir = tmp_path / ("long" * 30)
    data_dir.mkdir()
    live(data_dir, SecretPlace.KEYRING)
    path = socket_path(data_dir)
    assert path.parent != data_dir
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text("")
    erase_home(data_dir, keep_settings=False)
    assert not path.exists()


def test_not_while_a_hub_runs(data_dir: Path, desktop: MemoryKeyring) -> None:
    live(data_dir, SecretPlace.KEYRING)
    with lock_data_directory(data_dir), pytest.raises(DataDirectoryBusy):
        erase_home(data_dir, keep_settings=False)
    assert desktop.kept


def test_a_directory_that_is_no_home_is_left_alone(data_dir: Path) -> None:
    (data_dir / "letter.txt").write_text("Dear Anna")
    for directory in (data_dir, data_dir / "nowhere"):
        with pytest.raises(EnvironmentProblem):
            erase_home(directory, keep_settings=False)
    assert (data_dir / "letter.txt").exists()


def test_directories_in_a_home_are_not_the_hubs(data_dir: Path, desktop: MemoryKeyring) -> None:
    live(data_dir, SecretPlace.KEYRING)
    (data_dir / "photos").mkdir()
    with pytest.raises(EnvironmentProblem, match="directory 'photos'"):
        check_is_home(data_dir)
    (data_dir / "photos").rmdir()
    outside = data_dir.parent / "outside"
    outside.mkdir()
    (data_dir / "link").symlink_to(outside)
    erase_home(data_dir, keep_settings=False)
    assert outside.exists()
    assert list(data_dir.iterdir()) == []


def test_an_erase_that_was_interrupted_can_be_repeated(
    data_dir: Path, desktop: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(data_dir, SecretPlace.KEYRING)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "ledger.db":
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StoreUnavailable, match=r"ledger\.db cannot be deleted: Operation not permitted"):
            erase_home(data_dir, keep_settings=False)
    erase_home(data_dir, keep_settings=False)
    assert list(data_dir.iterdir()) == []
