"""What the hub tells a provider of its own accord: a record of one kind of data, on its way through the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from homeapp.model.consent import DataClass

Value = str | int | float | bool | None | list[object] | dict[str, object]
"""What a field may hold: JSON."""


class Priority(IntEnum):
    """Order in the outbox of one provider; a lower number goes first, equal ones in the order they were made."""

    SAFETY = 0
    DECISION = 1
    HEALTH = 2
    METERING = 3
    LOCATION = 4


class RecordKind(StrEnum):
    """What a record is about; with ``+jws`` added it is the ``typ`` of its message."""

    PEV_STATE = "pev-state"
    CHARGING = "charging"
    CHARGING_PARAMETERS = "charging-parameters"
    METERING = "metering"
    HEALTH_REPORT = "health-report"
    JOB_RESULT = "job-result"
    LOCATION = "location"
    GRID_REPORT = "grid-report"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """One record; ``record_id`` makes it idempotent all the way to the provider's application.

    Attributes:
        body: fields by name; only those on the provider's allow-list may leave.
        not_after: useless after this; dropped then.
        again: how often it was dated wrongly and has to be sent anew.
    """

    record_id: str
    sp_id: str
    data_class: DataClass
    kind: RecordKind
    priority: Priority
    created_at: datetime
    not_after: datetime
    body: Mapping[str, Value]
    again: int = 0
