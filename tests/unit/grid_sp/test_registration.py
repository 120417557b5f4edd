"""The ven and its resources: made once, found again, deleted, and never more than the owner agrees to."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from homeapp.errors import NotSupported, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.providers.grid_sp.client import NotReadable, VtnConnection
from homeapp.providers.grid_sp.exchange import Answer
from homeapp.providers.grid_sp.registration import Registration

AGREED = (DataClass.IDENTITY, DataClass.METERING, DataClass.CHARGING)
USAGE = {"grid-import", "grid-export", "evce-charge", "evce-feed"}


class Books:
    """A VTN's vens and resources, behind what ``VtnConnection`` offers."""

    def __init__(self, version: str = "3.1") -> None:
        self.client_id = "me"
        self.version = version
        self.vens: dict[str, dict[str, Any]] = {}
        self.resources: dict[str, dict[str, Any]] = {}
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.statuses: dict[str, int] = {}
        self.one_per_client = False
        self.shows_all = False

    def ven(self, ven_id: str, name: str, client_id: str | None = "me") -> None:
        self.vens[ven_id] = {"id": ven_id, "venName": name} | ({"clientID": client_id} if client_id else {})

    async def add(self, path: str, content: dict[str, Any]) -> Answer:
        self.made.append((path, content))
        kind = "vens" if path == "/vens" else "resources"
        if kind in self.statuses:
            return Answer(self.statuses[kind], b"{}")
        wanted = {("3.1", "vens"): "VEN_VEN_REQUEST", ("3.1", "resources"): "VEN_RESOURCE_REQUEST"}
        wanted |= {("3.0.1", "vens"): "VEN", ("3.0.1", "resources"): "RESOURCE"}
        if content["objectType"] != wanted[self.version, kind]:
            return Answer(400, b"{}")
        if (path == "/resources") != (self.version == "3.1") and kind == "resources":
            return Answer(404, b"{}")
        return self._made(kind, content, path)

    def _made(self, kind: str, content: dict[str, Any], path: str) -> Answer:
        name = "venName" if kind == "vens" else "resourceName"
        held: dict[str, dict[str, Any]] = getattr(self, kind)
        own = [item for item in held.values() if item.get("clientID") == "me"]
        if any(item[name] == content[name] for item in held.values()) or (
            kind == "vens" and self.one_per_client and own
        ):
            return Answer(409, b"{}")
        identifier = f"{kind[:-1]}-{len(held) + 1}"
        held[identifier] = {"id": identifier, "clientID": "me", **content}
        return Answer(201, json.dumps(held[identifier]).encode())

    async def listed(self, path: str, **params: str) -> list[Any]:
        if path == "/vens":
            if "list" in self.statuses:
                raise NotReadable("no")
            return [item for item in self.vens.values() if self.shows_all or item.get("clientID") in ("me", None)]
        if (path == "/resources") != (self.version == "3.1"):
            raise NotReadable("no")
        return [item for item in self.resources.values() if item.get("venID") in (None, params.get("venID"))]

    async def read(self, path: str) -> Any:
        return self.vens.get(path.rsplit("/", 1)[1])

    async def delete(self, path: str) -> int:
        kind, identifier = path.rsplit("/", 1)[0].rsplit("/", 1)[-1], path.rsplit("/", 1)[1]
        if "delete" in self.statuses:
            return self.statuses["delete"]
        return 200 if getattr(self, kind).pop(identifier, None) is not None else 404


def play(books: Books, act: Callable[[Registration, VtnConnection], Awaitable[None]]) -> Registration:
    registration = Registration("Grid operator", "homeapp")
    asyncio.run(cast(Any, act(registration, cast(VtnConnection, books))))
    return registration


def keep(*agreed: DataClass, times: int = 1) -> Callable[[Registration, VtnConnection], Awaitable[None]]:
    async def act(registration: Registration, connection: VtnConnection) -> None:
        for _ in range(times):
            await registration.keep(connection, agreed)

    return act


@pytest.mark.parametrize(
    ("agreed", "resources"),
    [
        ((DataClass.IDENTITY,), set()),
        ((DataClass.IDENTITY, DataClass.METERING), USAGE),
        ((DataClass.IDENTITY, DataClass.CHARGING), {"ev"}),
        (AGREED, USAGE | {"ev"}),
    ],
)
@pytest.mark.parametrize("version", ["3.1", "3.0.1"])
@pytest.mark.usecase("W5", "W6")
def test_only_what_the_owner_agrees_to_is_registered_and_once(
    version: str, agreed: tuple[DataClass, ...], resources: set[str]
) -> None:
    books = Books(version)
    registration = play(books, keep(*agreed, times=3))
    assert [ven["venName"] for ven in books.vens.values()] == ["homeapp"]
    assert {item["resourceName"] for item in books.resources.values()} == resources
    assert registration.names == {"homeapp", *resources}
    assert registration.ven_id == "ven-1"
    allowed = {"objectType", "venName", "resourceName", "venID"}
    assert all(set(content) <= allowed for _, content in books.made)


