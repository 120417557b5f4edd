"""The objects of the demo VTN, and word of every change to them."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from homeapp.demo.grid.objects import metadata, rfc3339
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.ports import Clock

Json = dict[str, Any]

OBJECT_TYPES = {
    "programs": "PROGRAM",
    "events": "EVENT",
    "reports": "REPORT",
    "subscriptions": "SUBSCRIPTION",
    "vens": "VEN",
    "resources": "RESOURCE",
}
"""``objectTypes`` by collection."""


class Operation(StrEnum):
    """What happened to an object (``notification.operation``)."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


Changed = Callable[[Operation, Json], None]


class VtnStore:
    """Programs, events, reports, subscriptions, vens and resources by collection and id.

    Attributes:
        listeners: called after each change with the object as it is, or was.
    """

    def __init__(self, clock: Clock) -> None:
        self.listeners: list[Changed] = []
        self._clock = clock
        self._made = 0
        self._objects: dict[str, dict[str, Json]] = {kind: {} for kind in OBJECT_TYPES}

    def put(self, kind: str, body: Mapping[str, Any], object_id: str | None = None) -> Json:
        """Make an object, or change the one with that id; return it."""
        if object_id is None:
            self._made += 1
            object_id = f"{kind.removesuffix('s')}-{self._made:04d}"
        collection, now = self._objects[kind], rfc3339(self._clock.now())
        before = collection.get(object_id)
        created = now if before is None else before["createdDateTime"]
        # The metadata wins: what a client sends as objectType only tells two kinds of request apart.
        made = {**body, **metadata(OBJECT_TYPES[kind], object_id, created, now)}
        collection[object_id] = made
        self._tell(Operation.CREATE if before is None else Operation.UPDATE, made)
        return made

    def delete(self, kind: str, object_id: str) -> Json:
        """Take an object away and return it, and with it what cannot be without it.

        Raises:
            KeyError: there is none.
        """
        gone = self._objects[kind].pop(object_id)
        self._tell(Operation.DELETE, gone)
        for part, key in _PARTS.get(kind, ()):
            for item in [item for item in self.every(part) if item.get(key) == object_id]:
                self.delete(part, item["id"])
        return gone

    def has(self, kind: str, object_id: object) -> bool:
        """Whether there is such an object."""
        return isinstance(object_id, str) and object_id in self._objects.get(kind, {})

    def one(self, kind: str, object_id: object) -> Json:
        """The object.

        Raises:
            VtnRefusal: 404, there is none.
        """
        if not isinstance(object_id, str) or not self.has(kind, object_id):
            raise VtnRefusal(404, f"There is no such object among the {kind}")
        return self._objects[kind][object_id]

    def every(self, kind: str) -> list[Json]:
        """All objects of a kind, the oldest first.

        Raises:
            VtnRefusal: 404, there is no such kind.
        """
        if kind not in self._objects:
            raise VtnRefusal(404, f"There are no {kind[:32]}")
        return list(self._objects[kind].values())

    def _tell(self, operation: Operation, changed: Json) -> None:
        for listener in self.listeners:
            listener(operation, changed)


_PARTS = {"programs": (("events", "programID"),), "vens": (("resources", "venID"),)}
