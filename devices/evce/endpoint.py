"""The server that charging stations connect to: OCPP-J 1.6, 2.0.1 and 2.1.

Security profiles 2 and 3 of the standard (A00), and profile 1 on a port of its own where the installer wants it.
Whoever proved last to be a station is that station; what an older socket of it still does has no effect on the new one.
"""

import asyncio
import functools
import logging
import ssl
from collections.abc import Callable, Collection

from websockets.asyncio.server import Server, ServerConnection

from devices.evce.adopted import Adopted
from devices.evce.capability import CapabilityKeeper, ForgetfulKeeper
from devices.evce.certificates import install_root
from devices.evce.certification import Certification
from devices.evce.charger import OcppEvce
from devices.evce.dialect import Dialect, Introduction
from devices.evce.entrance import Entrance, Entry, SecurityProfile
from devices.evce.firmware_check import FirmwareRules, ProviderFirmware
from devices.evce.keepalive import Heard, Keepalive
from devices.evce.kept_needs import KeptNeeds, forget_needs
from devices.evce.known_pings import KnownPings
from devices.evce.listening import address_of, listen, port_of
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.security_raise import SecurityRaises
from devices.evce.session import Session
from devices.evce.station import Station
from devices.evce.upstream.port import Upstream, UpstreamSource
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from devices.evce.visit import Visit, candidate
from homeapp.errors import DeviceUnreachable, EnvironmentProblem, NotSupported
from homeapp.model.readings import EvceState
from homeapp.ports import Admission, Clock, SignedReadingKeeper, StationCertificates, StationRegister

logger = logging.getLogger(__name__)

Limits = Callable[[str], StationLimits]
"""What the installer has set for a station, by its device id."""

_DIALECTS: dict[Version, type[Ocpp16] | type[Ocpp201]] = {
    Version.V21: Ocpp21,
    Version.V201: Ocpp201,
    Version.V16: Ocpp16,
}
_NOT_ENCRYPTED = (
    "The charger's connection is not encrypted: everybody on the home network can read its password. "
    "Enter the hub's wss address in the charger's own settings."
)


