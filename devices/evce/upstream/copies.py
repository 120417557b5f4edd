"""What a CSMS is told while there is a way to it, and may miss: copies, the hub's own CALLs, states of connectors."""

import uuid
from collections import deque
from dataclasses import dataclass

import msgspec

from devices.evce.dialect import Outgoing
from devices.evce.frames import Frame

MOST_WAITING = 256
_STATUS = "StatusNotification"


@dataclass(frozen=True, slots=True)
class Copy:
    """A message of the station."""

    frame: Frame


class Copies:
    """What waits to be told, in order, and in memory only; beyond ``MOST_WAITING`` the oldest is lost."""

    def __init__(self) -> None:
        self._waiting: deque[Copy | Outgoing] = deque(maxlen=MOST_WAITING)
        self._statuses: dict[tuple[object, object], Frame] = {}

    @property
    def statuses(self) -> tuple[Frame, ...]:
        """The newest StatusNotification of each connector, under ids of their own: a CSMS is told them anew."""
        return tuple(msgspec.structs.replace(frame, id=str(uuid.uuid4())) for frame in self._statuses.values())

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def remember(self, frame: Frame) -> None:
        """Keep the newest StatusNotification of a connector."""
        self._statuses[frame.payload.get("evseId"), frame.payload.get("connectorId")] = frame

    def put(self, frame: Frame) -> None:
        """Something that the station has said."""
        self._waiting.append(Copy(frame))

    def say(self, call: Outgoing) -> None:
        """A CALL of the hub's own."""
        self._waiting.append(call)

    def begin(self) -> None:
        """There is a way anew: the CSMS may have missed a status, and no older one may come after the newest."""
        others = [item for item in self._waiting if not _is_status(item)]
        self._waiting.clear()
        self._waiting.extend(map(Copy, self.statuses))
        self._waiting.extend(others)

    def take(self) -> Copy | Outgoing:
        """The oldest; there is one."""
        return self._waiting.popleft()

    def forget_statuses(self) -> None:
        """The station has changed over to another version; what it has said before means nothing in that."""
        self._statuses.clear()

    def clear(self) -> None:
        """None of it is to be told any more; the states of the connectors still are."""
        self._waiting.clear()


def _is_status(item: Copy | Outgoing) -> bool:
    return isinstance(item, Copy) and item.frame.action == _STATUS
