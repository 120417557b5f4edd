"""The server that charging stations connect to: OCPP-J 1.6, 2.0.1 and 2.1 over TLS with Basic authentication.

Security profile 2 of the standard (A00). Whoever authenticated last under an identity is the station; what an older
socket of it still does has no effect on the new one.
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from devices.evce.charger import OcppEvce
from devices.evce.dialect import Dialect, Introduction
from devices.evce.doorway import credentials_of, passwords_meant, station_of
from devices.evce.frames import LARGEST_FRAME
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.upstream.port import UpstreamSource
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from devices.evce.visit import Visit
from homeapp.errors import DeviceUnreachable, EnvironmentProblem
from homeapp.model.device import Candidate, DeviceKind, DeviceLink
from homeapp.ports import Admission, Clock, StationRegister

logger = logging.getLogger(__name__)

MOST_VISITORS = 5
PING_S = 20.0
_DIALECTS: dict[Version, type[Ocpp16] | type[Ocpp201]] = {
    Version.V21: Ocpp21,
    Version.V201: Ocpp201,
    Version.V16: Ocpp16,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """How a handshake was judged."""

    device_id: str
    admission: Admission


class OcppEndpoint:
    """The endpoint for charging stations (the ``EvceEndpoint`` port).

    Attributes:
        port: where it listens; the real one once it has started.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        clock: Clock,
        limits: StationLimits,
        lease_s: float,
        upstreams: UpstreamSource | None = None,
    ) -> None:
        self.port = port
        self._host = host
        self._tls = tls
        self._clock = clock
        self._limits = limits
        self._lease_s = lease_s
        self._upstreams = upstreams
        self._started = asyncio.Event()
        self._entries: WeakKeyDictionary[ServerConnection, _Entry] = WeakKeyDictionary()
        self._sockets: dict[str, ServerConnection] = {}
        self._adopted: dict[str, tuple[Station, OcppEvce]] = {}
        self._visits: dict[str, Visit] = {}
        self._turned_away: set[str] = set()

    async def started(self) -> None:
        """Wait until stations can connect."""
        await self._started.wait()

    async def run(self, register: StationRegister) -> None:
        try:
            server = await self._serve(register)
        except OSError as error:
            raise EnvironmentProblem(
                f"The port {self.port} for chargers cannot be opened: {error.strerror}. "
                "Another program uses it, or the hub may not; choose another port in the settings."
            ) from error
        self.port = next(iter(server.sockets)).getsockname()[1]
        logger.info("chargers are served on port %d", self.port)
        self._started.set()
        try:
            await server.wait_closed()
        finally:
            self._started.clear()
            # Some stations never come back after a Close frame, so the sockets are just dropped.
            for socket in list(self._sockets.values()):
                socket.transport.abort()
            server.close()
            await server.wait_closed()

    def evce(self, device_id: str) -> OcppEvce | None:
        adopted = self._adopted.get(device_id)
        return adopted[1] if adopted else None

    async def enrol(self, device_id: str) -> str:
        visit, adopted = self._visits.get(device_id), self._adopted.get(device_id)
        session = adopted[1].session if adopted else None
        link = visit.link if visit else session.link if session else None
        if link is None:
            raise DeviceUnreachable("The charger is not connected; wait until it knocks again.")
        return await link.give_password()

    async def drop(self, device_id: str) -> None:
        socket = self._sockets.get(device_id)
        if socket is not None:
            socket.transport.abort()
            await socket.wait_closed()

    async def _serve(self, register: StationRegister) -> Server:
        async def judge(connection: ServerConnection, request: Request) -> Response | None:
            return self._judge(connection, request, register)

        async def receive(connection: ServerConnection) -> None:
            await self._receive(connection, register)

        return await serve(
            receive,
            self._host,
            self.port,
            ssl=self._tls,
            process_request=judge,
            subprotocols=[Subprotocol(version.value) for version in _DIALECTS],
            max_size=LARGEST_FRAME,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            server_header=None,
            logger=_quiet_logger(),
        )

    def _judge(self, connection: ServerConnection, request: Request, register: StationRegister) -> Response | None:
        station = station_of(request.path)
        if station is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "No such station.\n")
        device_id = f"ocpp:{station}"
        admission = _admission(device_id, station, request, register)
        if admission is Admission.REFUSED:
            if device_id not in self._turned_away:
                logger.warning("%s: refused at the door: wrong password (said once)", device_id)
                self._turned_away.add(device_id)
            response = connection.respond(HTTPStatus.UNAUTHORIZED, "Wrong password.\n")
            response.headers["WWW-Authenticate"] = 'Basic realm="homeapp"'
            return response
        if admission is Admission.KNOCKING and self._crowded(device_id):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many unknown stations.\n")
        self._turned_away.discard(device_id)
        self._entries[connection] = _Entry(device_id, admission)
        return None

    def _crowded(self, device_id: str) -> bool:
        coming = {entry.device_id for entry in self._entries.values() if entry.admission is Admission.KNOCKING}
        return len((coming | self._visits.keys()) - {device_id}) >= MOST_VISITORS

    async def _receive(self, connection: ServerConnection, register: StationRegister) -> None:
        entry = self._entries.pop(connection)
        dialect = _DIALECTS[Version(str(connection.subprotocol))]()
        older = self._sockets.get(entry.device_id)
        self._sockets[entry.device_id] = connection
        if older is not None:
            logger.info("%s: came anew; its older socket is dropped", entry.device_id)
            older.transport.abort()
        try:
            if entry.admission is Admission.ADOPTED:
                await self._receive_adopted(entry.device_id, dialect, connection, register)
            else:
                await self._receive_visitor(entry.device_id, dialect, connection, register)
        finally:
            connection.transport.abort()
            if self._sockets.get(entry.device_id) is connection:
                del self._sockets[entry.device_id]

    async def _receive_adopted(
        self, device_id: str, dialect: Dialect, connection: ServerConnection, register: StationRegister
    ) -> None:
        self._visits.pop(device_id, None)
        if device_id not in self._adopted:
            station = Station(device_id, self._limits, self._clock, register)
            self._adopted[device_id] = station, OcppEvce(station, self._clock, self._lease_s)
        station, evce = self._adopted[device_id]
        upstream = self._upstreams.upstream(station) if self._upstreams else None
        evce.session = session = Session(station, dialect, connection, self._clock, upstream)
        logger.info("%s: connected, %s", device_id, dialect.version.value)
        station.came(dialect.version)
        if upstream is not None:
            upstream.connected(session.link, dialect)
        try:
            await session.run()
        finally:
            if evce.session is session:
                evce.session = None
                if upstream is not None:
                    upstream.gone()
                logger.info("%s: gone", device_id)
                station.left()

    async def _receive_visitor(
        self, device_id: str, dialect: Dialect, connection: ServerConnection, register: StationRegister
    ) -> None:
        self._forget(device_id)
        address = _address(connection)

        def introduced(introduction: Introduction) -> None:
            register.knocked(_candidate(device_id, address, dialect.version, introduction, self._clock))

        visit = Visit(device_id, dialect, connection, self._clock, self._limits, introduced)
        self._visits[device_id] = visit
        try:
            await visit.run()
        finally:
            if self._visits.get(device_id) is visit:
                del self._visits[device_id]

    def _forget(self, device_id: str) -> None:
        """A station that knocks is not adopted any more."""
        adopted = self._adopted.pop(device_id, None)
        if adopted is not None:
            adopted[1].session = None


