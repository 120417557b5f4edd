"""Making, changing and taking away objects at the demo VTN: who may, what belongs to what, which names are unique."""

from collections.abc import Mapping
from typing import Any

from homeapp.demo.grid.accounts import Account, Role, Scope
from homeapp.demo.grid.oddities import Oddities
from homeapp.demo.grid.refusal import VtnRefusal
from homeapp.demo.grid.requests import (
    REQUESTS,
    BlResourceRequest,
    BlVenRequest,
    VenResourceRequest,
    VenVenRequest,
    checked,
)
from homeapp.demo.grid.store import Json, VtnStore
from homeapp.demo.grid.views import Views

Body = Mapping[str, Any]

WRITE_SCOPES = {
    "programs": Scope.WRITE_PROGRAMS,
    "events": Scope.WRITE_EVENTS,
    "reports": Scope.WRITE_REPORTS,
    "subscriptions": Scope.WRITE_SUBSCRIPTIONS,
    "vens": Scope.WRITE_VENS,
    "resources": Scope.WRITE_VENS,
}
_OWNED = ("reports", "subscriptions", "vens", "resources")


class Registry:
    """Writes to the store on behalf of clients.

    Attributes:
        oddities: may be replaced at any time.

    Raises (all operations):
        VtnRefusal: 400 for a body that is wrong, 403 for who may not, 404 for what is not there for this client, 409
            for a name that is taken.
    """

    def __init__(self, store: VtnStore, views: Views) -> None:
        self.oddities = Oddities()
        self._store = store
        self._views = views

    def checked(self, account: Account, kind: str, body: Body) -> Json:
        """The request as it may be stored, with the client who owns it."""
        if self.oddities.unchecked_values and kind in ("programs", "events"):
            return {**body, **self._owner(account, kind, body)}
        if kind in ("vens", "resources"):
            told = checked(body, _ven_request(account, kind))
        else:
            told = checked(body, REQUESTS[kind])
        return {**told, **self._owner(account, kind, told)}

    def create(self, account: Account, kind: str, body: Body) -> Json:
        """Make an object."""
        made = self.checked(account, kind, body)
        self._belongs(account, kind, made)
        self._is_new(kind, made, None)
        return self._store.put(kind, made)

    def update(self, account: Account, kind: str, object_id: str, body: Body) -> Json:
        """Change an object; what business logic has granted to a ven or resource stays when its VEN writes."""
        before = self._owned(account, kind, object_id)
        made = self.checked(account, kind, body)
        if "clientID" in before and not account.sees_all:
            made["clientID"] = before["clientID"]
            if "targets" in before and kind in ("vens", "resources"):
                made["targets"] = before["targets"]
        self._belongs(account, kind, made)
        self._is_new(kind, made, object_id)
        return self._store.put(kind, made, object_id)

    def delete(self, account: Account, kind: str, object_id: str) -> Json:
        """Take an object away; the answer is what it was."""
        if self.oddities.no_deletion:
            raise VtnRefusal(403, "Nothing is ever deleted here")
        self._owned(account, kind, object_id)
        return self._store.delete(kind, object_id)

    def _owned(self, account: Account, kind: str, object_id: str) -> Json:
        return self._views.one(account, kind, object_id)

    def _owner(self, account: Account, kind: str, told: Body) -> Json:
        if kind not in _OWNED:
            return {}
        if account.role is Role.BUSINESS and kind in ("vens", "resources"):
            return {"clientID": told.get("clientID", account.client_id)}
        return {"clientID": account.client_id}

    def _belongs(self, account: Account, kind: str, made: Json) -> None:
        """What an object refers to is there, and may be referred to by this client."""
        if kind == "events":
            self._views.one(account, "programs", str(made.get("programID")))
        elif kind == "reports":
            self._views.one(account, "events", str(made.get("eventID")))
        elif kind == "resources":
            self._views.one(account, "vens", str(made.get("venID")))
        elif kind == "subscriptions" and "programID" in made:
            self._views.one(account, "programs", str(made["programID"]))

    def _is_new(self, kind: str, made: Json, object_id: str | None) -> None:
        """Names that have to be unique ("Object names")."""
        others = [item for item in self._store.every(kind) if item["id"] != object_id]
        name = _UNIQUE.get(kind)
        if name is not None and any(_same(item, made, name) for item in others):
            raise VtnRefusal(409, f"There is one of that {name[0]} already")
        odd = _ODDLY_UNIQUE.get(kind)
        if odd is not None and getattr(self.oddities, odd[0]) and any(_same(item, made, (odd[1],)) for item in others):
            raise VtnRefusal(409, f"There is one of that {odd[1]} already")


_UNIQUE = {"programs": ("programName",), "vens": ("venName",), "resources": ("resourceName", "venID")}
_ODDLY_UNIQUE = {"vens": ("one_ven_per_client", "clientID"), "reports": ("one_report_per_name", "reportName")}


def _same(one: Body, other: Body, keys: tuple[str, ...]) -> bool:
    return all(one.get(key) == other.get(key) for key in keys)


def _ven_request(
    account: Account, kind: str
) -> type[VenVenRequest | BlVenRequest | VenResourceRequest | BlResourceRequest]:
    """Business logic and VENs send different requests; only the former may grant targets."""
    if account.role is Role.BUSINESS:
        return BlVenRequest if kind == "vens" else BlResourceRequest
    return VenVenRequest if kind == "vens" else VenResourceRequest
