"""OCPP 2.1: what it adds to 2.0.1."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from devices.evce.dialect import ChargingNeeds, Listener, Outgoing
from devices.evce.feeding import TRANSFER_MODES
from devices.evce.fields import Payload, mapping, number, plain, whole
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.v201 import Ocpp201, authorize

_PHASES = ("", "_L2", "_L3")


class Ocpp21(Ocpp201):
    """The dialect of OCPP 2.1: 2.0.1, and cars that can feed power back."""

    version = Version.V21
    probed_variables = (
        *Ocpp201.probed_variables,
        (
            "SmartChargingCtrlr.SupportsDynamicProfiles",
            "V2XChargingCtrlr.Enabled",
            "V2XChargingCtrlr.SupportedEnergyTransferModes",
            "V2XChargingCtrlr.SupportedOperationModes",
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self._serve |= {"Authorize": _authorize, "PullDynamicScheduleUpdate": _pull}

    def charging_needs(self, needs: Mapping[str, Any], limits: StationLimits) -> ChargingNeeds:
        base = super().charging_needs(needs, limits)
        both_ways = mapping(needs, "v2xChargingParameters")
        available = needs.get("availableEnergyTransfer")
        target = number(both_ways.get("targetSoC"))
        phases = _phases(both_ways, "Discharge")
        energy = {name: number(both_ways.get(f"ev{name}EnergyRequest")) for name in _ENERGY}
        return replace(
            base,
            # In these parameters the discharging power is positive, unlike in a charging profile.
            max_feed_w=_power(both_ways, "Discharge"),
            max_charge_w=_power(both_ways, "Charge") or base.max_charge_w,
            feed_phases_w=phases if len(phases) > 1 else (),
            transfers=tuple(map(plain, available)) if isinstance(available, list) else (),
            target_soc_pct=target if target is not None and 0 <= target <= 100 else None,
            target_wh=base.target_wh if energy["Target"] is None else energy["Target"],
            least_wh=energy["Min"],
            most_wh=energy["Max"],
            least_feeding_wh=number(both_ways.get("evMinV2XEnergyRequest")),
            most_feeding_wh=number(both_ways.get("evMaxV2XEnergyRequest")),
        )

    def update_setpoint(self, profile_id: int, setpoint: Payload, /) -> Outgoing | None:
        update = {"chargingProfileId": profile_id, "scheduleUpdate": setpoint}
        return Outgoing("UpdateDynamicSchedule", update)

    def allow_transfers(self, transaction_id: str, /) -> Outgoing | None:
        allowed = {"transactionId": transaction_id, "allowedEnergyTransfer": list(TRANSFER_MODES)}
        return Outgoing("NotifyAllowedEnergyTransfer", allowed)


_ENERGY = ("Target", "Min", "Max")


def _authorize(payload: Payload, listener: Listener) -> Payload:
    answer = authorize(payload, listener)
    if answer["idTokenInfo"]["status"] != "Accepted":
        return answer
    # Q01.FR.01: without the list, the car may negotiate charging only. The floor forbids feeding all the same.
    return answer | {"allowedEnergyTransfer": list(TRANSFER_MODES)}


def _pull(payload: Payload, listener: Listener) -> Payload:
    setpoint = listener.present_setpoint(whole(payload, "chargingProfileId"))
    listener.heard()
    if setpoint is None:
        # K28.FR.12
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
    return {"status": "Accepted", "scheduleUpdate": setpoint}


def _phases(parameters: Mapping[str, Any], way: str) -> tuple[float, ...]:
    """W of the phases that are told, from L1 on."""
    told = [number(parameters.get(f"max{way}Power{suffix}")) for suffix in _PHASES]
    return tuple(power for power in told if power is not None and power > 0)


def _power(parameters: Mapping[str, Any], way: str) -> float | None:
    power = sum(_phases(parameters, way))
    if power == 0:
        current, voltage = number(parameters.get(f"max{way}Current")), number(parameters.get("maxVoltage"))
        power = max(0.0, current) * max(0.0, voltage) if current is not None and voltage is not None else 0.0
    return power or None
