"""What a session needs of a way to the CSE, whichever binding it is: MQTT (TS-0010) or HTTP (TS-0009)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from homeapp.errors import ProviderUnreachable
from homeapp.providers.onem2m.codec import Notification, Request, Response

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
NO_ANSWER = "The system operator's platform does not answer. The hub keeps trying."


class LinkEnd(StrEnum):
    """Why a link ended."""

    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls_failed"
    """one side does not trust the other's certificate"""
    SILENT = "silent"
    """closed before it answered: under TLS 1.3 also a refused client certificate, or an unknown protocol version"""
    WRONG_VERSION = "wrong_version"
    REFUSED = "refused"
    LOST = "lost"
    LEFT = "left"
    """the hub has deregistered"""


SENTENCES = {
    LinkEnd.UNREACHABLE: "The system operator cannot be reached. The hub keeps trying; check the internet connection.",
    LinkEnd.TLS_FAILED: "The system operator's certificate and the hub's do not fit. Have the hub enrolled again.",
    LinkEnd.SILENT: "The system operator closes the connection at once. If that goes on, have the hub enrolled again.",
    LinkEnd.WRONG_VERSION: "The system operator speaks another version of MQTT. The hub tries the other one.",
    LinkEnd.REFUSED: "The system operator does not accept the hub's credentials. Have the hub enrolled again.",
    LinkEnd.LOST: "The connection to the system operator was lost. The hub keeps trying.",
    LinkEnd.LEFT: "The hub is no longer registered with the system operator, as the owner decided.",
}


class LinkEnded(ProviderUnreachable):
    """The link is gone or never came up.

    Attributes:
        end: why.
    """

    def __init__(self, end: LinkEnd) -> None:
        super().__init__(SENTENCES[end])
        self.end = end


@dataclass(frozen=True, slots=True)
class Inbound:
    """An MQTT message as it came in; ``mid`` and ``qos`` are for its acknowledgement."""

    topic: str
    payload: bytes
    mid: int
    qos: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification and the message that it came in."""

    notification: Notification
    message: Inbound


class Transport(Protocol):
    """One connection, opened once; whoever owns it makes a new one when it has ended."""

    async def open(self) -> None:
        """Connect.

        Raises:
            LinkEnded: it did not work; the transport is of no further use.
        """

    async def ended(self) -> LinkEnded:
        """Wait until the connection is gone and say why."""

    async def request(self, request: Request) -> Response:
        """Send a request and wait for its answer, whatever that says; may send it several times.

        Raises:
            ProviderUnreachable: no answer within 10 s, or the connection is gone.
            MessageRejected: the answer is not as agreed.
        """

    def answer(self, delivery: Delivery) -> None:
        """Tell the CSE, and whoever carries its messages, that a notification is dealt with."""

    def acknowledge(self, message: Inbound) -> None:
        """Tell whoever carries the CSE's messages that this one is dealt with and need not come again."""

    async def close(self, *, forget: bool) -> None:
        """Disconnect.

        Args:
            forget: nothing of the session shall be left on the other side either.
        """


class Binding(Protocol):
    """Makes transports.

    Attributes:
        notifies: whether the CSE can send notifications over it; if not, the inboxes have to be asked again and again.
    """

    notifies: bool

    def transport(self, notified: Callable[[Delivery], None]) -> Transport:
        """A new one, not open yet; ``notified`` is called in the event loop for each notification."""

    def ended(self, end: LinkEnd) -> None:
        """Learn how the last transport ended."""
