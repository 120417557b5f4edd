"""Energy per quarter hour as OpenADR 3.1 reports: USAGE in KWH with DATA_QUALITY, one report for each quarter hour.

A report hangs on an event: the one that asks for USAGE in its reportDescriptors, else one of the tariff.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import httpx
import msgspec

from homeapp.errors import MessageRejected, NotSupported, ProviderRefused, ProviderUnreachable
from homeapp.model.record import DataRecord, Value
from homeapp.providers.grid_sp.client import TRY_AGAIN, NotReadable, VtnConnection
from homeapp.providers.grid_sp.objects import instant, object_id, read_event, read_program
from homeapp.providers.grid_sp.tariffs import PriceType

logger = logging.getLogger(__name__)

T = TypeVar("T")

USAGE = "USAGE"
QUALITY = "DATA_QUALITY"
RESOURCES = {
    "import_wh": "grid-import",
    "export_wh": "grid-export",
    "evce_charged_wh": "evce-charge",
    "evce_fed_wh": "evce-feed",
}
"""A resource for each direction, because USAGE is never negative."""
_PREFIX = "usage-"
_MISSING = "MISSING"
_ESTIMATED = "ESTIMATED"
_TAKEN = (httpx.codes.OK, httpx.codes.CREATED)
_DELETED = (httpx.codes.OK, httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND)
_NO_DELETING = (httpx.codes.FORBIDDEN, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.NOT_IMPLEMENTED)


def is_quarter_hour(body: Mapping[str, Value]) -> bool:
    """Whether a metering record is one of a quarter hour."""
    return "start" in body and "end" in body and "quality" in body


def usage_report(record: DataRecord, *, event_id: str, client_name: str) -> dict[str, object]:
    """A reportRequest; what is not known is told as missing.

    Raises:
        MessageRejected: the record is malformed.
    """
    body = record.body
    start, end = instant(body["start"]), instant(body["end"])
    period = {"start": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "duration": f"PT{int((end - start).total_seconds())}S"}
    quality = str(body["quality"])
    grid = {"import_wh", "export_wh"}
    resources = [
        {"resourceName": name, "intervalPeriod": period, "intervals": [_interval(body.get(key), quality)]}
        for key, name in RESOURCES.items()
        if key in grid or key in body
    ]
    reading = "ESTIMATED" if quality == _ESTIMATED else "DIRECT_READ"
    return {
        "eventID": event_id,
        "clientName": client_name,
        "reportName": report_name(record),
        "payloadDescriptors": [
            _descriptor(USAGE) | {"readingType": reading, "units": "KWH"},
            _descriptor(QUALITY),
        ],
        "resources": resources,
    }


def report_name(record: DataRecord) -> str:
    """The reportName by which a record is found again."""
    return f"{_PREFIX}{record.record_id}"


class UsageReports:
    """The reports at one VTN.

    Args:
        name: the provider's, for sentences.
        client_name: the hub's own name there.

    Raises (all operations):
        ProviderUnreachable: try again later.
    """

    def __init__(self, name: str, client_name: str) -> None:
        self._name = name
        self._client_name = client_name
        self._event_id: str | None = None
        self._reported: dict[str, str] | None = None

    async def hand_over(self, connection: VtnConnection, record: DataRecord) -> int:
        """Make the report unless it is there already; returns its size, bytes.

        Raises:
            ProviderRefused: the VTN does not want it.
        """
        if self._event_id is None:
            self._event_id = await self._standing_event(connection)
        report = usage_report(record, event_id=self._event_id, client_name=self._client_name)
        size, name = len(msgspec.json.encode(report)), report_name(record)
        if self._reported is None:
            self._reported = await self._listed_if_allowed(connection)
        if name in self._reported:
            return size
        known, self._reported = self._reported, None
        answer = await connection.add_report(report)
        if answer.status in (*_TAKEN, httpx.codes.CONFLICT):
            # Only now it is sure again what the VTN has.
            self._reported = known | {name: _id_in(answer.content())}
            return size
        self._reported = known
        if answer.status == httpx.codes.NOT_FOUND:
            self._event_id = None
        elif httpx.codes.is_client_error(answer.status) and answer.status not in TRY_AGAIN:
            raise ProviderRefused(f"{self._name} refuses meter readings for good (status {answer.status}).")
        raise ProviderUnreachable(f"{self._name} takes no meter readings now (status {answer.status}).")

    async def erase(self, connection: VtnConnection) -> None:
        """Delete all that the VTN lists.

        Raises:
            NotSupported: the VTN does not allow it.
        """
        self._reported = None
        try:
            reported = await self._listed(connection)
        except NotReadable as error:
            raise self._cannot_delete() from error
        for report_id in reported.values():
            status = await connection.delete(f"/reports/{report_id}")
            if status in _NO_DELETING:
                raise self._cannot_delete()
            if status not in _DELETED:
                raise ProviderUnreachable(f"{self._name} does not delete meter readings now (status {status}).")
        logger.info("grid_sp: %d reports were deleted", len(reported))

    async def _listed(self, connection: VtnConnection) -> dict[str, str]:
        """Ids of this hub's reports by name."""
        found: dict[str, str] = {}
        for report in await connection.reports(self._client_name):
            name = report.get("reportName") if isinstance(report, dict) else None
            if isinstance(name, str) and name.startswith(_PREFIX) and (report_id := _id_in(report)):
                found[name] = report_id
        return found

    async def _listed_if_allowed(self, connection: VtnConnection) -> dict[str, str]:
        """Where the VTN lists nothing, it has to know by the report's name itself what it has already."""
        try:
            return await self._listed(connection)
        except NotReadable:
            return {}

    async def _standing_event(self, connection: VtnConnection) -> str:
        of_tariff: str | None = None
        for program in _readable(await connection.programs(), read_program):
            for event in _readable(await connection.events(program.program_id), read_event):
                if event.program_id != program.program_id:
                    continue
                if USAGE in event.reports:
                    return event.event_id
                if event.has(*PriceType):
                    of_tariff = event.event_id
        if of_tariff is None:
            raise ProviderUnreachable(f"{self._name} has no event for meter readings yet. The hub tries again.")
        return of_tariff

    def _cannot_delete(self) -> NotSupported:
        return NotSupported(f"{self._name} does not let the hub delete meter readings. Ask it to delete them.")


def _readable(raw: Iterable[object], read: Callable[[object], T]) -> Iterator[T]:
    """Those that can be read; what is wrong with the others is told elsewhere."""
    for item in raw:
        with suppress(MessageRejected):
            yield read(item)


def _interval(value: Value, quality: str) -> dict[str, Any]:
    if not isinstance(value, int | float) or quality == _MISSING:
        return {"id": 0, "payloads": [{"type": QUALITY, "values": [_MISSING]}]}
    usage = {"type": USAGE, "values": [round(max(0.0, value) / 1000, 4)]}
    return {"id": 0, "payloads": [usage, {"type": QUALITY, "values": [quality]}]}


def _descriptor(payload_type: str) -> dict[str, object]:
    return {"objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": payload_type}


def _id_in(told: object) -> str:
    try:
        return object_id(told.get("id")) if isinstance(told, dict) else ""
    except MessageRejected:
        return ""
