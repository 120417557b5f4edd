"""DoIP messages (ISO 13400-2) as the simulated car reads and writes them."""

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum

PROTOCOL_VERSION = 0x02
LARGEST = 64 * 1024
_HEADER = struct.Struct(">BBHI")


class PayloadType(IntEnum):
    """Table 17, as far as the car uses it."""

    NEGATIVE_ACKNOWLEDGE = 0x0000
    ROUTING_ACTIVATION = 0x0005
    ROUTING_ACTIVATION_ANSWER = 0x0006
    ALIVE_CHECK = 0x0007
    ALIVE_CHECK_ANSWER = 0x0008
    DIAGNOSTIC = 0x8001
    DIAGNOSTIC_ACKNOWLEDGE = 0x8002
    DIAGNOSTIC_NEGATIVE_ACKNOWLEDGE = 0x8003


ROUTING_ACTIVATED = 0x10
INCORRECT_PATTERN = 0x00
UNKNOWN_PAYLOAD_TYPE = 0x01
TOO_LARGE = 0x02
INVALID_LENGTH = 0x04
INVALID_SOURCE = 0x02
UNKNOWN_TARGET = 0x03


@dataclass(frozen=True, slots=True)
class DoipMessage:
    """One message."""

    payload_type: int
    payload: bytes

    def encode(self) -> bytes:
        """With its header."""
        header = _HEADER.pack(PROTOCOL_VERSION, PROTOCOL_VERSION ^ 0xFF, self.payload_type, len(self.payload))
        return header + self.payload


class BadHeader(Exception):
    """The stream cannot be read any further.

    Attributes:
        code: negative acknowledge code (table 19).
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"bad DoIP header ({code})")
        self.code = code


async def read_message(reader: asyncio.StreamReader) -> DoipMessage | None:
    """The next message; None at the end of the stream.

    Raises:
        BadHeader: it is no DoIP, or too large.
    """
    try:
        version, inverse, payload_type, size = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        if version ^ 0xFF != inverse:
            raise BadHeader(INCORRECT_PATTERN)
        if size > LARGEST:
            raise BadHeader(TOO_LARGE)
        return DoipMessage(payload_type, await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
