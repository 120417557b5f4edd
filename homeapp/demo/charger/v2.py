"""OCPP 2.0.1 (edition 3) and 2.1, spoken by the simulated station."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from homeapp.demo.charger.car import VOLTAGE_V, Car
from homeapp.demo.charger.charging_profile import MAX_PERIODS, MAX_STACK_LEVEL, ProfileRefused, Purpose, purpose_of
from homeapp.demo.charger.composite import MAX_PROFILES, Composite
from homeapp.demo.charger.dialect import (
    LONGEST_COMPOSITE_S,
    About,
    Call,
    Handler,
    IdToken,
    Operations,
    OutletView,
    Phase,
    Selection,
    Transaction,
    TransactionEvent,
    Wanted,
    rfc3339,
    values,
)
from homeapp.demo.charger.firmware import FirmwareRequest, FirmwareStatus
from homeapp.demo.charger.ocpp_schemas import Json, Version
from homeapp.demo.charger.outlet import Sample
from homeapp.demo.charger.settings import Knob, Settings, Verdict

FEEDING_MODE = "AC_BPT"
_KNOBS = {
    "SampledDataCtrlr.TxUpdatedInterval": Knob.SAMPLE_INTERVAL,
    "SampledDataCtrlr.TxUpdatedMeasurands": Knob.MEASURANDS,
    "OCPPCommCtrlr.HeartbeatInterval": Knob.HEARTBEAT_INTERVAL,
    "TxCtrlr.EVConnectionTimeOut": Knob.CONNECT_TIMEOUT,
    "AuthCtrlr.AuthorizeRemoteStart": Knob.AUTHORIZE_REMOTE,
}
_BASIC_AUTH = "SecurityCtrlr.BasicAuthPassword"
_SHORTEST_PASSWORD = 16
_LONGEST_PASSWORD = {Version.V201: 40, Version.V21: 64}
_REASONS = {"HardReset": "ImmediateReset", "SoftReset": "ImmediateReset", "UnlockCommand": "Remote"}
_CONTEXT = {
    "Started": "Transaction.Begin",
    "Ended": "Transaction.End",
    "MeterValuePeriodic": "Sample.Periodic",
    "Trigger": "Trigger",
}
_SETTLED = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.REJECTED: "Rejected",
    Verdict.READ_ONLY: "Rejected",
}


class Ocpp2:
    """The dialect of OCPP 2.0.1 or 2.1."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.handlers: Mapping[str, Handler] = {
            "SetChargingProfile": _set_profile,
            "ClearChargingProfile": _clear_profile,
            "GetCompositeSchedule": _composite,
            "RequestStartTransaction": _start,
            "RequestStopTransaction": _stop,
            "TriggerMessage": _trigger,
            "SetVariables": _set_variables,
            "GetVariables": _get_variables,
            "Reset": _reset,
            "UnlockConnector": _unlock,
            "UpdateFirmware": _update_firmware,
            "DataTransfer": lambda _payload, _station: {"status": "UnknownVendorId"},
        }
        if version is Version.V21:
            self.handlers = {**self.handlers, "NotifyAllowedEnergyTransfer": _allow_transfer}

    def settings(self, about: About) -> Settings:
        fixed = {
            "SecurityCtrlr.Identity": about.station_id,
            "SecurityCtrlr.SecurityProfile": "2",
            "TxCtrlr.TxStartPoint": "PowerPathClosed",
            "TxCtrlr.TxStopPoint": "PowerPathClosed",
            "SmartChargingCtrlr.Available": "true",
            "SmartChargingCtrlr.Enabled": "true",
            "SmartChargingCtrlr.Entries": str(MAX_PROFILES),
            "SmartChargingCtrlr.ProfileStackLevel": str(MAX_STACK_LEVEL),
            "SmartChargingCtrlr.PeriodsPerSchedule": str(MAX_PERIODS),
            "SmartChargingCtrlr.RateUnit": "A,W",
        }
        if self.version is Version.V21:
            fixed |= {"V2XChargingCtrlr.Available": "true", "V2XChargingCtrlr.Enabled": "true"}
        return Settings(_KNOBS, fixed)

    def boot(self, about: About, reason: str) -> Call:
        station = {
            "vendorName": about.vendor[:50],
            "model": about.model[:20],
            "serialNumber": about.station_id[:25],
            "firmwareVersion": about.firmware[:50],
        }
        return "BootNotification", {"reason": reason, "chargingStation": station}

    def status(self, view: OutletView) -> str:
        return "Occupied" if view.plugged else "Available"

    def status_notification(self, evse: int, status: str, at: datetime) -> Call:
        payload: Json = {"timestamp": rfc3339(at), "connectorStatus": status, "evseId": evse, "connectorId": 1}
        return "StatusNotification", payload

    def station_outlets(self, about: About) -> Sequence[int]:
        return range(1, about.evses + 1)

    def authorize(self, token: IdToken) -> Call:
        return "Authorize", {"idToken": _token(token)}

    def accepted(self, answer: Json) -> bool:
        return bool(answer.get("idTokenInfo", {}).get("status", "Accepted") == "Accepted")

    def event_action(self, _phase: Phase, _trigger: str) -> str | None:
        return "TransactionEvent"

    def event_payload(self, event: TransactionEvent, measurands: Sequence[str]) -> Json | None:
        transaction = event.transaction
        info: Json = {"transactionId": transaction.key, "chargingState": event.state.value}
        if event.stopped is not None:
            info["stoppedReason"] = _REASONS.get(event.stopped, event.stopped)
        if event.phase is Phase.STARTED and transaction.remote_start_id is not None:
            info["remoteStartId"] = transaction.remote_start_id
        if self.version is Version.V21:
            info["operationMode"] = event.mode
        payload: Json = {
            "eventType": event.phase.value,
            "timestamp": rfc3339(event.sample.at),
            "triggerReason": event.trigger,
            "seqNo": event.seq_no,
            "transactionInfo": info,
            "evse": {"id": transaction.evse, "connectorId": 1},
        }
        if event.offline:
            payload["offline"] = True
        if event.phase is Phase.STARTED:
            payload["idToken"] = _token(transaction.token)
        context = _CONTEXT.get(event.phase.value) or _CONTEXT.get(event.trigger)
        if context is not None and measurands:
            payload["meterValue"] = [_meter_value(event.sample, measurands, context)]
        return payload

    def meter_values(self, evse: int, sample: Sample, _running: Transaction | None, names: Sequence[str]) -> Call:
        return "MeterValues", {"evseId": evse, "meterValue": [_meter_value(sample, names, "Trigger")]}

    def transaction_id(self, transaction: Transaction) -> str | None:
        return transaction.key

    def learn_id(self, transaction: Transaction, answer: Json) -> None:
        """The station makes the ids."""

    def firmware_status(self, request: FirmwareRequest, status: FirmwareStatus) -> Call | None:
        return "FirmwareStatusNotification", {"status": status.value, "requestId": request.request_id}

    def charging_needs(self, evse: int, car: Car, at: datetime) -> Call | None:
        if self.version is not Version.V21 or not car.can_feed:
            return None
        room_wh = car.capacity_wh * (100 - car.soc_pct) / 100
        stored_wh = car.capacity_wh * car.soc_pct / 100
        return "NotifyEVChargingNeeds", {
            "evseId": evse,
            "timestamp": rfc3339(at),
            "chargingNeeds": {
                "requestedEnergyTransfer": FEEDING_MODE,
                "availableEnergyTransfer": ["AC_three_phase" if car.phases > 1 else "AC_single_phase", FEEDING_MODE],
                "controlMode": "DynamicControl",
                "v2xChargingParameters": {
                    "minChargePower": car.min_current_a * VOLTAGE_V * car.phases,
                    "maxChargePower": car.max_charge_w,
                    "minDischargePower": 0,
                    # Positive here, unlike in a charging profile.
                    "maxDischargePower": car.max_feed_w,
                    "evTargetEnergyRequest": round(room_wh),
                    "evMinEnergyRequest": round(-stored_wh),
                    "evMaxEnergyRequest": round(room_wh),
                },
            },
        }

    def feeding_allowed(self, answer: Json) -> bool:
        # Without allowedEnergyTransfer an AuthorizeResponse allows charging only.
        return FEEDING_MODE in answer.get("allowedEnergyTransfer", ())


