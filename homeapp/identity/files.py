"""Whole files or none, for their owner alone, durable on return."""

import os
import threading
from pathlib import Path

from homeapp.errors import EnvironmentProblem

_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600, 0o700
_WRITING = threading.Lock()
"""Two that write the same file must not take each other's part for their own."""


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` (ASCII) at ``path``, in place of what was there; blocks.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        with _WRITING:
            path.parent.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be written: {error.strerror}. Make room or mend its rights."
        ) from error
