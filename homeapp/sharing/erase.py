"""Full erase of a home: its secrets first, in the keyring too, then every file of the data directory.

It can be repeated where it was interrupted. Overwriting is not promised: flash storage keeps old blocks where no
program can reach them.
"""

import os
from pathlib import Path

import msgspec

from homeapp.enrolment.certificates import DIRECTORY as CERTIFICATES
from homeapp.errors import EnvironmentProblem, SecretStoreUnavailable, StoreUnavailable
from homeapp.identity import KEY_NOTE
from homeapp.secrets import SEALED_NAME, open_secret_store
from homeapp.server import socket_path
from homeapp.settings import FILE_NAME as SETTINGS_NAME
from homeapp.settings import SecretPlace
from homeapp.store import lock
from homeapp.store.connection import LEDGER_NAME
from homeapp.store.database import TELEMETRY_NAME

_DIRECTORIES = (CERTIFICATES,)
"""Those that a hub makes; all they hold are files."""
_SIGNS_OF_A_HOME = (LEDGER_NAME, TELEMETRY_NAME, KEY_NOTE, SEALED_NAME, lock.FILE_NAME)


class _KeyNote(msgspec.Struct, frozen=True):
    """The part of ``hub-key.json`` that matters here."""

    place: str = ""


def erase_home(data_dir: Path, *, keep_settings: bool) -> None:
    """Delete everything that makes this directory a home; the empty directory itself stays.

    Raises:
        DataDirectoryBusy: a hub works with it.
        EnvironmentProblem: this is no data directory, or there are directories in it, which no hub makes.
        SecretStoreUnavailable: the keyring that has its secrets is locked or silent; nothing was deleted.
        StoreUnavailable: a file cannot be deleted.
    """
    check_is_home(data_dir)
    with lock.lock_data_directory(data_dir):
        _forget_secrets(data_dir)
        kept = {lock.FILE_NAME} | ({SETTINGS_NAME} if keep_settings else set())
        doomed = [path for path in data_dir.iterdir() if path.name not in kept]
        # The signs of a home go last, so that an erase that was interrupted can be repeated.
        for path in sorted(doomed, key=lambda path: (path.name in _SIGNS_OF_A_HOME, path.name)):
            _unlink(path)
        _unlink(socket_path(data_dir))
        if os.name != "nt":
            _unlink(data_dir / lock.FILE_NAME)
    if os.name == "nt":
        _unlink(data_dir / lock.FILE_NAME)


def check_is_home(data_dir: Path) -> None:
    """Look whether a hub has made this directory, before anything in it is deleted.

    Raises:
        EnvironmentProblem: it has not, or there is a directory in it that no hub makes.
    """
    try:
        entries = list(data_dir.iterdir())
    except OSError as error:
        raise EnvironmentProblem(f"{data_dir} cannot be read: {error.strerror}. Name it with --data-dir.") from error
    if not any(path.name in _SIGNS_OF_A_HOME for path in entries):
        raise EnvironmentProblem(f"{data_dir} holds no home; nothing was erased. Name its directory with --data-dir.")
    strange = sorted(
        path.name for path in entries if path.is_dir() and not path.is_symlink() and path.name not in _DIRECTORIES
    )
    if strange:
        raise EnvironmentProblem(
            f"There is a directory {strange[0]!r} in {data_dir}, which the hub has not made; nothing was erased. Move "
            "it away first."
        )


def _forget_secrets(data_dir: Path) -> None:
    """Sealed ones go with their file; those in a keyring one by one."""
    if (data_dir / SEALED_NAME).exists():
        return
    try:
        open_secret_store(data_dir, SecretPlace.KEYRING).delete_all()
    except SecretStoreUnavailable as error:
        if _noted_place(data_dir) == SecretPlace.KEYRING:
            raise SecretStoreUnavailable(
                f"Nothing was erased: this home has secrets in the keyring. {error}"
            ) from error


def _noted_place(data_dir: Path) -> str:
    try:
        return msgspec.json.decode((data_dir / KEY_NOTE).read_bytes(), type=_KeyNote).place
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _unlink(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            for inside in path.iterdir():
                inside.unlink()
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be deleted: {error.strerror}. Mend the rights of its directory, then erase again."
        ) from error