class OcppEndpoint:
    """The endpoint for charging stations (the ``EvceEndpoint`` port).

    Args:
        certificates: the hub as certificate authority; without it there is no security profile 3.
        unencrypted_port: for security profile 1, without TLS; None keeps it shut.
        signed_keeper: keeps what stations' meters sign; without it, that is only passed on to the provider.
        no_subprotocol: identities of stations that may come without naming a protocol; they are taken to speak 1.6.

    Attributes:
        port, unencrypted_port: where it listens; the real ones once it has started.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        clock: Clock,
        limits: Limits,
        lease_s: float,
        certificates: StationCertificates | None = None,
        unencrypted_port: int | None = None,
        no_subprotocol: Collection[str] = (),
        keeper: CapabilityKeeper | None = None,
        signed_keeper: SignedReadingKeeper | None = None,
        upstreams: UpstreamSource | None = None,
        compression: bool = False,
    ) -> None:
        self.port = port
        self.unencrypted_port = unencrypted_port
        self._host = host
        self._tls = tls
        self._clock = clock
        self._limits = limits
        self._lease_s = lease_s
        self._certificates = certificates
        self._no_subprotocol = no_subprotocol
        self._keeper = keeper or ForgetfulKeeper()
        self._signed_keeper = signed_keeper
        self._upstreams = upstreams
        self._compression = compression
        self._started = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._register: StationRegister | None = None
        self._sockets: dict[str, tuple[ServerConnection, Entry]] = {}
        self._adopted: dict[str, Adopted] = {}
        self._keepalive = Keepalive(KnownPings(self._adopted, self._keeper))
        self._visits: dict[str, Visit] = {}
        self._raises = SecurityRaises()

    async def started(self) -> None:
        """Wait until stations can connect."""
        await self._started.wait()

    async def run(self, register: StationRegister) -> None:
        self._register = register
        self._ask_for_certificates()
        servers = await self._open(register)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._started.set()
                await asyncio.gather(*(server.wait_closed() for server in servers))
        finally:
            self._started.clear()
            self._tasks = None
            # Some stations never come back after a Close frame, so the sockets are just dropped.
            for socket, _ in list(self._sockets.values()):
                socket.transport.abort()
            for server in servers:
                server.close()
                await server.wait_closed()

    def evce(self, device_id: str) -> OcppEvce | None:
        adopted = self._adopted.get(device_id)
        return adopted.evce if adopted else None

    def firmware_check(self, device_id: str, rules: FirmwareRules) -> ProviderFirmware:
        """Looks at a provider's firmware for this station."""

        def state() -> EvceState | None:
            adopted = self._adopted.get(device_id)
            return adopted.station.state if adopted else None

        def vendor() -> str:
            return self._register.vendor(device_id) if self._register else ""

        def agreed(location: str, signature: str) -> bool:
            return self._register is not None and self._register.agreed_firmware(device_id, location, signature)

        return ProviderFirmware(device_id, rules, state=state, vendor=vendor, agreed=agreed)

    async def enrol(self, device_id: str) -> str:
        visit, adopted = self._visits.get(device_id), self._adopted.get(device_id)
        session = adopted.evce.session if adopted else None
        link = visit.link if visit else session.link if session else None
        if link is None:
            raise DeviceUnreachable("The charger is not connected; wait until it knocks again.")
        if self._certificates is not None:
            if visit is not None:
                await asyncio.to_thread(self._certificates.revoke, device_id)
            # Not decisive: a station on TLS trusts the hub already, or does not look.
            await link.call(install_root(link.dialect.version, self._certificates.authority_pem))
        _, entry = self._sockets.get(device_id, (None, None))
        if visit is not None and visit.certification is not None and entry is not None and entry.serial is not None:
            return await visit.take_certificate(visit.certification)
        return await link.give_password()

    async def drop(self, device_id: str) -> None:
        socket, _ = self._sockets.get(device_id, (None, None))
        if socket is not None:
            socket.transport.abort()
            await socket.wait_closed()

    async def forget(self, device_id: str) -> None:
        if self._certificates is not None:
            await asyncio.to_thread(self._certificates.revoke, device_id)
            self._ask_for_certificates()
        await self.drop(device_id)
        self._forget(device_id)
        await forget_needs(device_id, self._keeper)

    async def raise_security(self, device_id: str) -> None:
        adopted, (_, entry) = self._adopted.get(device_id), self._sockets.get(device_id, (None, None))
        if adopted is None or adopted.evce.session is None or entry is None or self._tasks is None:
            raise DeviceUnreachable("The charger is not connected; check its power and its network.")
        if self._certificates is None or adopted.certification is None:
            raise NotSupported("This hub gives no certificates to chargers.")
        await self._raises.begin(adopted, adopted.certification, entry, self._certificates, self._tasks)

    async def _open(self, register: StationRegister) -> list[Server]:
        entrance = Entrance(register, self._certificates, self._no_subprotocol)
        door = functools.partial(
            listen,
            self._host,
            entrance=entrance,
            visitors=self._visits.keys(),
            receive=functools.partial(self._receive, register),
            compression=self._compression,
        )
        servers = [await door(self.port, self._tls)]
        self.port = port_of(servers[0])
        logger.info("chargers are served on port %d", self.port)
        if self.unencrypted_port is not None:
            try:
                servers.append(await door(self.unencrypted_port, None))
            except EnvironmentProblem:
                servers[0].close()
                raise
            self.unencrypted_port = port_of(servers[1])
            logger.warning("chargers are served without encryption on port %d", self.unencrypted_port)
        return servers

    def _ask_for_certificates(self) -> None:
        """Stations are asked only once one may have a certificate: some show a foreign one, and TLS would end there."""
        asks = self._certificates is not None and self._certificates.in_use
        self._tls.verify_mode = ssl.CERT_OPTIONAL if asks else ssl.CERT_NONE

    async def _receive(self, register: StationRegister, connection: ServerConnection, entry: Entry) -> None:
        dialect = _DIALECTS[Version(str(connection.subprotocol or Version.V16))]()
        older, _ = self._sockets.get(entry.device_id, (None, None))
        self._sockets[entry.device_id] = connection, entry
        if older is not None:
            logger.info("%s: came anew; its older socket is dropped", entry.device_id)
            older.transport.abort()
        try:
            async with self._keepalive.watching(entry.device_id, connection) as heard:
                if entry.admission is Admission.ADOPTED:
                    await self._receive_adopted(entry, dialect, heard, register)
                else:
                    await self._receive_visitor(entry, dialect, heard, address_of(connection), register)
        finally:
            connection.transport.abort()
            if self._sockets.get(entry.device_id, (None, None))[0] is connection:
                del self._sockets[entry.device_id]

    async def _receive_adopted(
        self, entry: Entry, dialect: Dialect, connection: Heard, register: StationRegister
    ) -> None:
        self._visits.pop(entry.device_id, None)
        adopted = self._adopted.get(entry.device_id) or self._make(entry, register)
        station, evce = adopted.station, adopted.evce
        await self._note_certificate(adopted, entry)
        if self._sockets[entry.device_id][1] is not entry:
            # Meanwhile it has come anew.
            return
        upstream = self._upstreams.upstream(station) if self._upstreams else None
        evce.session = session = self._session(adopted, entry, dialect, connection, upstream)
        logger.info("%s: connected, %s, security profile %d", entry.device_id, dialect.version.value, entry.profile)
        station.came(dialect.version, entry.profile)
        station.problem("unencrypted", _NOT_ENCRYPTED if entry.profile is SecurityProfile.PLAIN else None)
        if upstream is not None:
            upstream.connected(session.link, dialect)
        try:
            await session.run()
        finally:
            if evce.session is session:
                evce.session = None
                if upstream is not None:
                    upstream.gone()
                logger.info("%s: gone", entry.device_id)
                station.left()

    def _session(
        self, adopted: Adopted, entry: Entry, dialect: Dialect, connection: Heard, upstream: Upstream | None
    ) -> Session:
        # Nobody is vouched for on the word of a password that others can read.
        certification = None if entry.profile is SecurityProfile.PLAIN else adopted.certification
        return Session(
            adopted.station,
            dialect,
            connection,
            self._clock,
            self._keeper,
            upstream,
            certification,
            self._signed_keeper,
            adopted.needs,
        )

    def _make(self, entry: Entry, register: StationRegister) -> Adopted:
        station = Station(entry.device_id, self._limits(entry.device_id), self._clock, register)
        evce = OcppEvce(station, self._clock, self._lease_s, self._keeper)
        adopted = Adopted(station, evce, self._certification(entry), KeptNeeds(station, self._keeper))
        self._adopted[entry.device_id] = adopted
        return adopted

    def _certification(self, entry: Entry) -> Certification | None:
        if self._certificates is None:
            return None
        return Certification(
            entry.station, entry.device_id, self._certificates, self._clock, self._ask_for_certificates
        )

    async def _note_certificate(self, adopted: Adopted, entry: Entry) -> None:
        if entry.serial is None or self._certificates is None or adopted.certification is None:
            return
        adopted.certification.returned.set()
        adopted.station.problem("security", None)
        try:
            await asyncio.to_thread(self._certificates.shown_by, entry.device_id, entry.serial)
        except EnvironmentProblem as error:
            # The station is who it says it is all the same; it is noted when it comes next.
            logger.warning("%s: that it has a certificate could not be noted: %s", entry.device_id, error)

    async def _receive_visitor(
        self, entry: Entry, dialect: Dialect, connection: Heard, address: str, register: StationRegister
    ) -> None:
        device_id = entry.device_id
        self._forget(device_id)

        def introduced(introduction: Introduction) -> None:
            register.knocked(candidate(device_id, address, dialect.version, introduction, self._clock))

        limits = self._limits(device_id)
        visit = Visit(device_id, dialect, connection, self._clock, limits, introduced, self._certification(entry))
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
            adopted.evce.session = None
