"""OCPP 1.6 (edition 2 with the security whitepaper), spoken by the simulated station."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from homeapp.demo.charger.car import VOLTAGE_V, Car
from homeapp.demo.charger.charging_profile import MAX_PERIODS, MAX_STACK_LEVEL, ProfileRefused, purpose_of
from homeapp.demo.charger.composite import MAX_PROFILES
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
from homeapp.demo.charger.outlet import ChargingState, Sample
from homeapp.demo.charger.settings import Knob, Settings, Verdict

_KNOBS = {
    "MeterValueSampleInterval": Knob.SAMPLE_INTERVAL,
    "MeterValuesSampledData": Knob.MEASURANDS,
    "HeartbeatInterval": Knob.HEARTBEAT_INTERVAL,
    "ConnectionTimeOut": Knob.CONNECT_TIMEOUT,
    "AuthorizeRemoteTxRequests": Knob.AUTHORIZE_REMOTE,
}
_BASIC_AUTH = "AuthorizationKey"
_PASSWORD_BYTES = range(16, 21)
_REASONS = {
    "EVDisconnected": "EVDisconnected",
    "Remote": "Remote",
    "DeAuthorized": "DeAuthorized",
    "Local": "Local",
    "HardReset": "HardReset",
    "SoftReset": "SoftReset",
    "UnlockCommand": "UnlockCommand",
}
_STATUS = {
    ChargingState.IDLE: "Available",
    ChargingState.EV_CONNECTED: "Preparing",
    ChargingState.CHARGING: "Charging",
    ChargingState.SUSPENDED_EV: "SuspendedEV",
    ChargingState.SUSPENDED_EVSE: "SuspendedEVSE",
}
_SETTLED = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.REJECTED: "Rejected",
    Verdict.READ_ONLY: "Rejected",
    Verdict.UNKNOWN: "NotSupported",
}
_CONTEXT = {Phase.STARTED: "Transaction.Begin", Phase.UPDATED: "Sample.Periodic", Phase.ENDED: "Transaction.End"}

_UNSIGNED = (
    FirmwareStatus.DOWNLOADING,
    FirmwareStatus.DOWNLOAD_FAILED,
    FirmwareStatus.DOWNLOADED,
    FirmwareStatus.INSTALLING,
    FirmwareStatus.INSTALLATION_FAILED,
    FirmwareStatus.INSTALLED,
)
"""What FirmwareStatusNotification of 1.6 can say without the security whitepaper."""


class Ocpp16:
    """The dialect of OCPP 1.6."""

    version = Version.V16

    def __init__(self) -> None:
        self.handlers: Mapping[str, Handler] = {
            "SetChargingProfile": _set_profile,
            "ClearChargingProfile": _clear_profile,
            "GetCompositeSchedule": _composite,
            "RemoteStartTransaction": _start,
            "RemoteStopTransaction": _stop,
            "TriggerMessage": _trigger,
            "ChangeConfiguration": _change,
            "GetConfiguration": _get,
            "Reset": _reset,
            "UnlockConnector": _unlock,
            "UpdateFirmware": _update_firmware,
            "SignedUpdateFirmware": _signed_update_firmware,
            "DataTransfer": lambda _payload, _station: {"status": "UnknownVendorId"},
        }

    def settings(self, about: About) -> Settings:
        return Settings(
            _KNOBS,
            {
                "NumberOfConnectors": str(about.evses),
                "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger,FirmwareManagement",
                "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
                "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
                "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
                "MaxChargingProfilesInstalled": str(MAX_PROFILES),
                "SecurityProfile": "2",
                "StopTransactionOnEVSideDisconnect": "true",
                "StopTransactionOnInvalidId": "true",
            },
        )

    def boot(self, about: About, _reason: str) -> Call:
        return "BootNotification", {
            "chargePointVendor": about.vendor[:20],
            "chargePointModel": about.model[:20],
            "chargePointSerialNumber": about.station_id[:25],
            "firmwareVersion": about.firmware[:50],
        }

    def status(self, view: OutletView) -> str:
        if view.plugged and view.over:
            return "Finishing"
        return _STATUS[view.state]

    def status_notification(self, evse: int, status: str, at: datetime) -> Call:
        payload: Json = {"connectorId": evse, "errorCode": "NoError", "status": status, "timestamp": rfc3339(at)}
        return "StatusNotification", payload

    def station_outlets(self, about: About) -> Sequence[int]:
        return range(about.evses + 1)

    def authorize(self, token: IdToken) -> Call:
        return "Authorize", {"idTag": token.value[:20]}

    def accepted(self, answer: Json) -> bool:
        return bool(answer.get("idTagInfo", {}).get("status", "Accepted") == "Accepted")

    def event_action(self, phase: Phase, trigger: str) -> str | None:
        if phase is Phase.UPDATED:
            return "MeterValues" if trigger in ("MeterValuePeriodic", "Trigger") else None
        return "StartTransaction" if phase is Phase.STARTED else "StopTransaction"

    def event_payload(self, event: TransactionEvent, measurands: Sequence[str]) -> Json | None:
        transaction, sample = event.transaction, event.sample
        if event.phase is Phase.STARTED:
            return {
                "connectorId": transaction.evse,
                "idTag": transaction.token.value[:20],
                "meterStart": round(sample.import_wh),
                "timestamp": rfc3339(sample.at),
            }
        if transaction.csms_id is None:
            return None
        context = "Trigger" if event.trigger == "Trigger" else _CONTEXT[event.phase]
        metered = [_meter_value(sample, measurands, context)] if measurands else []
        if event.phase is Phase.ENDED:
            return {
                "transactionId": transaction.csms_id,
                "meterStop": round(sample.import_wh),
                "timestamp": rfc3339(sample.at),
                "reason": _REASONS.get(event.stopped or "", "Other"),
                "transactionData": metered,
            }
        if not metered:
            return None
        return {"connectorId": transaction.evse, "transactionId": transaction.csms_id, "meterValue": metered}

    def meter_values(self, evse: int, sample: Sample, transaction: Transaction | None, names: Sequence[str]) -> Call:
        payload: Json = {"connectorId": evse, "meterValue": [_meter_value(sample, names, "Trigger")]}
        if transaction is not None and transaction.csms_id is not None:
            payload["transactionId"] = transaction.csms_id
        return "MeterValues", payload

    def transaction_id(self, transaction: Transaction) -> str | None:
        return None if transaction.csms_id is None else str(transaction.csms_id)

    def learn_id(self, transaction: Transaction, answer: Json) -> None:
        transaction.csms_id = answer["transactionId"]

    def firmware_status(self, request: FirmwareRequest, status: FirmwareStatus) -> Call | None:
        if request.request_id is not None:
            return "SignedFirmwareStatusNotification", {"status": status.value, "requestId": request.request_id}
        return ("FirmwareStatusNotification", {"status": status.value}) if status in _UNSIGNED else None

    def charging_needs(self, _evse: int, _car: Car, _at: datetime) -> Call | None:
        return None

    def feeding_allowed(self, _answer: Json) -> bool:
        return False


def _meter_value(sample: Sample, names: Sequence[str], context: str) -> Json:
    entries = []
    for name, value, unit, phase in values(sample, names):
        entry = {"value": str(value), "context": context, "measurand": name, "unit": unit}
        entries.append(entry if phase is None else entry | {"phase": phase})
    return {"timestamp": rfc3339(sample.at), "sampledValue": entries}


def _status(*, accepted: bool) -> Json:
    return {"status": "Accepted" if accepted else "Rejected"}


def _set_profile(payload: Json, station: Operations) -> Json:
    try:
        station.install_profile(payload["connectorId"], payload["csChargingProfiles"])
    except ProfileRefused:
        return {"status": "Rejected"}
    return {"status": "Accepted"}


def _clear_profile(payload: Json, station: Operations) -> Json:
    purpose = payload.get("chargingProfilePurpose")
    selection = Selection(
        profile_id=payload.get("id"),
        evse=payload.get("connectorId"),
        purpose=None if purpose is None else purpose_of(purpose),
        stack_level=payload.get("stackLevel"),
    )
    return {"status": "Accepted" if station.clear_profiles(selection) else "Unknown"}


def _composite(payload: Json, station: Operations) -> Json:
    evse, duration_s = payload["connectorId"], min(payload["duration"], LONGEST_COMPOSITE_S)
    if not station.has_evse(evse) or duration_s <= 0:
        return {"status": "Rejected"}
    unit = payload.get("chargingRateUnit", "A")
    periods = []
    for start, composite in station.composite_schedule(evse, duration_s):
        limit = composite.limit_w / (VOLTAGE_V * composite.phases if unit == "A" else 1)
        periods.append({"startPeriod": start, "limit": round(limit, 1), "numberPhases": composite.phases})
    begin = rfc3339(station.now())
    schedule = {"duration": duration_s, "startSchedule": begin, "chargingRateUnit": unit}
    return {
        "status": "Accepted",
        "connectorId": evse,
        "scheduleStart": begin,
        "chargingSchedule": schedule | {"chargingSchedulePeriod": periods},
    }


def _start(payload: Json, station: Operations) -> Json:
    evse, token = payload.get("connectorId", 1), IdToken(value=payload["idTag"])
    accepted = evse > 0 and station.has_evse(evse) and station.registered
    return _status(accepted=accepted and station.request_start(evse, token, None, payload.get("chargingProfile")))


def _stop(payload: Json, station: Operations) -> Json:
    return _status(accepted=station.registered and station.request_stop(str(payload["transactionId"])))


def _trigger(payload: Json, station: Operations) -> Json:
    try:
        wanted = Wanted(payload["requestedMessage"])
    except ValueError:
        return {"status": "NotImplemented"}
    evse = payload.get("connectorId")
    if wanted is Wanted.TRANSACTION:
        return {"status": "NotImplemented"}
    return _status(accepted=(evse is None or station.has_evse(evse)) and station.trigger(wanted, evse))


def _change(payload: Json, station: Operations) -> Json:
    key, value = payload["key"], payload["value"]
    if key != _BASIC_AUTH:
        return {"status": _SETTLED[station.settings.set(key, value)]}
    try:
        password = bytes.fromhex(value)
    except ValueError:
        return {"status": "Rejected"}
    if len(password) not in _PASSWORD_BYTES:
        return {"status": "Rejected"}
    station.new_password(password)
    return {"status": "Accepted"}


def _get(payload: Json, station: Operations) -> Json:
    settings = station.settings
    known = {name: settings.get(name) for name in payload.get("key") or settings.names}
    entries = [
        {"key": name, "readonly": settings.read_only(name), "value": value}
        for name, value in known.items()
        if value is not None
    ]
    unknown = [name for name, value in known.items() if value is None]
    if _BASIC_AUTH in unknown:
        # Write-only.
        unknown.remove(_BASIC_AUTH)
        entries.append({"key": _BASIC_AUTH, "readonly": False})
    return {"configurationKey": entries, "unknownKey": unknown}


def _reset(payload: Json, station: Operations) -> Json:
    return _status(accepted=station.reset(f"{payload['type']}Reset", when_idle=False))


def _update_firmware(payload: Json, station: Operations) -> Json:
    station.update_firmware(FirmwareRequest(location=payload["location"]))
    return {}


def _signed_update_firmware(payload: Json, station: Operations) -> Json:
    firmware = payload["firmware"]
    request = FirmwareRequest(
        location=firmware["location"],
        request_id=payload["requestId"],
        signing_certificate=firmware["signingCertificate"],
        signature=firmware["signature"],
    )
    return {"status": station.update_firmware(request)}


def _unlock(payload: Json, station: Operations) -> Json:
    if payload["connectorId"] < 1 or not station.has_evse(payload["connectorId"]):
        return {"status": "NotSupported"}
    station.unlock()
    return {"status": "Unlocked"}
