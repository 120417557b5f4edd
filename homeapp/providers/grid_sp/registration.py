"""The ven and its resources at the VTN: made, found again, deleted (OpenADR 3.1 ``/vens`` and ``/resources``; 3.0.1).

A ven object says no more than that a home is a customer. Resources say what the home has to report about, so each is
made only where the owner agrees to such reports.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import httpx

from homeapp.errors import NotSupported, ProviderUnreachable
from homeapp.model.consent import DataClass
from homeapp.providers.grid_sp.client import NotReadable, VtnConnection
from homeapp.providers.grid_sp.exchange import Answer
from homeapp.providers.grid_sp.own_reports import id_in
from homeapp.providers.grid_sp.report_resources import RESOURCES_OF

logger = logging.getLogger(__name__)

_MADE = (httpx.codes.CREATED, httpx.codes.OK)
_GONE = (httpx.codes.OK, httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND)
_NEXT_NAMES = 3
_LONGEST_TARGET = 128
_MOST_TARGETS = 50


class Dialect(StrEnum):
    """The version of OpenADR by which vens and resources are made."""

    V3_1 = "3.1"
    V3_0_1 = "3.0.1"


class Registration:
    """What the VTN has of this home.

    Args:
        name: the provider's, for sentences.
        ven_name: what the hub is called there.

    Raises (all operations):
        ProviderUnreachable: try again later.
    """

    def __init__(self, name: str, ven_name: str) -> None:
        self._name = name
        self._ven_name = ven_name
        self._ven_id: str | None = None
        self._dialect = Dialect.V3_1
        self._settled = False
        self._resources: dict[str, str] = {}
        self._refused: set[str] = set()
        self._targets: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """By which events may name this home (targets of 3.0.1)."""
        return frozenset({self._ven_name, *self._resources})

    @property
    def ven_id(self) -> str | None:
        """The ven object, or None where there is none yet."""
        return self._ven_id

    @property
    def targets(self) -> tuple[str, ...]:
        """What the operator has put this home into; such objects are shown only to who asks for them (3.1)."""
        return self._targets

    async def keep(self, connection: VtnConnection, agreed: Collection[DataClass]) -> None:
        """Make what is missing, once; a VTN that has no place for it is got along with. Nothing without a client id."""
        if not connection.client_id:
            return
        if not self._settled:
            self._ven_id = await self._ven(connection)
            self._settled = True
            if self._ven_id is not None:
                self._resources = await self._listed(connection, self._ven_id)
        if self._ven_id is None:
            return
        await self._learn_targets(connection, self._ven_id)
        for resource in (name for kind in sorted(agreed) for name in RESOURCES_OF.get(kind, ())):
            if resource not in self._resources and resource not in self._refused:
                await self._add_resource(connection, self._ven_id, resource)

    async def erase(self, connection: VtnConnection, data_classes: Collection[DataClass]) -> None:
        """Delete the resources that reports of these kinds are about; with IDENTITY the ven, too.

        Raises:
            NotSupported: the VTN does not allow it.
        """
        ven_id = await self._own_ven(connection)
        if ven_id is None:
            return
        everything = DataClass.IDENTITY in data_classes
        names = {name for kind in data_classes for name in RESOURCES_OF.get(kind, ())}
        for resource, resource_id in (await self._listed(connection, ven_id)).items():
            if everything or resource in names:
                await self._delete(connection, f"{self._resources_path(ven_id)}/{resource_id}")
                self._resources.pop(resource, None)
        if everything:
            await self._delete(connection, f"/vens/{ven_id}")
            self._ven_id, self._settled = None, False

    async def _ven(self, connection: VtnConnection) -> str | None:
        """The ven's id: made, or found where this client has one already."""
        for name in self._candidates():
            answer = await self._make_ven(connection, name)
            if answer.status in _MADE:
                logger.info("grid_sp: registered as ven %s", name)
                return id_in(answer.content()) or None
            if answer.status != httpx.codes.CONFLICT:
                # Prices can be read without; whether reports need it will show there.
                logger.warning("grid_sp: the VTN makes no ven object (status %d); going on without", answer.status)
                return None
            if (found := await self._own_ven(connection)) is not None:
                logger.info("grid_sp: registered already")
                return found
            # Another client has a ven of this name.
        logger.warning("grid_sp: the VTN has no free name for this hub; going on without a ven object")
        return None

    def _candidates(self) -> Iterator[str]:
        yield self._ven_name
        yield from (f"{self._ven_name}-{number}" for number in range(2, 2 + _NEXT_NAMES))

    async def _make_ven(self, connection: VtnConnection, name: str) -> Answer:
        answer = await self._add(connection, "/vens", {"objectType": "VEN_VEN_REQUEST", "venName": name})
        if answer.status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
            answer = await self._add(connection, "/vens", {"objectType": "VEN", "venName": name})
            if answer.status in (*_MADE, httpx.codes.CONFLICT):
                self._dialect = Dialect.V3_0_1
        return answer

    async def _own_ven(self, connection: VtnConnection) -> str | None:
        """That of this client: a VTN shows a VEN only its own, but some show all."""
        try:
            vens = await connection.listed("/vens")
        except NotReadable:
            return None
        mine = [ven for ven in vens if isinstance(ven, dict) and self._is_mine(ven, connection.client_id)]
        mine.sort(key=lambda ven: ven.get("venName") != self._ven_name)
        return next((ven_id for ven in mine if (ven_id := id_in(ven))), None)

    def _is_mine(self, ven: Mapping[str, Any], client_id: str) -> bool:
        told = ven.get("clientID")
        return told == client_id if isinstance(told, str) else ven.get("venName") == self._ven_name

    async def _listed(self, connection: VtnConnection, ven_id: str) -> dict[str, str]:
        """Ids of the ven's resources by name."""
        try:
            told = await connection.listed(self._resources_path(ven_id), **self._of_ven(ven_id))
        except NotReadable:
            if self._dialect is Dialect.V3_0_1:
                return {}
            # Found, not made: its version is not known yet.
            self._dialect = Dialect.V3_0_1
            return await self._listed(connection, ven_id)
        own = [item for item in told if isinstance(item, dict) and item.get("venID", ven_id) == ven_id]
        return {str(item.get("resourceName")): resource_id for item in own if (resource_id := id_in(item))}

    async def _learn_targets(self, connection: VtnConnection, ven_id: str) -> None:
        """Anew each time: the operator may change them whenever it likes, also those of resources."""
        if self._dialect is Dialect.V3_0_1:
            return
        objects = [await connection.read(f"/vens/{ven_id}")]
        with suppress(NotReadable):
            objects += await connection.listed("/resources", venID=ven_id)
        told = [item.get("targets") for item in objects if isinstance(item, dict)]
        names = {name for targets in told if isinstance(targets, list) for name in targets if isinstance(name, str)}
        self._targets = tuple(sorted(name for name in names if 0 < len(name) <= _LONGEST_TARGET)[:_MOST_TARGETS])

    async def _add_resource(self, connection: VtnConnection, ven_id: str, name: str) -> None:
        body: dict[str, object] = {"objectType": "VEN_RESOURCE_REQUEST", "resourceName": name, "venID": ven_id}
        if self._dialect is Dialect.V3_0_1:
            body = {"objectType": "RESOURCE", "resourceName": name}
        answer = await self._add(connection, self._resources_path(ven_id), body)
        if answer.status in _MADE:
            self._resources[name] = id_in(answer.content())
        elif answer.status == httpx.codes.CONFLICT:
            self._resources = await self._listed(connection, ven_id) | {name: ""}
        else:
            logger.warning("grid_sp: the VTN makes no resource %s (status %d)", name, answer.status)
            self._refused.add(name)

    async def _add(self, connection: VtnConnection, path: str, body: dict[str, object]) -> Answer:
        answer = await connection.add(path, body)
        if httpx.codes.is_server_error(answer.status) and answer.status != httpx.codes.NOT_IMPLEMENTED:
            raise ProviderUnreachable(f"{self._name} cannot register the hub now (status {answer.status}).")
        return answer

    async def _delete(self, connection: VtnConnection, path: str) -> None:
        status = await connection.delete(path)
        if status in _GONE:
            return
        if httpx.codes.is_client_error(status):
            raise NotSupported(f"{self._name} does not let the hub delete its entry. Ask it to forget the home.")
        raise ProviderUnreachable(f"{self._name} does not delete the hub's entry now (status {status}).")

    def _resources_path(self, ven_id: str) -> str:
        return "/resources" if self._dialect is Dialect.V3_1 else f"/vens/{ven_id}/resources"

    def _of_ven(self, ven_id: str) -> dict[str, str]:
        return {"venID": ven_id} if self._dialect is Dialect.V3_1 else {}
