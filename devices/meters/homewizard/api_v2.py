"""HomeWizard API v2: HTTPS and websocket on one port, a token that is given out after a press of the meter's button.

The maker's certificate authority and the serial in the certificate authenticate the meter, the token the hub.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from zoneinfo import ZoneInfo

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from devices.meters.homewizard.link import ANSWER_WITHIN_S, Answer, Endpoint, HttpLink, authority, http_link, link_error
from devices.meters.homewizard.measurement import LARGEST_ANSWER, V2_FIELDS, json_object, read_measurement
from devices.meters.homewizard.pace import before_silence, poll
from devices.meters.homewizard.trust import tls_context
from homeapp.errors import DeviceRefused, DeviceUnreachable, NotSupported, PairingPending, ProtocolError
from homeapp.model.readings import MeterReading
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

PORT = 443

# Real seconds between two readings that are passed on, so that a meter gone wild cannot flood the hub.
_LEAST_GAP_S = 0.05
VERSION_HEADER = {"X-Api-Version": "2"}
_TOKEN = re.compile(r"[0-9A-Fa-f]{32}")
# Close codes that this side sends when the other breaks the protocol (RFC 6455 7.4.1).
_GARBAGE_CODES = frozenset({1002, 1003, 1007, 1009})


class MeterV2:
    """A meter that pushes its measurements; where it refuses the websocket it is polled instead."""

    def __init__(
        self,
        *,
        device_id: str,
        address: str,
        certificate_name: str,
        clock: Clock,
        zone: ZoneInfo,
        token: str | None = None,
        ca_pem: str | None = None,
    ) -> None:
        self._device_id = device_id
        self._address = address
        self._certificate_name = certificate_name
        self._clock = clock
        self._zone = zone
        self._token = token
        self._ca_pem = ca_pem

    @property
    def device_id(self) -> str:
        return self._device_id

    async def readings(self) -> AsyncIterator[MeterReading]:
        if self._token is None:
            raise _refused()
        endpoint = await self._endpoint({"Authorization": f"Bearer {self._token}"})
        try:
            async with aclosing(self._pushed(endpoint, self._token)) as pushed:
                async for reading in pushed:
                    yield reading
        except _WebsocketRefused as refusal:
            logger.info("%s: no websocket (HTTP %d), polling instead", self._device_id, refusal.status)
        async with aclosing(self._polled(endpoint)) as polled:
            async for reading in polled:
                yield reading

    async def request_token(self, user: str) -> str:
        """Become a user of the meter (API v2, "Authorization").

        Args:
            user: 1 to 40 of ``a-z A-Z 0-9 - _``; replaces the token of the same user.

        Raises:
            PairingPending: the button has not been pressed within the last 30 seconds.
            DeviceError: there is no token to be had; the sentence says why.
        """
        async with http_link(await self._endpoint({})) as link:
            answer = await link.request("POST", "/api/user", {"name": f"local/{user}"})
        if answer.status == 403:
            raise _no_token(_error_code(answer))
        token = json_object(_checked(answer).body).get("token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ProtocolError("The meter answered the pairing with something that is no token. Restart the meter.")
        return token

    async def _endpoint(self, headers: dict[str, str]) -> Endpoint:
        return Endpoint(
            authority(self._address, PORT),
            await asyncio.to_thread(tls_context, self._ca_pem),
            self._certificate_name,
            {**VERSION_HEADER, **headers},
        )

    async def _polled(self, endpoint: Endpoint) -> AsyncGenerator[MeterReading, None]:
        async with http_link(endpoint) as link:

            async def fetch() -> MeterReading:
                return await self._measurement(link)

            async with aclosing(poll(self._clock, fetch)) as polled:
                async for reading in polled:
                    yield reading

    async def _measurement(self, link: HttpLink) -> MeterReading:
        return self._reading(_checked(await link.request("GET", "/api/measurement")).body)

    def _reading(self, body: bytes) -> MeterReading:
        return read_measurement(
            json_object(body),
            V2_FIELDS,
            device_id=self._device_id,
            received_at=self._clock.now(),
            zone=self._zone,
        )

    async def _pushed(self, endpoint: Endpoint, token: str) -> AsyncGenerator[MeterReading, None]:
        try:
            async with _Connect(
                f"wss://{endpoint.authority}/api/ws",
                ssl=endpoint.context,
                server_hostname=endpoint.certificate_name,
                additional_headers=VERSION_HEADER,
                user_agent_header=None,
                compression=None,
                proxy=None,
                max_size=LARGEST_ANSWER,
                open_timeout=ANSWER_WITHIN_S,
                close_timeout=1.0,
                # The measurements themselves show that the link is alive.
                ping_interval=None,
            ) as socket:
                await _authorize(socket, token)
                while True:
                    yield self._reading(await before_silence(self._clock, _next_measurement(socket)))
                    await asyncio.sleep(_LEAST_GAP_S)
        except InvalidStatus as error:
            # Also on 401: firmware without a websocket asks for a token here. Polling shows whether it is good.
            raise _WebsocketRefused(error.response.status_code) from error
        except ConnectionClosed as error:
            raise _closed(error) from error
        except InvalidHandshake as error:
            raise _no_handshake(error, endpoint.authority) from error
        except OSError as error:
            raise link_error(error, endpoint.authority) from error


class _WebsocketRefused(Exception):
    """The meter speaks HTTP but opens no websocket; never leaves this module."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Connect(connect):
    """A meter has no reason to redirect its websocket: a redirect counts as a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Message(msgspec.Struct):
    """One websocket message (API v2, "WebSocket", structure)."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


