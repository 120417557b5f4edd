"""What the demo grid operator's own application reads from reports of energy."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

USAGE = "USAGE"
QUALITY = "DATA_QUALITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReading:
    """The energy of one resource in one interval.

    Attributes:
        kwh: None where it is missing.
    """

    report_id: str
    client_name: str
    resource: str
    start: datetime
    kwh: float | None
    quality: str


def read_usage(report: Mapping[str, Any]) -> tuple[UsageReading, ...]:
    """All readings in a stored report, those that cannot be read left out; none in a report of anything else."""
    return tuple(_readings(report))


def _readings(report: Mapping[str, Any]) -> Iterator[UsageReading]:
    for resource in report["resources"]:
        with suppress(KeyError, TypeError, IndexError, AttributeError, ValueError):
            start = datetime.fromisoformat(resource["intervalPeriod"]["start"])
            for interval in resource["intervals"]:
                told = {item["type"]: item["values"][0] for item in interval["payloads"]}
                if USAGE not in told and QUALITY not in told:
                    continue
                yield UsageReading(
                    report_id=report["id"],
                    client_name=report["clientName"],
                    resource=resource["resourceName"],
                    start=start,
                    kwh=told.get(USAGE),
                    quality=told.get(QUALITY, ""),
                )
