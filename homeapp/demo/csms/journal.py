"""The append-only file of what the demo CSMS has accepted: one JSON object a line, written before the answer goes out.

Whoever counts from outside reads it with ``entries``; a CSMS that starts on it takes everything in once more and so
has its memory back.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from homeapp.demo.csms.books import Received
from homeapp.demo.ocpp.schemas import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: a CALL that was accepted, or the loss of the memory where ``received`` is None."""

    station_id: str = ""
    version: Version | None = None
    received: Received | None = None


class Journal:
    """Appends to the file; a last line that was torn by a crash is removed first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        size = sum(len(line) for line in _whole_lines(path))
        path.touch(mode=0o600)
        os.truncate(path, size)

    def append(self, station_id: str, version: Version, received: Received) -> None:
        """Write a CALL that was accepted.

        Raises:
            OSError: the disk does not take it; then it must not be answered as accepted.
        """
        self._write(
            {
                "station": station_id,
                "version": version.value,
                "id": received.message_id,
                "action": received.action,
                "payload": received.payload,
                "arrived_at": received.arrived_at.isoformat(),
            }
        )

    def forgot(self) -> None:
        """Write that the CSMS has lost its memory here."""
        self._write({})

    def _write(self, entry: dict[str, object]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def entries(path: Path) -> Iterator[Entry]:
    """What is in the file, oldest first; nothing where there is none."""
    for line in _whole_lines(path):
        content = json.loads(line)
        if not content:
            yield Entry()
            continue
        received = Received(
            message_id=content["id"],
            action=content["action"],
            payload=content["payload"],
            arrived_at=datetime.fromisoformat(content["arrived_at"]),
        )
        yield Entry(station_id=content["station"], version=Version(content["version"]), received=received)


def _whole_lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
