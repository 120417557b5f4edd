"""OCPP 2.0.1 (edition 3): what its actions mean."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from devices.evce.answers import (
    acknowledge,
    boot_answer,
    evse_number,
    heartbeat,
    introduction,
    present_limit_a,
    status_of,
    unknown_vendor,
)
from devices.evce.dialect import (
    HUB_ID_TAG,
    SAMPLE_INTERVAL_S,
    ChargingNeeds,
    Listener,
    Outgoing,
    Reported,
    TransactionReport,
)
from devices.evce.fields import FieldError, Payload, instant, items, mapping, number, plain, text, whole
from devices.evce.metering import samples
from devices.evce.profiles import STACK_LEVEL, StationLimits
from devices.evce.rpc import ActionUnknown
from devices.evce.schemas import Version
from devices.evce.software import progress, signed_request
from homeapp.model.offer import Job

_CONNECTOR = {
    "Available": Reported.AVAILABLE,
    "Occupied": Reported.OCCUPIED,
    "Reserved": Reported.AVAILABLE,
    "Unavailable": Reported.UNAVAILABLE,
    "Faulted": Reported.FAULTED,
}
_CHARGING_STATE = {
    "Charging": Reported.CHARGING,
    "EVConnected": Reported.OCCUPIED,
    "SuspendedEV": Reported.SUSPENDED_EV,
    "SuspendedEVSE": Reported.SUSPENDED_EVSE,
    "Idle": Reported.AVAILABLE,
}
_MEASURANDS = (
    "Energy.Active.Import.Register,Energy.Active.Export.Register,Power.Active.Import,Power.Active.Export,"
    "Current.Import,SoC",
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC",
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import",
    "Energy.Active.Import.Register,Power.Active.Import",
)
_ACKNOWLEDGED = ("SecurityEventNotification", "NotifyReport", "NotifyEvent")


class Ocpp201:
    """The dialect of OCPP 2.0.1."""

    version: Version = Version.V201

    def __init__(self) -> None:
        self._serve: dict[str, Callable[[Payload, Listener], Payload]] = {
            "BootNotification": _boot,
            "Heartbeat": heartbeat,
            "StatusNotification": _status,
            "Authorize": _authorize,
            "TransactionEvent": _transaction,
            "MeterValues": _meter,
            "NotifyEVChargingNeeds": self._needs,
            "NotifyEVChargingSchedule": _accept,
            "DataTransfer": unknown_vendor,
            "FirmwareStatusNotification": progress,
        }
        self._serve.update(dict.fromkeys(_ACKNOWLEDGED, acknowledge))

    def answer(self, action: str, payload: Payload, listener: Listener) -> Payload:
        serve = self._serve.get(action)
        if serve is None:
            raise ActionUnknown(action)
        return serve(payload, listener)

    def charging_needs(self, needs: Mapping[str, Any], limits: StationLimits) -> ChargingNeeds:
        """What the car has told, from ``chargingNeeds``."""
        alternating, direct = mapping(needs, "acChargingParameters"), mapping(needs, "dcChargingParameters")
        current = number(alternating.get("evMaxCurrent"))
        charge_w = number(direct.get("evMaxPower")) if current is None else limits.watts(current)
        soc = number(direct.get("stateOfCharge"))
        return ChargingNeeds(
            max_charge_w=charge_w if charge_w is not None and charge_w > 0 else None,
            soc_pct=soc if soc is not None and 0 <= soc <= 100 else None,
        )

    def triggers(self) -> list[Outgoing]:
        # F06.FR.13: a status is asked for by EVSE and connector.
        return [
            Outgoing("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}),
            Outgoing("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}),
            self.trigger_metering(1),
        ]

    def trigger_boot(self) -> Outgoing:
        return Outgoing("TriggerMessage", {"requestedMessage": "BootNotification"})

    def trigger_metering(self, evse: int) -> Outgoing:
        return Outgoing("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": evse}})

    def metering(self) -> list[list[Outgoing]]:
        return [
            [_set_variable("SampledDataCtrlr", "TxUpdatedInterval", str(SAMPLE_INTERVAL_S))],
            [_set_variable("SampledDataCtrlr", "TxUpdatedMeasurands", measurands) for measurands in _MEASURANDS],
        ]

    def password(self, password: str) -> Outgoing:
        return _set_variable("SecurityCtrlr", "BasicAuthPassword", password)

    def start(self, evse: int) -> Outgoing:
        token = {"idToken": HUB_ID_TAG, "type": "Central"}
        start_id = secrets.randbelow(2**31 - 1) + 1
        return Outgoing("RequestStartTransaction", {"evseId": evse, "idToken": token, "remoteStartId": start_id})

    def stop(self, transaction_id: str) -> Outgoing:
        return Outgoing("RequestStopTransaction", {"transactionId": transaction_id})

    def update_software(self, job: Job, request_id: int, now: datetime) -> Outgoing:
        return signed_request("UpdateFirmware", job, request_id, now)

    def clear(self, purpose: str) -> Outgoing:
        criteria = {"chargingProfilePurpose": purpose, "stackLevel": STACK_LEVEL}
        return Outgoing("ClearChargingProfile", {"chargingProfileCriteria": criteria})

    def composite(self, evse: int) -> Outgoing:
        return Outgoing("GetCompositeSchedule", {"evseId": evse, "duration": 60, "chargingRateUnit": "A"})

    def composite_current_a(self, answer: Payload, limits: StationLimits) -> float | None:
        return present_limit_a(mapping(answer, "schedule"), limits)

    def settled(self, answer: Payload) -> str:
        result = next(iter(items(answer, "setVariableResult")), None)
        return status_of(answer if result is None else {"status": result.get("attributeStatus")})

    def _needs(self, payload: Payload, listener: Listener) -> Payload:
        needs = payload.get("chargingNeeds")
        if not isinstance(needs, dict):
            raise FieldError("chargingNeeds must be an object")
        listener.needs(self.charging_needs(needs, listener.limits))
        return {"status": "Accepted" if listener.admitted else "Rejected"}


def _set_variable(component: str, variable: str, value: str) -> Outgoing:
    data = {"attributeValue": value, "component": {"name": component}, "variable": {"name": variable}}
    return Outgoing("SetVariables", {"setVariableData": [data]})


def _boot(payload: Payload, listener: Listener) -> Payload:
    station = mapping(payload, "chargingStation")
    listener.booted(
        introduction(
            station.get("vendorName"), station.get("model"), station.get("serialNumber"), station.get("firmwareVersion")
        )
    )
    return boot_answer(listener)


def _status(payload: Payload, listener: Listener) -> Payload:
    reported = _CONNECTOR.get(text(payload, "connectorStatus"))
    if reported is None:
        raise FieldError("connectorStatus is unknown")
    listener.connector_is(evse_number(payload, "evseId"), reported, instant(payload, "timestamp"))
    return {}


def _authorize(payload: Payload, listener: Listener) -> Payload:
    return {"idTokenInfo": _verdict(mapping(payload, "idToken"), listener)}


def _transaction(payload: Payload, listener: Listener) -> Payload:
    info = mapping(payload, "transactionInfo")
    transaction_id = text(info, "transactionId", longest=64)
    taken = samples(payload, listener.limits)
    late = payload.get("offline") is True
    match text(payload, "eventType"):
        case "Ended":
            listener.ended(transaction_id, taken)
        case "Started" | "Updated" as kind:
            evse = mapping(payload, "evse")
            listener.runs(
                TransactionReport(
                    transaction_id=transaction_id,
                    evse=evse_number(evse, "id") if evse else 0,
                    sequence=whole(payload, "seqNo", 0),
                    began=kind == "Started",
                    reported=_CHARGING_STATE.get(plain(info.get("chargingState"))),
                    samples=taken,
                    late=late,
                )
            )
        case _:
            raise FieldError("eventType is unknown")
    token = mapping(payload, "idToken")
    return {"idTokenInfo": _verdict(token, listener)} if token else {}


def _meter(payload: Payload, listener: Listener) -> Payload:
    listener.metered(samples(payload, listener.limits))
    return {}


def _accept(_payload: Payload, listener: Listener) -> Payload:
    listener.heard()
    return {"status": "Accepted" if listener.admitted else "Rejected"}


def _verdict(token: Mapping[str, Any], listener: Listener) -> Payload:
    allowed = listener.authorizes(text(token, "idToken"))
    return {"status": "Accepted" if allowed else "Invalid"}
