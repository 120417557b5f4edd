"""Secrets of the hub's leg in what a station tells of its settings: some stations show what may only be written."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from devices.evce.fields import Payload, items, mapping, plain

_SECRETS = frozenset({"authorizationkey", "basicauthpassword"})


def without_secrets(action: str, payload: Payload, raw: bytes) -> bytes:
    """``raw`` as it is, unless this answer or report holds the password of the hub's leg; then without it."""
    places = _PLACES.get(action)
    shown = list(places(payload)) if places else []
    if not shown:
        return raw
    for holder, name in shown:
        holder.pop(name)
    return msgspec.json.encode(payload)


def _configuration(payload: Payload) -> Iterator[tuple[Any, str]]:
    for item in items(payload, "configurationKey", most=4096):
        if plain(item.get("key")).casefold() in _SECRETS and "value" in item:
            yield item, "value"


def _variables(payload: Payload) -> Iterator[tuple[Any, str]]:
    for item in items(payload, "getVariableResult", most=4096):
        if _is_secret(item) and "attributeValue" in item:
            yield item, "attributeValue"


def _report(payload: Payload) -> Iterator[tuple[Any, str]]:
    for item in items(payload, "reportData", most=4096):
        for attribute in items(item, "variableAttribute"):
            if _is_secret(item) and "value" in attribute:
                yield attribute, "value"


def _is_secret(item: Any) -> bool:
    return plain(mapping(item, "variable").get("name")).casefold() in _SECRETS


_PLACES: dict[str, Callable[[Payload], Iterator[tuple[Any, str]]]] = {
    "GetConfiguration": _configuration,
    "GetVariables": _variables,
    "NotifyReport": _report,
}
