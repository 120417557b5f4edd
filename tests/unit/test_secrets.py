"""Where secrets are kept, and what happens where that is not possible."""

import base64
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from homeapp import secrets
from homeapp.errors import SecretStoreUnavailable
from homeapp.redaction import redacted
from homeapp.secrets import (
    CREDENTIAL_NAME,
    MACHINE_KEY_NAME,
    SEALED_NAME,
    SecretStore,
    existing_names,
    open_secret_store,
)
from homeapp.settings import SecretPlace
from kit.keyring_backend import MemoryKeyring


@pytest.fixture(autouse=True)
def _no_credential(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A master key as systemd would deliver it."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    path = directory / CREDENTIAL_NAME
    path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def _works(store: SecretStore) -> None:
    assert store.get("evc.token") is None
    store.set("evc.token", "first value")
    store.set("evc.token", "second value")
    store.set("hub.key", "-----BEGIN é-----\n")
    assert store.get("evc.token") == "second value"
    store.delete("evc.token")
    store.delete("evc.token")
    assert store.get("evc.token") is None
    assert store.get("hub.key") == "-----BEGIN é-----\n"


class _SilentKeyring(MemoryKeyring):
    """Has opened a prompt that nobody answers."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.answered.wait(10)
        return None


def _pass_for_a_desktop_keyring(monkeypatch: pytest.MonkeyPatch, backend: KeyringBackend) -> None:
    monkeypatch.setattr(type(backend), "__module__", "keyring.backends.SecretService")
    keyring.set_keyring(backend)


@pytest.mark.parametrize("place", [SecretPlace.CREDENTIAL, SecretPlace.AUTO])
@pytest.mark.usefixtures("credential")
def test_the_sealed_file_keeps_secrets_under_the_delivered_key(data_dir: Path, place: SecretPlace) -> None:
    store = open_secret_store(data_dir, place)
    assert store.place is SecretPlace.CREDENTIAL
    _works(store)
    again = open_secret_store(data_dir, place)
    assert again.get("hub.key") == "-----BEGIN é-----\n"
    path = data_dir / SEALED_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"BEGIN" not in path.read_bytes()
    assert b"hub.key" not in path.read_bytes(), "not even the names"
    assert sorted(item.name for item in data_dir.iterdir()) == [SEALED_NAME], "nothing is left beside it"


@pytest.mark.usefixtures("credential")
def test_every_write_has_a_fresh_nonce(data_dir: Path) -> None:
    store = open_secret_store(data_dir, SecretPlace.CREDENTIAL)
    written = set()
    for _ in range(5):
        store.set("a", "the same value")
        written.add((data_dir / SEALED_NAME).read_bytes())
    assert len(written) == 5


@pytest.mark.usefixtures("credential")
def test_any_change_to_the_file_is_noticed(data_dir: Path) -> None:
    open_secret_store(data_dir, SecretPlace.CREDENTIAL).set("a", "value of a")
    path = data_dir / SEALED_NAME
    sealed = path.read_bytes()
    changed = [bytes([*sealed[:place], sealed[place] ^ 1, *sealed[place + 1 :]]) for place in range(len(sealed))]
    for content in [*changed, sealed[:-1], sealed + b"x", b"", sealed[:10]]:
        path.write_bytes(content)
        with pytest.raises(SecretStoreUnavailable, match="sealed with another key, or was changed"):
            open_secret_store(data_dir, SecretPlace.CREDENTIAL)


def test_another_key_does_not_open_it(data_dir: Path, credential: Path) -> None:
    open_secret_store(data_dir, SecretPlace.CREDENTIAL).set("a", "value of a")
    credential.write_bytes(base64.b64encode(os.urandom(32)))
    with pytest.raises(SecretStoreUnavailable, match="sealed with another key"):
        open_secret_store(data_dir, SecretPlace.CREDENTIAL)


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(b"too short")])
def test_a_credential_that_is_no_key_is_refused(data_dir: Path, credential: Path, content: bytes) -> None:
    credential.write_bytes(content)
    with pytest.raises(SecretStoreUnavailable, match="is not a key"):
        open_secret_store(data_dir, SecretPlace.AUTO)


def test_a_missing_credential_is_a_sentence_with_the_remedy(data_dir: Path) -> None:
    with pytest.raises(SecretStoreUnavailable, match="LoadCredentialEncrypted=homeapp-master-key"):
        open_secret_store(data_dir, SecretPlace.CREDENTIAL)


def test_auto_does_not_pass_over_a_sealed_file_whose_key_is_gone(
    data_dir: Path, credential: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_secret_store(data_dir, SecretPlace.AUTO).set("hub.key", "the only one")
    credential.unlink()
    _pass_for_a_desktop_keyring(monkeypatch, MemoryKeyring())
    with pytest.raises(SecretStoreUnavailable, match="their key was not delivered"):
        open_secret_store(data_dir, SecretPlace.AUTO)


def test_the_machine_file_is_made_once_and_only_when_asked_for(data_dir: Path) -> None:
    store = open_secret_store(data_dir, SecretPlace.MACHINE_FILE)
    assert store.place is SecretPlace.MACHINE_FILE
    _works(store)
    key = data_dir / MACHINE_KEY_NAME
    assert key.stat().st_mode & 0o777 == 0o600
    assert open_secret_store(data_dir, SecretPlace.MACHINE_FILE).get("hub.key") is not None
    key.unlink()
    with pytest.raises(SecretStoreUnavailable, match="is missing"):
        open_secret_store(data_dir, SecretPlace.MACHINE_FILE)
    assert not key.exists(), "a new key would never open the old secrets"


def test_a_machine_key_that_others_could_read_is_closed_to_them(data_dir: Path) -> None:
    open_secret_store(data_dir, SecretPlace.MACHINE_FILE).set("a", "value of a")
    for name in (MACHINE_KEY_NAME, SEALED_NAME):
        (data_dir / name).chmod(0o644)
    assert open_secret_store(data_dir, SecretPlace.MACHINE_FILE).get("a") == "value of a"
    assert (data_dir / MACHINE_KEY_NAME).stat().st_mode & 0o077 == 0


def test_a_power_cut_while_the_machine_key_is_made_does_no_harm(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_descriptor: int) -> None:
        raise OSError(5, "power cut")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", cut)
        with pytest.raises(SecretStoreUnavailable, match="power cut"):
            open_secret_store(data_dir, SecretPlace.MACHINE_FILE)
    assert not (data_dir / MACHINE_KEY_NAME).exists()
    _works(open_secret_store(data_dir, SecretPlace.MACHINE_FILE))


@pytest.mark.usefixtures("credential")
def test_a_write_that_cannot_be_done_is_a_sentence(data_dir: Path) -> None:
    store = open_secret_store(data_dir, SecretPlace.CREDENTIAL)
    (data_dir / "secrets.part").mkdir()
    with pytest.raises(SecretStoreUnavailable, match="cannot be written"):
        store.set("a", "value of a")


@pytest.mark.usefixtures("credential")
def test_what_passes_through_is_kept_out_of_the_log(data_dir: Path) -> None:
    open_secret_store(data_dir, SecretPlace.CREDENTIAL).set("a", "swordfish-4711")
    assert "swordfish" not in redacted("password swordfish-4711")


@pytest.mark.parametrize("place", [SecretPlace.KEYRING, SecretPlace.AUTO])
def test_the_keyring_keeps_secrets_apart_for_each_data_directory(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: SecretPlace
) -> None:
    backend = MemoryKeyring()
    _pass_for_a_desktop_keyring(monkeypatch, backend)
    store = open_secret_store(data_dir, place)
    assert store.place is SecretPlace.KEYRING
    _works(store)
    assert open_secret_store(tmp_path, place).get("hub.key") is None
    ((service, name), (same, names)) = sorted(backend.kept, key=lambda entry: entry[1], reverse=True)
    assert (service[:8], len(service), name) == ("homeapp:", 20, "hub.key")
    assert (same, names) == (service, "homeapp.names")


def test_a_keyring_forgets_all_of_one_home_and_nothing_of_another(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = MemoryKeyring()
    _pass_for_a_desktop_keyring(monkeypatch, backend)
    other = open_secret_store(tmp_path, SecretPlace.KEYRING)
    other.set("hub.key", "of another home")
    before = dict(backend.kept)
    store = open_secret_store(data_dir, SecretPlace.KEYRING)
    for number in range(5):
        store.set(f"evc.{number}", f"value {number}")
    store.delete("evc.3")
    again = open_secret_store(data_dir, SecretPlace.KEYRING)
    assert again.names() == ("evc.0", "evc.1", "evc.2", "evc.4")
    again.delete_all()
    again.delete_all()
    assert again.names() == ()
    assert backend.kept == before


def test_a_secret_from_before_there_were_names_is_noted_when_it_is_got(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = MemoryKeyring()
    _pass_for_a_desktop_keyring(monkeypatch, backend)
    store = open_secret_store(data_dir, SecretPlace.KEYRING)
    store.set("hub.key", "of an older version")
    ((service, _name), _names) = sorted(backend.kept, key=lambda entry: entry[1], reverse=True)
    del backend.kept[service, "homeapp.names"]
    older = open_secret_store(data_dir, SecretPlace.KEYRING)
    assert older.get("hub.key") == "of an older version"
    older.delete_all()
    assert not backend.kept


def test_a_damaged_list_of_names_is_a_sentence(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryKeyring()
    _pass_for_a_desktop_keyring(monkeypatch, backend)
    open_secret_store(data_dir, SecretPlace.KEYRING).set("hub.key", "a value")
    ((service, _name), _names) = sorted(backend.kept, key=lambda entry: entry[1], reverse=True)
    backend.kept[service, "homeapp.names"] = "{"
    with pytest.raises(SecretStoreUnavailable, match="is damaged"):
        open_secret_store(data_dir, SecretPlace.KEYRING).names()


@pytest.mark.usefixtures("credential")
def test_sealed_secrets_have_names_and_can_all_be_forgotten(data_dir: Path) -> None:
    assert existing_names(data_dir, SecretPlace.MACHINE_FILE) == ()
    assert existing_names(data_dir, SecretPlace.CREDENTIAL) == ()
    assert not list(data_dir.iterdir())
    store = open_secret_store(data_dir, SecretPlace.CREDENTIAL)
    store.set("b", "value of b")
    store.set("a", "value of a")
    assert store.names() == existing_names(data_dir, SecretPlace.AUTO) == ("a", "b")
    store.delete_all()
    assert store.names() == ()


def test_a_keyring_that_waits_for_its_password_does_not_hang_the_hub(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = _SilentKeyring()
    _pass_for_a_desktop_keyring(monkeypatch, backend)
    monkeypatch.setattr(secrets, "KEYRING_TIMEOUT_S", 0.05)
    try:
        with pytest.raises(SecretStoreUnavailable, match="may wait for its password"):
            open_secret_store(data_dir, SecretPlace.KEYRING)
    finally:
        backend.answered.set()


def test_a_locked_keyring_is_a_sentence(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = MemoryKeyring()
    locked.locked = True
    _pass_for_a_desktop_keyring(monkeypatch, locked)
    with pytest.raises(SecretStoreUnavailable, match="locked or refuses"):
        open_secret_store(data_dir, SecretPlace.KEYRING)
    with pytest.raises(SecretStoreUnavailable, match="no safe place"):
        open_secret_store(data_dir, SecretPlace.AUTO)


@pytest.mark.parametrize("module", ["keyrings.alt.file", "keyrings.cryptfile.cryptfile", "keyring.backends.null"])
def test_keyrings_that_ask_on_the_terminal_or_keep_nothing_are_refused(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    backend = MemoryKeyring()
    monkeypatch.setattr(MemoryKeyring, "__module__", module)
    keyring.set_keyring(backend)
    with pytest.raises(SecretStoreUnavailable, match="No keyring of the desktop can be used"):
        open_secret_store(data_dir, SecretPlace.KEYRING)
    assert backend.kept == {}


def test_with_neither_the_hub_refuses_and_says_what_to_do(data_dir: Path) -> None:
    from keyring.backends.fail import Keyring as NoKeyring

    keyring.set_keyring(NoKeyring())
    with pytest.raises(SecretStoreUnavailable, match=r"Log in to a desktop session.*homeapp-master-key"):
        open_secret_store(data_dir, SecretPlace.AUTO)
    assert list(data_dir.iterdir()) == []
