"""OCPP-J message frames (OCPP-J 1.6 par. 4.2, OCPP 2.1 part 4 par. 4.2): text to typed frame and back.

A frame keeps the bytes of its payload, so that a number like 1e3 and the order of members outlive a relay. There is one
exception: where an object names a member twice, readers differ on which of them counts. Such a payload is kept as the
hub has read it, so that nobody behind the hub reads another one than the hub has judged.
"""

import uuid
from enum import IntEnum
from typing import Any, Literal

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


# What is made for each message is a Struct: making a frozen dataclass takes ten times as long.
class Frame(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        action: of CALL and SEND, else empty.
        payload: of CALL, CALLRESULT and SEND, else empty.
        code, description: of the two error types, else empty; plain text of limited length.
        raw: the payload (of the error types: the details) as received; empty in a frame that was not received.
    """

    type: MessageType
    id: str
    action: str = ""
    payload: Payload = msgspec.field(default_factory=dict)
    code: str = ""
    description: str = ""
    raw: bytes = b""


_TYPES: dict[object, MessageType] = {int(kind): kind for kind in MessageType}
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_USUAL: dict[str, msgspec.json.Decoder[Any]] = {
    "[2,": msgspec.json.Decoder(tuple[Literal[2], str, str, msgspec.Raw]),
    "[3,": msgspec.json.Decoder(tuple[Literal[3], str, msgspec.Raw]),
}
"""By their beginning, the frames that nearly all are."""
_SCALAR: msgspec.json.Decoder[object] = msgspec.json.Decoder(str | int | float | bool | None)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_SPACE = b" \t\r\n"
_NESTED = (dict, list)


class BadFrame(Exception):
    """A frame that is no OCPP message.

    Attributes:
        type: where it could be read, else None.
        message_id: where it could be read, else None.
    """

    def __init__(self, sentence: str, type_: MessageType | None = None, message_id: str | None = None) -> None:
        super().__init__(sentence)
        self.type = type_
        self.message_id = message_id

    @property
    def answerable(self) -> bool:
        """It may be a CALL, so that an error frame cannot begin a loop of error frames."""
        return self.type in (None, MessageType.CALL)


def decode(text: str | bytes) -> Frame:
    """Read one frame.

    Raises:
        BadFrame: binary, no JSON, nested too deeply, or not of the form of a message.
    """
    if isinstance(text, bytes):
        raise BadFrame("a binary frame")
    return _usual(text) or _any(text)


def _usual(text: str) -> Frame | None:
    """A frame of the usual form, read in one go; None for every other."""
    decoder = _USUAL.get(text[:3])
    if decoder is None:
        return None
    try:
        _, message_id, *action, element = decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    if not 0 < len(message_id) <= _LONGEST_ID:
        return None
    if not action:
        payload, raw = _object(element, MessageType.CALLRESULT, message_id)
        return Frame(MessageType.CALLRESULT, message_id, payload=payload, raw=raw)
    # Letters and digits are plain.
    if not action[0].isalnum() or len(action[0]) > _LONGEST_ACTION:
        return None
    payload, raw = _object(element, MessageType.CALL, message_id)
    return Frame(MessageType.CALL, message_id, action=action[0], payload=payload, raw=raw)


def _any(text: str) -> Frame:
    try:
        elements = _ELEMENTS.decode(text)
    except msgspec.ValidationError as error:
        raise BadFrame("no message array") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadFrame("no JSON") from error
    kind = _value(elements[0]) if len(elements) > 1 else None
    if kind not in _TYPES:
        raise BadFrame("unknown message type")
    return _frame(_TYPES[kind], elements)


def _frame(kind: MessageType, elements: list[msgspec.Raw]) -> Frame:
    # Some stations count with integers where the standard wants strings.
    given = _value(elements[1])
    message_id = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if not 0 < len(message_id) <= _LONGEST_ID:
        raise BadFrame("no message id", kind)
    match kind:
        case MessageType.CALL | MessageType.SEND:
            action = _value(elements[2]) if len(elements) > 3 else None
            if not isinstance(action, str):
                raise BadFrame("no action or payload", kind, message_id)
            payload, raw = _object(elements[3], kind, message_id)
            return Frame(kind, message_id, action=plain(action, longest=_LONGEST_ACTION), payload=payload, raw=raw)
        case MessageType.CALLRESULT:
            if len(elements) < 3:
                raise BadFrame("a result without payload", kind, message_id)
            payload, raw = _object(elements[2], kind, message_id)
            return Frame(kind, message_id, payload=payload, raw=raw)
    code = plain(_value(elements[2])) if len(elements) > 2 else ""
    description = plain(_value(elements[3]), longest=255) if len(elements) > 3 else ""
    raw = _details(elements[4], kind, message_id) if len(elements) > 4 else b"{}"
    return Frame(kind, message_id, code=code, description=description, raw=raw)


def _value(element: msgspec.Raw) -> object:
    """The value of an element that is no object or list; None for those and for what cannot be read."""
    try:
        return _SCALAR.decode(element)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _object(element: msgspec.Raw, kind: MessageType, message_id: str) -> tuple[Payload, bytes]:
    """A payload, and its bytes."""
    raw = bytes(element)
    try:
        payload = _OBJECT.decode(raw)
    except RecursionError as error:
        raise BadFrame("nested too deeply", kind, message_id) from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadFrame("no object as payload", kind, message_id) from error
    # As many brackets are never deeper, and are counted faster.
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _deeper_than(payload, DEEPEST):
        raise BadFrame("nested too deeply", kind, message_id)
    return payload, _unambiguous(raw, payload)


def _details(element: msgspec.Raw, kind: MessageType, message_id: str) -> bytes:
    """The bytes of an error's details; whoever waits for an answer learns of the error also where they are none."""
    try:
        return _object(element, kind, message_id)[1]
    except BadFrame:
        return b"{}"


def _unambiguous(raw: bytes, payload: Payload) -> bytes:
    canonical = msgspec.json.encode(payload)
    # What differs in nothing but space has the same members; a text with one named twice is longer.
    if raw == canonical or raw.translate(None, _SPACE) == canonical.translate(None, _SPACE):
        return raw
    return raw if _members(raw) == _members(canonical) else canonical


def _members(raw: bytes) -> int:
    """How many members all objects in a valid JSON text have: its colons outside strings."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(raw.split(b'"')[::2]).count(b":")


def _deeper_than(payload: Payload, depth: int) -> bool:
    level: list[Any] = [payload]
    while level and depth > 0:
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, _NESTED)
        ]
        depth -= 1
    return bool(level)


def encode_call(message_id: str, action: str, payload: Payload | msgspec.Raw) -> str:
    """A CALL frame."""
    return _text([int(MessageType.CALL), message_id, action, payload])


def encode_send(action: str, payload: Payload | msgspec.Raw) -> str:
    """A SEND frame under a new id."""
    return _text([int(MessageType.SEND), str(uuid.uuid4()), action, payload])


def encode_result(message_id: str, payload: Payload | msgspec.Raw) -> str:
    """A CALLRESULT frame."""
    return _text([int(MessageType.CALLRESULT), message_id, payload])


def encode_error(message_id: str, code: str, description: str, details: Payload | msgspec.Raw | None = None) -> str:
    """A CALLERROR frame; ``message_id`` is ``-1`` where the one of the bad frame could not be read (2.x)."""
    return _text([int(MessageType.CALLERROR), message_id, code, description[:255], {} if details is None else details])


def encode_result_error(message_id: str, code: str, description: str) -> str:
    """A CALLRESULTERROR frame (2.1)."""
    return _text([int(MessageType.CALLRESULTERROR), message_id, code, description[:255], {}])


def _text(value: list[Any]) -> str:
    return msgspec.json.encode(value).decode()
