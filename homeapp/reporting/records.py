"""The records of docs/providers.md that the hub makes of its own accord; each has the same id whenever it is made."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeapp.model.consent import DataClass
from homeapp.model.health import Position
from homeapp.model.period import Period
from homeapp.model.plan import Goal
from homeapp.model.readings import EvceState
from homeapp.model.record import DataRecord, Priority, RecordKind, Value
from homeapp.reporting.pseudonym import pseudonym

EVC_SP = "evc_sp"
PEV_SP = "pev_sp"
GRID_SP = "grid_sp"
FLEET = "fleet"

_NAMESPACE = uuid.UUID("d0f3c0be-8a6d-4a53-8d17-5c1a4e0b9f3e")


@dataclass(frozen=True, slots=True)
class _Terms:
    """How records of one kind travel."""

    data_class: DataClass
    priority: Priority
    useful: timedelta


_TERMS = {
    RecordKind.PEV_STATE: _Terms(DataClass.CHARGING, Priority.METERING, timedelta(days=7)),
    RecordKind.CHARGING: _Terms(DataClass.CHARGING, Priority.METERING, timedelta(days=7)),
    RecordKind.CHARGING_PARAMETERS: _Terms(DataClass.CHARGING, Priority.METERING, timedelta(hours=1)),
    RecordKind.METERING: _Terms(DataClass.METERING, Priority.METERING, timedelta(days=35)),
    RecordKind.GRID_REPORT: _Terms(DataClass.CHARGING, Priority.METERING, timedelta(hours=1)),
    # About the charger; results about the car are health data and are made by the health desk.
    RecordKind.JOB_RESULT: _Terms(DataClass.CHARGING, Priority.HEALTH, timedelta(days=7)),
    RecordKind.LOCATION: _Terms(DataClass.LOCATION, Priority.LOCATION, timedelta(hours=1)),
}


def data_class_of(kind: RecordKind) -> DataClass:
    """What the owner must have agreed to for this kind."""
    return _TERMS[kind].data_class


class RecordMaker:
    """Makes records.

    Args:
        home: identifies this home; part of every record's id.
        key: of the pseudonyms.
        car: the car's own identity where it is known, or None.
        now: hub time.
    """

    def __init__(self, *, home: str, key: bytes, car: Callable[[], str | None], now: Callable[[], datetime]) -> None:
        self._home = home
        self._key = key
        self._car = car
        self._now = now

    def pev(self, sp_id: str) -> str:
        """The car's pseudonym for this provider; a home whose car does not tell who it is has one car."""
        return pseudonym(self._key, sp_id, self._car() or f"{self._home} car")

    def make(self, sp_id: str, kind: RecordKind, subject: str, body: Mapping[str, Value]) -> DataRecord:
        """A record about ``subject``, which makes its id; fields without a value are left out."""
        terms, now = _TERMS[kind], self._now()
        return DataRecord(
            record_id=str(uuid.uuid5(_NAMESPACE, f"{self._home}\n{sp_id}\n{kind}\n{subject}")),
            sp_id=sp_id,
            data_class=terms.data_class,
            kind=kind,
            priority=terms.priority,
            created_at=now,
            not_after=now + terms.useful,
            body={name: value for name, value in body.items() if value is not None},
        )

    def pev_state(self, sp_id: str, state: EvceState) -> DataRecord:
        """Whether the car is plugged in, and what it does."""
        body: dict[str, Value] = {
            "pev": self.pev(sp_id),
            "plugged": state.status.car_present,
            "status": state.status.value,
            "soc_pct": state.soc_pct,
        }
        return self.make(sp_id, RecordKind.PEV_STATE, f"{self._now().isoformat()} {state.status}", body)

    def charging(self, sp_id: str, period: Period) -> DataRecord:
        """A period has begun or ended."""
        phase = "begun" if period.ended_at is None else "ended"
        body: dict[str, Value] = {
            "pev": self.pev(sp_id),
            "period_id": period.period_id,
            "phase": phase,
            "begun_at": period.begun_at.isoformat(),
            "ended_at": None if period.ended_at is None else period.ended_at.isoformat(),
            "direction": period.direction.value,
        }
        return self.make(sp_id, RecordKind.CHARGING, f"{period.period_id} {phase}", body)

    def parameters(self, sp_id: str, parameters: Mapping[str, Value]) -> DataRecord:
        """What the car and its owner want; see ``charging_parameters``."""
        body = {"pev": self.pev(sp_id), **parameters}
        return self.make(sp_id, RecordKind.CHARGING_PARAMETERS, self._now().isoformat(), body)

    def metered(self, sp_id: str, period: Period) -> DataRecord:
        """The energy of a period that has ended."""
        body: dict[str, Value] = {
            "period_id": period.period_id,
            "direction": period.direction.value,
            "begun_at": period.begun_at.isoformat(),
            "ended_at": None if period.ended_at is None else period.ended_at.isoformat(),
            "energy_wh": round(period.energy_wh, 1),
            "meter_start_wh": period.meter_start_wh,
            "meter_end_wh": period.meter_end_wh,
            "quality": period.quality.value,
        }
        return self.make(sp_id, RecordKind.METERING, period.period_id, body)

    def quarter(self, sp_id: str, body: Mapping[str, Value]) -> DataRecord:
        """The energy of a quarter hour; see ``homeapp.reporting.quarter_hours``."""
        return self.make(sp_id, RecordKind.METERING, f"quarter {body['start']}", body)

    def grid_report(self, sp_id: str, due: datetime, body: Mapping[str, Value]) -> DataRecord:
        """Figures that an event asks for at ``due``; see ``homeapp.reporting.grid_reports``."""
        return self.make(sp_id, RecordKind.GRID_REPORT, f"{body['event_id']} {due.isoformat()}", body)

    def location(self, sp_id: str, position: Position) -> DataRecord:
        """Where the car is, to a tenth of a degree; one for each hour."""
        latitude, longitude = coarse(position)
        at = position.at.replace(minute=0, second=0, microsecond=0)
        body: dict[str, Value] = {
            "pev": self.pev(sp_id), "at": position.at.isoformat(), "latitude": latitude, "longitude": longitude,
        }  # fmt: skip
        return self.make(sp_id, RecordKind.LOCATION, at.isoformat(), body)


def coarse(position: Position) -> tuple[float, float]:
    """Latitude and longitude, both to a tenth of a degree: an area of some 10 km."""
    return round(position.latitude, 1), round(position.longitude, 1)


def charging_parameters(state: EvceState, goal: Goal) -> dict[str, Value]:
    """What the provider may plan with."""
    can = state.capabilities
    return {
        "soc_pct": None if state.soc_pct is None else round(state.soc_pct, 1),
        "target_pct": goal.target_pct,
        "floor_pct": goal.floor_pct,
        "ready_by": goal.ready_by.isoformat(),
        "capacity_wh": goal.capacity_wh,
        "max_charge_w": None if can is None else can.max_charge_w,
        "max_feed_w": None if can is None else can.max_feed_w,
        "can_feed": can is not None and can.can_feed,
    }
