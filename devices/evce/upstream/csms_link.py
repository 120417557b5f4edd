"""The hub as a client of a CSMS: one websocket per station, held open, in the station's name (A00, part 4 par. 6.1).

Security profile 2 or 3, profile 1 only where the owner has allowed it. A lost link is tried again with the back-off of
part 4 par. 5.3, spread at random; refused credentials are tried again slowly, because only people can mend them.
"""

import asyncio
import base64
import logging
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, NegotiationError
from websockets.typing import Subprotocol

from devices.evce.frames import LARGEST_FRAME
from devices.evce.rpc import RpcPeer, Serve, Throttle
from devices.evce.schemas import Version
from devices.evce.short_way import CsmsSocket
from homeapp.errors import HomeappError
from homeapp.model.live import LinkState
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

WAIT_MINIMUM_S = 5.0
"""RetryBackOffWaitMinimum of this leg."""
LONGEST_WAIT_S = 300.0
OPEN_TIMEOUT_S = 20.0
PING_S = 20.0
_CLOSE_TIMEOUT_S = 2.0
_RATE, _BURST = 20.0, 100.0
_AWAY = "The provider of charging is not connected."

Told = Callable[[LinkState, str | None], None]
Password = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsmsAccess:
    """Where a CSMS is, and how the hub proves there who it is.

    Attributes:
        name: of the provider, for people.
        url: ``wss://...``; the station's identity is added as last part of its path.
        tls: makes the context of this leg, with the hub's own client certificate where the profile is 3; gets None
            for ``ws://``. A HomeappError of it is shown.
        password: gets the Basic password, or None where there is none (profile 3).
        how_to_mend: what to do where the credentials are refused, a sentence.
        identity: in place of the station's own; empty for that.
    """

    name: str
    url: str
    tls: Callable[[], Awaitable[ssl.SSLContext | None]]
    password: Password
    how_to_mend: str
    identity: str = ""


class CsmsLink:
    """Holds one websocket to a CSMS open.

    Args:
        access: to the CSMS.
        station: the station's identity.
        clock: the pauses are of its time.
        told: each state of the link.
        spread: gives a number between 0 and its argument, by chance.
    """

    def __init__(
        self,
        access: CsmsAccess,
        station: str,
        clock: Clock,
        told: Told,
        spread: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311 - spreads load
    ) -> None:
        self._access = access
        self._identity = access.identity or station
        self._clock = clock
        self._told = told
        self._spread = spread
        self._failures = 0
        self._problem_told: str | None = None
        self._socket: ClientConnection | None = None

    async def keep(self, version: Version, serve: Serve, use: Callable[[RpcPeer], Awaitable[None]]) -> NoReturn:
        """Connect again and again; ``use`` is run with each connection, and ends with it."""
        while True:
            self._told(LinkState.CONNECTING, None)
            try:
                await self._visit(version, serve, use)
                problem, slow = f"The link to {self._access.name} was lost; it is tried again.", False
            except (OSError, InvalidHandshake, InvalidURI, TimeoutError, HomeappError) as error:
                problem, slow = self._problem(error, version)
            # Once, not with every attempt.
            logger.log(
                logging.WARNING if problem != self._problem_told else logging.DEBUG, "%s: %s", self._identity, problem
            )
            self._problem_told = problem
            self._told(LinkState.DOWN, problem)
            self._failures += 1
            await self._clock.sleep(self._pause_s(slow=slow))

    def steady(self) -> None:
        """The CSMS has accepted the station, so the next attempt need not be slow."""
        self._failures = 0
        self._problem_told = None

    def drop(self) -> None:
        """End the connection, if there is one: the CSMS does not answer any more. It is tried anew."""
        if self._socket is not None:
            self._socket.transport.abort()

    def _pause_s(self, *, slow: bool) -> float:
        if slow:
            return LONGEST_WAIT_S + self._spread(LONGEST_WAIT_S)
        longest: float = min(LONGEST_WAIT_S, WAIT_MINIMUM_S * 2 ** min(self._failures, 10))
        return WAIT_MINIMUM_S + self._spread(longest - WAIT_MINIMUM_S)

    async def _visit(self, version: Version, serve: Serve, use: Callable[[RpcPeer], Awaitable[None]]) -> None:
        async with _Direct(
            f"{self._access.url.rstrip('/')}/{quote(self._identity, safe='')}",
            ssl=await self._access.tls(),
            subprotocols=[Subprotocol(version.value)],
            additional_headers=await self._headers(),
            user_agent_header=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=LARGEST_FRAME,
            proxy=None,
            create_connection=CsmsSocket,
            logger=_quiet_logger(),
        ) as socket:
            if socket.subprotocol != version.value:
                raise NegotiationError
            await self._exchange(socket, version, serve, use)

    async def _exchange(
        self, socket: ClientConnection, version: Version, serve: Serve, use: Callable[[RpcPeer], Awaitable[None]]
    ) -> None:
        peer = RpcPeer(
            f"{self._access.name} of {self._identity}",
            version,
            socket,
            serve,
            Throttle(self._clock, _RATE, _BURST),
            absence=_AWAY,
        )

        async def used() -> None:
            await use(peer)
            await socket.close()

        self._socket = socket
        try:
            async with asyncio.TaskGroup() as tasks:
                user = tasks.create_task(used())
                await peer.run()
                user.cancel()
        finally:
            self._socket = None

    async def _headers(self) -> dict[str, str]:
        password = await self._access.password()
        if password is None:
            return {}
        token = base64.b64encode(f"{self._identity}:{password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def _problem(self, error: Exception, version: Version) -> tuple[str, bool]:
        """A sentence, and whether only people can mend it."""
        name = self._access.name
        if isinstance(error, HomeappError):
            return str(error), True
        if isinstance(error, InvalidStatus):
            return self._refused(error.response.status_code)
        if isinstance(error, NegotiationError):
            return f"{name} does not speak {version.value} with this charger. Ask {name} to allow it.", True
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"{name} shows a certificate that the hub does not trust ({error.verify_message}).", True
        if isinstance(error, ssl.SSLError):
            return f"{name} and the hub find no common TLS ({error.reason}). {self._access.how_to_mend}", True
        if isinstance(error, InvalidMessage | ConnectionResetError):
            # TLS 1.3 refuses a client's certificate in this way (RFC 8446 par. 4.4.2.4).
            return f"{name} ends the connection at once; it is tried again. {self._access.how_to_mend}", False
        return f"{name} cannot be reached; it is tried again. Check the internet connection.", False

    def _refused(self, status: int) -> tuple[str, bool]:
        name = self._access.name
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return f"{name} refuses the hub ({status}). {self._access.how_to_mend}", True
        if status == HTTPStatus.NOT_FOUND:
            return f"{name} does not know the charger {self._identity!r} (404). Have it registered there.", True
        if status == HTTPStatus.BAD_REQUEST:
            return f"{name} does not speak this charger's version of OCPP (400). Ask {name} to allow it.", True
        return f"{name} is out of order ({status}); it is tried again.", False


class _Direct(connect):
    """A connection to the given address and no other: whoever redirects must not get the password sent elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _quiet_logger() -> logging.Logger:
    """At debug level the library writes whole frames and headers."""
    quiet = logging.getLogger(f"{__name__}.websocket")
    quiet.setLevel(logging.WARNING)
    return quiet
