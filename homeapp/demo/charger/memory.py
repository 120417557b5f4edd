"""What the simulated station keeps in its flash memory: its password, profiles and software."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from homeapp.demo.charger.ocpp_schemas import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The content.

    Attributes:
        password: what Basic authentication sends, or None.
        firmware: the version installed last, or None while it has the one from the factory.
    """

    password: bytes | None = field(default=None, repr=False)
    profiles: tuple[Json, ...] = ()
    firmware: str | None = None


def load(path: Path) -> Memory | None:
    """Read it; None where there is none or it is unreadable: the station then comes as from the factory."""
    try:
        content = json.loads(path.read_text())
        password = content["password"]
        return Memory(
            password=None if password is None else bytes.fromhex(password),
            profiles=tuple(content["profiles"]),
            firmware=content.get("firmware"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(path: Path, memory: Memory) -> None:
    """Replace it at once as a whole, readable by its owner only."""
    content = {
        "password": None if memory.password is None else memory.password.hex(),
        "profiles": list(memory.profiles),
        "firmware": memory.firmware,
    }
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
