"""Frames that nobody should send, made from valid ones by chance, and what the standard wants said to each."""

import functools
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from devices.evce.frames import LARGEST_FRAME
from devices.evce.schemas import Version
from kit import schema_examples

_NOTIFIES = re.compile(
    "Authorize|BootNotification|DataTransfer|DiagnosticsStatus|FirmwareStatus|Heartbeat|LogStatus|MeterValues|Notify"
    "|ReportChargingProfiles|SecurityEvent|SignCertificate|StartTransaction|StatusNotification|StopTransaction"
    "|TransactionEvent|Get15118|Cleared|Reservation"
)
_ODD: list[Callable[[random.Random], Any]] = [
    lambda _: None,
    lambda _: True,
    lambda _: [],
    lambda _: {},
    lambda _: "",
    lambda choose: choose.choice([-1, 0, 2**31, 2**63, 2**64, 10**30, -(10**400)]),
    lambda choose: choose.choice([1e308, -1e308, 1e-300, 0.1]),
    lambda choose: choose.choice(["NaN", "\x00\x1b[31m", "\u202e\u2028", "é" * 300, "x" * 5000, "1e999", "0x10"]),
    lambda choose: choose.choice(["1970-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "0001-01-01T00:00:00Z", "now"]),
    lambda choose: _nested(choose.choice([10, 40, 300])),
    lambda _: [{}] * 600,
    lambda _: {"value": [1]},
]
_ODD_IDS: list[Any] = ["", "x" * 64, "x" * 65, "x" * 5000, 0, -5, 10**70, 1.5, None, True, [], {}, "-1", "\u0000", "é"]
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@functools.cache
def _example(version: Version, action: str) -> str:
    return json.dumps(schema_examples.request(version, action))


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@dataclass(frozen=True, slots=True)
class Expected:
    """What may be said to a frame.

    Attributes:
        answer: the id under which it is answered exactly once, or None.
        minus_one: in 2.x it is answered under "-1", because it may be a CALL and its id cannot be read.
        either: readers differ on whether its id can be read: under its id, or as if it could not be read.
    """

    answer: str | None = None
    minus_one: bool = False
    either: bool = False


@dataclass
class HostileFrames:
    """Makes frames by chance; the same ones for the same seed."""

    version: Version
    seed: int
    _count: int = 0
    _actions: list[str] = field(init=False)
    _choose: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._choose = random.Random(f"{self.version} {self.seed}")
        self._actions = [name for name in schema_examples.actions(self.version) if _NOTIFIES.match(name)]

    def next(self) -> str | bytes:
        """The next frame."""
        self._count += 1
        choose = self._choose
        frame = self._valid()
        for _ in range(choose.randrange(3)):
            if not frame:
                break
            choose.choice([self._break_field, self._break_field, self._break_field, self._break_envelope])(frame)
        text = json.dumps(frame, ensure_ascii=choose.random() < 0.5)
        kind = choose.random()
        if kind < 0.6:
            return text
        return choose.choice([_cut, _flip, _double_member, _not_a_number, _surrogate, _binary, _spaced, _deep])(
            text, choose
        )

    def _valid(self) -> list[Any]:
        choose = self._choose
        action = choose.choice(self._actions)
        message_id: Any = f"f-{self._count}"
        kind = choose.choice([2] * 12 + [3, 4, 5, 6])
        if kind == 3:
            return [3, message_id, {"status": "Accepted"}]
        if kind in (4, 5):
            return [kind, message_id, "GenericError", "no", {}]
        if choose.random() < 0.02:
            action = choose.choice(["../../etc/passwd", "", "x" * 1000, "__class__", "Reset", "authorize"])
            return [kind, message_id, action, {}]
        payload = json.loads(_example(self.version, action))
        if self.version is not Version.V16 and action == "TransactionEvent":
            payload["transactionInfo"]["transactionId"] = choose.choice(["hostile", f"h-{self._count}"])
            payload["eventType"] = choose.choice(["Started", "Updated", "Ended"])
            payload["evse"] = {"id": choose.choice([1, 2, 99, -1])}
            payload["meterValue"] = [{"timestamp": "2026-01-15T12:00:00Z", "sampledValue": [{"value": 1.0}]}]
        return [kind, message_id, action, payload]

    def _break_field(self, frame: list[Any]) -> None:
        """Put something odd in the place of one value of the payload, or take it out."""
        choose = self._choose
        holder: Any = frame[-1]
        while isinstance(holder, dict | list) and holder:
            key = choose.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            inner = holder[key]
            if not isinstance(inner, dict | list) or not inner or choose.random() < 0.3:
                if choose.random() < 0.2:
                    del holder[key]
                else:
                    holder[key] = choose.choice(_ODD)(choose)
                return
            holder = inner

    def _break_envelope(self, frame: list[Any]) -> None:
        choose = self._choose
        match choose.randrange(5):
            case 0:
                frame[0] = choose.choice([0, 1, 7, -2, "2", None, 2.0, True, [2], 10**40])
            case 1:
                frame[1:2] = [choose.choice(_ODD_IDS)]
            case 2:
                del frame[choose.randrange(len(frame)) :]
            case 3:
                frame[-1:] = [choose.choice(_ODD)(choose)]
            case _:
                frame.append(choose.choice(_ODD)(choose))


def _cut(text: str, choose: random.Random) -> str:
    return text[: choose.randrange(len(text))]


def _flip(text: str, choose: random.Random) -> str:
    data = bytearray(text.encode())
    for _ in range(choose.randrange(1, 4)):
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    return data.decode(errors="replace")


def _double_member(text: str, _choose: random.Random) -> str:
    return text.replace('{"', '{"evseId": 7, "evseId": 8, "', 1)


def _not_a_number(text: str, choose: random.Random) -> str:
    return re.sub(
        r": (\d+)", ": " + choose.choice(["NaN", "-Infinity", "1e999", "00", "+1", "9" * 5000]), text, count=1
    )


def _surrogate(text: str, _choose: random.Random) -> str:
    return text.replace(': "', ': "\\ud800', 1)


def _binary(text: str, _choose: random.Random) -> bytes:
    return text.encode()


def _spaced(text: str, choose: random.Random) -> str:
    return text.replace(" ", choose.choice(["", "\n\t  ", " " * 1000]), 20)


def _deep(text: str, choose: random.Random) -> str:
    depth = choose.choice([33, 500, 100_000])
    return text.replace("{", '{"a":' + "[" * depth + "]" * depth + ",", 1)


def expected(frame: str | bytes) -> Expected:
    """What may be said to this frame, found with another reader than the hub's."""
    unreadable = Expected(minus_one=True)
    if isinstance(frame, bytes) or len(frame.encode()) > LARGEST_FRAME:
        return unreadable
    try:
        value = json.loads(frame, parse_constant=_no_constant)
    except RecursionError:
        return Expected(answer=_beginning(frame), either=True)
    except ValueError as error:
        # Numbers of thousands of digits are JSON, though no Python number.
        return Expected(answer=_beginning(frame), either=True) if "digits" in str(error) else unreadable
    if not isinstance(value, list) or len(value) < 2 or isinstance(value[0], bool):
        return unreadable
    if not isinstance(value[0], int | float) or value[0] not in (2, 3, 4, 5, 6):
        return unreadable
    doubtful = _SURROGATE.search(frame) is not None
    if value[0] != 2:
        return Expected(either=doubtful)
    message_id = value[1]
    if isinstance(message_id, bool) or not isinstance(message_id, str | int) or not 0 < len(str(message_id)) <= 64:
        return unreadable
    return Expected(answer=str(message_id), either=doubtful)


def _beginning(frame: str) -> str | None:
    """The id of a CALL that cannot be read to its end."""
    found = re.match(r'\[2,\s*("(?:[^"\\]|\\.)*"|-?\d{1,64}\b)', frame)
    message_id = str(json.loads(found.group(1))) if found else ""
    return message_id if 0 < len(message_id) <= 64 else None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def judge(version: Version, frames: list[str | bytes], answers: list[list[Any]]) -> None:
    """Every CALL has its answer, and nothing else has one but those that cannot be told from a CALL."""
    rules: list[Expected] = [expected(frame) for frame in frames]
    said = Counter(str(answer[1]) for answer in answers)
    least = Counter(rule.answer for rule in rules if rule.answer and not rule.either)
    perhaps = Counter(rule.answer for rule in rules if rule.answer and rule.either)
    for message_id in said.keys() | least.keys():
        if message_id != "-1":
            most = least[message_id] + perhaps[message_id]
            assert least[message_id] <= said[message_id] <= most, (
                message_id,
                said[message_id],
                least[message_id],
                most,
            )
    minus_one = said["-1"] - least["-1"]
    if version is Version.V16:
        assert minus_one == 0
    else:
        certain = sum(rule.minus_one for rule in rules)
        doubtful = sum(rule.either for rule in rules)
        assert certain <= minus_one <= certain + doubtful, [str(frame)[:80] for frame in frames]
    assert {answer[0] for answer in answers} <= {3, 4}
