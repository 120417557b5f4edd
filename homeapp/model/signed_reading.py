"""Meter readings that the charger's meter has signed itself, as evidence for whoever has the meter's key."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedReading:
    """A meter reading with the meter's signature, character for character as it came; the hub does not check it.

    Attributes:
        data: the signed text.
        encoding, method: how it is encoded and signed, as the station says; empty in 1.6.
        public_key: of the meter, or empty.
        context: ReadingContext, for instance ``Transaction.Begin``.
        stamp: the station's own time of the reading, or None where its clock cannot be believed.
    """

    data: str
    encoding: str = ""
    method: str = ""
    public_key: str = ""
    context: str = ""
    stamp: datetime | None = None
