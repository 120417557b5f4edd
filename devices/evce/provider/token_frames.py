"""What the provider says of cards, read from its messages (1.6: idTag, 2.x: idToken)."""

from collections.abc import Mapping
from typing import Any

from devices.evce.fields import Payload, instant, items, mapping, plain
from devices.evce.frames import Frame
from devices.evce.schemas import Version
from homeapp.ports import TokenBook, TokenGroup, TokenVerdict

_MOST = 5000
_ALLOWED = {"Accepted": True} | dict.fromkeys(("Blocked", "Expired", "Invalid", "NoCredit", "Unknown"), False)
"""The others are about a time, a place or another transaction, not about the card."""
_ACCEPTED, _STATUS = "Accepted", "attributeStatus"
_VERDICT = {Version.V16: "idTagInfo", Version.V201: "idTokenInfo", Version.V21: "idTokenInfo"}
_LONGEST = {Version.V16: 20, Version.V201: 36, Version.V21: 255}
"""Number of a card or a group."""
_LONGEST_KIND = 20
_KINDS_201 = frozenset(
    {"Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"}
)
"""IdTokenEnumType of 2.0.1; 2.1 leaves it open."""
_MASTER_PASS = ("authctrlr", "masterpassgroupid")
_ACTIONS = ("Authorize", "StartTransaction", "TransactionEvent")


class StationTokens:
    """Implements ``ProviderTokens`` of ``devices.evce.upstream.port`` for one station."""

    def __init__(self, device_id: str, book: TokenBook) -> None:
        self._device_id = device_id
        self._book = book

    def is_households(self, frame: Frame, version: Version) -> bool:
        token = _token(frame.payload, version)
        return bool(token) and self._book.is_households(token)

    def list_sent(self, frame: Frame, version: Version) -> None:
        entries = items(frame.payload, "localAuthorizationList", most=_MOST)
        found = [_verdict(_token(entry, version), _info(entry, version), version) for entry in entries]
        # D01.FR.16, .17: an entry without a verdict takes the token off the list.
        told = [verdict for verdict in found if verdict.token]
        self._book.provider_list(self._device_id, told, full=frame.payload.get("updateType") == "Full")

    def judged(self, frame: Frame, answer: Payload, version: Version) -> None:
        verdict = _verdict(_token(frame.payload, version), _info(answer, version), version)
        if frame.action in _ACTIONS and verdict.token and verdict.allowed is not None:
            self._book.provider_judged(self._device_id, verdict)

    def settings_told(self, frame: Frame, answer: Payload) -> None:
        if frame.action == "GetVariables":
            told = items(answer, "getVariableResult")
        else:
            taken = [
                _named(result) for result in items(answer, "setVariableResult") if result.get(_STATUS) == _ACCEPTED
            ]
            told = [item for item in items(frame.payload, "setVariableData") if _named(item) in taken]
        for item in told:
            value = item.get("attributeValue")
            if _named(item) == _MASTER_PASS and isinstance(value, str):
                self._book.master_pass(self._device_id, value)

    def in_its_place(self, frame: Frame, local: Payload, version: Version) -> Payload:
        name = _VERDICT[version]
        verdict, token = mapping(local, name), _token(frame.payload, version)
        group = self._book.group(self._device_id, token) if token and verdict.get("status") == _ACCEPTED else None
        if group is None or len(group.token) > _LONGEST[version]:
            return local
        if version is Version.V16:
            return local | {name: {**verdict, "parentIdTag": group.token}}
        known = bool(group.kind) and (version is Version.V21 or group.kind in _KINDS_201)
        told = {"idToken": group.token, "type": group.kind if known else "Central"}
        # C16.FR.03: such a card ends what runs, and begins nothing.
        begins = group.is_master_pass and frame.action == "TransactionEvent" and _begins(frame.payload)
        return local | {name: {**verdict, "status": "Invalid" if begins else _ACCEPTED, "groupIdToken": told}}


def _begins(event: Mapping[str, Any]) -> bool:
    return event.get("eventType") == "Started" or event.get("triggerReason") == "Authorized"


def _named(item: Mapping[str, Any]) -> tuple[str, str]:
    component, variable = plain(mapping(item, "component").get("name")), plain(mapping(item, "variable").get("name"))
    return component.casefold(), variable.casefold()


def _token(source: Mapping[str, Any], version: Version) -> str:
    value = source.get("idTag") if version is Version.V16 else mapping(source, "idToken").get("idToken")
    return value if isinstance(value, str) else ""


def _info(source: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    return mapping(source, _VERDICT[version])


def _group(info: Mapping[str, Any], version: Version) -> TokenGroup | None:
    if version is Version.V16:
        number, kind = info.get("parentIdTag"), ""
    else:
        group = mapping(info, "groupIdToken")
        number, kind = group.get("idToken"), plain(group.get("type"), longest=_LONGEST_KIND)
    return TokenGroup(token=number, kind=kind) if isinstance(number, str) and number else None


def _verdict(token: str, info: Mapping[str, Any], version: Version) -> TokenVerdict:
    return TokenVerdict(
        token=token,
        allowed=_ALLOWED.get(str(info.get("status"))),
        expires_at=instant(info, "expiryDate" if version is Version.V16 else "cacheExpiryDateTime"),
        group=_group(info, version),
    )
