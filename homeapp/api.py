"""The contract between the hub and whoever asks it: the screen, the command line, tests.

JSON-RPC 2.0, UTF-8, one message a line, over a local socket. A call is a dataclass here; its class says the method, the
role that it needs and the type of its answer. After ``Watch`` the hub also sends notifications whose method is a
``Topic``. Decimals travel as strings, instants as RFC 3339.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from homeapp import errors
from homeapp.model.device import DeviceView
from homeapp.model.live import Snapshot
from homeapp.model.offer import Choice, OfferCase
from homeapp.model.plan import ChargingMode, Goal, Plan
from homeapp.model.site import Site
from homeapp.model.tariff import Tariff

PROTOCOL_VERSION = 1
MAX_LINE = 4 * 1024 * 1024

R = TypeVar("R")


class Role(StrEnum):
    """Who is calling; each may do what the ones before it may. The hub decides it, never the caller."""

    GUEST = "guest"
    HOUSEHOLD = "household"
    OWNER = "owner"
    INSTALLER = "installer"

    def covers(self, needed: "Role") -> bool:
        """True where this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Call(Generic[R]):
    """Base of all calls; ``R`` is the answer's type."""

    method: ClassVar[str]
    role: ClassVar[Role]
    answer: ClassVar[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who the hub is.

    Attributes:
        now: hub time, UTC; ``clock_speed`` is 1 but in the demo street.
        role: what this connection may do.
    """

    version: str
    protocol: int
    now: datetime
    clock_speed: float
    role: Role
    site: Site


@dataclass(frozen=True, slots=True, kw_only=True)
class SayHello(Call[Hello]):
    """First call of every client."""

    method = "hub.hello"
    role = Role.GUEST
    answer = Hello


class CheckLevel(StrEnum):
    """Outcome of one check of ``homeapp doctor``."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor's report; ``advice`` is empty when all is well."""

    name: str
    level: CheckLevel
    finding: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDoctor(Call[tuple[Check, ...]]):
    """How the hub is."""

    method = "hub.doctor"
    role = Role.GUEST
    answer = tuple[Check, ...]


class Topic(StrEnum):
    """What can be watched; the value of each follows at once and after every change."""

    SNAPSHOT = "snapshot"
    DEVICES = "devices"
    OFFERS = "offers"
    TARIFF = "tariff"
    PLAN = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Call[None]):
    """Send notifications on these topics from now on."""

    topics: tuple[Topic, ...]

    method = "hub.watch"
    role = Role.GUEST
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSnapshot(Call[Snapshot]):
    """The live picture."""

    method = "live.snapshot"
    role = Role.GUEST
    answer = Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTariff(Call[Tariff | None]):
    """The prices known, or None."""

    method = "tariff.get"
    role = Role.GUEST
    answer = Tariff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlan(Call[Plan | None]):
    """The current plan, or None."""

    method = "plan.get"
    role = Role.GUEST
    answer = Plan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMode(Call[Goal]):
    """Charge at the cheapest hours, now, or not at all."""

    mode: ChargingMode

    method = "goal.mode"
    role = Role.HOUSEHOLD
    answer = Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDevices(Call[tuple[DeviceView, ...]]):
    """Adopted devices and those that could be."""

    method = "devices.list"
    role = Role.GUEST
    answer = tuple[DeviceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptDevice(Call[DeviceView]):
    """Make a found or knocking device part of the home.

    Raises:
        NotFound: no such candidate.
        DeviceError: the device does not play along; PairingPending says what to do at it first.
    """

    device_id: str
    name: str = ""

    method = "devices.adopt"
    role = Role.OWNER
    answer = DeviceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetDevice(Call[None]):
    """Disconnect a device and delete its secret.

    Raises:
        NotFound: it is not adopted.
    """

    device_id: str

    method = "devices.forget"
    role = Role.OWNER
    answer = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffers(Call[tuple[OfferCase, ...]]):
    """All requests: the undecided first, then the newest."""

    method = "offers.list"
    role = Role.GUEST
    answer = tuple[OfferCase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOffer(Call[OfferCase]):
    """One request.

    Raises:
        NotFound: no such request.
    """

    key: str

    method = "offers.show"
    role = Role.GUEST
    answer = OfferCase


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOffer(Call[OfferCase]):
    """The owner's answer to what was shown.

    Attributes:
        digest: of the case that was shown; an answer to an older revision is refused.

    Raises:
        NotFound: no such request.
        WrongState: too late, already answered, or changed since it was shown.
    """

    key: str
    digest: str
    choice: Choice

    method = "offers.decide"
    role = Role.OWNER
    answer = OfferCase


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSeen(Call[None]):
    """The owner has read an alert about the car.

    Raises:
        NotFound: no such alert.
    """

    sp_id: str
    alert_id: str

    method = "alerts.seen"
    role = Role.HOUSEHOLD
    answer = None


CALLS: dict[str, type[Call[Any]]] = {
    call.method: call
    for call in (
        SayHello,
        AskDoctor,
        Watch,
        GetSnapshot,
        GetTariff,
        GetPlan,
        SetMode,
        ListDevices,
        AdoptDevice,
        ForgetDevice,
        ListOffers,
        ShowOffer,
        DecideOffer,
        AlertSeen,
    )
}

NOTIFICATIONS: dict[Topic, Any] = {
    Topic.SNAPSHOT: Snapshot,
    Topic.DEVICES: tuple[DeviceView, ...],
    Topic.OFFERS: tuple[OfferCase, ...],
    Topic.TARIFF: Tariff | None,
    Topic.PLAN: Plan | None,
}

Notification = Snapshot | Tariff | Plan | tuple[DeviceView, ...] | tuple[OfferCase, ...] | None
"""What a notification carries."""

ERROR_CODES: dict[type[errors.HomeappError], int] = {
    errors.HomeappError: -32000,
    errors.NotFound: -32001,
    errors.NotAllowed: -32002,
    errors.WrongState: -32003,
    errors.PairingPending: -32010,
    errors.DeviceUnreachable: -32011,
    errors.DeviceRefused: -32012,
    errors.ProtocolError: -32013,
    errors.NotSupported: -32014,
    errors.EnvironmentProblem: -32019,
    errors.StoreUnavailable: -32020,
    errors.SecretStoreUnavailable: -32021,
}
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


class _Error(msgspec.Struct):
    code: int
    message: str


class _Line(msgspec.Struct, omit_defaults=True):
    jsonrpc: str = ""
    id: int | None = None
    method: str | None = None
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Error | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it came in."""

    id: int
    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it came in: ``result`` still raw, or ``error``."""

    id: int | None
    result: bytes
    error: errors.HomeappError | None


@dataclass(frozen=True, slots=True)
class Pushed:
    """A notification as it came in."""

    topic: Topic
    value: Notification


class BadLine(errors.HomeappError):
    """A line that the contract does not allow.

    Attributes:
        code: JSON-RPC error code.
        request_id: the id to answer with, or None.
    """

    def __init__(self, code: int, sentence: str, request_id: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.request_id = request_id


def encode_call(request_id: int, call: Call[Any]) -> bytes:
    """One request line, newline included."""
    body = {"jsonrpc": "2.0", "id": request_id, "method": call.method, "params": call}
    return msgspec.json.encode(body) + b"\n"


def encode_result(request_id: int, result: object) -> bytes:
    """One response line, newline included."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "result": result}) + b"\n"


def encode_error(request_id: int | None, error: errors.HomeappError) -> bytes:
    """One error line, newline included; the class is kept as far as ``ERROR_CODES`` tells it apart."""
    code = error.code if isinstance(error, BadLine) else _code_of(type(error))
    body = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": str(error)}}
    return msgspec.json.encode(body) + b"\n"


def encode_notification(topic: Topic, value: Notification) -> bytes:
    """One notification line, newline included."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": topic, "params": value}) + b"\n"


def decode_request(line: bytes) -> Request:
    """Read one request.

    Raises:
        BadLine: not JSON, not JSON-RPC 2.0, unknown method, or wrong parameters.
    """
    message = _decode_line(line)
    if message.jsonrpc != "2.0" or message.id is None or message.method is None:
        raise BadLine(INVALID_REQUEST, "This is not a JSON-RPC 2.0 request.", message.id)
    call_type = CALLS.get(message.method)
    if call_type is None:
        raise BadLine(METHOD_NOT_FOUND, f"The hub has no operation {message.method[:60]!r}.", message.id)
    params = b"{}" if isinstance(message.params, msgspec.UnsetType) else message.params
    try:
        return Request(message.id, msgspec.json.decode(params, type=call_type))
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadLine(INVALID_PARAMS, f"{message.method}: {error}", message.id) from error


def decode_incoming(line: bytes) -> Response | Pushed:
    """Read one line that the hub sent.

    Raises:
        BadLine: it is neither a response nor a known notification.
    """
    message = _decode_line(line)
    if message.method is not None:
        if message.method not in set(Topic) or isinstance(message.params, msgspec.UnsetType):
            raise BadLine(METHOD_NOT_FOUND, f"Unknown notification {message.method[:60]!r}.")
        topic = Topic(message.method)
        return Pushed(topic, decode_value(bytes(message.params), NOTIFICATIONS[topic]))
    if message.error is not None:
        return Response(message.id, b"null", _error_of(message.error.code, message.error.message))
    if isinstance(message.result, msgspec.UnsetType):
        raise BadLine(INVALID_REQUEST, "The hub sent neither a result nor an error.")
    return Response(message.id, bytes(message.result), None)


def decode_value(raw: bytes, kind: Any) -> Any:
    """Decode ``raw`` as ``kind``.

    Raises:
        BadLine: it does not fit.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadLine(INVALID_PARAMS, f"The hub's answer does not fit the contract: {error}") from error


def _decode_line(line: bytes) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except msgspec.ValidationError as error:
        raise BadLine(INVALID_REQUEST, f"This is not a JSON-RPC 2.0 message: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(PARSE_ERROR, "This is not JSON.") from error


def _code_of(kind: type[errors.HomeappError]) -> int:
    return next(ERROR_CODES[base] for base in kind.__mro__ if base in ERROR_CODES)


def _error_of(code: int, message: str) -> errors.HomeappError:
    kind = next((kind for kind, known in ERROR_CODES.items() if known == code), None)
    return kind(message) if kind else BadLine(code, message)
