"""Energy per quarter hour as OpenADR 3.1 reports: USAGE in KWH with DATA_QUALITY, one report for each quarter hour.

A report hangs on an event: the one that asks for USAGE in its reportDescriptors, else one of the tariff.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from homeapp.errors import MessageRejected, ProviderUnreachable
from homeapp.model.record import DataRecord, Value
from homeapp.providers.grid_sp.client import VtnConnection
from homeapp.providers.grid_sp.objects import instant, read_event, read_program
from homeapp.providers.grid_sp.own_reports import EventGone, OwnReports, ReportName
from homeapp.providers.grid_sp.report_resources import USAGE_RESOURCES
from homeapp.providers.grid_sp.tariffs import PriceType

T = TypeVar("T")

USAGE = "USAGE"
QUALITY = "DATA_QUALITY"
_MISSING = "MISSING"
_ESTIMATED = "ESTIMATED"


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
        for key, name in USAGE_RESOURCES.items()
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
    return f"{ReportName.USAGE}{record.record_id}"


class UsageReports:
    """The reports of energy at one VTN.

    Args:
        name: the provider's, for sentences.
        client_name: the hub's own name there.
        own: all reports of this hub.
    """

    def __init__(self, name: str, client_name: str, own: OwnReports) -> None:
        self._name = name
        self._client_name = client_name
        self._own = own
        self._event: tuple[str, str] | None = None

    async def hand_over(self, connection: VtnConnection, record: DataRecord) -> int:
        """Make the report unless it is there already; returns its size, bytes.

        Raises:
            ProviderUnreachable: try again later.
            ProviderRefused: the VTN does not want it.
            MessageRejected: the record is malformed.
        """
        if self._event is None:
            self._event = await self._standing_event(connection)
        event_id, program_id = self._event
        report = usage_report(record, event_id=event_id, client_name=self._client_name)
        try:
            return await self._own.add(connection, report, program_id)
        except EventGone as error:
            self._event = None
            raise ProviderUnreachable(f"{self._name} takes no meter readings now. The hub tries again.") from error

    async def _standing_event(self, connection: VtnConnection) -> tuple[str, str]:
        """Ids of the event and of its program."""
        of_tariff: tuple[str, str] | None = None
        for program in _readable(await connection.programs(), read_program):
            for event in _readable(await connection.events(program.program_id), read_event):
                if event.program_id != program.program_id:
                    continue
                if USAGE in event.reports and event.reports[USAGE].historical:
                    return event.event_id, event.program_id
                if event.has(*PriceType):
                    of_tariff = event.event_id, event.program_id
        if of_tariff is None:
            raise ProviderUnreachable(f"{self._name} has no event for meter readings yet. The hub tries again.")
        return of_tariff


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
