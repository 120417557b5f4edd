"""What a VTN says about its MQTT notifier (OpenADR 3.1 Definition, "Notifications via Additional Protocols").

Topics are fetched, never made up. Where the VTN does not tell those of the ven, those of the programs do.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.objects import refused

MQTTS_PORT = 8883
MOST_TOPICS = 200

_TOPICS = "/notifiers/mqtt/topics"
_OPERATIONS = ("CREATE", "UPDATE", "DELETE")
"""Not ALL: it is optional, and was seen to be announced and never used."""
_TOPIC = re.compile(r"[^\x00-\x1f\x7f]{1,512}")
_CLIENT_ID = "{clientID}"
_LONGEST_PEM = 64 * 1024


class Authentication(StrEnum):
    """How the broker wants to know who a client is."""

    ANONYMOUS = "ANONYMOUS"
    OAUTH2_BEARER_TOKEN = "OAUTH2_BEARER_TOKEN"  # noqa: S105 # the name of a method
    CERTIFICATE = "CERTIFICATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttBinding:
    """The mqttNotifierBindingObject.

    Attributes:
        brokers: hosts and ports, all over TLS.
        username: for OAUTH2_BEARER_TOKEN.
        ca_pem, certificate_pem, key_pem: for CERTIFICATE.
    """

    authentication: Authentication
    brokers: tuple[tuple[str, int], ...] = ()
    username: str = ""
    ca_pem: str = ""
    certificate_pem: str = ""
    key_pem: str = ""

    def __repr__(self) -> str:
        """Without the private key."""
        return f"MqttBinding({self.brokers}, {self.authentication})"


def read_binding(raw: object, client_id: str) -> MqttBinding | None:
    """The MQTT part of a notifiersResponse; None where the VTN offers none.

    Args:
        raw: decoded JSON.
        client_id: stands in for ``{clientID}``.

    Raises:
        MessageRejected: it offers MQTT only without TLS, or in a way that the hub does not know.
    """
    told = raw.get("MQTT") if isinstance(raw, dict) else None
    if told is None:
        return None
    login = told.get("authentication") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(login, dict):
        raise refused("schema", "it does not say clearly how notifications come")
    brokers = _brokers(told.get("URIS"))
    if not brokers:
        raise refused("value", "it offers notifications only over connections that are not encrypted")
    return replace(_login(login, client_id), brokers=brokers)


async def topics_for(connection: VtnConnection, ven_id: str | None, program_ids: Collection[str]) -> tuple[str, ...]:
    """The topics on which something for this home may be told; none where the VTN tells none.

    Raises:
        ProviderUnreachable: the VTN does not answer.
    """
    found: dict[str, None] = {}
    if ven_id is not None:
        for kind in ("", "/events", "/programs"):
            found |= dict.fromkeys(read_topics(await connection.read(f"{_TOPICS}/vens/{ven_id}{kind}")))
    async for topics in _of_programs(connection, program_ids):
        found |= dict.fromkeys(topics)
    return tuple(found)[:MOST_TOPICS]


def read_topics(raw: object) -> tuple[str, ...]:
    """The names in a notifierTopicsResponse; nothing where it is something else."""
    told = raw.get("topics") if isinstance(raw, dict) else None
    if not isinstance(told, dict):
        return ()
    names = (told.get(operation) for operation in _OPERATIONS)
    return tuple(name for name in names if isinstance(name, str) and _TOPIC.fullmatch(name))


async def _of_programs(connection: VtnConnection, program_ids: Collection[str]) -> AsyncIterator[tuple[str, ...]]:
    yield read_topics(await connection.read(f"{_TOPICS}/programs"))
    for program_id in program_ids:
        topics = read_topics(await connection.read(f"{_TOPICS}/programs/{program_id}/events"))
        if not topics:
            # A VTN that does not tell those of one program tells none.
            return
        yield topics


def _login(told: Mapping[str, Any], client_id: str) -> MqttBinding:
    match told.get("method"):
        case Authentication.ANONYMOUS:
            return MqttBinding(authentication=Authentication.ANONYMOUS)
        case Authentication.OAUTH2_BEARER_TOKEN:
            username = _text(told, "username", 256)
            return MqttBinding(
                authentication=Authentication.OAUTH2_BEARER_TOKEN,
                username=client_id if username == _CLIENT_ID else username,
            )
        case Authentication.CERTIFICATE:
            return MqttBinding(
                authentication=Authentication.CERTIFICATE,
                ca_pem=_text(told, "caCert", _LONGEST_PEM),
                certificate_pem=_text(told, "clientCert", _LONGEST_PEM),
                key_pem=_text(told, "clientKey", _LONGEST_PEM),
            )
        case _:
            raise refused("value", "it wants to know who the hub is in a way that the hub does not know")


def _brokers(raw: object) -> tuple[tuple[str, int], ...]:
    found: list[tuple[str, int]] = []
    for uri in raw if isinstance(raw, list) else ():
        try:
            url = urlsplit(uri) if isinstance(uri, str) else None
            if url is not None and url.scheme == "mqtts" and url.hostname and "@" not in url.netloc:
                found.append((url.hostname, url.port or MQTTS_PORT))
        except ValueError:
            continue
    return tuple(found)


def _text(told: Mapping[str, Any], key: str, longest: int) -> str:
    text = told.get(key)
    if not isinstance(text, str) or not 0 < len(text) <= longest:
        raise refused("schema", "what is needed to receive its notifications is missing or too long")
    return text
