"""The system operator: a oneM2M CSE (ACME) in a process of its own, reached through the street's broker."""

import asyncio
import contextlib
import logging
import secrets
import sys
from configparser import ConfigParser
from pathlib import Path

from homeapp.demo.operator.broker import Broker
from homeapp.demo.operator.child_process import ChildProcess, free_loopback_ports
from homeapp.demo.operator.onem2m_application import Access, Onem2mApplication, Operation, ResourceType, Status
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import ProviderUnreachable

logger = logging.getLogger(__name__)

_START_S = 40.0
_NOTIFICATION_TARGET_POLICY = 26
_ADMIN_ID = "CAdmin"
_CERTIFICATE, _KEY = "http.pem", "http.key"


class SystemOperatorCse:
    """CSE ``/id-in`` with base ``cse-in``; it keeps its resources in memory, so that a restart forgets them.

    It speaks MQTT with the broker, which has to run before, and where wished HTTPS too; no CoAP or WebSocket port is
    open. It does not check who sends a request, therefore nobody may rely on what it says about that. Its HTTPS asks
    for no client certificate: a real operator puts a front end before it that does.

    Attributes:
        http_url: base of its HTTP binding (TS-0009) on loopback, or empty where it has none.
    """

    def __init__(self, directory: Path, broker: Broker, authority: StreetAuthority, *, http: bool = False) -> None:
        command = [sys.executable, "-m", "homeapp.demo.operator.acme_cse", "-dir", str(directory), "--headless"]
        self._process = ChildProcess("cse", command, directory)
        self._directory = directory
        self._broker = broker
        self._authority = authority
        self._http_port = free_loopback_ports(1)[0] if http else None
        self.http_url = f"https://127.0.0.1:{self._http_port}" if http else ""

    async def start(self) -> None:
        """Start it and return when it answers a request that comes over MQTT.

        Raises:
            EnvironmentProblem: it ends or does not answer within 40 s; with its last words.
            ProviderUnreachable: the broker does not run; start that first.
        """
        await asyncio.to_thread(self._write_configuration)
        await self._process.start_until(self._ready, _START_S)
        logger.info("system operator: the CSE is ready")

    async def stop(self) -> None:
        """End it; without effect where it does not run."""
        await self._process.stop()

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._process.kill()

    async def _ready(self) -> None:
        """Any answer is not enough: for a while it says that its own base does not exist."""
        context = await asyncio.to_thread(self._authority.client_context, _ADMIN_ID)
        access = Access(host=self._broker.host, port=self._broker.port, context=context)
        async with Onem2mApplication(_ADMIN_ID, access) as admin:
            # The policy comes some time after the base.
            for primitive, wanted in ((_READ_BASE, Status.OK), (_LET_READ_BASE, Status.UPDATED)):
                await _until(admin, primitive, wanted)

    def _write_configuration(self) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if self._http_port is not None:
            self._write_server_certificate()
        configuration = ConfigParser(interpolation=None)
        configuration.optionxform = str  # type: ignore[assignment,method-assign]
        configuration.read_dict(self._sections())
        path = self._directory / "acme.ini"
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8") as file:
            configuration.write(file)

    def _write_server_certificate(self) -> None:
        credentials = self._authority.issue_server()
        for name, pem in ((_CERTIFICATE, credentials.certificate_pem), (_KEY, credentials.key_pem)):
            path = self._directory / name
            path.touch(mode=0o600)
            path.write_bytes(pem)

    def _http_sections(self) -> dict[str, dict[str, str]]:
        if self._http_port is None:
            return {"http": {"enable": "false", "listenIF": "127.0.0.1"}}
        return {
            "http": {
                "enable": "true",
                "listenIF": "127.0.0.1",
                "port": str(self._http_port),
                "address": self.http_url,
            },
            "http.security": {
                "useTLS": "true",
                "caCertificateFile": str(self._directory / _CERTIFICATE),
                "caPrivateKeyFile": str(self._directory / _KEY),
            },
        }

    def _sections(self) -> dict[str, dict[str, str]]:
        broker = self._broker
        off = {"enable": "false"}
        return {
            "basic.config": {
                "cseType": "IN",
                "cseID": "id-in",
                "cseName": "cse-in",
                "adminID": _ADMIN_ID,
                "networkInterface": "127.0.0.1",
                "cseHost": "127.0.0.1",
                "httpPort": "8080",
                "databaseType": "memory",
                "logLevel": "warn",
                "consoleTheme": "dark",
                "secret": secrets.token_urlsafe(24),
            },
            "cse": {"poa": f"mqtt://{broker.host}:{broker.cse_port}", "checkExpirationsInterval": "1"},
            "cse.registration": {"allowedAEOriginators": "C*,S*"},
            "cse.statistics": off,
            **self._http_sections(),
            "coap": off,
            "websocket": off,
            "webui": off,
            "logging": {"enableScreenLogging": "false"},
            "mqtt": {
                "enable": "true",
                "address": broker.host,
                "port": str(broker.cse_port),
                "listenIF": "127.0.0.1",
                "keepalive": "10",
            },
            "mqtt.security": {
                "useTLS": "true",
                "verifyCertificate": "true",
                "caCertificateFile": str(broker.ca_file),
                "username": broker.cse_user,
                "password": broker.cse_password,
            },
        }


_READ_BASE: dict[str, object] = {"op": Operation.RETRIEVE, "to": "cse-in"}
_MAY_CREATE = {"acor": ["all"], "acop": 1, "acod": [{"chty": [ResourceType.ACP, _NOTIFICATION_TARGET_POLICY]}]}
_MAY_READ = {"acor": ["all"], "acop": 2}
_LET_READ_BASE: dict[str, object] = {
    # An application has to name the CSE's own broker address when it registers and finds it in the CSEBase only.
    "op": Operation.UPDATE,
    "to": "cse-in/acpCreateRootResources",
    "pc": {"m2m:acp": {"pv": {"acr": [_MAY_CREATE, _MAY_READ]}}},
}


async def _until(admin: Onem2mApplication, primitive: dict[str, object], wanted: Status) -> None:
    """Ask until the CSE says that."""
    while True:
        with contextlib.suppress(TimeoutError, ProviderUnreachable):
            async with asyncio.timeout(0.5):
                response = await admin.request(primitive)
            if response.status == wanted:
                return
            await asyncio.sleep(0.1)