async def _authorize(socket: ClientConnection, token: str) -> None:
    """Authorize and subscribe.

    Raises:
        DeviceRefused: the token is not accepted.
    """
    async with asyncio.timeout(ANSWER_WITHIN_S):
        await _expect(socket, "authorization_requested")
        await socket.send(msgspec.json.encode({"type": "authorization", "data": token}).decode())
        await _expect(socket, "authorized")
        await socket.send('{"type":"subscribe","data":"measurement"}')


async def _expect(socket: ClientConnection, kind: str) -> None:
    while (await _receive(socket)).type != kind:
        continue


async def _next_measurement(socket: ClientConnection) -> bytes:
    """The next measurement as JSON; messages about other things are passed over."""
    while True:
        message = await _receive(socket)
        if message.type == "measurement":
            return bytes(message.data)


async def _receive(socket: ClientConnection) -> _Message:
    text = await socket.recv(decode=False)
    try:
        message = msgspec.json.decode(text, type=_Message)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The meter sent something that cannot be read. Restart it if this goes on.") from error
    if message.type == "error":
        code = json_object(bytes(message.data)).get("message")
        if code == "user:unauthorized":
            raise _refused()
        raise ProtocolError(f"The meter reports an error ({_printable(code)}). Update it in the HomeWizard app.")
    return message


def _checked(answer: Answer) -> Answer:
    """``answer`` where it is a success (API v2, "Error Handling")."""
    if answer.status == 200:
        return answer
    if answer.status in (401, 403):
        raise _refused()
    code = _error_code(answer)
    if code == "request:api-version-not-supported":
        raise NotSupported("The meter does not know version 2 of its API. Update it in the HomeWizard app.")
    if answer.status >= 500:
        raise DeviceUnreachable(f"The meter is not ready (HTTP {answer.status}). Restart it if this goes on.")
    raise ProtocolError(f"The meter answered with an error (HTTP {answer.status}, {code}).")


def _error_code(answer: Answer) -> str:
    return _printable(json_object(answer.body).get("error"))


def _printable(code: object) -> str:
    text = code if isinstance(code, str) else "no code"
    return "".join(letter for letter in text[:60] if letter.isprintable())


def _refused() -> DeviceRefused:
    return DeviceRefused("The meter no longer accepts this hub. Remove the meter here and pair it again.")


def _no_token(code: str) -> DeviceRefused | PairingPending:
    if code == "user:creation-not-enabled":
        return PairingPending(
            "Press the button on the meter (on a kWh meter for 1 to 3 seconds), then try again within 30 seconds."
        )
    if code == "user:no-storage":
        return DeviceRefused("The meter cannot remember another user. Remove one in the HomeWizard app.")
    return DeviceRefused(f"The meter refused to be paired ({code}).")


def _closed(error: ConnectionClosed) -> DeviceUnreachable | ProtocolError:
    if error.sent is not None and error.sent.code in _GARBAGE_CODES:
        return ProtocolError("The meter sent something that is no websocket message. Restart it if this goes on.")
    return DeviceUnreachable("The connection to the meter was lost. Check its power and its Wi-Fi.")


def _no_handshake(error: InvalidHandshake, where: str) -> DeviceUnreachable | ProtocolError:
    if isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError):
        return DeviceUnreachable(f"The meter at {where} stopped in the middle of its answer.")
    return ProtocolError(f"What answers at {where} does not speak as a meter does. Restart the meter.")
