"""Finds and reads providers' descriptors: small text files on a stick or in the user's folders. All of it may block."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homeapp.errors import EnvironmentProblem, HomeappError, SettingsInvalid
from ui.tr import tr

SUFFIXES = (".jws", ".json")
LARGEST_BYTES = 256 * 1024
"""A descriptor has a few kilobytes; nothing larger is read."""
MOST_FILES = 50
_MOST_ENTRIES = 5000
"""Of one folder; further ones are not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorFile:
    """A file that may be a descriptor, and when it was written (UTC)."""

    path: Path
    written_at: datetime


def places() -> tuple[Path, ...]:
    """Where descriptors are looked for: removable media, then the user's own folders."""
    home = Path.home()
    media = [mount for root in (Path("/media"), Path("/run/media")) for mount in (*_folders(root), *_below(root))]
    return tuple(place for place in (*media, home / "Downloads", home) if _is_folder(place))


def found(folders: tuple[Path, ...]) -> tuple[DescriptorFile, ...]:
    """The newest files there that may be descriptors, the newest first."""
    files = {file.path: file for folder in folders for file in _in(folder)}
    newest = sorted(files.values(), key=lambda file: (file.written_at, file.path), reverse=True)
    return tuple(newest[:MOST_FILES])


def lying() -> tuple[DescriptorFile, ...]:
    """Those in all places."""
    return found(places())


def read(path: Path) -> str:
    """The text of a descriptor.

    Raises:
        EnvironmentProblem: it cannot be read.
        SettingsInvalid: it is too large, or no text.
    """
    try:
        with open(path.expanduser(), "rb", opener=_without_waiting) as file:
            raw = file.read(LARGEST_BYTES + 1) or b""
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EnvironmentProblem(
            tr("{path} cannot be read: {reason}. Choose another file.", path=printable(path), reason=reason)
        ) from error
    if len(raw) > LARGEST_BYTES:
        said = tr("{path} is too large for a provider's descriptor. Choose another file.", path=printable(path))
        raise SettingsInvalid(said)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        said = tr("{path} is no text, so no provider's descriptor. Choose another file.", path=printable(path))
        raise SettingsInvalid(said) from error


def tried(path: Path) -> str | HomeappError:
    """The text, or what stands in the way of it."""
    try:
        return read(path)
    except HomeappError as error:
        return error


def printable(path: Path | str) -> str:
    """As it can be shown: whoever wrote the stick has chosen the names on it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(path))


def _without_waiting(path: str, flags: int) -> int:
    """Opened as it is: a pipe would wait for somebody who writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _in(folder: Path) -> Iterator[DescriptorFile]:
    try:
        with os.scandir(folder) as entries:
            for _count, entry in zip(range(_MOST_ENTRIES), entries, strict=False):
                if (file := _descriptor(entry)) is not None:
                    yield file
    except OSError:
        # A stick that is pulled out meanwhile.
        return


def _descriptor(entry: "os.DirEntry[str]") -> DescriptorFile | None:
    if not entry.name.lower().endswith(SUFFIXES):
        return None
    try:
        if not entry.is_file() or (known := entry.stat()).st_size > LARGEST_BYTES:
            return None
        return DescriptorFile(path=Path(entry.path), written_at=datetime.fromtimestamp(known.st_mtime, UTC))
    except (OSError, OverflowError, ValueError):
        return None


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in root.iterdir() if _is_folder(folder))
    except OSError:
        return []


def _below(root: Path) -> list[Path]:
    return [mount for user in _folders(root) for mount in _folders(user)]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
