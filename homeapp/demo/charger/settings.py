"""What a CSMS can set in the simulated station: configuration keys in 1.6, variables in 2.x."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from homeapp.demo.charger.measurands import DEFAULT_MEASURANDS, MEASURANDS


class Knob(StrEnum):
    """What can be set in every version."""

    SAMPLE_INTERVAL = "sample interval"
    ALIGNED_INTERVAL = "aligned interval"
    HEARTBEAT_INTERVAL = "heartbeat interval"
    CONNECT_TIMEOUT = "connect timeout"
    AUTHORIZE_REMOTE = "authorize remote"
    LOCAL_LIST = "local list"
    PRE_AUTHORIZE = "pre-authorize"
    AUTHORIZE_OFFLINE = "authorize offline"
    UNKNOWN_OFFLINE = "unknown offline"
    MEASURANDS = "measurands"


_DEFAULTS = {
    Knob.SAMPLE_INTERVAL: "10",
    Knob.ALIGNED_INTERVAL: "0",
    Knob.HEARTBEAT_INTERVAL: "300",
    Knob.CONNECT_TIMEOUT: "60",
    Knob.AUTHORIZE_REMOTE: "false",
    Knob.LOCAL_LIST: "true",
    Knob.PRE_AUTHORIZE: "false",
    Knob.AUTHORIZE_OFFLINE: "true",
    Knob.UNKNOWN_OFFLINE: "false",
    Knob.MEASURANDS: ",".join(DEFAULT_MEASURANDS),
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
        names: the settable ones that the station heeds.
        fixed: the read-only ones with their values.
        free: the settable ones that it only keeps, with their first values.
    """

    def __init__(
        self, names: Mapping[str, Knob], fixed: Mapping[str, str], free: Mapping[str, str] | None = None
    ) -> None:
        self._knobs = dict(names)
        self._fixed = dict(fixed)
        self._free = dict(free or {})
        self._live: dict[str, Callable[[], str]] = {}
        self._values = dict(_DEFAULTS)
        self._changed: set[str] = set()
        self.unsaved = False

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that can be read."""
        return (*self._knobs, *self._free, *self._fixed, *self._live)

    def show(self, name: str, value: Callable[[], str]) -> None:
        """Add a read-only name whose value is asked for each time."""
        self._fixed.pop(name, None)
        self._live[name] = value

    def get(self, name: str) -> str | None:
        """The value, or None where there is no such name."""
        if name in self._knobs:
            return self._values[self._knobs[name]]
        if name in self._live:
            return self._live[name]()
        return self._free.get(name, self._fixed.get(name))

    def read_only(self, name: str) -> bool:
        """Whether it cannot be set."""
        return name in self._fixed or name in self._live

    def set(self, name: str, value: str) -> Verdict:
        """Set it if the value makes sense."""
        knob = self._knobs.get(name)
        if knob is None and name not in self._free:
            return Verdict.READ_ONLY if self.read_only(name) else Verdict.UNKNOWN
        if not (_makes_sense(knob, value) if knob is not None else _alike(self._free[name], value)):
            return Verdict.REJECTED
        if knob is None:
            self._free[name] = value
        else:
            self._values[knob] = value
        self._changed.add(name)
        self.unsaved = True
        return Verdict.ACCEPTED

    def to_json(self) -> dict[str, str]:
        """What has been set."""
        return {name: self.get(name) or "" for name in sorted(self._changed)}

    def restore(self, values: Mapping[str, str]) -> None:
        """Take back what ``to_json`` gave; what makes no sense any more is left out."""
        for name, value in values.items():
            self.set(name, value)
        self.unsaved = False

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
    return _alike(_DEFAULTS[knob], value)


def _alike(like: str, value: str) -> bool:
    if like in ("true", "false"):
        return value.lower() in ("true", "false")
    if like.isdigit():
        return value.isascii() and value.isdigit() and len(value) <= 7 and int(value) <= 1_000_000
    return len(value) <= 500
