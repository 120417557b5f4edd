"""The MQTT broker of the demo VTN: mosquitto with one TLS listener for each way to say who one is.

Anonymous clients read what is for everybody; those with a token or a certificate also read what is for them; nobody
but the VTN writes.
"""

import asyncio
import getpass
import secrets
import ssl
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from homeapp.demo.grid.topics import EVERYTHING, OWN, PUBLIC
from homeapp.demo.operator.child_process import ChildProcess, free_loopback_ports
from homeapp.demo.operator.mosquitto import connect_packet, mosquitto_hash, mosquitto_path, until_let_in
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import EnvironmentProblem

HOST = "127.0.0.1"
_START_S = 10.0
_PROBE = "vtn-probe"


class NotifierAuthentication(StrEnum):
    """``mqttNotifierBindingObject.authentication.method``."""

    ANONYMOUS = "ANONYMOUS"
    TOKEN = "OAUTH2_BEARER_TOKEN"  # noqa: S105 # the name of a method
    CERTIFICATE = "CERTIFICATE"


class NotifierBroker:
    """Keeps its ports when it is started again.

    Attributes:
        ports: of ``HOST``, for each way to say who one is.
        publisher: user name and password of the VTN itself, on the listener for tokens.
    """

    def __init__(self, directory: Path, authority: StreetAuthority) -> None:
        self.ports = dict(zip(NotifierAuthentication, free_loopback_ports(len(NotifierAuthentication)), strict=True))
        self.publisher = "vtn", secrets.token_urlsafe(18)
        self._directory = directory
        self._authority = authority
        self._tls: ssl.SSLContext | None = None
        self._passwords: dict[str, str] = dict([self.publisher])
        self._process: ChildProcess | None = None

    async def start(self, business: Sequence[str]) -> None:
        """Start it and return when it answers.

        Args:
            business: ids of clients that may read everything.

        Raises:
            EnvironmentProblem: mosquitto is missing, cannot be started or does not answer in time.
        """
        program = mosquitto_path()
        if program is None:
            raise EnvironmentProblem("mosquitto is not installed. Install it, or let the VTN offer no notifier.")
        if self._process is None:
            path = await asyncio.to_thread(self._write, business)
            self._process = ChildProcess("notifier", [program, "-c", str(path)], self._directory)
        await self._process.start_until(lambda: self._lets_in(*self.publisher), _START_S)

    async def stop(self) -> None:
        """End it; without effect where it does not run."""
        if self._process is not None:
            await self._process.stop()

    async def let_in(self, client_id: str, token: str) -> None:
        """Take this token as the client's password from now on, in place of the one before.

        Raises:
            EnvironmentProblem: the broker does not follow.
        """
        self._passwords[client_id] = token
        await asyncio.to_thread(self._write_passwords)
        if self._process is None:
            return
        self._process.hang_up()
        try:
            async with asyncio.timeout(_START_S):
                await self._lets_in(client_id, token)
        except TimeoutError as error:
            raise EnvironmentProblem("The notifier's broker does not take a new token.") from error

    async def _lets_in(self, user: str, password: str) -> None:
        """Return when a login with these succeeds."""
        connect = connect_packet(_PROBE, user, password)
        await until_let_in(HOST, self.ports[NotifierAuthentication.TOKEN], self._client_tls(), connect)

    def _client_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._authority.client_context()
        return self._tls

    def _write(self, business: Sequence[str]) -> Path:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        credentials = self._authority.issue_server()
        self._private("ca.pem", self._authority.ca_pem.decode())
        self._private("broker.pem", credentials.certificate_pem.decode())
        self._private("broker.key", credentials.key_pem.decode())
        self._write_passwords()
        own = [f"user {self.publisher[0]}", f"topic write {EVERYTHING}"]
        theirs = [line for name in business for line in (f"user {name}", f"topic read {EVERYTHING}")]
        self._private("anonymous.acl", _lines(f"topic read {PUBLIC}"))
        self._private("named.acl", _lines(*own, *theirs, f"pattern read {PUBLIC}", f"pattern read {OWN}"))
        named = f"acl_file {self._directory / 'named.acl'}"
        return self._private(
            "mosquitto.conf",
            _lines(
                *_GLOBALS,
                f"user {getpass.getuser()}",
                *self._listener(NotifierAuthentication.ANONYMOUS),
                "allow_anonymous true",
                f"acl_file {self._directory / 'anonymous.acl'}",
                *self._listener(NotifierAuthentication.TOKEN),
                "allow_anonymous false",
                f"password_file {self._directory / 'passwords'}",
                named,
                *self._listener(NotifierAuthentication.CERTIFICATE),
                "allow_anonymous false",
                "require_certificate true",
                "use_identity_as_username true",
                named,
            ),
        )

    def _listener(self, method: NotifierAuthentication) -> list[str]:
        files = {"cafile": "ca.pem", "certfile": "broker.pem", "keyfile": "broker.key"}
        return [
            f"listener {self.ports[method]} {HOST}",
            "tls_version tlsv1.2",
            *(f"{option} {self._directory / name}" for option, name in files.items()),
        ]

    def _write_passwords(self) -> None:
        lines = (f"{user}:{mosquitto_hash(password)}" for user, password in self._passwords.items())
        self._private("passwords", _lines(*lines))

    def _private(self, name: str, text: str) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path


_GLOBALS = (
    "per_listener_settings true",
    "set_tcp_nodelay true",
    "persistence false",
    "log_dest stderr",
    "log_type error",
    "log_type warning",
)


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
