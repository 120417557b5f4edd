"""What the simulated station keeps in its flash memory, and what of the world around it outlives its process."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from homeapp.demo.ocpp.schemas import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The content.

    Attributes:
        password: what Basic authentication sends, or None.
        firmware: the version installed last, or None while it has the one from the factory.
        unsent: messages of transactions that have not been answered, in order, with their ids.
        transaction: the one that was running, or None.
        plugged: the cable is in the car; not memory but the world, which a new process has to know.
        registers_wh: of the meter, import and export.
        settings: what has been set, by name.
        inoperative: EVSEs out of service; 0 for the whole station.
        tokens, network, certificates: of the parts with these names.
        meter_key: of a meter that signs, PEM, or None.
    """

    password: bytes | None = field(default=None, repr=False)
    profiles: tuple[Json, ...] = ()
    firmware: str | None = None
    unsent: tuple[Json, ...] = ()
    transaction: Json | None = None
    plugged: bool = False
    registers_wh: tuple[float, float] = (0.0, 0.0)
    settings: dict[str, str] = field(default_factory=dict)
    inoperative: tuple[int, ...] = ()
    tokens: Json | None = None
    network: Json | None = None
    certificates: Json | None = field(default=None, repr=False)
    meter_key: str | None = field(default=None, repr=False)


def load(path: Path) -> Memory | None:
    """Read it; None where there is none or it is unreadable: the station then comes as from the factory."""
    try:
        content = json.loads(path.read_text())
        password = content.pop("password")
        for name in ("profiles", "unsent", "registers_wh", "inoperative"):
            content[name] = tuple(content[name])
        return Memory(password=None if password is None else bytes.fromhex(password), **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(path: Path, memory: Memory) -> None:
    """Replace it at once as a whole, readable by its owner only."""
    content = asdict(memory) | {"password": None if memory.password is None else memory.password.hex()}
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
