"""OCPP 1.6 (edition 2 with the security whitepaper), spoken by the simulated station: what it says."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from homeapp.demo.charger.abilities import Abilities, PhaseSwitching
from homeapp.demo.charger.car import Car
from homeapp.demo.charger.certificates import MOST_ROOTS
from homeapp.demo.charger.charging_profile import MAX_PERIODS, MAX_STACK_LEVEL
from homeapp.demo.charger.dialect import About, Call, Handler, OutletView
from homeapp.demo.charger.firmware import FirmwareRequest, FirmwareStatus
from homeapp.demo.charger.local_list import MOST_ENTRIES
from homeapp.demo.charger.measurands import MEASURANDS, measured
from homeapp.demo.charger.outlet import ChargingState, Sample
from homeapp.demo.charger.settings import Knob, Settings
from homeapp.demo.charger.transaction import IdToken, Phase, Transaction, TransactionEvent
from homeapp.demo.charger.v16_answers import ANSWERS
from homeapp.demo.charger.v16_security import SECURITY_ANSWERS
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json, Version

_KNOBS = {
    "MeterValueSampleInterval": Knob.SAMPLE_INTERVAL,
    "ClockAlignedDataInterval": Knob.ALIGNED_INTERVAL,
    "MeterValuesSampledData": Knob.MEASURANDS,
    "HeartbeatInterval": Knob.HEARTBEAT_INTERVAL,
    "ConnectionTimeOut": Knob.CONNECT_TIMEOUT,
    "AuthorizeRemoteTxRequests": Knob.AUTHORIZE_REMOTE,
    "LocalAuthListEnabled": Knob.LOCAL_LIST,
    "LocalPreAuthorize": Knob.PRE_AUTHORIZE,
    "LocalAuthorizeOffline": Knob.AUTHORIZE_OFFLINE,
    "AllowOfflineTxForUnknownId": Knob.UNKNOWN_OFFLINE,
}
_FREE = {
    "CpoName": "",
    "WebSocketPingInterval": "0",
    "MeterValuesAlignedData": "",
    "StopTxnAlignedData": "",
    "StopTxnSampledData": "",
    "TransactionMessageAttempts": "3",
    "TransactionMessageRetryInterval": "30",
    "ResetRetries": "1",
    "UnlockConnectorOnEVSideDisconnect": "true",
}
_REASONS = {
    "EVDisconnected": "EVDisconnected",
    "Remote": "Remote",
    "DeAuthorized": "DeAuthorized",
    "Local": "Local",
    "HardReset": "HardReset",
    "SoftReset": "SoftReset",
    "UnlockCommand": "UnlockCommand",
    "PowerLoss": "PowerLoss",
    "Reboot": "Reboot",
    "EmergencyStop": "EmergencyStop",
}
_STATUS = {
    ChargingState.IDLE: "Available",
    ChargingState.EV_CONNECTED: "Preparing",
    ChargingState.CHARGING: "Charging",
    ChargingState.SUSPENDED_EV: "SuspendedEV",
    ChargingState.SUSPENDED_EVSE: "SuspendedEVSE",
}
_CONTEXT = {
    "Started": "Transaction.Begin",
    "Ended": "Transaction.End",
    "MeterValueClock": "Sample.Clock",
    "Trigger": "Trigger",
}
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
        self.handlers: Mapping[str, Handler] = {**ANSWERS, **SECURITY_ANSWERS}

    def settings(self, about: About, abilities: Abilities) -> Settings:
        units = {"A": "Current", "W": "Power"}
        return Settings(
            _KNOBS,
            {
                "NumberOfConnectors": str(about.evses),
                "SupportedFeatureProfiles": "Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger,"
                "SmartCharging",
                "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
                "ChargingScheduleAllowedChargingRateUnit": ",".join(units[unit] for unit in abilities.rate_units),
                "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
                "MaxChargingProfilesInstalled": str(abilities.max_profiles),
                "ConnectorSwitch3to1PhaseSupported": str(
                    abilities.phase_switching is not PhaseSwitching.NONE and abilities.phases > 1
                ).lower(),
                "ConnectorPhaseRotation": ",".join(
                    f"{evse}.{abilities.phase_rotation}" for evse in range(about.evses + 1)
                ),
                "StopTransactionOnEVSideDisconnect": "true",
                "StopTransactionOnInvalidId": "true",
                "AuthorizationCacheEnabled": "false",
                "LocalAuthListMaxLength": str(MOST_ENTRIES),
                "SendLocalListMaxLength": str(MOST_ENTRIES),
                "CertificateStoreMaxLength": str(MOST_ROOTS),
                "AdditionalRootCertificateCheck": "false",
                "MeterValuesSampledDataMaxLength": str(len(MEASURANDS)),
                "GetConfigurationMaxKeys": "50",
                "SupportedFileTransferProtocols": "HTTPS",
            },
            _FREE,
        )

    def boot(self, about: About, _reason: str) -> Call:
        return "BootNotification", {
            "chargePointVendor": about.vendor[:20],
            "chargePointModel": about.model[:20],
            "chargePointSerialNumber": about.station_id[:25],
            "firmwareVersion": about.firmware[:50],
        }

    def status(self, view: OutletView) -> str:
        if not view.operative:
            return "Unavailable"
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
            return "MeterValues" if trigger in ("MeterValuePeriodic", "MeterValueClock", "Trigger") else None
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
        context = _CONTEXT.get(event.phase.value) or _CONTEXT.get(event.trigger, "Sample.Periodic")
        metered = [_meter_value(sample, measurands, context)] if measurands else []
        if event.phase is Phase.ENDED:
            signed = [
                (transaction.signed_begin, "Transaction.Begin", transaction.started_at),
                (event.signed, "Transaction.End", sample.at),
            ]
            metered.extend(_signed_value(at, text, when) for text, when, at in signed if text is not None)
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

    def firmware_idle(self) -> Call:
        return "FirmwareStatusNotification", {"status": "Idle"}

    def sign_certificate(self, csr_pem: str) -> Call:
        return "SignCertificate", {"csr": csr_pem}

    def security_event(self, kind: str, at: datetime) -> Call:
        return "SecurityEventNotification", {"type": kind, "timestamp": rfc3339(at)}

    def charging_needs(self, _evse: int, _car: Car, _at: datetime) -> Call | None:
        return None

    def feeding_allowed(self, _answer: Json) -> bool:
        return False


def _meter_value(sample: Sample, names: Sequence[str], context: str) -> Json:
    entries = []
    for value in measured(sample, names):
        entry = {"value": str(value.value), "context": context, "measurand": value.name, "unit": value.unit}
        entries.append(entry if value.phase is None else entry | {"phase": value.phase})
    return {"timestamp": rfc3339(sample.at), "sampledValue": entries}


def _signed_value(at: datetime, text: str, context: str) -> Json:
    entry = {
        "value": text,
        "context": context,
        "format": "SignedData",
        "measurand": "Energy.Active.Import.Register",
        "unit": "Wh",
    }
    return {"timestamp": rfc3339(at), "sampledValue": [entry]}
