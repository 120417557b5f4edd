"""One conversation with a car: connect, activate routing (ISO 13400-2), ask (ISO 14229-1), disconnect.

The libraries block, so a conversation is held in a thread; it can be ended from outside at any time.
"""

import ipaddress
import logging
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from doipclient.client import DoIPClient, Parser
from doipclient.connectors import DoIPClientUDSConnector
from doipclient.messages import RoutingActivationRequest, RoutingActivationResponse
from udsoncan.BaseService import BaseService
from udsoncan.client import Client
from udsoncan.exceptions import (
    InvalidResponseException,
    NegativeResponseException,
    TimeoutException,
    UnexpectedResponseException,
)
from udsoncan.Request import Request
from udsoncan.services.DiagnosticSessionControl import DiagnosticSessionControl
from udsoncan.services.ReadDataByIdentifier import ReadDataByIdentifier
from udsoncan.services.ReadDTCInformation import ReadDTCInformation
from udsoncan.services.RequestDownload import RequestDownload
from udsoncan.services.RequestTransferExit import RequestTransferExit
from udsoncan.services.RoutineControl import RoutineControl
from udsoncan.services.TransferData import TransferData
from udsoncan.typing import ClientConfig

from devices.pev import allow_list
from devices.pev.allow_list import Services
from homeapp.errors import DeviceError, DeviceRefused, DeviceUnreachable, ProtocolError

CONNECT_WITHIN_S = 3.0
ANSWER_WITHIN_S = 3.0
PENDING_WITHIN_S = 10.0
"""Until the next word of a car that has asked for patience (0x78); it may ask again until ``REQUEST_WITHIN_S``."""
REQUEST_WITHIN_S = 60.0
LARGEST_MESSAGE = 64 * 1024

REQUEST_OUT_OF_RANGE = 0x31
_BUSY = 0x21
_READ_S = 0.5
_GARBAGE = (struct.error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NotImplementedError)
"""How the libraries stumble over messages that are damaged."""

# What they log is the conversation itself, and that is personal.
for _name in ("doipclient", "UdsClient", "Connection"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

T = TypeVar("T")

_SERVICES: dict[int, type[BaseService]] = {
    allow_list.SESSION_CONTROL: DiagnosticSessionControl,
    allow_list.READ_DTC: ReadDTCInformation,
    allow_list.READ_DATA: ReadDataByIdentifier,
    allow_list.ROUTINE_CONTROL: RoutineControl,
    allow_list.REQUEST_DOWNLOAD: RequestDownload,
    allow_list.TRANSFER_DATA: TransferData,
    allow_list.TRANSFER_EXIT: RequestTransferExit,
}


class Refusal(DeviceRefused):
    """The car answered a request with no.

    Attributes:
        code: negative response code (ISO 14229-1 annex A).
    """

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Ask:
    """Puts questions to the car, one after the other."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, service: int, data: bytes = b"", *, subfunction: int | None = None) -> bytes:
        """The data of the positive answer, without the service byte.

        Raises:
            Refusal: a negative answer.
            DeviceUnreachable: no answer, or the car is busy.
            ProtocolError: the answer is to something else.
            NotSupported: it may not be asked.
        """
        request = Request(_SERVICES[service], subfunction=subfunction, data=data)
        try:
            response = self._client.send_request(request)
        except NegativeResponseException as error:
            raise _refusal(error.response.code or 0) from error
        return bytes(response.data or b"") if response is not None else b""


class Conversation:
    """A conversation that has not begun yet.

    Args:
        address: literal IP address of the car's DoIP entity.
        port: its TCP port.
        services: what may be asked.
    """

    def __init__(self, address: str, port: int, services: Services) -> None:
        self._address = address
        self._port = port
        self._services = services
        self._lock = threading.Lock()
        self._link: _Link | None = None
        self._ended = False

    def hold(self, talk: Callable[[Ask], T]) -> T:
        """Hold it and return what ``talk`` makes of it; blocks.

        Raises:
            DeviceError: whatever went wrong with the car.
        """
        try:
            with _Link(self._address, self._port, self._services) as link:
                self._begun(link)
                link.activate()
                with Client(DoIPClientUDSConnector(link), config=_config()) as client:
                    return talk(Ask(client))
        except DeviceError:
            raise
        except (UnexpectedResponseException, InvalidResponseException, *_GARBAGE) as error:
            raise ProtocolError("What the car says cannot be understood. Have it looked at by a garage.") from error
        except (TimeoutException, OSError) as error:
            raise _unreachable() from error

    def end(self) -> None:
        """Cut it short; from any thread. ``hold`` then fails within a moment."""
        with self._lock:
            self._ended = True
            if self._link is not None:
                self._link.cut()

    def _begun(self, link: "_Link") -> None:
        with self._lock:
            self._link = link
            if self._ended:
                raise _unreachable()


class _Parser(Parser):
    """Reads DoIP messages of a sensible size and version only."""

    def read_message(self, data_bytes: Any) -> Any:
        message = super().read_message(data_bytes)
        if (self.payload_size or 0) > LARGEST_MESSAGE or self.protocol_version not in (None, 1, 2, 3):
            raise ProtocolError("What answers in place of the car does not speak as a car does.")
        return message


class _Link(DoIPClient):
    """A DoIP connection that lets out what may be asked, waits for nothing without limit, and can be cut."""

    def __init__(self, address: str, port: int, allowed: Services) -> None:
        self._allowed = allowed
        # The car names its logical address when routing is activated.
        super().__init__(address, 0, tcp_port=port, activation_type=None)

    def activate(self) -> None:
        """Activate routing to the car's diagnostics.

        Raises:
            DeviceRefused: the car does not want to talk.
        """
        answer = self.request_activation(RoutingActivationRequest.ActivationType.Default)
        if answer.response_code != RoutingActivationResponse.ResponseCode.Success:
            raise DeviceRefused("The car does not let the hub look into it. Ask its manufacturer whether it can.")
        self._ecu_logical_address = answer.logical_address

    def send_diagnostic_to_address(
        self, address: int, diagnostic_payload: bytes, timeout: float = ANSWER_WITHIN_S
    ) -> None:
        allow_list.check(bytes(diagnostic_payload), self._allowed)
        super().send_diagnostic_to_address(address, diagnostic_payload, timeout)

    def cut(self) -> None:
        try:
            self._tcp_sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is down already.
            return

    def _connect(self) -> None:
        """In place of the library's, which would wait for the machine's own limit of minutes."""
        family = socket.AF_INET6 if ipaddress.ip_address(self._ecu_ip_address).version == 6 else socket.AF_INET
        self._tcp_parser = _Parser()
        self._tcp_sock = socket.create_connection((self._ecu_ip_address, self._tcp_port), CONNECT_WITHIN_S)
        self._tcp_sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tcp_sock.settimeout(_READ_S)
        self._udp_sock = socket.socket(family, socket.SOCK_DGRAM)
        self._tcp_close_detected = False


def _config() -> ClientConfig:
    # The car's own time limits of 50 ms are not used: a hub has other things to do.
    return {
        "p2_timeout": ANSWER_WITHIN_S,
        "p2_star_timeout": PENDING_WITHIN_S,
        "request_timeout": REQUEST_WITHIN_S,
        "use_server_timing": False,
    }


def _refusal(code: int) -> DeviceError:
    if code == _BUSY:
        return DeviceUnreachable("The car is busy. The hub tries again.")
    return Refusal(code, f"The car refuses what was asked of it (code 0x{code:02X}).")


def _unreachable() -> DeviceUnreachable:
    return DeviceUnreachable("The car does not answer. Check that it is plugged in; it may be asleep.")