def _token(token: IdToken) -> Json:
    return {"idToken": token.value, "type": token.kind}


def _meter_value(sample: Sample, names: Sequence[str], context: str) -> Json:
    entries = []
    for name, value, unit, phase in values(sample, names):
        entry: Json = {"value": value, "context": context, "measurand": name, "unitOfMeasure": {"unit": unit}}
        entries.append(entry if phase is None else entry | {"phase": phase})
    return {"timestamp": rfc3339(sample.at), "sampledValue": entries}


def _status(*, accepted: bool) -> Json:
    return {"status": "Accepted" if accepted else "Rejected"}


def _set_profile(payload: Json, station: Operations) -> Json:
    try:
        station.install_profile(payload["evseId"], payload["chargingProfile"])
    except ProfileRefused as refusal:
        return {"status": "Rejected", "statusInfo": {"reasonCode": refusal.reason, "additionalInfo": str(refusal)}}
    return {"status": "Accepted"}


def _clear_profile(payload: Json, station: Operations) -> Json:
    criteria = payload.get("chargingProfileCriteria", {})
    purpose = criteria.get("chargingProfilePurpose")
    if purpose is not None and purpose not in list(Purpose):
        return {"status": "Unknown"}
    selection = Selection(
        profile_id=payload.get("chargingProfileId"),
        evse=criteria.get("evseId"),
        purpose=None if purpose is None else purpose_of(purpose),
        stack_level=criteria.get("stackLevel"),
    )
    return {"status": "Accepted" if station.clear_profiles(selection) else "Unknown"}


