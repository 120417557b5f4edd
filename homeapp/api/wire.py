"""The contract on the wire: JSON-RPC 2.0, one message a line, checked on both sides."""

from dataclasses import dataclass
from typing import Any

import msgspec

from homeapp import errors
from homeapp.api.access import AccessView, LogIn, LogOut, SetOpenRole, SetPin
from homeapp.api.base import Call
from homeapp.api.chargers import AddToken, GiveControlBack, ListTokens, RemoveToken, TakeControl
from homeapp.api.commissioning import (
    AnswerStep,
    ApplySettings,
    FinishCommissioning,
    GetCommissioning,
    RunCheck,
    SkipCheck,
    StopCheck,
)
from homeapp.api.home import (
    AdoptDevice,
    AlertSeen,
    AskDoctor,
    ForgetDevice,
    GetSnapshot,
    GetTariff,
    ListDevices,
    LookForMeter,
    RaiseSecurity,
    SayHello,
    Topic,
    Watch,
)
from homeapp.api.offers import (
    DecideOffer,
    DryRunRule,
    KeepRule,
    ListOffers,
    ListRules,
    RemoveRule,
    ShowOffer,
    StopPrice,
)
from homeapp.api.planning import (
    GetFeedBudget,
    GetPlan,
    GetSchedule,
    PreviewOffer,
    PreviewSchedule,
    SetMode,
    SetSchedule,
)
from homeapp.api.prices import ForgetPrices, GetPriceSources, ImportPrices
from homeapp.api.providers import (
    EnrolProvider,
    FindVtns,
    GetCertificateRequest,
    GetHubCard,
    GetSharing,
    GetUplink,
    ImportCertificate,
    ListProviders,
    PairProvider,
    ReadDescriptor,
    SetConsent,
    UnpairProvider,
)
from homeapp.api.why import GetWhy
from homeapp.model.commissioning import CommissioningView
from homeapp.model.consent import ProviderSharing
from homeapp.model.device import DeviceView
from homeapp.model.live import Snapshot
from homeapp.model.offer import OfferCase
from homeapp.model.plan import Plan, Schedule
from homeapp.model.standing_rule import RuleView
from homeapp.model.tariff import Tariff
from homeapp.model.uplink import UplinkView

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
        GetSchedule,
        SetSchedule,
        PreviewOffer,
        PreviewSchedule,
        GetFeedBudget,
        ListDevices,
        LookForMeter,
        AdoptDevice,
        ForgetDevice,
        RaiseSecurity,
        ListOffers,
        ShowOffer,
        DecideOffer,
        StopPrice,
        ListRules,
        KeepRule,
        RemoveRule,
        DryRunRule,
        AlertSeen,
        LogIn,
        LogOut,
        SetPin,
        SetOpenRole,
        GetSharing,
        SetConsent,
        ListProviders,
        ReadDescriptor,
        PairProvider,
        UnpairProvider,
        EnrolProvider,
        GetCertificateRequest,
        ImportCertificate,
        GetHubCard,
        FindVtns,
        GetUplink,
        TakeControl,
        GiveControlBack,
        ListTokens,
        AddToken,
        RemoveToken,
        GetWhy,
        GetPriceSources,
        ImportPrices,
        ForgetPrices,
        GetCommissioning,
        AnswerStep,
        RunCheck,
        StopCheck,
        SkipCheck,
        FinishCommissioning,
        ApplySettings,
    )
}

NOTIFICATIONS: dict[Topic, Any] = {
    Topic.SNAPSHOT: Snapshot,
    Topic.DEVICES: tuple[DeviceView, ...],
    Topic.OFFERS: tuple[OfferCase, ...],
    Topic.RULES: tuple[RuleView, ...],
    Topic.TARIFF: Tariff | None,
    Topic.PLAN: Plan | None,
    Topic.SCHEDULE: Schedule,
    Topic.SHARING: tuple[ProviderSharing, ...],
    Topic.UPLINK: UplinkView,
    Topic.COMMISSIONING: CommissioningView,
    Topic.ACCESS: AccessView,
}

Notification = (
    Snapshot
    | Tariff
    | Plan
    | Schedule
    | AccessView
    | CommissioningView
    | UplinkView
    | tuple[DeviceView, ...]
    | tuple[OfferCase, ...]
    | tuple[RuleView, ...]
    | tuple[ProviderSharing, ...]
    | None
)
"""What a notification carries."""

ERROR_CODES: dict[type[errors.HomeappError], int] = {
    errors.HomeappError: -32000,
    errors.NotFound: -32001,
    errors.NotAllowed: -32002,
    errors.WrongState: -32003,
    errors.WrongPin: -32004,
    errors.FileRefused: -32005,
    errors.PairingPending: -32010,
    errors.DeviceUnreachable: -32011,
    errors.DeviceRefused: -32012,
    errors.ProtocolError: -32013,
    errors.NotSupported: -32014,
    errors.EnvironmentProblem: -32019,
    errors.StoreUnavailable: -32020,
    errors.SecretStoreUnavailable: -32021,
    errors.SettingsInvalid: -32022,
    errors.ProviderUnreachable: -32030,
    errors.ProviderRefused: -32031,
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
