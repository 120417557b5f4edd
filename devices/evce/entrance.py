"""The door of the OCPP endpoint: who may come in, how their connection is secured, and in which protocol they speak."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from weakref import WeakKeyDictionary

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from devices.evce.doorway import certificate_serial, credentials_of, passwords_meant, station_of, url_of
from devices.evce.schemas import Version
from homeapp.ports import Admission, StationCertificates, StationRegister

logger = logging.getLogger(__name__)

MOST_VISITORS = 5
_MOST_SAID = 256
_PREFERRED = tuple(Subprotocol(version.value) for version in Version)


_TURNED_AWAY = (
    "The charger {why}. If it was set back to factory settings, forget it here and adopt it again. "
    "Otherwise somebody else may pose as it."
)


class SecurityProfile(IntEnum):
    """How a connection is secured (A00)."""

    PLAIN = 1
    """a password, and no encryption"""
    PASSWORD = 2
    """TLS, and a password"""
    CERTIFICATE = 3
    """TLS, and a certificate of the station"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A station that was let in.

    Attributes:
        station: its identity in the URL.
        serial: serial number of the certificate it has shown; None in the other profiles.
        url: the address by which it has found the hub, without its identity; empty where it does not tell.
    """

    device_id: str
    station: str
    admission: Admission
    profile: SecurityProfile
    serial: str | None
    url: str


class Entrance:
    """Judges handshakes; what it refuses is logged once per station and reason.

    Args:
        certificates: the hub as certificate authority, or None where it is none.
        speechless: identities that may come without a subprotocol; they are taken to speak 1.6.
    """

    def __init__(
        self, register: StationRegister, certificates: StationCertificates | None, speechless: Collection[str]
    ) -> None:
        self._register = register
        self._certificates = certificates
        self._speechless = frozenset(speechless)
        self._entries: WeakKeyDictionary[ServerConnection, Entry] = WeakKeyDictionary()
        self._said: set[tuple[str, str]] = set()

    def judge(self, connection: ServerConnection, request: Request, visitors: Collection[str]) -> Response | None:
        """What a station is turned away with, or None; ``visitors`` are the devices that knock already."""
        station = station_of(request.path)
        if station is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "No such station.\n")
        device_id = f"ocpp:{station}"
        encrypted = connection.transport.get_extra_info("ssl_object") is not None
        serial = certificate_serial(connection.transport)
        refusal = self._objection(device_id, serial)
        if refusal is not None:
            self._say_once(device_id, refusal)
            self._register.turned_away(device_id, _TURNED_AWAY.format(why=refusal))
            return connection.respond(HTTPStatus.FORBIDDEN, "This certificate does not open the door.\n")
        admission = self._admission(device_id, station, request) if serial is None else self._proven(device_id)
        if admission is Admission.REFUSED:
            self._say_once(device_id, "wrong password")
            return _wrong_password(connection)
        if admission is Admission.KNOCKING and self._crowded(device_id, visitors):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many unknown stations.\n")
        with_password = SecurityProfile.PASSWORD if encrypted else SecurityProfile.PLAIN
        self._entries[connection] = Entry(
            device_id=device_id,
            station=station,
            admission=admission,
            profile=with_password if serial is None else SecurityProfile.CERTIFICATE,
            serial=serial,
            url=url_of(request, encrypted=encrypted),
        )
        return None

    def select(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """The newest protocol that both speak; None for a station that may leave it open.

        Raises:
            NegotiationError: there is none.
        """
        for subprotocol in _PREFERRED:
            if subprotocol in offered:
                return subprotocol
        entry = self._entries.get(connection)
        if entry is not None and not offered and entry.station in self._speechless:
            return None
        if entry is not None and not offered and entry.admission is Admission.ADOPTED:
            self._say_once(entry.device_id, "names no protocol; the setting ocpp.no_subprotocol can allow that")
        raise NegotiationError("none of the subprotocols that the hub speaks: " + ", ".join(_PREFERRED))

    def enter(self, connection: ServerConnection) -> Entry:
        """How a connection whose handshake is done was judged; only once."""
        entry = self._entries.pop(connection)
        if self._said:
            self._said = {said for said in self._said if said[0] != entry.device_id}
        return entry

    def _objection(self, device_id: str, serial: str | None) -> str | None:
        if self._certificates is None or not self._register.is_adopted(device_id):
            return None
        return self._certificates.refusal(device_id, serial)

    def _proven(self, device_id: str) -> Admission:
        """One that was of this home once may knock like any other, whatever it shows."""
        return Admission.ADOPTED if self._register.is_adopted(device_id) else Admission.KNOCKING

    def _admission(self, device_id: str, station: str, request: Request) -> Admission:
        credentials = credentials_of(request.headers)
        # A00.FR.204: the user is the station's identity.
        if credentials is None or credentials.user != station:
            return self._register.admission(device_id, None)
        verdict = Admission.REFUSED
        for password in passwords_meant(credentials.password):
            verdict = self._register.admission(device_id, password)
            if verdict is not Admission.REFUSED:
                break
        return verdict

    def _crowded(self, device_id: str, visitors: Collection[str]) -> bool:
        coming = {entry.device_id for entry in self._entries.values() if entry.admission is Admission.KNOCKING}
        return len((coming | set(visitors)) - {device_id}) >= MOST_VISITORS

    def _say_once(self, device_id: str, reason: str) -> None:
        if (device_id, reason) not in self._said:
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            self._said.add((device_id, reason))
            logger.warning("%s: refused at the door: %s (said once)", device_id, reason)


def _wrong_password(connection: ServerConnection) -> Response:
    response = connection.respond(HTTPStatus.UNAUTHORIZED, "Wrong password.\n")
    response.headers["WWW-Authenticate"] = 'Basic realm="homeapp"'
    return response
