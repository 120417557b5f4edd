"""One hub per data directory."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from homeapp.errors import DataDirectoryBusy, StoreUnavailable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE_NAME = "hub.lock"


@contextmanager
def lock_data_directory(data_dir: Path) -> Iterator[None]:
    """Hold the data directory until the end of the block; the kernel lets go of it when the process dies.

    Raises:
        DataDirectoryBusy: another hub holds it.
        StoreUnavailable: the directory cannot be written.
    """
    path = data_dir / FILE_NAME
    try:
        file = path.open("ab")
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}. Mend the rights of {data_dir}.") from error
    with file:
        _take(file, data_dir)
        yield


def _take(file: BinaryIO, data_dir: Path) -> None:
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DataDirectoryBusy(
            f"Another hub already works with {data_dir}. Stop it first, or choose another directory with --data-dir."
        ) from error
