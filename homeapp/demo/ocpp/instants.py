"""How a time is written in OCPP."""

from datetime import UTC, datetime


def rfc3339(instant: datetime) -> str:
    """Milliseconds and Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
