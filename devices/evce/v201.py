"""OCPP 2.0.1 (edition 3): what its actions mean."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from devices.evce.answers import (
    acknowledge,
    boot_answer,
    evse_number,
    evse_or_station,
    heartbeat,
    introduction,
    present_limit_a,
    status_of,
    unknown_vendor,
)
from devices.evce.capability import Capability, from_variables
from devices.evce.dialect import (
    HUB_ID_TAG,
    SAMPLE_INTERVAL_S,
    ChargingNeeds,
    Listener,
    Outgoing,
    Reported,
    TransactionReport,
)
from devices.evce.fields import FieldError, Payload, instant, items, mapping, number, plain, text, told_instant, whole
from devices.evce.metering import samples
from devices.evce.profiles import StationLimits
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
_NO_ID = 2**31
_ACKNOWLEDGED = (
    "SecurityEventNotification",
    "NotifyReport",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyChargingLimit",
    "ClearedChargingLimit",
    "LogStatusNotification",
)
"""Their answers have no field that must be there."""


class Ocpp201:
    """The dialect of OCPP 2.0.1."""

    version: Version = Version.V201
    probed_variables: tuple[tuple[str, ...], ...] = (
        (
            "SmartChargingCtrlr.Available",
            "SmartChargingCtrlr.Enabled",
            "SmartChargingCtrlr.RateUnit",
            "SmartChargingCtrlr.ProfileStackLevel",
            "SmartChargingCtrlr.Phases3to1",
            "SmartChargingCtrlr.ACPhaseSwitchingSupported",
        ),
        (
            "SampledDataCtrlr.TxUpdatedMeasurands",
            "OCPPCommCtrlr.WebSocketPingInterval",
            "ISO15118Ctrlr.Enabled",
            "SmartChargingCtrlr.LimitChangeSignificance",
        ),
    )
    """In CALLs of few, as ItemsPerMessageGetVariables may be small."""

    def __init__(self) -> None:
        self._serve: dict[str, Callable[[Payload, Listener], Payload]] = {
            "BootNotification": _boot,
            "Heartbeat": heartbeat,
            "StatusNotification": _status,
            "Authorize": authorize,
            "TransactionEvent": _transaction,
            "MeterValues": _meter,
            "NotifyEVChargingNeeds": self._needs,
            "NotifyEVChargingSchedule": _accept,
            "DataTransfer": unknown_vendor,
            "FirmwareStatusNotification": progress,
            "ReportChargingProfiles": _profiles,
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
            transfer=plain(needs.get("requestedEnergyTransfer")),
            target_wh=number(alternating.get("energyAmount", direct.get("energyAmount"))),
            departure=instant(needs, "departureTime"),
        )

    def triggers(self, evses: int) -> list[Outgoing]:
        calls = []
        for evse in range(1, evses + 1):
            of_transaction = {"requestedMessage": "TransactionEvent", "evse": {"id": evse}}
            calls += [
                self.trigger_status(evse),
                Outgoing("TriggerMessage", of_transaction),
                self.trigger_metering(evse),
            ]
        return calls

    def trigger_status(self, evse: int, /) -> Outgoing:
        # F06.FR.13: a status is asked for by EVSE and connector.
        return Outgoing(
            "TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": evse, "connectorId": 1}}
        )

    def trigger_boot(self) -> Outgoing:
        return Outgoing("TriggerMessage", {"requestedMessage": "BootNotification"})

    def trigger_metering(self, evse: int) -> Outgoing:
        return Outgoing("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": evse}})

    def metering(self) -> list[list[Outgoing]]:
        return [
            [set_variable("SampledDataCtrlr", "TxUpdatedInterval", str(SAMPLE_INTERVAL_S))],
            [set_variable("SampledDataCtrlr", "TxUpdatedMeasurands", measurands) for measurands in _MEASURANDS],
        ]

    def password(self, password: str) -> Outgoing:
        return set_variable("SecurityCtrlr", "BasicAuthPassword", password)

    def start(self, evse: int) -> Outgoing:
        token = {"idToken": HUB_ID_TAG, "type": "Central"}
        start_id = secrets.randbelow(2**31 - 1) + 1
        return Outgoing("RequestStartTransaction", {"evseId": evse, "idToken": token, "remoteStartId": start_id})

    def stop(self, transaction_id: str) -> Outgoing:
        return Outgoing("RequestStopTransaction", {"transactionId": transaction_id})

    def update_software(self, job: Job, request_id: int, now: datetime) -> Outgoing:
        return signed_request("UpdateFirmware", job, request_id, now)

    def clear(self, purpose: str, stack_level: int | None) -> Outgoing:
        criteria: Payload = {"chargingProfilePurpose": purpose}
        criteria |= {} if stack_level is None else {"stackLevel": stack_level}
        return Outgoing("ClearChargingProfile", {"chargingProfileCriteria": criteria})

    def report_profiles(self, request_id: int, purpose: str, /) -> Outgoing | None:
        criterion = {"chargingProfilePurpose": purpose}
        return Outgoing("GetChargingProfiles", {"requestId": request_id, "chargingProfile": criterion})

    def clear_one(self, profile_id: int, /) -> Outgoing:
        return Outgoing("ClearChargingProfile", {"chargingProfileId": profile_id})

    def probe(self) -> list[Outgoing]:
        return [_get_variables(names) for names in self.probed_variables]

    def probed(self, answers: Sequence[Payload]) -> Capability:
        return from_variables(dict(_variable(result) for answer in answers for result in _told(answer)))

    def transaction_status(self, transaction_id: str, /) -> Outgoing | None:
        return Outgoing("GetTransactionStatus", {"transactionId": transaction_id})

    def availability(self, evse: int, *, operative: bool) -> Outgoing:
        status = "Operative" if operative else "Inoperative"
        return Outgoing("ChangeAvailability", {"evse": {"id": evse}, "operationalStatus": status})

    def update_setpoint(self, _profile_id: int, _setpoint: Payload, /) -> Outgoing | None:
        return None

    def allow_transfers(self, _transaction_id: str, /) -> Outgoing | None:
        return None

    def composite(self, evse: int) -> Outgoing:
        return Outgoing("GetCompositeSchedule", {"evseId": evse, "duration": 60, "chargingRateUnit": "A"})

    def composite_current_a(self, answer: Payload, limits: StationLimits) -> float | None:
        return present_limit_a(mapping(answer, "schedule"), limits)

    def composite_begins(self, answer: Payload) -> datetime | None:
        return told_instant(mapping(answer, "schedule"), "scheduleStart")

    def settled(self, answer: Payload) -> str:
        result = next(iter(items(answer, "setVariableResult")), None)
        return status_of(answer if result is None else {"status": result.get("attributeStatus")})

    def _needs(self, payload: Payload, listener: Listener) -> Payload:
        needs = payload.get("chargingNeeds")
        if not isinstance(needs, dict):
            raise FieldError("chargingNeeds must be an object")
        at_once = listener.needs(self.charging_needs(needs, listener.limits), evse_or_station(payload, "evseId"))
        if not listener.admitted:
            return {"status": "Rejected"}
        return {"status": "Accepted" if at_once else "Processing"}


def _get_variables(names: Sequence[str]) -> Outgoing:
    parts = [name.partition(".") for name in names]
    data = [{"component": {"name": component}, "variable": {"name": variable}} for component, _, variable in parts]
    return Outgoing("GetVariables", {"getVariableData": data})


def _told(answer: Payload) -> list[Mapping[str, Any]]:
    """The results that have a value; of what a station does not know it says so item by item."""
    results = items(answer, "getVariableResult")
    return [result for result in results if isinstance(result.get("attributeValue"), str)]


def _variable(result: Mapping[str, Any]) -> tuple[str, str]:
    component, variable = mapping(result, "component"), mapping(result, "variable")
    return f"{plain(component.get('name'))}.{plain(variable.get('name'))}", str(result["attributeValue"])


def set_variable(component: str, variable: str, value: str) -> Outgoing:
    """SetVariables for one variable of the whole station."""
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
    listener.clock_shows(told_instant(payload, "timestamp"))
    listener.connector_is(evse_number(payload, "evseId"), reported, instant(payload, "timestamp"))
    return {}


def authorize(payload: Payload, listener: Listener) -> Payload:
    """Authorize: whether a token may charge here."""
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
                    told_at=told_instant(payload, "timestamp"),
                )
            )
        case _:
            raise FieldError("eventType is unknown")
    token = mapping(payload, "idToken")
    return {"idTokenInfo": _verdict(token, listener)} if token else {}


def _meter(payload: Payload, listener: Listener) -> Payload:
    listener.metered(samples(payload, listener.limits), evse_or_station(payload, "evseId"))
    return {}


def _profiles(payload: Payload, listener: Listener) -> Payload:
    told = (item.get("id") for item in items(payload, "chargingProfile"))
    ids = [number for number in told if type(number) is int and abs(number) < _NO_ID]
    listener.profiles_are(whole(payload, "requestId"), ids, more=payload.get("tbc") is True)
    listener.heard()
    return {}


def _accept(_payload: Payload, listener: Listener) -> Payload:
    listener.heard()
    return {"status": "Accepted" if listener.admitted else "Rejected"}


def _verdict(token: Mapping[str, Any], listener: Listener) -> Payload:
    allowed = listener.authorizes(text(token, "idToken"))
    return {"status": "Accepted" if allowed else "Invalid"}
