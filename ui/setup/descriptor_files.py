"""Finds and reads providers' descriptors: small text files on a stick or in the user's folders."""

from pathlib import Path

from homeapp.errors import EnvironmentProblem, HomeappError, SettingsInvalid
from ui.tr import tr

PATTERNS = ("*.jws", "*.json")
LARGEST_BYTES = 256 * 1024
"""A descriptor has a few kilobytes; nothing larger is read."""
_MOST = 4


def places() -> tuple[Path, ...]:
    """Where descriptors are looked for: removable media, then the user's own folders."""
    home = Path.home()
    media = [mount for root in (Path("/media"), Path("/run/media")) for mount in (*_folders(root), *_below(root))]
    return tuple(place for place in (*media, home / "Downloads", home) if place.is_dir())


def found(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """The newest few files there that may be descriptors."""
    files: dict[Path, float] = {}
    for folder in folders:
        for pattern in PATTERNS:
            try:
                files |= {file: file.stat().st_mtime for file in folder.glob(pattern) if _may_be(file)}
            except OSError:
                # A stick that is pulled out meanwhile.
                continue
    return tuple(sorted(files, key=lambda file: files[file], reverse=True)[:_MOST])


def read(path: Path) -> str:
    """The text of a descriptor.

    Raises:
        EnvironmentProblem: it cannot be read.
        SettingsInvalid: it is too large, or no text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EnvironmentProblem(
            tr("{path} cannot be read: {reason}. Choose another file.", path=path, reason=reason)
        ) from error
    if len(raw) > LARGEST_BYTES:
        raise SettingsInvalid(tr("{path} is too large for a provider's descriptor. Choose another file.", path=path))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise SettingsInvalid(
            tr("{path} is no text, so no provider's descriptor. Choose another file.", path=path)
        ) from error


def tried(path: Path) -> str | HomeappError:
    """The text, or what stands in the way of it."""
    try:
        return read(path)
    except HomeappError as error:
        return error


def _may_be(file: Path) -> bool:
    return file.is_file() and file.stat().st_size <= LARGEST_BYTES


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in root.iterdir() if folder.is_dir())
    except OSError:
        return []


def _below(root: Path) -> list[Path]:
    return [mount for user in _folders(root) for mount in _folders(user)]
