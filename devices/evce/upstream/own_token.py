"""Charging that the owner has the hub start: no CSMS knows that token, and none has to allow it."""

from typing import Any

from devices.evce.dialect import HUB_ID_TAG
from devices.evce.fields import Payload, mapping

_VERDICTS = ("idTagInfo", "idTokenInfo")


def is_hubs_token(payload: Payload) -> bool:
    """Whether a message of the station is about the hub's own token."""
    return HUB_ID_TAG in (payload.get("idTag"), mapping(payload, "idToken").get("idToken"))


def with_verdict(answer: Payload, local: Payload) -> Payload:
    """The CSMS's answer with the hub's verdict about its own token."""
    verdicts: dict[str, Any] = {name: local[name] for name in _VERDICTS if name in local}
    return answer | verdicts
