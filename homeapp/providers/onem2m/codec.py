"""oneM2M primitives in JSON (TS-0004) and their MQTT topics (TS-0010), without I/O.

What comes in is bounded in size, members that are not known are ignored, wrong types are refused as a whole.
"""

from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import msgspec

from homeapp.errors import MessageRejected

MAX_PAYLOAD = 2 * 1024 * 1024
"""Largest primitive that is read, bytes: an inbox full of messages at once."""
RELEASE = "4"
SERIALIZATION = "json"


class Operation(IntEnum):
    """TS-0004 clause 6.3.4.2.5."""

    CREATE = 1
    RETRIEVE = 2
    UPDATE = 3
    DELETE = 4
    NOTIFY = 5


class ResourceType(IntEnum):
    """TS-0004 clause 6.3.4.2.1, those in use here."""

    ACCESS_CONTROL_POLICY = 1
    AE = 2
    CONTAINER = 3
    CONTENT_INSTANCE = 4
    SUBSCRIPTION = 23
    FLEX_CONTAINER = 28


class Status(IntEnum):
    """Response status codes, TS-0004 clause 6.6.3, those that are told apart here."""

    OK = 2000
    CREATED = 2001
    DELETED = 2002
    UPDATED = 2004
    BAD_REQUEST = 4000
    NOT_FOUND = 4004
    CONTENTS_UNACCEPTABLE = 4102
    ORIGINATOR_HAS_NO_PRIVILEGE = 4103
    CONFLICT = 4105
    ORIGINATOR_HAS_ALREADY_REGISTERED = 4117
    NOT_ACCEPTABLE = 5207


ALREADY_THERE = (Status.CONFLICT, Status.ORIGINATOR_HAS_ALREADY_REGISTERED)


def topic_id(entity_id: str) -> str:
    """An AE-ID or CSE-ID as a topic level: no leading slash, inner ones as colons (TS-0010 clause 6.4.2)."""
    return entity_id.lstrip("/").replace("/", ":")


