"""OCPP-J message frames (OCPP-J 1.6 par. 4.2, OCPP 2.1 part 4 par. 4.2): text to typed frame and back."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgspec

from devices.evce.fields import Payload, plain

LARGEST_FRAME = 1 << 20
DEEPEST = 32
_LONGEST_ID = 64
_LONGEST_ACTION = 64


class MessageType(IntEnum):
    """First element of a frame."""

    CALL = 2
    CALLRESULT = 3
    CALLERROR = 4
    CALLRESULTERROR = 5
    """2.1: the caller could not use our answer"""
    SEND = 6
    """2.1: a message that is never answered"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message.

    Attributes:
        action: of CALL and SEND, else empty.
        payload: of CALL, CALLRESULT and SEND, else empty.
        code, description: of the two error types, else empty.
    """

    type: MessageType
    id: str
    action: str = ""
    payload: Payload = field(default_factory=dict)
    code: str = ""
    description: str = ""


class BadFrame(Exception):
    """A frame that is no OCPP message.

    Attributes:
        message_id: its id where one could be read and an error may be sent back, else None.
        answerable: it may be a CALL, so that an error frame cannot begin a loop of error frames.
    """

    def __init__(self, sentence: str, message_id: str | None = None, *, answerable: bool = True) -> None:
        super().__init__(sentence)
        self.message_id = message_id
        self.answerable = answerable


def decode(raw: str | bytes) -> Frame:
    """Read one frame.

    Raises:
        BadFrame: binary, no JSON, nested too deeply, or not of the form of a message.
    """
    if isinstance(raw, bytes):
        raise BadFrame("a binary frame")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadFrame("no JSON") from error
    if _deeper_than(value, DEEPEST):
        raise BadFrame("nested too deeply")
    if not isinstance(value, list) or len(value) < 3 or isinstance(value[0], bool):
        raise BadFrame("no message array")
    try:
        kind = MessageType(value[0])
    except ValueError as error:
        raise BadFrame("unknown message type") from error
    return _frame(kind, value)


def _frame(kind: MessageType, value: list[Any]) -> Frame:
    has_action = kind in (MessageType.CALL, MessageType.SEND)
    # Some stations count with integers where the standard wants strings.
    message_id = str(value[1]) if isinstance(value[1], str | int) and not isinstance(value[1], bool) else ""
    if not 0 < len(message_id) <= _LONGEST_ID:
        raise BadFrame("no message id", answerable=has_action)
    if has_action:
        if len(value) < 4 or not isinstance(value[2], str) or not isinstance(value[3], dict):
            raise BadFrame("no action or payload", message_id)
        return Frame(kind, message_id, action=plain(value[2], longest=_LONGEST_ACTION), payload=value[3])
    if kind is MessageType.CALLRESULT:
        if not isinstance(value[2], dict):
            raise BadFrame("a result without payload", answerable=False)
        return Frame(kind, message_id, payload=value[2])
    description = value[3] if len(value) > 3 else ""
    return Frame(kind, message_id, code=plain(value[2]), description=plain(description, longest=255))


def encode_call(message_id: str, action: str, payload: Payload) -> str:
    """A CALL frame."""
    return _text([int(MessageType.CALL), message_id, action, payload])


def encode_result(message_id: str, payload: Payload) -> str:
    """A CALLRESULT frame."""
    return _text([int(MessageType.CALLRESULT), message_id, payload])


def encode_error(message_id: str, code: str, description: str) -> str:
    """A CALLERROR frame; ``message_id`` is ``-1`` where the one of the bad frame could not be read (2.x)."""
    return _text([int(MessageType.CALLERROR), message_id, code, description[:255], {}])


def _text(value: list[Any]) -> str:
    return msgspec.json.encode(value).decode()


def _deeper_than(value: object, depth: int) -> bool:
    level: list[object] = [value]
    while level:
        if depth < 0:
            return True
        children: list[object] = []
        for item in level:
            if isinstance(item, dict):
                children.extend(item.values())
            elif isinstance(item, list):
                children.extend(item)
        level = children
        depth -= 1
    return False
