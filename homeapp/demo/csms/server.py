"""The demo CSMS: a websocket server for charging stations that lets in whom it knows and keeps what they tell."""

import asyncio
import itertools
import logging
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from homeapp.demo.csms.accounts import Account, station_name, verdict
from homeapp.demo.csms.books import Breach, StationBook
from homeapp.demo.csms.commands import Commands
from homeapp.demo.csms.commands_v2 import Commands2
from homeapp.demo.csms.commands_v16 import Commands16
from homeapp.demo.csms.faults import CsmsFaults
from homeapp.demo.csms.intake import Intake, Policy, take
from homeapp.demo.csms.intake_v2 import Intake2
from homeapp.demo.csms.intake_v16 import Intake16
from homeapp.demo.csms.journal import Journal, entries
from homeapp.demo.csms.session import Office, Session
from homeapp.demo.ocpp.frames import CallRefused, ConnectionGone
from homeapp.demo.ocpp.schemas import Version
from homeapp.demo.watched import Watched
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATH = "/ocpp"
NEWEST_FIRST = (Version.V21, Version.V201, Version.V16)
_LARGEST_MESSAGE = 1 << 20
_CLOSE_TIMEOUT_S = 2.0


class DemoCsms(Watched):
    """The CSMS; the port that it takes when it is first run is taken again when it is run again.

    Args:
        clock: the street's.
        tls: its certificate; with ``CERT_REQUIRED`` for security profile 3, or None for ws (profile 1).
        accounts: the stations that it knows, by identity.
        versions: subprotocols that it speaks, the preferred one first.
        journal: append-only file of what it accepts, which is read first; None to keep nothing.
        port: to listen on; 0 for a free one.

    Attributes:
        accounts, policy, faults: may be changed at any time.
        stations: what the stations have told, by identity.
        breaches: of the standard, by the stations or by itself, oldest first.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tls: ssl.SSLContext | None,
        accounts: Mapping[str, Account],
        policy: Policy | None = None,
        versions: Sequence[Version] = NEWEST_FIRST,
        journal: Path | None = None,
        port: int = 0,
    ) -> None:
        self.accounts = dict(accounts)
        self.policy = policy or Policy()
        self.faults = CsmsFaults()
        super().__init__()
        self.stations: dict[str, StationBook] = {}
        self.breaches: list[Breach] = []
        self._clock = clock
        self._tls = tls
        self._versions = tuple(versions)
        self._port = port
        self._sessions: dict[str, Session] = {}
        self._numbers = itertools.count(1001)
        self._up = asyncio.Event()
        self._journal: Journal | None = None
        if journal is not None:
            self._recall(journal)
            self._journal = Journal(journal)

    @property
    def port(self) -> int:
        """Where it listens; the real one once it has started."""
        return self._port

    @property
    def url(self) -> str:
        """Of the CSMS, without the identity of a station at its end; it must have been started."""
        return f"{'ws' if self._tls is None else 'wss'}://{HOST}:{self._port}{PATH}"

    @property
    def connected(self) -> frozenset[str]:
        """Identities of the stations that have an open websocket."""
        return frozenset(self._sessions)

    async def run(self) -> None:
        """Serve until cancelled, and then cut everybody off; may be called again."""
        async with serve(
            self._converse,
            HOST,
            self._port,
            ssl=self._tls,
            subprotocols=[Subprotocol(version.value) for version in self._versions],
            process_request=self._door,
            max_size=_LARGEST_MESSAGE,
            close_timeout=_CLOSE_TIMEOUT_S,
        ) as server:
            self._port = next(iter(server.sockets)).getsockname()[1]
            self._up.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._up.clear()
                self.cut()

    async def started(self) -> None:
        """Wait until it serves."""
        await self._up.wait()

    def station(self, station_id: str) -> StationBook:
        """The page of a station, which is opened where there is none."""
        return self.stations.setdefault(station_id, StationBook(station_id=station_id))

    def commands(self, station_id: str) -> Commands:
        """What it can have a connected station do.

        Raises:
            ConnectionGone: the station is not connected.
        """
        session = self._sessions.get(station_id)
        if session is None:
            raise ConnectionGone
        link = session.link
        if link.version is Version.V16:
            return Commands16(link)
        return Commands2(link)

    def cut(self, station_id: str | None = None) -> int:
        """Drop the TCP connection of this station or of all; returns of how many."""
        cut = [session for name, session in self._sessions.items() if station_id in (None, name)]
        for session in cut:
            session.link.cut()
        return len(cut)

    def freeze(self, station_id: str | None = None) -> None:
        """Half-open: the connections of this station or of all stay, but nothing comes through any more."""
        for name, session in self._sessions.items():
            if station_id in (None, name):
                session.link.freeze()

    def lose_next_answer(self, station_id: str) -> bool:
        """The next CALL of a transaction takes effect, then its connection is cut; False where it is not connected."""
        session = self._sessions.get(station_id)
        if session is not None:
            session.lose_next_answer = True
        return session is not None

    def lose_memory(self) -> None:
        """Forget all that the stations have told, but not who they are, and cut them off.

        Their registration stands: a station of 2.x that has been accepted need not register again (F06.FR.17).
        """
        self._forget()
        if self._journal is not None:
            self._journal.forgot()

    def _forget(self) -> None:
        for station_id, book in list(self.stations.items()):
            self.stations[station_id] = StationBook(
                station_id=station_id, version=book.version, registered=book.registered, forgetful=True
            )
        for station_id in self._sessions:
            self.cut(station_id)

    def _recall(self, journal: Path) -> None:
        for entry in entries(journal):
            if entry.received is None or entry.version is None:
                self._forget()
                continue
            book = self.station(entry.station_id)
            book.version, received = entry.version, entry.received
            try:
                answer = take(self._intake(entry.version, entry.station_id), book, received)
            except CallRefused:
                # It was accepted under another policy.
                continue
            book.remember(received.message_id, received.action, received.payload, answer)

    def _door(self, connection: ServerConnection, request: Request) -> Response | None:
        certificate = connection.transport.get_extra_info("peercert")
        refused = verdict(
            self.accounts, station_name(request.path, PATH), request.headers.get("Authorization"), certificate
        )
        if refused is None and self.faults.refuse is not None:
            refused = HTTPStatus(self.faults.refuse)
        return None if refused is None else connection.respond(refused, f"{refused.phrase}\n")

    async def _converse(self, socket: ServerConnection) -> None:
        name = station_name("" if socket.request is None else socket.request.path, PATH)
        if name is None or socket.subprotocol is None:
            return
        version = Version(socket.subprotocol)
        book = self.station(name)
        book.version = version
        book.connections += 1
        session = Session(socket, version, book, self._intake(version, name), self._office())
        # The newest connection is the one that lives.
        self.cut(name)
        self._sessions[name] = session
        self._happened()
        try:
            await session.run()
        finally:
            if self._sessions.get(name) is session:
                del self._sessions[name]
            self._happened()

    def _intake(self, version: Version, station_id: str) -> Intake:
        def breached(sentence: str) -> None:
            self._breached(station_id, sentence)

        if version is Version.V16:
            return Intake16(self.policy, lambda: next(self._numbers), breached)
        return Intake2(version, self.policy, breached)

    def _office(self) -> Office:
        return Office(
            clock=self._clock,
            policy=self.policy,
            journal=self._journal,
            faults=lambda: self.faults,
            breached=self._breached,
            changed=self._happened,
        )

    def _breached(self, station_id: str, sentence: str) -> None:
        logger.info("%s: %s", station_id, sentence)
        self.breaches.append(Breach(station_id=station_id, at=self._clock.now(), sentence=sentence))
        self._happened()
