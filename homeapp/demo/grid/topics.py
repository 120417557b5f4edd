"""Names of the demo VTN's MQTT topics, and on which of them a change is told (OpenADR 3.1, "Notifications via
Additional Protocols").

Beneath ``programs`` is what is for everybody. Beneath ``clients/{clientID}`` is what is for the VENs of one client, so
that the broker can keep clients apart by name. All else is for business logic.
"""

from collections.abc import Iterator, Mapping, Sequence

from homeapp.demo.grid.accounts import Account
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.grid.store import OBJECT_TYPES, Json, Operation, VtnStore
from homeapp.demo.grid.views import Views

ROOT = "openadr3"
PUBLIC = f"{ROOT}/programs/#"
"""What every VEN may read."""
OWN = f"{ROOT}/clients/%u/#"
"""What the client of that name may read, as mosquitto writes it."""
EVERYTHING = f"{ROOT}/#"

_MAGIC = "do some magic!"


class Topics:
    """Answers ``/notifiers/mqtt/topics/...`` and finds the topics of a change."""

    def __init__(self, store: VtnStore, views: Views) -> None:
        self._store = store
        self._views = views

    def answer(self, account: Account, parts: Sequence[str], oddities: Oddities) -> object:
        """The notifierTopicsResponse for the end of a path.

        Raises:
            VtnRefusal: 403 where the topics are not for this client, 404 where there are none.
        """
        match list(parts):
            case ["programs"]:
                return _response(f"{ROOT}/programs", oddities)
            case ["programs", program_id]:
                self._views.one(account, "programs", program_id)
                return _response(f"{ROOT}/programs/{program_id}", oddities, made=False)
            case ["programs", program_id, "events"] if not oddities.no_event_topics:
                self._views.one(account, "programs", program_id)
                return _response(f"{ROOT}/programs/{program_id}/events", oddities)
            case ["vens", ven_id, *rest] if rest in ([], ["events"], ["programs"], ["resources"]):
                ven = self._views.one(account, "vens", ven_id)
                if oddities.topics_do_magic:
                    return _MAGIC
                return _response("/".join((_of_ven(ven), *rest)), oddities, made=bool(rest))
            case [kind] if kind in OBJECT_TYPES and account.sees_all:
                return _response(f"{ROOT}/{kind}", oddities)
            case [kind] if kind in OBJECT_TYPES:
                raise VtnRefusal(403, "These topics are for business logic")
            case ["programs", _, "events"]:
                raise VtnRefusal(403, "These topics are not for this client")
        raise VtnRefusal(404, "There are no such topics")

    def told_on(self, operation: Operation, changed: Json) -> Iterator[tuple[str, Json]]:
        """Topics with the object as it may be told on each of them."""
        end = operation.lower()
        for place, shown in self._places(changed):
            # Nobody can wait for the creation of an object by its id.
            if operation is not Operation.CREATE or place.rsplit("/", 1)[1] != changed["id"]:
                yield f"{place}/{end}", shown

    def _places(self, changed: Json) -> Iterator[tuple[str, Json]]:
        match changed["objectType"]:
            case "PROGRAM":
                yield from self._of_program(changed, f"{ROOT}/programs", changed["id"])
            case "EVENT":
                yield f"{ROOT}/events", changed
                yield from self._of_event(changed)
            case "VEN":
                yield f"{ROOT}/vens", changed
                yield _of_ven(changed), changed
            case "RESOURCE":
                yield f"{ROOT}/resources", changed
                if self._store.has("vens", changed["venID"]):
                    yield f"{_of_ven(self._store.one('vens', changed['venID']))}/resources", changed
            case kind:
                yield f"{ROOT}/{kind.lower()}s", changed

    def _of_program(self, changed: Json, place: str, program_id: str) -> Iterator[tuple[str, Json]]:
        if self._is_public(changed):
            yield place, changed
            yield f"{place}/{program_id}", changed
        yield from self._of_targeted(changed, "programs")

    def _of_event(self, changed: Json) -> Iterator[tuple[str, Json]]:
        if self._is_public(changed):
            yield f"{ROOT}/programs/{changed['programID']}/events", changed
        yield from self._of_targeted(changed, "events")

    def _of_targeted(self, changed: Json, kind: str) -> Iterator[tuple[str, Json]]:
        if self._is_public(changed):
            return
        for ven in self._store.every("vens"):
            shown = self._views.sees(ven["clientID"], changed)
            if shown is not None:
                yield f"{_of_ven(ven)}/{kind}", shown

    def _is_public(self, changed: Json) -> bool:
        return self._views.sees("", changed) is not None


def _of_ven(ven: Mapping[str, object]) -> str:
    return f"{ROOT}/clients/{ven['clientID']}/vens/{ven['id']}"


def _response(place: str, oddities: Oddities, *, made: bool = True) -> Json:
    every = "all" if oddities.silent_all_topic else "+"
    ends = {"UPDATE": "update", "DELETE": "delete", "ALL": every} | ({"CREATE": "create"} if made else {})
    return {"topics": {operation: f"{place}/{end}" for operation, end in ends.items()}}
