"""What each client of the demo VTN gets to see (OpenADR 3.1, "Object Privacy", "Response Filtering")."""

from collections.abc import Callable, Mapping, Sequence

from homeapp.demo.grid.accounts import Account
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.grid.store import Json, VtnStore
from homeapp.demo.grid.timing import ends_at
from homeapp.ports import Clock

PAGE = 50
"""The largest page of OpenADR 3.1."""

Query = Mapping[str, Sequence[str]]

_FOR_ALL = ("programs", "events")
_PLAIN_FILTERS = {
    "events": ("programID",),
    "reports": ("eventID", "clientName"),
    "subscriptions": ("programID", "clientName"),
    "vens": ("venName",),
    "resources": ("resourceName", "venID"),
}


class Views:
    """Objects as one client may see them.

    Args:
        store: what there is.
        clock: for what is over.
        targets_of: the targets that an object is published with.
        open_to_all: programs and events are for every client, whatever their targets, as in 3.0.1.
    """

    def __init__(
        self,
        store: VtnStore,
        clock: Clock,
        targets_of: Callable[[Json], frozenset[str]],
        *,
        open_to_all: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._targets_of = targets_of
        self._open_to_all = open_to_all

    def granted(self, client_id: str) -> frozenset[str]:
        """All targets that business logic has given to a client's vens and resources."""
        mine = [item for kind in ("vens", "resources") for item in self._store.every(kind)]
        return frozenset(
            target for item in mine if item["clientID"] == client_id for target in item.get("targets") or ()
        )

    def one(self, account: Account, kind: str, object_id: str) -> Json:
        """An object by its id.

        Raises:
            VtnRefusal: 404, there is none for this client.
        """
        found = self._seen_by(account, kind, self._store.one(kind, object_id), self.granted(account.client_id))
        if found is None:
            raise VtnRefusal(404, f"There is no such object among the {kind}")
        return found

    def every(self, account: Account, kind: str, query: Query) -> list[Json]:
        """All that match a query; a VEN sees what has targets only where it asks for them.

        Raises:
            VtnRefusal: 400 for a target that is none, 404 for a kind that there is not.
        """
        asked = frozenset(query.get("targets", ()))
        if any(not 1 <= len(target) <= 128 for target in asked):
            raise VtnRefusal(400, "A target has 1 to 128 characters")
        allowed = asked & self.granted(account.client_id)
        seen = [self._seen_by(account, kind, item, allowed) for item in self._store.every(kind)]
        found = [item for item in seen if item is not None and self._matches(kind, item, query)]
        if asked and kind not in ("reports", "subscriptions"):
            found = [item for item in found if asked & set(self._targets_of(item))]
        return found

    def sees(self, client_id: str, item: Json) -> Json | None:
        """A program or event as this VEN may see it with all of its targets, else None."""
        return self._targeted(item, self.granted(client_id))

    def _seen_by(self, account: Account, kind: str, item: Json, allowed: frozenset[str]) -> Json | None:
        if account.sees_all:
            return item
        if kind in _FOR_ALL:
            return self._targeted(item, allowed)
        return item if item["clientID"] == account.client_id else None

    def _targeted(self, item: Json, allowed: frozenset[str]) -> Json | None:
        """Target hiding: a VEN does not learn of targets that it was not given."""
        targets = self._targets_of(item)
        if not targets or self._open_to_all:
            return item
        return {**item, "targets": sorted(targets & allowed)} if targets & allowed else None

    def _matches(self, kind: str, item: Json, query: Query) -> bool:
        wanted = {key: query[key][0] for key in _PLAIN_FILTERS.get(kind, ()) if key in query}
        if any(item.get(key) != value for key, value in wanted.items()):
            return False
        if kind == "events" and query.get("active", ("false",))[0] == "true":
            return ends_at(item) > self._clock.now()
        if kind == "reports" and "programID" in query:
            return self._program_of(item) == query["programID"][0]
        if kind == "subscriptions" and "objects" in query:
            kinds = {name for operations in item["objectOperations"] for name in operations["objects"]}
            return bool(kinds & set(query["objects"]))
        return True

    def _program_of(self, report: Json) -> object:
        event_id = report["eventID"]
        return self._store.one("events", event_id)["programID"] if self._store.has("events", event_id) else None


def page_of(items: Sequence[Json], query: Query) -> list[Json]:
    """The part of an answer that was asked for.

    Raises:
        VtnRefusal: 400, ``skip`` or ``limit`` is impossible.
    """
    try:
        skip, limit = int(query.get("skip", ("0",))[0]), int(query.get("limit", (str(PAGE),))[0])
    except ValueError as error:
        raise VtnRefusal(400, "skip and limit are numbers") from error
    if skip < 0 or not 0 <= limit <= PAGE:
        raise VtnRefusal(400, f"limit is at most {PAGE}")
    return list(items[skip : skip + limit])
