"""Frames of OCPP-J (part 4), read and written in the same way by the simulated station and the demo CSMS."""

import json
from collections.abc import Sequence

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6
"""messageTypeId; the last two are of 2.1."""


class CallRefused(Exception):
    """A CALL ends in a CALLERROR; either side may be the one that refuses."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class ConnectionGone(Exception):
    """The websocket is closed."""


def read_frame(text: str | bytes) -> object:
    """The JSON value that a message is, or None where it is no JSON; OCPP-J sends texts only."""
    if isinstance(text, bytes):
        return None
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def written(frame: Sequence[object]) -> str:
    """A frame as it goes over the wire."""
    return json.dumps(frame, separators=(",", ":"), allow_nan=False)


def _no_number(_text: str) -> float:
    raise ValueError("not a finite number")
