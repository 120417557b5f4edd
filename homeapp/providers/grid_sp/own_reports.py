"""This hub's reports at a VTN: added once, found again by their names, deleted."""

import logging
from collections.abc import Collection, Mapping
from enum import StrEnum

import httpx
import msgspec

from homeapp.errors import MessageRejected, NotSupported, ProviderRefused, ProviderUnreachable
from homeapp.providers.grid_sp.client import TRY_AGAIN, NotReadable, VtnConnection
from homeapp.providers.grid_sp.objects import object_id

logger = logging.getLogger(__name__)

_TAKEN = (httpx.codes.OK, httpx.codes.CREATED)
_DELETED = (httpx.codes.OK, httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND)
_NO_DELETING = (httpx.codes.FORBIDDEN, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED)


class ReportName(StrEnum):
    """How the reportName begins, by what the report is about."""

    USAGE = "usage-"
    FIGURES = "figures-"
    DECISION = "decision-"
    ACK = "ack-"


class EventGone(ProviderRefused):
    """The event that a report hangs on is not there any more."""


class OwnReports:
    """Of energy and figures; each is added once.

    Args:
        name: the provider's, for sentences.
        client_name: the hub's own name there.

    Raises (all operations):
        ProviderUnreachable: try again later.
    """

    def __init__(self, name: str, client_name: str) -> None:
        self._name = name
        self._client_name = client_name
        self._known: dict[str, str] | None = None

    async def add(self, connection: VtnConnection, report: Mapping[str, object], program_id: str = "") -> int:
        """Make the report unless it is there already; returns its size, bytes.

        Raises:
            EventGone: there is no such event.
            ProviderRefused: the VTN does not want it.
        """
        size, name = len(msgspec.json.encode(report)), str(report["reportName"])
        known = self._known if self._known is not None else await self._listed_if_allowed(connection)
        if name in known:
            self._known = known
            return size
        # If the answer is lost it is no longer sure what the VTN has.
        self._known = None
        answer = await connection.add_report(dict(report), program_id)
        if answer.status in (*_TAKEN, httpx.codes.CONFLICT):
            self._known = known | {name: id_in(answer.content())}
            return size
        self._known = known
        if answer.status == httpx.codes.NOT_FOUND:
            raise EventGone(f"{self._name} asks for this report no longer.")
        if httpx.codes.is_client_error(answer.status) and answer.status not in TRY_AGAIN:
            raise ProviderRefused(f"{self._name} refuses the hub's reports for good (status {answer.status}).")
        raise ProviderUnreachable(f"{self._name} takes no reports now (status {answer.status}).")

    async def erase(self, connection: VtnConnection, kinds: Collection[ReportName]) -> None:
        """Delete all of these kinds that the VTN lists.

        Raises:
            NotSupported: the VTN does not allow it.
        """
        self._known = None
        try:
            reported = await self._listed(connection, kinds)
        except NotReadable as error:
            raise self._cannot_delete() from error
        for report_id in reported.values():
            status = await connection.delete(f"/reports/{report_id}")
            if status in _NO_DELETING:
                raise self._cannot_delete()
            if status not in _DELETED:
                raise ProviderUnreachable(f"{self._name} does not delete reports now (status {status}).")
        logger.info("grid_sp: %d reports were deleted", len(reported))

    async def _listed(self, connection: VtnConnection, kinds: Collection[ReportName]) -> dict[str, str]:
        """Ids of this hub's reports by name."""
        found: dict[str, str] = {}
        for report in await connection.reports(self._client_name):
            name = report.get("reportName") if isinstance(report, dict) else None
            if isinstance(name, str) and name.startswith(tuple(kinds)) and (report_id := id_in(report)):
                found[name] = report_id
        return found

    async def _listed_if_allowed(self, connection: VtnConnection) -> dict[str, str]:
        """Where the VTN lists nothing, it has to know by the report's name itself what it has already."""
        try:
            return await self._listed(connection, (ReportName.USAGE, ReportName.FIGURES))
        except NotReadable:
            return {}

    def _cannot_delete(self) -> NotSupported:
        return NotSupported(f"{self._name} does not let the hub delete its reports. Ask it to delete them.")


def id_in(told: object) -> str:
    """The id of an object that the VTN has made; empty where it does not tell."""
    try:
        return object_id(told.get("id")) if isinstance(told, dict) else ""
    except MessageRejected:
        return ""
