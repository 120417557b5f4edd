"""The terms of the message exchange: order of CALLs, how they can end, and what it asks of its surroundings."""

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import IntEnum
from typing import Protocol

import msgspec

from devices.evce.fields import Payload
from devices.evce.frames import Frame


class Priority(IntEnum):
    """Order among waiting CALLs; the smallest goes first."""

    SAFETY = 0
    """a limit that protects the fuse"""
    OWNER = 1
    PROVIDER = 2
    """relayed for the EV-charging service provider"""
    HOUSEKEEPING = 3


class CallRefused(Exception):
    """The peer answered a CALL with a CALLERROR, or with a result that nobody could use.

    Attributes:
        code: the error code of the standard, for instance ``NotImplemented``.
    """

    def __init__(self, action: str, code: str, description: str) -> None:
        super().__init__(f"{action}: {code} {description}".strip())
        self.code = code


class CallTimeout(Exception):
    """The peer did not answer a CALL in time."""


class Superseded(Exception):
    """A newer CALL has taken the place of one that still waited."""


class ActionUnknown(Exception):
    """The hub does not serve this action."""


class Refusal(Exception):
    """A CALL of the peer is answered with this CALLERROR as it is.

    Attributes:
        code: error code of the standard.
        description: text of at most 255 characters; longer ones are cut.
        details: an object; a ``msgspec.Raw`` goes out byte for byte.
    """

    def __init__(self, code: str, description: str = "", details: Payload | msgspec.Raw | None = None) -> None:
        super().__init__(f"{code} {description}".strip())
        self.code = code
        self.description = description
        self.details: Payload | msgspec.Raw = {} if details is None else details


class Connection(Protocol):
    """The part of a websocket that the exchange uses."""

    async def send(self, message: str) -> None:
        """Send one text frame."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The frames that come in, until the socket closes."""


Serve = Callable[[Frame], Awaitable[Payload | msgspec.Raw]]
"""Serves one CALL or SEND of the peer and returns the result, whose ``msgspec.Raw`` goes out byte for byte.

It raises FieldError, ActionUnknown or Refusal where there is none; a CallTimeout or a HomeappError that it lets through
becomes an InternalError, and the CALL is served again where it is repeated. What it returns to a SEND is not sent.
"""
Send = Callable[[str], Awaitable[None]]
"""Puts one frame on the wire."""
