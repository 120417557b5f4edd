"""OCPP 2.0.1 (edition 3) and 2.1, spoken by the simulated station: what it says."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.car import VOLTAGE_V, Car
from homeapp.demo.charger.device_model import device_settings
from homeapp.demo.charger.dialect import About, Call, Handler, OutletView
from homeapp.demo.charger.firmware import FirmwareRequest, FirmwareStatus
from homeapp.demo.charger.measurands import measured
from homeapp.demo.charger.meter_signature import ENCODING_METHOD, SIGNING_METHOD
from homeapp.demo.charger.outlet import Sample
from homeapp.demo.charger.settings import Settings
from homeapp.demo.charger.transaction import IdToken, Phase, Transaction, TransactionEvent
from homeapp.demo.charger.v2_answers import ANSWERS, ANSWERS_OF_21
from homeapp.demo.charger.v2_charging import CHARGING_ANSWERS, CHARGING_ANSWERS_OF_21
from homeapp.demo.charger.v2_security import SECURITY_ANSWERS
from homeapp.demo.charger.v2_variables import VARIABLE_ANSWERS
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json, Version

FEEDING_MODE = "AC_BPT"
_REASONS = {"HardReset": "ImmediateReset", "SoftReset": "ImmediateReset", "UnlockCommand": "Remote"}
_CONTEXT = {
    "Started": "Transaction.Begin",
    "Ended": "Transaction.End",
    "MeterValuePeriodic": "Sample.Periodic",
    "MeterValueClock": "Sample.Clock",
    "ChargingRateChanged": "Other",
    "Trigger": "Trigger",
}
_SIGNED_MEASURAND = "Energy.Active.Import.Register"


class Ocpp2:
    """The dialect of OCPP 2.0.1 or 2.1."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.handlers: Mapping[str, Handler] = {
            **ANSWERS,
            **CHARGING_ANSWERS,
            **SECURITY_ANSWERS,
            **VARIABLE_ANSWERS,
            **({**ANSWERS_OF_21, **CHARGING_ANSWERS_OF_21} if version is Version.V21 else {}),
        }

    def settings(self, about: About, abilities: Abilities) -> Settings:
        return device_settings(self.version, about, abilities)

    def boot(self, about: About, reason: str) -> Call:
        station = {
            "vendorName": about.vendor[:50],
            "model": about.model[:20],
            "serialNumber": about.station_id[:25],
            "firmwareVersion": about.firmware[:50],
        }
        return "BootNotification", {"reason": reason, "chargingStation": station}

    def status(self, view: OutletView) -> str:
        if not view.operative:
            return "Unavailable"
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
        if context is not None and (measurands or event.signed):
            payload["meterValue"] = [_event_values(event, measurands, context)]
        return payload

    def meter_values(self, evse: int, sample: Sample, _running: Transaction | None, names: Sequence[str]) -> Call:
        return "MeterValues", {"evseId": evse, "meterValue": [_meter_value(sample, names, "Trigger")]}

    def transaction_id(self, transaction: Transaction) -> str | None:
        return transaction.key

    def learn_id(self, transaction: Transaction, answer: Json) -> None:
        """The station makes the ids."""

    def firmware_status(self, request: FirmwareRequest, status: FirmwareStatus) -> Call | None:
        return "FirmwareStatusNotification", {"status": status.value, "requestId": request.request_id}

    def firmware_idle(self) -> Call:
        return "FirmwareStatusNotification", {"status": "Idle"}

    def sign_certificate(self, csr_pem: str) -> Call:
        return "SignCertificate", {"csr": csr_pem, "certificateType": "ChargingStationCertificate"}

    def security_event(self, kind: str, at: datetime) -> Call:
        return "SecurityEventNotification", {"type": kind, "timestamp": rfc3339(at)}

    def charging_needs(self, evse: int, car: Car, at: datetime) -> Call | None:
        if self.version is not Version.V21 or not car.can_feed:
            return None
        room_wh = car.capacity_wh * max(0.0, car.target_soc_pct - car.soc_pct) / 100
        usable_wh = car.capacity_wh * max(0.0, car.soc_pct - car.min_soc_pct) / 100
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
                    "evMinEnergyRequest": round(-usable_wh),
                    "evMaxEnergyRequest": round(room_wh),
                },
            },
        }

    def feeding_allowed(self, answer: Json) -> bool:
        # Without allowedEnergyTransfer an AuthorizeResponse allows charging only.
        return FEEDING_MODE in answer.get("allowedEnergyTransfer", ())


def _token(token: IdToken) -> Json:
    return {"idToken": token.value, "type": token.kind}


def _event_values(event: TransactionEvent, names: Sequence[str], context: str) -> Json:
    if event.signed is None:
        return _meter_value(event.sample, names, context)
    values = _meter_value(event.sample, dict.fromkeys((*names, _SIGNED_MEASURAND)), context)
    for entry in values["sampledValue"]:
        if entry["measurand"] == _SIGNED_MEASURAND:
            entry["signedMeterValue"] = {
                "signedMeterData": base64.b64encode(event.signed.encode()).decode(),
                "signingMethod": SIGNING_METHOD,
                "encodingMethod": ENCODING_METHOD,
                "publicKey": base64.b64encode(event.public_key).decode(),
            }
    return values


def _meter_value(sample: Sample, names: Sequence[str] | Mapping[str, None], context: str) -> Json:
    entries = []
    for value in measured(sample, tuple(names)):
        entry: Json = {
            "value": value.value,
            "context": context,
            "measurand": value.name,
            "unitOfMeasure": {"unit": value.unit},
        }
        entries.append(entry if value.phase is None else entry | {"phase": value.phase})
    return {"timestamp": rfc3339(sample.at), "sampledValue": entries}
