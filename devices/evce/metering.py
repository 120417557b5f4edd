"""MeterValues of all versions as one kind of sample.

Stations differ: a sum or only phases, ``L1`` or ``L1-N``, kWh or Wh or no unit (Wh), strings or numbers, no power but
currents, import and export apart, clocks that were never set.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from devices.evce.fields import believed, items, mapping, number, plain, told_instant
from devices.evce.profiles import StationLimits
from homeapp.model.signed_reading import SignedReading

_IMPORT = "Energy.Active.Import.Register"
"""Also where a value does not say what was measured."""
_EXPORT = "Energy.Active.Export.Register"
_POWER, _FED_POWER = "Power.Active.Import", "Power.Active.Export"
_CURRENT, _FED_CURRENT = "Current.Import", "Current.Export"
_SOC = ("SoC", "Display.PresentSOC")
_OF_USE = frozenset((_IMPORT, _EXPORT, _POWER, _FED_POWER, _CURRENT, _FED_CURRENT, *_SOC))
_PHASES = ("L1", "L2", "L3")
_PHASE_NAMES = {"": "", "-N": ""} | {name: phase for phase in _PHASES for name in (phase, f"{phase}-N")}
_THOUSANDS = ("kWh", "kW")
_OUTLET = ("Outlet", "Body", None)
_SIGNED = "SignedData"
_LARGEST_MULTIPLIER = 9
LONGEST_SIGNED = 32_768
_UNKNOWN = [None] * len(_PHASES)
_Key = tuple[str, str]
"""Measurand, and phase ``L1``..``L3`` or an empty string for the whole."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What a station measured at one moment.

    Attributes:
        stamp: the station's own time, or None where its clock cannot be believed.
        power_w: charging +, feeding -.
        phase_current_a: per phase, charging +, feeding -.
        import_wh, export_wh: registers, Wh.
        signed: readings that the meter has signed.
        told_at: the station's own time, whether it can be believed or not.
    """

    stamp: datetime | None = None
    power_w: float | None = None
    phase_current_a: tuple[float, ...] | None = None
    soc_pct: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    signed: tuple[SignedReading, ...] = ()
    told_at: datetime | None = None


def samples(source: Mapping[str, Any], limits: StationLimits, name: str = "meterValue") -> list[Sample]:
    """The samples of a MeterValues, TransactionEvent or StopTransaction, in the order they were sent."""
    return [_sample(value, limits) for value in items(source, name)]


def _sample(meter_value: Mapping[str, Any], limits: StationLimits) -> Sample:
    values: dict[_Key, float] = {}
    told_at = told_instant(meter_value, "timestamp")
    stamp = believed(told_at)
    signed = []
    for sampled in items(meter_value, "sampledValue"):
        _collect(sampled, values)
        if "signedMeterValue" in sampled or sampled.get("format") == _SIGNED:
            signed += _signed(sampled, stamp)
    currents = _currents(values, limits)
    soc = next((values[name, ""] for name in _SOC if (name, "") in values), None)
    return Sample(
        stamp=stamp,
        power_w=_power(values, currents, limits),
        phase_current_a=currents,
        soc_pct=soc if soc is not None and 0 <= soc <= 100 else None,
        import_wh=_total(values, _IMPORT),
        export_wh=_total(values, _EXPORT),
        signed=tuple(signed),
        told_at=told_at,
    )


def _signed(sampled: Mapping[str, Any], stamp: datetime | None) -> list[SignedReading]:
    described, context = mapping(sampled, "signedMeterValue"), plain(sampled.get("context"))
    data = described.get("signedMeterData")
    if sampled.get("format") == _SIGNED:
        data = sampled.get("value")
    if not isinstance(data, str) or not 0 < len(data) <= LONGEST_SIGNED:
        return []
    method, key = plain(described.get("signingMethod")), described.get("publicKey")
    encoding = plain(described.get("encodingMethod"))
    public_key = key if isinstance(key, str) and len(key) <= LONGEST_SIGNED else ""
    return [
        SignedReading(data=data, encoding=encoding, method=method, public_key=public_key, context=context, stamp=stamp)
    ]


def _collect(sampled: Mapping[str, Any], values: dict[_Key, float]) -> None:
    measurand, named = sampled.get("measurand", _IMPORT), sampled.get("phase", "")
    if not isinstance(measurand, str) or measurand not in _OF_USE or not isinstance(named, str):
        return
    phase = _PHASE_NAMES.get(named)
    value = None if sampled.get("format") == _SIGNED else number(sampled.get("value"))
    if value is None or phase is None or (measurand not in _SOC and sampled.get("location") not in _OUTLET):
        return
    values[measurand, phase] = value * _scale(sampled)


def _scale(sampled: Mapping[str, Any]) -> float:
    described = mapping(sampled, "unitOfMeasure")
    unit = sampled.get("unit", described.get("unit"))
    scale = 1.0
    if "multiplier" in described:
        multiplier = number(described["multiplier"]) or 0
        scale = 10.0**multiplier if abs(multiplier) <= _LARGEST_MULTIPLIER else 1.0
    return scale * 1000 if unit in _THOUSANDS else scale


def _total(values: dict[_Key, float], measurand: str) -> float | None:
    if (measurand, "") in values:
        return values[measurand, ""]
    phases = [values[measurand, phase] for phase in _PHASES if (measurand, phase) in values]
    return sum(phases) if phases else None


def _power(values: dict[_Key, float], currents: tuple[float, ...] | None, limits: StationLimits) -> float | None:
    taken, fed = _total(values, _POWER), _total(values, _FED_POWER)
    if taken is None and fed is None:
        return None if currents is None else sum(currents) * limits.voltage_v
    return (taken or 0.0) - (fed or 0.0)


def _currents(values: dict[_Key, float], limits: StationLimits) -> tuple[float, ...] | None:
    per_phase = [_current(values, phase) for phase in _PHASES]
    if per_phase != _UNKNOWN:
        known = tuple([current or 0.0 for current in per_phase])
        # A single-phase station may hang on L2 or L3.
        return known if limits.phases > 1 else (sum(known),)
    whole = _current(values, "")
    # A single current of a three-phase station is the one of its phases; reading it as their sum would hide a load.
    return None if whole is None else (whole,) * limits.phases


def _current(values: dict[_Key, float], phase: str) -> float | None:
    taken, fed = values.get((_CURRENT, phase)), values.get((_FED_CURRENT, phase))
    return None if taken is None and fed is None else (taken or 0.0) - (fed or 0.0)