class Arrival(StrEnum):
    """What comes in on a topic."""

    RESPONSE = "response"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics between one AE and its registrar CSE (TS-0010 clause 6.4).

    Attributes:
        ae_id: AE-ID-Stem, for instance ``Chub-0001``.
        cse_id: CSE-ID, for instance ``/id-in``.
    """

    ae_id: str
    cse_id: str

    @property
    def registration(self) -> str:
        """Where the AE asks to be registered."""
        return self._path("reg_req", self.ae_id, self.cse_id)

    @property
    def request(self) -> str:
        """Where the AE sends its other requests."""
        return self._path("req", self.ae_id, self.cse_id)

    @property
    def answer(self) -> str:
        """Where the AE answers the CSE's notifications."""
        return self._path("resp", self.cse_id, self.ae_id)

    @property
    def arrivals(self) -> dict[str, Arrival]:
        """What to subscribe to, and what comes in there."""
        return {
            self._path("reg_resp", self.ae_id, self.cse_id): Arrival.RESPONSE,
            self._path("resp", self.ae_id, self.cse_id): Arrival.RESPONSE,
            self._path("req", self.cse_id, self.ae_id): Arrival.REQUEST,
        }

    def _path(self, kind: str, first: str, second: str) -> str:
        return f"/oneM2M/{kind}/{topic_id(first)}/{topic_id(second)}/{SERIALIZATION}"


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request primitive on its way out, short names of TS-0004 clause 8.2.2.

    Attributes:
        op: operation.
        to: address of the resource.
        fr: originator.
        rqi: request id.
        ty: type of a resource to create.
        rcn: result content; 4 is attributes and child resources, 6 is references to child resources.
        fc: filter criteria; ``lvl`` 1 is direct children.
        pc: primitive content.
    """

    op: Operation
    to: str
    fr: str
    rqi: str
    ty: int | None = None
    rcn: int | None = None
    fc: dict[str, int] | None = None
    pc: dict[str, Any] | None = None


def encode_request(request: Request) -> bytes:
    """The payload of a request."""
    return msgspec.json.encode(msgspec.to_builtins(request) | {"rvi": RELEASE})


def encode_answer(*, request_id: str, status: Status, fr: str, to: str) -> bytes:
    """The payload of an answer to a notification."""
    return msgspec.json.encode({"rsc": status, "rqi": request_id, "rvi": RELEASE, "fr": fr, "to": to})


_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Response(msgspec.Struct, frozen=True):
    """A response primitive.

    Attributes:
        rsc: response status code; one that ``Status`` does not know is possible.
        rqi: id of the request that it answers.
        pc: primitive content, still raw.
    """

    rsc: int
    rqi: _Id
    pc: msgspec.Raw = msgspec.Raw(b"null")


class ContentInstance(msgspec.Struct, frozen=True):
    """A ``contentInstance`` (TS-0001 clause 9.6.7); of all this only a checked ``con`` means anything.

    Attributes:
        rn, ri: its name and unstructured id.
        pi: unstructured id of its container.
        ct: when it was created, by the CSE's clock.
        con: content.
    """

    con: str
    rn: str = ""
    ri: str = ""
    pi: str = ""
    ct: str = ""


class NotificationKind(StrEnum):
    """What a notification is about."""

    CONTENT = "content"
    VERIFICATION = "verification"
    """the CSE wants to know whether notifications arrive"""
    SUBSCRIPTION_DELETED = "subscription_deleted"
    OTHER = "other"
    """something that was not subscribed to"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A NOTIFY request.

    Attributes:
        request_id: to be repeated in the answer.
        content: for CONTENT, else None.
    """

    request_id: str
    kind: NotificationKind
    content: ContentInstance | None = None


class _Representation(msgspec.Struct, frozen=True):
    content: ContentInstance | None = msgspec.field(default=None, name="m2m:cin")


class _Event(msgspec.Struct, frozen=True):
    rep: _Representation | None = None


class _SingleNotification(msgspec.Struct, frozen=True):
    nev: _Event | None = None
    vrq: bool = False
    sud: bool = False


class _NotifyContent(msgspec.Struct, frozen=True):
    single: _SingleNotification | None = msgspec.field(default=None, name="m2m:sgn")


class _Notify(msgspec.Struct, frozen=True):
    op: int
    rqi: _Id
    pc: _NotifyContent = _NotifyContent()


class _Resource(msgspec.Struct, frozen=True):
    ri: str = ""
    st: int | None = None
    poa: tuple[str, ...] = ()


class _Reference(msgspec.Struct, frozen=True):
    val: str


class _ReferenceList(msgspec.Struct, frozen=True):
    references: tuple[_Reference, ...] = msgspec.field(default=(), name="rrf")


class _References(msgspec.Struct, frozen=True):
    found: _ReferenceList = msgspec.field(default=_ReferenceList(), name="m2m:rrl")


class _Children(msgspec.Struct, frozen=True):
    content: tuple[msgspec.Raw, ...] = msgspec.field(default=(), name="m2m:cin")


class _Inbox(msgspec.Struct, frozen=True):
    container: _Children = msgspec.field(default=_Children(), name="m2m:cnt")


def decode_response(payload: bytes) -> Response:
    """Read a response primitive.

    Raises:
        MessageRejected: ``schema``.
    """
    response: Response = _decode(payload, Response)
    return response


def decode_notification(payload: bytes) -> Notification:
    """Read a NOTIFY request primitive.

    Raises:
        MessageRejected: ``schema``; also for any other operation, because nothing else may be asked of the hub.
    """
    notify: _Notify = _decode(payload, _Notify)
    if notify.op != Operation.NOTIFY:
        raise MessageRejected("schema", "The system operator asked for something other than a notification.")
    single = notify.pc.single or _SingleNotification()
    content = single.nev.rep.content if single.nev is not None and single.nev.rep is not None else None
    if single.vrq:
        kind = NotificationKind.VERIFICATION
    elif single.sud:
        kind = NotificationKind.SUBSCRIPTION_DELETED
    else:
        kind = NotificationKind.OTHER if content is None else NotificationKind.CONTENT
    content = content if kind is NotificationKind.CONTENT else None
    return Notification(request_id=notify.rqi, kind=kind, content=content)


def resource_id(response: Response) -> str:
    """The unstructured id of the one resource in an answer, whatever its type, or an empty string.

    Raises:
        MessageRejected: ``schema``.
    """
    return _first_resource(response).ri


def state_of(response: Response) -> tuple[str, int] | None:
    """What changes whenever the one container in an answer does, or None where the CSE does not tell.

    Its ``stateTag`` (TS-0001 clause 9.6.1.3.2), with its id, because one that was made anew counts anew.

    Raises:
        MessageRejected: ``schema``.
    """
    found = _first_resource(response)
    return None if found.st is None else (found.ri, found.st)


def child_addresses(response: Response) -> tuple[str, ...]:
    """The structured addresses in an answer with references to child resources.

    Raises:
        MessageRejected: ``schema``.
    """
    found: _References | None = _decode(bytes(response.pc), _References | None)
    return tuple(item.val for item in found.found.references) if found is not None else ()


def points_of_access(response: Response) -> tuple[str, ...]:
    """The ``poa`` of the one resource in an answer.

    Raises:
        MessageRejected: ``schema``.
    """
    return _first_resource(response).poa


def inbox_contents(response: Response) -> tuple[ContentInstance, ...]:
    """The instances of a container that was retrieved with its children, oldest first.

    One that is not as agreed is left out, so that it cannot hide the others.

    Raises:
        MessageRejected: ``schema``.
    """
    found: _Inbox | None = _decode(bytes(response.pc), _Inbox | None)
    contents: list[ContentInstance] = []
    for raw in found.container.content if found is not None else ():
        with suppress(MessageRejected):
            contents.append(_decode(bytes(raw), ContentInstance))
    # ct has a fixed width (TS-0004 clause 6.3.3), so text order is time order.
    return tuple(sorted(contents, key=lambda content: content.ct))


def _first_resource(response: Response) -> _Resource:
    resources: dict[str, _Resource] | None = _decode(bytes(response.pc), dict[str, _Resource] | None)
    return next(iter(resources.values()), _Resource()) if resources else _Resource()


def _decode(payload: bytes, kind: Any) -> Any:
    if len(payload) > MAX_PAYLOAD:
        raise MessageRejected("schema", "A message from the system operator is too large.")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MessageRejected("schema", "A message from the system operator is not as agreed.") from error
