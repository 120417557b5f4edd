"""Whole files or none, for their owner alone, durable on return."""

import os
import threading
from pathlib import Path

from homeapp.errors import EnvironmentProblem

_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600, 0o700
_WRITING = threading.Lock()
"""Two that write the same file must not take each other's part for their own."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Put ``content`` (text: ASCII) at ``path``, in place of what was there; blocks.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    body = content.encode("ascii") if isinstance(content, str) else content
    part = path.with_suffix(".part")
    try:
        with _WRITING:
            path.parent.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be written: {error.strerror}. Make room or mend its rights."
        ) from error
