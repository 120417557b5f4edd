"""What OCPP 2.0.1 (edition 3) and 2.1 mean for the books of the demo CSMS."""

import functools
from collections.abc import Mapping

from homeapp.demo.csms import intake
from homeapp.demo.csms.books import Event, Phase, Received, StationBook
from homeapp.demo.csms.intake import Breached, Handler, Policy
from homeapp.demo.ocpp.schemas import Json, Version

_KEPT_ONLY = (
    "LogStatusNotification",
    "NotifyChargingLimit",
    "ClearedChargingLimit",
    "NotifyEvent",
    "ReservationStatusUpdate",
)
_KEPT_ONLY_21 = ("NotifyPriorityCharging", "NotifyDERAlarm", "NotifyDERStartStop")
_REPORTS = ("NotifyReport", "NotifyMonitoringReport", "ReportChargingProfiles", "NotifyCustomerInformation")


class Intake2:
    """The intake of 2.0.1 or 2.1; ``breached`` is told what breaks a rule."""

    def __init__(self, version: Version, policy: Policy, breached: Breached) -> None:
        self._policy = policy
        self._breached = breached
        self._v21 = version is Version.V21
        kept_only = _KEPT_ONLY + (_KEPT_ONLY_21 if self._v21 else ())
        reports = _REPORTS + (("ReportDERControl",) if self._v21 else ())
        self.handlers: Mapping[str, Handler] = {
            "BootNotification": functools.partial(intake.boot, policy),
            "Heartbeat": intake.heartbeat,
            "Authorize": self._authorize,
            "TransactionEvent": self._event,
            "MeterValues": _meter_values,
            "StatusNotification": _status,
            "DataTransfer": intake.data_transfer,
            "FirmwareStatusNotification": intake.firmware,
            "SecurityEventNotification": intake.security_event,
            "NotifyEVChargingNeeds": self._needs,
            "NotifyEVChargingSchedule": _schedule,
            "SignCertificate": lambda *_: {"status": "Rejected" if policy.sign is None else "Accepted"},
            **({"PullDynamicScheduleUpdate": self._pull} if self._v21 else {}),
            **dict.fromkeys(kept_only, intake.nothing_to_say),
            **dict.fromkeys(reports, _report),
        }

    def belongs_to_transaction(self, action: str, _payload: Json) -> bool:
        return action == "TransactionEvent"

    def _authorize(self, _station: StationBook, received: Received) -> Json:
        answer = self._token(received.payload["idToken"])
        if self._v21 and self._policy.allowed_transfer and answer["idTokenInfo"]["status"] == "Accepted":
            answer["allowedEnergyTransfer"] = list(self._policy.allowed_transfer)
        return answer

    def _token(self, token: Json) -> Json:
        # C01.FR.20: without authorisation there is nothing to be refused.
        status = "Accepted" if token["type"] == "NoAuthorization" else self._policy.standing(token["idToken"])
        return {"idTokenInfo": {"status": status}}

    def _event(self, station: StationBook, received: Received) -> Json:
        payload = received.payload
        book = station.transaction(payload["transactionInfo"]["transactionId"])
        answer = self._token(payload["idToken"]) if "idToken" in payload else {}
        event = Event(
            phase=Phase(payload["eventType"]), at=payload["timestamp"], seq_no=payload["seqNo"], received=received
        )
        known = next((other for other in book.events if other.seq_no == event.seq_no), None)
        if known is not None:
            book.duplicates += 1
            if known.received.payload != payload:
                self._breached("a seqNo was used for two different events of a transaction")
            return answer
        if book.evse is None and "evse" in payload:
            book.evse = payload["evse"]["id"]
        book.events.append(event)
        return answer

    def _needs(self, station: StationBook, received: Received) -> Json:
        station.needs.append(received.payload)
        return {"status": self._policy.needs}

    def _pull(self, _station: StationBook, received: Received) -> Json:
        update = self._policy.dynamic.get(received.payload["chargingProfileId"])
        return {"status": "Rejected"} if update is None else {"status": "Accepted", "scheduleUpdate": update}


def _schedule(station: StationBook, received: Received) -> Json:
    station.needs.append(received.payload)
    return {"status": "Accepted"}


def _status(station: StationBook, received: Received) -> Json:
    payload = received.payload
    station.statuses[payload["evseId"], payload["connectorId"]] = payload["connectorStatus"]
    return {}


def _meter_values(station: StationBook, received: Received) -> Json:
    station.meter_values.append(received.payload)
    return {}


def _report(station: StationBook, received: Received) -> Json:
    request = received.payload.get("requestId", 0)
    station.reports.setdefault((received.action, request), []).append(received.payload)
    return {}