def _admission(device_id: str, station: str, request: Request, register: StationRegister) -> Admission:
    credentials = credentials_of(request.headers)
    # A00.FR.204: the user is the station's identity.
    if credentials is None or credentials.user != station:
        return register.admission(device_id, None)
    verdict = Admission.REFUSED
    for password in passwords_meant(credentials.password):
        verdict = register.admission(device_id, password)
        if verdict is not Admission.REFUSED:
            break
    return verdict


def _candidate(device_id: str, address: str, version: Version, introduction: Introduction, clock: Clock) -> Candidate:
    return Candidate(
        device_id=device_id,
        kind=DeviceKind.EVCE,
        driver="ocpp",
        address=address,
        product=f"{introduction.vendor} {introduction.model}",
        seen_at=clock.now(),
        link=DeviceLink.KNOCKING,
        properties={
            "vendor": introduction.vendor,
            "model": introduction.model,
            "serial": introduction.serial,
            "firmware": introduction.firmware,
            "protocol": version.value,
        },
    )


def _address(connection: ServerConnection) -> str:
    remote = connection.remote_address
    host, port = (remote[0], remote[1]) if remote else ("", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _quiet_logger() -> logging.Logger:
    """A logger for the websocket library: at debug level it writes whole frames, and for each port scan a traceback."""
    quiet = logging.getLogger(f"{__name__}.websocket")
    quiet.setLevel(logging.WARNING)
    quiet.addFilter(_no_handshake_noise)
    return quiet


def _no_handshake_noise(record: logging.LogRecord) -> bool:
    return record.msg != "opening handshake failed"