def test_what_is_agreed_to_later_is_registered_then() -> None:
    books = Books()

    async def act(registration: Registration, connection: VtnConnection) -> None:
        await registration.keep(connection, (DataClass.IDENTITY,))
        assert not books.resources
        await registration.keep(connection, (DataClass.IDENTITY, DataClass.CHARGING))

    play(books, act)
    assert [item["resourceName"] for item in books.resources.values()] == ["ev"]


def test_a_client_that_has_its_one_ven_already_uses_that() -> None:
    books = Books()
    books.one_per_client = True
    books.ven("ven-1", "named-otherwise")
    books.resources["r"] = {"id": "r", "resourceName": "ev", "venID": "ven-1"}
    registration = play(books, keep(DataClass.IDENTITY, DataClass.CHARGING))
    assert (registration.ven_id, list(books.vens), list(books.resources)) == ("ven-1", ["ven-1"], ["r"])


def test_a_name_that_another_client_has_is_not_taken_for_ones_own() -> None:
    books = Books()
    books.shows_all = True
    books.ven("theirs", "homeapp", "neighbour")
    registration = play(books, keep(DataClass.IDENTITY))
    assert [ven["venName"] for ven in books.vens.values() if ven["clientID"] == "me"] == ["homeapp-2"]
    assert registration.ven_id != "theirs"


def test_a_server_that_does_not_say_whose_a_ven_is_is_believed_by_name() -> None:
    books = Books()
    books.ven("ven-1", "homeapp", None)
    assert play(books, keep(DataClass.IDENTITY)).ven_id == "ven-1"


def test_a_server_that_is_out_of_order_is_asked_again() -> None:
    books = Books()
    books.statuses = {"vens": 503}
    with pytest.raises(ProviderUnreachable):
        play(books, keep(*AGREED))


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_without_a_ven_object_all_else_goes_on(status: int) -> None:
    books = Books()
    books.statuses = {"vens": status}
    registration = play(books, keep(*AGREED, times=2))
    assert registration.ven_id is None
    assert len(books.made) == 1


def test_a_resource_that_is_refused_is_not_asked_for_again() -> None:
    books = Books()
    books.statuses = {"resources": 403}
    play(books, keep(DataClass.IDENTITY, DataClass.CHARGING, times=3))
    assert [path for path, _ in books.made] == ["/vens", "/resources"]


def test_who_reads_anonymously_registers_nothing() -> None:
    books = Books()
    books.client_id = ""
    play(books, keep(*AGREED))
    assert books.made == []


def test_the_targets_that_the_operator_has_given_are_learned_each_time() -> None:
    books = Books()

    async def act(registration: Registration, connection: VtnConnection) -> None:
        await registration.keep(connection, (DataClass.IDENTITY, DataClass.CHARGING))
        assert registration.targets == ()
        books.vens["ven-1"]["targets"] = ["street-7", 5, "x" * 129]
        next(iter(books.resources.values()))["targets"] = ["cars", "street-7"]
        await registration.keep(connection, (DataClass.IDENTITY, DataClass.CHARGING))
        assert registration.targets == ("cars", "street-7")
        books.vens["ven-1"]["targets"] = "street-7"
        await registration.keep(connection, (DataClass.IDENTITY, DataClass.CHARGING))
        assert registration.targets == ("cars", "street-7")

    play(books, act)


@pytest.mark.parametrize("version", ["3.1", "3.0.1"])
@pytest.mark.usecase("W6")
def test_what_is_no_longer_agreed_to_is_deleted_even_by_a_hub_that_has_just_started(version: str) -> None:
    books = Books(version)
    play(books, keep(*AGREED))

    async def forget_energy(registration: Registration, connection: VtnConnection) -> None:
        await registration.erase(connection, {DataClass.METERING})

    async def forget_all(registration: Registration, connection: VtnConnection) -> None:
        await registration.erase(connection, {DataClass.IDENTITY})

    play(books, forget_energy)
    assert {item["resourceName"] for item in books.resources.values()} == {"ev"}
    play(books, forget_all)
    assert (books.vens, books.resources) == ({}, {})
    play(books, forget_all)


@pytest.mark.parametrize(("status", "error"), [(403, NotSupported), (405, NotSupported), (503, ProviderUnreachable)])
def test_a_server_that_does_not_delete_is_told_from_one_that_cannot_now(status: int, error: type[Exception]) -> None:
    books = Books()
    play(books, keep(DataClass.IDENTITY))
    books.statuses = {"delete": status}

    async def act(registration: Registration, connection: VtnConnection) -> None:
        await registration.erase(connection, {DataClass.IDENTITY})

    with pytest.raises(error):
        play(books, act)


def test_a_server_that_lists_nothing_has_nothing_to_delete() -> None:
    books = Books()
    books.statuses = {"list": 403}

    async def act(registration: Registration, connection: VtnConnection) -> None:
        await registration.erase(connection, {DataClass.IDENTITY})

    play(books, act)
