"""The report ACK: an event has arrived. Name and shape are those of the Dutch DER profile."""

import logging

import httpx

from homeapp.providers.grid_sp.client import TRY_AGAIN, VtnConnection
from homeapp.providers.grid_sp.objects import Event
from homeapp.providers.grid_sp.own_reports import ReportName

logger = logging.getLogger(__name__)

_ACK = "ACK"
_AGGREGATED = "AGGREGATED_REPORT"
_TAKEN = (httpx.codes.OK, httpx.codes.CREATED, httpx.codes.CONFLICT)


class Acknowledgements:
    """Acknowledges each event that asks for it, once for each of its revisions.

    Args:
        client_name: the hub's own name at the VTN.
    """

    def __init__(self, client_name: str) -> None:
        self._client_name = client_name
        self._done: dict[str, int] = {}

    async def acknowledge(self, connection: VtnConnection, event: Event) -> None:
        """Where the event asks for it and nothing has been said yet; what fails is tried again at the next call.

        Who only reads anonymously says nothing.

        Raises:
            ProviderUnreachable: the VTN does not answer.
        """
        if _ACK not in event.reports or not connection.client_id or self._done.get(event.event_id) == event.revision:
            return
        report = ack_report(event, self._client_name)
        name = str(report["reportName"])
        if await connection.report_id(event.event_id, self._client_name, name) is None:
            answer = await connection.add_report(report, event.program_id)
            if answer.status not in _TAKEN:
                logger.warning("grid_sp: the VTN does not take the ACK of an event (status %d)", answer.status)
                if not httpx.codes.is_client_error(answer.status) or answer.status in TRY_AGAIN:
                    return
        self._done[event.event_id] = event.revision

    def forget_all_but(self, event_ids: set[str]) -> None:
        """Only these events are still there."""
        self._done = {event_id: revision for event_id, revision in self._done.items() if event_id in event_ids}


def ack_report(event: Event, client_name: str) -> dict[str, object]:
    """A reportRequest with ACK [true]."""
    interval = {"id": 0, "payloads": [{"type": _ACK, "values": [True]}]}
    return {
        "eventID": event.event_id,
        "clientName": client_name,
        "reportName": f"{ReportName.ACK}{event.event_id}-{event.revision}",
        "resources": [{"resourceName": _AGGREGATED, "intervals": [interval]}],
    }
