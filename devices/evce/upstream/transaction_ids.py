"""1.6: the transaction ids of the hub and those of the CSMS, where they differ.

Where the CSMS could not be asked in time, the hub has named a transaction and the station goes by that id. All the rest
of a message stays as it is, byte for byte.
"""

from collections.abc import Iterator, Mapping

import msgspec

_FIELD = "transactionId"
_BLANK = b" \t\r\n"
_OPENING, _CLOSING = b"{[", b"}]"


class TransactionIds:
    """What is known of both sides' ids for one station."""

    def __init__(self) -> None:
        self._csms: dict[int, int] = {}
        self._hub: dict[int, int] = {}

    def learn(self, known: Mapping[int, int]) -> None:
        """The CSMS's ids by the hub's."""
        self._csms.update(known)
        self._hub.update({csms: hub for hub, csms in known.items()})

    def to_csms(self, raw: bytes) -> bytes:
        """A payload of the station with the id that the CSMS knows."""
        return _translated(raw, self._csms)

    def to_station(self, raw: bytes) -> bytes:
        """A payload of the CSMS with the id that the station knows."""
        return _translated(raw, self._hub)

    def of_station(self, csms: int) -> int:
        """What the station calls it."""
        return self._hub.get(csms, csms)


def _translated(raw: bytes, names: Mapping[int, int]) -> bytes:
    number = transaction_in(raw) if names else None
    name = None if number is None else names.get(number)
    return raw if name is None else with_transaction(raw, name)


def transaction_in(raw: bytes) -> int | None:
    """The ``transactionId`` at the top of a JSON object, or None where there is no integer."""
    found = [raw[start:end] for start, end in _values(raw)]
    try:
        value = msgspec.json.decode(found[-1]) if found else None
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def with_transaction(raw: bytes, number: int) -> bytes:
    """The same JSON object with another ``transactionId`` at its top, wherever one stands there."""
    parts, copied = bytearray(), 0
    for start, end in _values(raw):
        parts += raw[copied:start] + str(number).encode()
        copied = end
    return bytes(parts + raw[copied:])


def _values(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the values of the field stand; ``raw`` is valid JSON."""
    depth, at, is_key, wanted = 0, 0, False, False
    while at < len(raw):
        byte = raw[at : at + 1]
        end = _string_end(raw, at) if byte == b'"' else at + 1
        if byte == b'"' and depth == 1 and is_key:
            wanted, is_key = _is_field(raw[at:end]), False
        elif byte == b":" and depth == 1 and wanted:
            start = _skip_blank(raw, end)
            end = _value_end(raw, start)
            wanted = False
            yield start, end
        elif byte in (b"{", b"["):
            depth += 1
            is_key = depth == 1
        elif byte in (b"}", b"]"):
            depth -= 1
        elif byte == b"," and depth == 1:
            is_key = True
        at = end


def _is_field(quoted: bytes) -> bool:
    return msgspec.json.decode(quoted, type=str) == _FIELD


def _string_end(raw: bytes, at: int) -> int:
    at += 1
    while raw[at : at + 1] not in (b'"', b""):
        at += 2 if raw[at : at + 1] == b"\\" else 1
    return at + 1


def _skip_blank(raw: bytes, at: int) -> int:
    while raw[at : at + 1] and raw[at] in _BLANK:
        at += 1
    return at


def _value_end(raw: bytes, at: int) -> int:
    depth = 0
    while at < len(raw):
        byte = raw[at]
        if byte == ord('"'):
            at = _string_end(raw, at)
            continue
        if depth == 0 and (byte in b",}" or byte in _BLANK):
            return at
        depth += (byte in _OPENING) - (byte in _CLOSING)
        at += 1
    return at
