"""The MQTT broker between the applications of the street and the CSE: mosquitto, or amqtt where there is none.

Two listeners on loopback, both TLS. Applications present a client certificate: its common name is their user name,
their client id and the only topics they may use. The CSE cannot present one and logs in with a password. Revoked ones
are turned away from the moment that ``revoke`` returns.
"""

import asyncio
import getpass
import json
import logging
import os
import secrets
import ssl
import sys
from enum import StrEnum
from pathlib import Path

from homeapp.demo.operator.child_process import ChildProcess, free_loopback_ports
from homeapp.demo.operator.mosquitto import connect_packet, mosquitto_hash, mosquitto_path, until_let_in
from homeapp.demo.operator.pki import Credentials, StreetAuthority
from homeapp.errors import EnvironmentProblem

logger = logging.getLogger(__name__)

_START_S = 10.0
_PROBE_ID = "Cprobe"
_CSE_PROBE_ID = "cse-probe"
_CSE_CLIENT_ID = "C::id-in"

# TS-0010 topics of an AE: requests, registrations and answers to notifications out; answers and notifications in.
_MAY_WRITE = ("/oneM2M/req/{}/id-in/json", "/oneM2M/reg_req/{}/id-in/json", "/oneM2M/resp/id-in/{}/json")
_MAY_READ = ("/oneM2M/req/id-in/{}/json", "/oneM2M/resp/{}/id-in/json", "/oneM2M/reg_resp/{}/id-in/json")


