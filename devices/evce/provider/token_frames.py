"""What the provider says of cards, read from its messages (1.6: idTag, 2.x: idToken)."""

from collections.abc import Mapping
from typing import Any

from devices.evce.fields import Payload, instant, items, mapping
from devices.evce.frames import Frame
from devices.evce.schemas import Version
from homeapp.ports import TokenBook, TokenVerdict

_MOST = 5000
_ALLOWED = {"Accepted": True} | dict.fromkeys(("Blocked", "Expired", "Invalid", "NoCredit", "Unknown"), False)
"""The others are about a time, a place or another transaction, not about the card."""
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


def _token(source: Mapping[str, Any], version: Version) -> str:
    value = source.get("idTag") if version is Version.V16 else mapping(source, "idToken").get("idToken")
    return value if isinstance(value, str) else ""


def _info(source: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    return mapping(source, "idTagInfo" if version is Version.V16 else "idTokenInfo")


def _verdict(token: str, info: Mapping[str, Any], version: Version) -> TokenVerdict:
    return TokenVerdict(
        token=token,
        allowed=_ALLOWED.get(str(info.get("status"))),
        expires_at=instant(info, "expiryDate" if version is Version.V16 else "cacheExpiryDateTime"),
    )
