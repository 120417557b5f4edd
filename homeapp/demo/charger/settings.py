"""What a CSMS can set in the simulated station: configuration keys in 1.6, variables in 2.x."""

from collections.abc import Mapping
from enum import StrEnum

MEASURANDS = (
    "Power.Active.Import",
    "Power.Active.Export",
    "Current.Import",
    "Current.Export",
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "SoC",
)
_DEFAULT_MEASURANDS = tuple(name for name in MEASURANDS if name != "Current.Export")


class Knob(StrEnum):
    """What can be set in every version."""

    SAMPLE_INTERVAL = "sample interval"
    HEARTBEAT_INTERVAL = "heartbeat interval"
    CONNECT_TIMEOUT = "connect timeout"
    AUTHORIZE_REMOTE = "authorize remote"
    MEASURANDS = "measurands"


_DEFAULTS = {
    Knob.SAMPLE_INTERVAL: "10",
    Knob.HEARTBEAT_INTERVAL: "300",
    Knob.CONNECT_TIMEOUT: "60",
    Knob.AUTHORIZE_REMOTE: "false",
    Knob.MEASURANDS: ",".join(_DEFAULT_MEASURANDS),
}


class Verdict(StrEnum):
    """What became of an attempt to set something."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    READ_ONLY = "read only"
    UNKNOWN = "unknown"


class Settings:
    """Values by the names that a version has for them.

    Args:
        names: the settable ones.
        fixed: the read-only ones with their values.
    """

    def __init__(self, names: Mapping[str, Knob], fixed: Mapping[str, str]) -> None:
        self._knobs = dict(names)
        self._fixed = dict(fixed)
        self._values = dict(_DEFAULTS)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that can be read."""
        return (*self._knobs, *self._fixed)

    def get(self, name: str) -> str | None:
        """The value, or None where there is no such name."""
        knob = self._knobs.get(name)
        return self._fixed.get(name) if knob is None else self._values[knob]

    def read_only(self, name: str) -> bool:
        """Whether it cannot be set."""
        return name in self._fixed

    def set(self, name: str, value: str) -> Verdict:
        """Set it if the value makes sense."""
        knob = self._knobs.get(name)
        if knob is None:
            return Verdict.READ_ONLY if name in self._fixed else Verdict.UNKNOWN
        if not _makes_sense(knob, value):
            return Verdict.REJECTED
        self._values[knob] = value
        return Verdict.ACCEPTED

    def seconds(self, knob: Knob) -> float:
        """A time."""
        return float(self._values[knob])

    def flag(self, knob: Knob) -> bool:
        """A switch."""
        return self._values[knob].lower() == "true"

    def measurands(self) -> tuple[str, ...]:
        """What is to be sampled."""
        return tuple(name.strip() for name in self._values[Knob.MEASURANDS].split(",") if name.strip())

    def set_heartbeat(self, seconds: float) -> None:
        """Take the interval of a BootNotification's answer."""
        self._values[Knob.HEARTBEAT_INTERVAL] = str(int(seconds))


def _makes_sense(knob: Knob, value: str) -> bool:
    if knob is Knob.MEASURANDS:
        return all(name.strip() in MEASURANDS for name in value.split(",") if name.strip())
    if knob is Knob.AUTHORIZE_REMOTE:
        return value.lower() in ("true", "false")
    return value.isascii() and value.isdigit() and int(value[:8]) <= 1_000_000 and len(value) <= 7
