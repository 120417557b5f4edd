"""The simulated station's local authorisation list (1.6 3.5, 2.x D01 and D02)."""

from collections.abc import Sequence

from homeapp.demo.ocpp.schemas import Json

MOST_ENTRIES = 100
Entry = tuple[str, str | None]
"""A token, and its status; None to remove it."""


class LocalList:
    """Whom it lets charge without asking; empty from the factory, with version 0.

    Attributes:
        version: as the CSMS has numbered it.
        unsaved: it has changed.
    """

    def __init__(self, kept: Json | None = None) -> None:
        kept = kept or {}
        self.version: int = kept.get("version", 0)
        self._entries: dict[str, str] = dict(kept.get("entries", {}))
        self.unsaved = False

    def __len__(self) -> int:
        return len(self._entries)

    def status(self, token: str) -> str | None:
        """What the list says of a token; upper and lower case are the same. None where it is not in it."""
        return self._entries.get(token.casefold())

    def update(self, version: int, entries: Sequence[Entry], *, whole: bool) -> str:
        """SendLocalList; returns the status to answer with."""
        if not whole and version <= self.version:
            return "VersionMismatch"
        fresh: dict[str, str] = {} if whole else dict(self._entries)
        for token, status in entries:
            if status is None:
                fresh.pop(token.casefold(), None)
            else:
                fresh[token.casefold()] = status
        if len(fresh) > MOST_ENTRIES or version <= 0:
            return "Failed"
        self.version, self._entries, self.unsaved = version, fresh, True
        return "Accepted"

    def to_json(self) -> Json:
        """What outlives a power cut."""
        return {"version": self.version, "entries": dict(self._entries)}
