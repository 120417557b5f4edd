"""OCPP 2.1: what it adds to 2.0.1."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from devices.evce.dialect import ChargingNeeds
from devices.evce.fields import mapping, number
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.v201 import Ocpp201


class Ocpp21(Ocpp201):
    """The dialect of OCPP 2.1: 2.0.1, and cars that can feed power back."""

    version = Version.V21

    def charging_needs(self, needs: Mapping[str, Any], limits: StationLimits) -> ChargingNeeds:
        base = super().charging_needs(needs, limits)
        both_ways = mapping(needs, "v2xChargingParameters")
        return replace(
            base,
            # In these parameters the discharging power is positive, unlike in a charging profile.
            max_feed_w=_power(both_ways, "Discharge"),
            max_charge_w=_power(both_ways, "Charge") or base.max_charge_w,
        )


def _power(parameters: Mapping[str, Any], way: str) -> float | None:
    phases = [number(parameters.get(f"max{way}Power{suffix}")) for suffix in ("", "_L2", "_L3")]
    power = sum(phase for phase in phases if phase is not None and phase > 0)
    if power == 0:
        current, voltage = number(parameters.get(f"max{way}Current")), number(parameters.get("maxVoltage"))
        power = max(0.0, current) * max(0.0, voltage) if current is not None and voltage is not None else 0.0
    return power or None
