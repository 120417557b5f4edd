"""A HomeWizard measurement as JSON, turned into a reading (API v1 ``/api/v1/data``, API v2 ``/api/measurement``).

Both generations leave out what the meter behind them does not know, so that only the power is required.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from homeapp.errors import ProtocolError
from homeapp.model.readings import MeterReading

LARGEST_ANSWER = 64 * 1024
"""Bytes; the longest real answer, a P1 meter with all its externals, has about 3 kB."""

# Far above what a house can have, far below what would spoil a sum.
_MOST_W = 1e6
_MOST_A = 1e4
_MOST_V = 1e3
_MOST_KWH = 1e8
_LONGEST_TIMESTAMP = 40

_PHASES = ("l1", "l2", "l3")


@dataclass(frozen=True, slots=True)
class FieldNames:
    """How a generation of the API names its fields.

    Attributes:
        live: prefix of power, current and voltage.
        energy: prefix of the registers.
    """

    live: str
    energy: str


V1_FIELDS = FieldNames(live="active_", energy="total_power_")
V2_FIELDS = FieldNames(live="", energy="energy_")


def json_object(body: bytes | str) -> dict[str, object]:
    """Decode a JSON object that a meter has sent.

    Raises:
        ProtocolError: it is too long, no JSON or no object.
    """
    if len(body) > LARGEST_ANSWER:
        raise ProtocolError("The meter sent an answer that is far too long. Restart the meter.")
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The meter sent something that cannot be read. Restart it if this goes on.") from error
    if not isinstance(decoded, dict):
        raise ProtocolError("The meter sent something other than a measurement. Restart it if this goes on.")
    return decoded


def read_measurement(
    data: dict[str, object], fields: FieldNames, *, device_id: str, received_at: datetime, zone: ZoneInfo
) -> MeterReading:
    """The reading in a decoded measurement.

    Args:
        data: as decoded by ``json_object``.
        fields: of the generation of the API that it came by.
        device_id: goes into the reading.
        received_at: hub clock, UTC.
        zone: the site's time zone; a v2 meter tells its local time without one.

    Raises:
        ProtocolError: the power is missing, or a known field has a wrong type or an impossible value.
    """
    power = _number(data, f"{fields.live}power_w", _MOST_W)
    if power is None:
        raise ProtocolError("The meter does not tell the power. Check its cable to the utility's meter.")
    phase_power, phase_current, phase_voltage = _phase_values(data, fields, power)
    return MeterReading(
        device_id=device_id,
        received_at=received_at,
        power_w=power,
        phase_power_w=phase_power,
        phase_current_a=phase_current,
        phase_voltage_v=phase_voltage,
        import_wh=_register(data, f"{fields.energy}import"),
        export_wh=_register(data, f"{fields.energy}export"),
        meter_time=_meter_time(data.get("timestamp"), received_at, zone),
    )


_Phases = tuple[float, ...] | None


def _phase_values(data: dict[str, object], fields: FieldNames, total_w: float) -> tuple[_Phases, _Phases, _Phases]:
    powers = _per_phase(data, f"{fields.live}power", "w", _MOST_W)
    currents = _per_phase(data, f"{fields.live}current", "a", _MOST_A)
    voltages = _per_phase(data, f"{fields.live}voltage", "v", _MOST_V)
    if any(value is not None for values in (powers, currents, voltages) for value in values[1:]):
        return _complete(powers), _complete(currents), _complete(voltages)
    voltage = _number(data, f"{fields.live}voltage_v", _MOST_V) if voltages[0] is None else voltages[0]
    if powers[0] is None and currents[0] is None and voltage is None:
        return None, None, None
    power = total_w if powers[0] is None else powers[0]
    current = currents[0]
    if current is None and (unsigned := _number(data, f"{fields.live}current_a", _MOST_A)) is not None:
        # The current of a one-phase meter has no direction, other than the one of a phase.
        current = math.copysign(unsigned, power)
    return (power,), _complete([current]), _complete([voltage])


def _per_phase(data: dict[str, object], quantity: str, unit: str, most: float) -> list[float | None]:
    return [_number(data, f"{quantity}_{phase}_{unit}", most) for phase in _PHASES]


def _complete(values: list[float | None]) -> _Phases:
    present = tuple(value for value in values if value is not None)
    return present if len(present) == len(values) else None


def _register(data: dict[str, object], quantity: str) -> int | None:
    total = _number(data, f"{quantity}_kwh", _MOST_KWH)
    if total is None:
        tariffs = [_number(data, f"{quantity}_t{tariff}_kwh", _MOST_KWH) for tariff in (1, 2, 3, 4)]
        known = [value for value in tariffs if value is not None]
        if not known:
            return None
        total = math.fsum(known)
    if total < 0:
        raise ProtocolError("The meter tells a negative energy register. Restart the meter.")
    return round(total * 1000)


def _number(data: dict[str, object], name: str, most: float) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProtocolError(f"The meter sent a {name} that is not a number. Restart it if this goes on.")
    if not math.isfinite(value) or abs(value) > most:
        raise ProtocolError(f"The meter sent an impossible {name}. Restart it if this goes on.")
    return float(value)


def _meter_time(value: object, received_at: datetime, zone: ZoneInfo) -> datetime | None:
    """The meter's clock; None where it is unreadable, since a wrong clock does not spoil the power.

    Local times that come twice when summer time ends are taken to be the one closer to the hub's clock.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_TIMESTAMP:
        return None
    try:
        stamp = datetime.fromisoformat(value)
        if stamp.tzinfo is not None:
            return stamp.astimezone(UTC)
        candidates = [stamp.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    except (ValueError, OverflowError):
        return None
    return min(candidates, key=lambda instant: abs(instant - received_at))