class BrokerProgram(StrEnum):
    """Which broker runs."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"
    """forgets its sessions when it restarts; speaks MQTT 3.1.1 only"""


def installed_broker() -> BrokerProgram:
    """Mosquitto where it is installed, else amqtt."""
    return BrokerProgram.MOSQUITTO if mosquitto_path() else BrokerProgram.AMQTT


class Broker:
    """A broker of the street's own; its address stays the same over restarts.

    Attributes:
        host, port: where applications connect with their client certificates.
        cse_port, cse_user, cse_password: where and how the CSE logs in.
        ca_file: PEM file of the authority that signed the broker's certificate.
        program: which broker it is.
    """

    def __init__(self, directory: Path, authority: StreetAuthority, program: BrokerProgram | None = None) -> None:
        self.program = program or installed_broker()
        self.host = "127.0.0.1"
        self.port, self.cse_port = free_loopback_ports(2)
        self.cse_user = "cse"
        self.cse_password = secrets.token_urlsafe(18)
        self.ca_file = directory / "ca.pem"
        self._directory = directory
        self._authority = authority
        self._probe: tuple[ssl.SSLContext, ssl.SSLContext] | None = None
        self._process: ChildProcess | None = None

    async def start(self) -> None:
        """Start it and return when both listeners answer.

        Raises:
            EnvironmentProblem: it cannot be started or does not answer in time; with its last words.
        """
        if self._process is None:
            command = await asyncio.to_thread(self._write_configuration)
            self._process = ChildProcess("broker", command, self._directory)
        await self._process.start_until(self._answers, _START_S)
        logger.info("broker: %s answers on port %d", self.program, self.port)

    async def stop(self) -> None:
        """End it in an orderly way; without effect where it does not run."""
        if self._process is not None:
            await self._process.stop()

    async def restart(self) -> None:
        """Stop and start; with mosquitto the sessions and what is queued in them stay."""
        await self.stop()
        await self.start()

    async def revoke(self, certificate_pem: bytes) -> None:
        """Turn this certificate away, and end the connection that was made with it.

        Raises:
            EnvironmentProblem: as for ``start``.
        """
        self._authority.revoke(certificate_pem)
        await asyncio.to_thread(self._write_list)
        # Reading the list anew (SIGHUP) would leave the connections that stand.
        await self.restart()

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            await self._process.kill()

    async def _answers(self) -> None:
        if self._probe is None:
            client = self._authority.client_context
            self._probe = await asyncio.to_thread(client, _PROBE_ID), await asyncio.to_thread(client)
        for_applications, for_cse = self._probe
        await until_let_in(self.host, self.port, for_applications, connect_packet(_PROBE_ID))
        connect = connect_packet(_CSE_PROBE_ID, self.cse_user, self.cse_password)
        await until_let_in(self.host, self.cse_port, for_cse, connect)

    def _write_configuration(self) -> list[str]:
        self.ca_file.write_bytes(self._authority.ca_pem)
        self._write_list()
        credentials = self._authority.issue_server()
        if self.program is BrokerProgram.MOSQUITTO:
            return self._write_for_mosquitto(credentials)
        return self._write_for_amqtt(credentials)

    def _write_for_mosquitto(self, credentials: Credentials) -> list[str]:
        path = mosquitto_path()
        if path is None:
            raise EnvironmentProblem("mosquitto is not installed. Install it, or let the street use amqtt.")
        rules = [f"pattern write {topic.format('%u')}" for topic in _MAY_WRITE]
        rules += [f"pattern read {topic.format('%u')}" for topic in _MAY_READ]
        user = f"{self.cse_user}:{mosquitto_hash(self.cse_password)}\n"
        tls = ["tls_version tlsv1.2", *(f"{name} {self._directory / file}" for name, file in _TLS_FILES.items())]
        configuration = [
            *_MOSQUITTO_GLOBALS,
            f"user {getpass.getuser()}",
            f"persistence_location {self._directory}{os.sep}",
            f"listener {self.port} {self.host}",
            *tls,
            f"crlfile {self._directory / _LIST_FILE}",
            "allow_anonymous false",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            f"acl_file {self._private('applications.acl', chr(10).join(rules) + chr(10))}",
            f"listener {self.cse_port} {self.host}",
            *tls,
            "allow_anonymous false",
            f"password_file {self._private('passwords', user)}",
            f"acl_file {self._private('cse.acl', f'user {self.cse_user}{chr(10)}topic readwrite /oneM2M/#{chr(10)}')}",
        ]
        self._write_credentials(credentials)
        return [path, "-c", str(self._private("mosquitto.conf", "\n".join(configuration) + "\n"))]

    def _write_for_amqtt(self, credentials: Credentials) -> list[str]:
        self._write_credentials(credentials)
        configuration = {
            "host": self.host,
            "port": self.port,
            "cse_port": self.cse_port,
            **{name: str(self._directory / file) for name, file in _TLS_FILES.items()},
            "crlfile": str(self._directory / _LIST_FILE),
            "cse_clients": [_CSE_CLIENT_ID, _CSE_PROBE_ID],
            "user": self.cse_user,
            "password": self.cse_password,
            "may_write": _MAY_WRITE,
            "may_read": _MAY_READ,
        }
        path = self._private("amqtt.json", json.dumps(configuration))
        return [sys.executable, "-m", "homeapp.demo.operator.amqtt_broker", str(path)]

    def _write_list(self) -> None:
        self._private(_LIST_FILE, self._authority.revocation_list().decode())

    def _write_credentials(self, credentials: Credentials) -> None:
        self._private(_TLS_FILES["certfile"], credentials.certificate_pem.decode())
        self._private(_TLS_FILES["keyfile"], credentials.key_pem.decode())

    def _private(self, name: str, text: str) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path


_TLS_FILES = {"cafile": "ca.pem", "certfile": "broker.pem", "keyfile": "broker.key"}
_LIST_FILE = "revoked.pem"
_MOSQUITTO_GLOBALS = (
    "per_listener_settings true",
    "set_tcp_nodelay true",
    # TS-0010 notifications come with QoS 0; without this they are lost for a hub that is away for a moment.
    "queue_qos0_messages true",
    "max_queued_messages 2000",
    "persistence true",
    "autosave_interval 1",
    "log_dest stderr",
    "log_type error",
    "log_type warning",
    "log_type notice",
)
