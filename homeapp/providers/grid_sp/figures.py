"""Reports that events ask for besides energy: what they ask (OpenADR 3.1 User Guide 7.5, 8.6), and the answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from homeapp.model.grid_report import GridFigure, ReportWish
from homeapp.model.record import DataRecord, Value
from homeapp.providers.grid_sp.durations import FOREVER
from homeapp.providers.grid_sp.intervals import Window, timed_intervals
from homeapp.providers.grid_sp.objects import Event, ReportRequest, StartNow, instant
from homeapp.providers.grid_sp.own_reports import ReportName
from homeapp.providers.grid_sp.report_resources import CAR

LEAST_APART = timedelta(minutes=15)
"""Nobody learns more often how the home is; a VTN that asks for more gets this."""

_AROUND = timedelta(days=3660)
_FIELDS = {
    GridFigure.OPERATING_STATE: "operating_state",
    GridFigure.STORAGE_CHARGE_LEVEL: "soc_pct",
    GridFigure.STORAGE_USABLE_CAPACITY: "capacity_wh",
    GridFigure.STORAGE_MAX_CHARGE_POWER: "max_charge_w",
    GridFigure.STORAGE_MAX_DISCHARGE_POWER: "max_feed_w",
}
_UNITS = {
    # 0..1, as the enumerations say; an example of the guide has 33 and PERCENTAGE instead.
    GridFigure.STORAGE_CHARGE_LEVEL: ("PERCENT", 100.0),
    GridFigure.STORAGE_USABLE_CAPACITY: ("KWH", 1000.0),
    GridFigure.STORAGE_MAX_CHARGE_POWER: ("KW", 1000.0),
    GridFigure.STORAGE_MAX_DISCHARGE_POWER: ("KW", 1000.0),
}


def wish_of(event: Event, *, known_at: datetime) -> ReportWish | None:
    """What the event asks to be told, as far as the hub tells such things; forecasts are none.

    Args:
        event: as it came in; without intervals it is there for its reports alone.
        known_at: what "now" means in it.

    Raises:
        MessageRejected: ``schema`` or ``value`` where its times cannot be read.
    """
    asked = [asked for name, asked in event.reports.items() if name in _NAMES and asked.historical]
    if not asked:
        return None
    start, end, each = _span(event, known_at)
    at_will = any(request.frequency == 0 for request in asked)
    every = min((span for request in asked if (span := _every(request, each)) is not None), default=None)
    if not event.intervals and (at_will or any(request.repeat == -1 for request in asked)):
        end, every = FOREVER, every or max(each, LEAST_APART)
    return ReportWish(
        event_id=event.event_id,
        figures=frozenset(GridFigure(request.payload_type) for request in asked),
        start=start,
        end=end,
        every=every,
        at_will=at_will,
    )


def figure_report(record: DataRecord, client_name: str) -> Mapping[str, object]:
    """A reportRequest about the car with what the record holds.

    Raises:
        MessageRejected: the record is malformed.
    """
    body = record.body
    told = {figure: body[name] for figure, name in _FIELDS.items() if body.get(name) is not None}
    at = instant(body.get("at")).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "eventID": str(body.get("event_id", "")),
        "clientName": client_name,
        "reportName": f"{ReportName.FIGURES}{record.record_id}",
        "payloadDescriptors": [_descriptor(figure) for figure in told],
        "resources": [
            {
                "resourceName": CAR,
                "intervalPeriod": {"start": at, "duration": "PT0S"},
                "intervals": [{"id": 0, "payloads": [_payload(figure, value) for figure, value in told.items()]}],
            }
        ],
    }


_NAMES = frozenset(figure.value for figure in GridFigure)


def _span(event: Event, known_at: datetime) -> tuple[datetime, datetime, timedelta]:
    """Start, end, and the length of one interval."""
    if event.intervals:
        timed = timed_intervals(event, now=known_at, window=Window(known_at - _AROUND, known_at + _AROUND))
        if timed:
            return timed[0].start, timed[-1].end, timed[0].end - timed[0].start
    start = event.period.start
    begin = known_at if start is None or start is StartNow.NOW else start
    duration = event.period.duration or event.duration
    end = begin if duration is None else duration.after(begin)
    return begin, end, end - begin


def _every(request: ReportRequest, each: timedelta) -> timedelta | None:
    match request.frequency:
        case 0:
            return LEAST_APART
        case -1:
            return None
        case count:
            return max(LEAST_APART, each * min(count, 10_000)) if each < _AROUND else LEAST_APART


def _descriptor(figure: GridFigure) -> dict[str, object]:
    told: dict[str, object] = {"objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": figure.value}
    return told | {"units": _UNITS[figure][0]} if figure in _UNITS else told


def _payload(figure: GridFigure, value: Value) -> dict[str, object]:
    if figure in _UNITS and isinstance(value, int | float):
        return {"type": figure.value, "values": [round(value / _UNITS[figure][1], 4)]}
    return {"type": figure.value, "values": [str(value)]}