def _composite(payload: Json, station: Operations) -> Json:
    evse, duration_s = payload["evseId"], min(payload["duration"], LONGEST_COMPOSITE_S)
    if not station.has_evse(evse) or duration_s <= 0:
        return {"status": "Rejected"}
    unit = payload.get("chargingRateUnit", "A")
    periods = [
        _composite_period(start, composite, unit) for start, composite in station.composite_schedule(evse, duration_s)
    ]
    schedule: Json = {
        "evseId": evse,
        "duration": duration_s,
        "scheduleStart": rfc3339(station.now()),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return {"status": "Accepted", "schedule": schedule}


def _composite_period(start: int, composite: Composite, unit: str) -> Json:
    per_unit = VOLTAGE_V * composite.phases if unit == "A" else 1.0
    period: Json = {
        "startPeriod": start,
        "limit": round(composite.limit_w / per_unit, 3),
        "numberPhases": composite.phases,
    }
    if composite.setpoint_w is not None:
        setpoint = composite.setpoint_w / (VOLTAGE_V if unit == "A" else 1.0)
        period |= {"setpoint": round(setpoint, 3), "operationMode": composite.mode}
    return period


def _start(payload: Json, station: Operations) -> Json:
    evse, token = payload.get("evseId", 1), payload["idToken"]
    # B02.FR.05: nothing starts before the registration is accepted.
    accepted = evse > 0 and station.has_evse(evse) and station.registered
    accepted = accepted and station.request_start(
        evse,
        IdToken(value=token["idToken"], kind=token["type"]),
        payload["remoteStartId"],
        payload.get("chargingProfile"),
    )
    return _status(accepted=accepted)


def _stop(payload: Json, station: Operations) -> Json:
    return _status(accepted=station.registered and station.request_stop(payload["transactionId"]))


def _trigger(payload: Json, station: Operations) -> Json:
    try:
        wanted = Wanted(payload["requestedMessage"])
    except ValueError:
        return {"status": "NotImplemented"}
    place = payload.get("evse", {})
    evse = place.get("id")
    # F06.FR.12: a status is that of a connector. F06.FR.17: no second registration.
    if (wanted is Wanted.STATUS and "connectorId" not in place) or (wanted is Wanted.BOOT and station.registered):
        return {"status": "Rejected"}
    return _status(accepted=(evse is None or station.has_evse(evse)) and station.trigger(wanted, evse))


def _set_variables(payload: Json, station: Operations) -> Json:
    return {"setVariableResult": [_set_variable(data, station) for data in payload["setVariableData"]]}


def _set_variable(data: Json, station: Operations) -> Json:
    name, value = _name(data), data["attributeValue"]
    if data.get("attributeType", "Actual") != "Actual":
        status = "NotSupportedAttributeType"
    elif name == _BASIC_AUTH:
        status = "Rejected"
        if _SHORTEST_PASSWORD <= len(value) <= _LONGEST_PASSWORD[station.version]:
            station.new_password(value.encode())
            status = "Accepted"
    else:
        status = _SETTLED.get(station.settings.set(name, value)) or _unknown(name, station)
    return _about_variable(data, status)


def _get_variables(payload: Json, station: Operations) -> Json:
    return {"getVariableResult": [_get_variable(data, station) for data in payload["getVariableData"]]}


def _get_variable(data: Json, station: Operations) -> Json:
    name = _name(data)
    value = station.settings.get(name)
    if data.get("attributeType", "Actual") != "Actual":
        return _about_variable(data, "NotSupportedAttributeType")
    if value is not None:
        return _about_variable(data, "Accepted") | {"attributeValue": value}
    # The password is write-only.
    return _about_variable(data, "Rejected" if name == _BASIC_AUTH else _unknown(name, station))


def _name(data: Mapping[str, Any]) -> str:
    return f"{data['component']['name']}.{data['variable']['name']}"


def _unknown(name: str, station: Operations) -> str:
    component = name.partition(".")[0]
    known = any(other.partition(".")[0] == component for other in (*station.settings.names, _BASIC_AUTH))
    return "UnknownVariable" if known else "UnknownComponent"


def _about_variable(data: Json, status: str) -> Json:
    return {"attributeStatus": status, "component": data["component"], "variable": data["variable"]}


def _reset(payload: Json, station: Operations) -> Json:
    if "evseId" in payload or payload["type"] == "ImmediateAndResume":
        return {"status": "Rejected"}
    done = station.reset("ImmediateReset", when_idle=payload["type"] == "OnIdle")
    return {"status": "Accepted" if done else "Scheduled"}


def _update_firmware(payload: Json, station: Operations) -> Json:
    firmware = payload["firmware"]
    request = FirmwareRequest(
        location=firmware["location"],
        request_id=payload["requestId"],
        signing_certificate=firmware.get("signingCertificate", ""),
        signature=firmware.get("signature", ""),
    )
    return {"status": station.update_firmware(request)}


def _unlock(payload: Json, station: Operations) -> Json:
    if payload["evseId"] < 1 or not station.has_evse(payload["evseId"]) or payload["connectorId"] != 1:
        return {"status": "UnknownConnector"}
    if station.transaction is not None:
        return {"status": "OngoingAuthorizedTransaction"}
    station.unlock()
    return {"status": "Unlocked"}


def _allow_transfer(payload: Json, station: Operations) -> Json:
    running = station.transaction
    if running is None or running.key != payload["transactionId"]:
        return {"status": "Rejected"}
    station.allow_transfer(payload["allowedEnergyTransfer"])
    return {"status": "Accepted"}
