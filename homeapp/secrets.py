"""Where secrets are kept: the desktop's keyring, or one file sealed with a key that is not beside it.

All calls block; run them in a thread. Every value that passes through is registered with ``homeapp.redaction``.
"""

import base64
import binascii
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import keyring
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringError, PasswordDeleteError

from homeapp.errors import SecretStoreUnavailable
from homeapp.redaction import redact
from homeapp.settings import SecretPlace

CREDENTIAL_NAME = "homeapp-master-key"
SEALED_NAME = "secrets.sealed"
MACHINE_KEY_NAME = "secrets.key"
KEYRING_TIMEOUT_S = 10.0

_KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = b"homeapp secrets 1\n"
"""First bytes of the sealed file, and the associated data of its seal."""
_NAMES = "homeapp.names"
"""The entry of a keyring that lists the others."""
_KEYRINGS = (
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
"""Those that keep secrets encrypted and ask for nothing on standard input."""

logger = logging.getLogger(__name__)

T = TypeVar("T")


class SecretStore(Protocol):
    """Small secrets by name.

    Raises (all calls):
        SecretStoreUnavailable: the keyring is locked or silent, or the sealed file cannot be read, opened or written.
    """

    @property
    def place(self) -> SecretPlace:
        """Where they are kept; never AUTO."""

    def get(self, name: str) -> str | None:
        """The secret, or None where there is none."""

    def set(self, name: str, value: str) -> None:
        """Keep a secret, replacing an older one; durable on return."""

    def delete(self, name: str) -> None:
        """Forget it; unknown names are fine."""

    def names(self) -> tuple[str, ...]:
        """What is kept, without the secrets themselves; sorted."""

    def delete_all(self) -> None:
        """Forget everything that ``names`` tells; nothing of this home remains in the keyring."""


def open_secret_store(data_dir: Path, place: SecretPlace) -> SecretStore:
    """The store of this data directory at ``place``; AUTO takes the systemd credential, else the keyring.

    Raises:
        SecretStoreUnavailable: there is no such place, or what is there cannot be opened. The sentence says what to do.
    """
    match place:
        case SecretPlace.KEYRING:
            return _KeyringStore(data_dir)
        case SecretPlace.CREDENTIAL:
            return _SealedStore(data_dir, place, _credential_key())
        case SecretPlace.MACHINE_FILE:
            return _SealedStore(data_dir, place, _machine_key(data_dir))
        case SecretPlace.AUTO:
            return _open_by_itself(data_dir)


def existing_names(data_dir: Path, place: SecretPlace) -> tuple[str, ...]:
    """Names of the secrets of this data directory; unlike opening the store, this makes nothing.

    Raises:
        SecretStoreUnavailable: as for ``open_secret_store``.
    """
    sealed = (data_dir / SEALED_NAME).exists()
    by_itself = place is SecretPlace.AUTO and _credential_file() is None
    if sealed or place is SecretPlace.KEYRING or by_itself:
        return open_secret_store(data_dir, place).names()
    return ()


def _open_by_itself(data_dir: Path) -> SecretStore:
    if _credential_file() is not None:
        return _SealedStore(data_dir, SecretPlace.CREDENTIAL, _credential_key())
    if (data_dir / SEALED_NAME).exists():
        # Going on with an empty keyring would make the hub a stranger to its devices and providers.
        raise SecretStoreUnavailable(
            f"The secrets in {data_dir / SEALED_NAME} are sealed, but their key was not delivered. Start the hub with "
            f'the systemd credential {CREDENTIAL_NAME}, or set secrets = "machine_file" if it was made that way.'
        )
    try:
        return _KeyringStore(data_dir)
    except SecretStoreUnavailable as error:
        raise SecretStoreUnavailable(
            f"There is no safe place for secrets. {error} Or give the hub's service the systemd credential "
            f"{CREDENTIAL_NAME}; see docs/operating.md."
        ) from error


class _KeyringStore:
    """The desktop's keyring; one that opens a prompt and waits cannot hang the hub.

    Keyrings cannot be asked for all names of a service, so the names are an entry of their own: a name is in it before
    its secret is kept, and until after it is deleted. Secrets from before there were names are noted when they are got.
    """

    place = SecretPlace.KEYRING

    def __init__(self, data_dir: Path) -> None:
        self._service = f"homeapp:{hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]}"
        self._backend = _within_time(_usable_backend)
        self._lock = threading.Lock()
        self._names: frozenset[str] | None = None
        self._get("probe")

    def get(self, name: str) -> str | None:
        value = self._get(name)
        if value is not None:
            redact(value)
            self._note(name)
        return value

    def set(self, name: str, value: str) -> None:
        redact(value)
        self._note(name)
        _within_time(lambda: self._backend.set_password(self._service, name, value))

    def delete(self, name: str) -> None:
        self._delete(name)
        with self._lock:
            known = self._read_names()
            if name in known:
                self._write_names(known - {name})

    def names(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(sorted(self._read_names()))

    def delete_all(self) -> None:
        with self._lock:
            for name in sorted(self._read_names()):
                self._delete(name)
            self._write_names(frozenset())

    def _note(self, name: str) -> None:
        with self._lock:
            known = self._read_names()
            if name not in known:
                self._write_names(known | {name})

    def _read_names(self) -> frozenset[str]:
        if self._names is None:
            kept = self._get(_NAMES)
            try:
                self._names = frozenset(msgspec.json.decode(kept, type=list[str]) if kept else ())
            except msgspec.DecodeError as error:
                raise SecretStoreUnavailable(
                    f"The entry {_NAMES} of {self._service} in the keyring is damaged. Delete that entry by hand."
                ) from error
        return self._names

    def _write_names(self, names: frozenset[str]) -> None:
        if names:
            text = msgspec.json.encode(sorted(names)).decode()
            _within_time(lambda: self._backend.set_password(self._service, _NAMES, text))
        else:
            self._delete(_NAMES)
        self._names = names

    def _get(self, name: str) -> str | None:
        return _within_time(lambda: self._backend.get_password(self._service, name))

    def _delete(self, name: str) -> None:
        def delete() -> None:
            try:
                self._backend.delete_password(self._service, name)
            except PasswordDeleteError:
                # It says so of an unknown name, and of one that it would not delete.
                if self._backend.get_password(self._service, name) is not None:
                    raise

        _within_time(delete)


def _usable_backend() -> KeyringBackend:
    chosen = keyring.get_keyring()
    candidates: Iterable[KeyringBackend] = chosen.backends if isinstance(chosen, ChainerBackend) else (chosen,)
    for candidate in candidates:
        if type(candidate).__module__.startswith(_KEYRINGS):
            return candidate
    raise SecretStoreUnavailable(
        "No keyring of the desktop can be used. Log in to a desktop session with GNOME Keyring or KWallet."
    )


class _Call(threading.Thread, Generic[T]):
    """A call in a thread of its own, which the end of the program does not wait for."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(name="keyring", daemon=True)
        self._work = work
        self.result: list[T] = []
        self.error: KeyringError | OSError | SecretStoreUnavailable | None = None

    def run(self) -> None:
        try:
            self.result.append(self._work())
        except (KeyringError, OSError, SecretStoreUnavailable) as error:
            self.error = error


def _within_time(work: Callable[[], T]) -> T:
    call = _Call(work)
    call.start()
    call.join(KEYRING_TIMEOUT_S)
    if call.result:
        return call.result[0]
    if isinstance(call.error, SecretStoreUnavailable):
        raise call.error
    if call.is_alive():
        raise SecretStoreUnavailable("The keyring does not answer; it may wait for its password. Unlock it on screen.")
    raise SecretStoreUnavailable(
        "The keyring is locked or refuses. Unlock it, then start the hub again."
    ) from call.error


class _SealedStore:
    """One file, AES-256-GCM with a fresh nonce at every write, replaced as a whole."""

    def __init__(self, data_dir: Path, place: SecretPlace, key: bytes) -> None:
        self._path = data_dir / SEALED_NAME
        self._place = place
        self._seal = AESGCM(key)
        self._lock = threading.Lock()
        self._read()

    @property
    def place(self) -> SecretPlace:
        return self._place

    def get(self, name: str) -> str | None:
        with self._lock:
            return self._read().get(name)

    def set(self, name: str, value: str) -> None:
        redact(value)
        with self._lock:
            self._write({**self._read(), name: value})

    def delete(self, name: str) -> None:
        with self._lock:
            kept = self._read()
            if kept.pop(name, None) is not None:
                self._write(kept)

    def names(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(sorted(self._read()))

    def delete_all(self) -> None:
        with self._lock:
            self._write({})

    def _read(self) -> dict[str, str]:
        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SecretStoreUnavailable(f"{self._path} cannot be read: {error.strerror}. Mend its rights.") from error
        nonce, body = sealed[len(_FORMAT) : len(_FORMAT) + _NONCE_BYTES], sealed[len(_FORMAT) + _NONCE_BYTES :]
        try:
            if not sealed.startswith(_FORMAT):
                raise InvalidTag
            kept = msgspec.json.decode(self._seal.decrypt(nonce, body, _FORMAT), type=dict[str, str])
        except (InvalidTag, ValueError, msgspec.DecodeError) as error:
            raise SecretStoreUnavailable(
                f"{self._path} was sealed with another key, or was changed. Restore the file or its key from a backup; "
                "without them, move it away and pair devices and providers again."
            ) from error
        for value in kept.values():
            redact(value)
        return kept

    def _write(self, kept: dict[str, str]) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _FORMAT + nonce + self._seal.encrypt(nonce, msgspec.json.encode(kept), _FORMAT)
        try:
            _write_private(self._path, sealed)
        except OSError as error:
            raise SecretStoreUnavailable(
                f"{self._path} cannot be written: {error.strerror}. Make room or mend its rights."
            ) from error


def _credential_file() -> Path | None:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(directory) / CREDENTIAL_NAME if directory else None
    return path if path is not None and path.is_file() else None


def _credential_key() -> bytes:
    path = _credential_file()
    if path is None:
        raise SecretStoreUnavailable(
            f"The systemd credential {CREDENTIAL_NAME} was not delivered. Add "
            f"LoadCredentialEncrypted={CREDENTIAL_NAME} to the hub's service; see docs/operating.md."
        )
    return _read_key(path)


def _machine_key(data_dir: Path) -> bytes:
    path = data_dir / MACHINE_KEY_NAME
    if path.exists():
        _close_to_others(path)
        return _read_key(path)
    if (data_dir / SEALED_NAME).exists():
        raise SecretStoreUnavailable(
            f"{path}, the key of the sealed secrets, is missing. Restore it from a backup; without it, move "
            f"{SEALED_NAME} away and pair devices and providers again."
        )
    try:
        _write_private(path, base64.b64encode(os.urandom(_KEY_BYTES)))
    except OSError as error:
        raise SecretStoreUnavailable(
            f"{path} cannot be written: {error.strerror}. Make room or mend its rights."
        ) from error
    return _read_key(path)


def _close_to_others(path: Path) -> None:
    """A copy or a restored backup may have opened it."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
            logger.warning("%s could be read by other users; it is closed to them now", path)
    except OSError as error:
        raise SecretStoreUnavailable(f"{path} cannot be closed to other users: {error.strerror}.") from error


def _read_key(path: Path) -> bytes:
    try:
        text = path.read_bytes().strip()
        key = base64.b64decode(text, validate=True)
    except OSError as error:
        raise SecretStoreUnavailable(f"{path} cannot be read: {error.strerror}. Mend its rights.") from error
    except binascii.Error as error:
        raise SecretStoreUnavailable(f"{path} is not a key: Base64 of 32 random bytes is expected.") from error
    if len(key) != _KEY_BYTES:
        raise SecretStoreUnavailable(f"{path} is not a key: Base64 of 32 random bytes is expected.")
    redact(text.decode())
    return key


def _write_private(path: Path, content: bytes) -> None:
    """The whole file or none of it, durable on return; nobody else can read it at any moment."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    # Windows cannot open directories; NTFS keeps renames in its journal.
    if os.name != "nt":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
