"""What OCPP 1.6 (edition 2 with the security whitepaper) means for the books of the demo CSMS."""

import functools
from collections.abc import Callable, Mapping

from homeapp.demo.csms import intake
from homeapp.demo.csms.books import Event, Phase, Received, StationBook
from homeapp.demo.csms.intake import Breached, Handler, Policy
from homeapp.demo.ocpp.schemas import Json

_STATUS = {"Accepted": "Accepted", "Blocked": "Blocked", "Expired": "Expired", "ConcurrentTx": "ConcurrentTx"}
_IN_TRANSACTION = ("StartTransaction", "StopTransaction", "MeterValues")


class Intake16:
    """The intake of 1.6.

    Args:
        next_id: a transaction id that this CSMS has never given.
        breached: told what breaks a rule.
    """

    def __init__(self, policy: Policy, next_id: Callable[[], int], breached: Breached) -> None:
        self._policy = policy
        self._next_id = next_id
        self._breached = breached
        self.handlers: Mapping[str, Handler] = {
            "BootNotification": functools.partial(intake.boot, policy),
            "Heartbeat": intake.heartbeat,
            "Authorize": lambda _station, received: self._token(received.payload["idTag"]),
            "StartTransaction": self._start,
            "StopTransaction": self._stop,
            "MeterValues": self._meter_values,
            "StatusNotification": _status,
            "DataTransfer": intake.data_transfer,
            "FirmwareStatusNotification": intake.firmware,
            "SignedFirmwareStatusNotification": intake.firmware,
            "SecurityEventNotification": intake.security_event,
            "DiagnosticsStatusNotification": intake.nothing_to_say,
            "LogStatusNotification": intake.nothing_to_say,
            "SignCertificate": lambda *_: {"status": "Rejected" if policy.sign is None else "Accepted"},
        }

    def belongs_to_transaction(self, action: str, payload: Json) -> bool:
        return action in _IN_TRANSACTION and (action == "StartTransaction" or "transactionId" in payload)

    def _token(self, token: str) -> Json:
        return {"idTagInfo": {"status": _STATUS.get(self._policy.standing(token), "Invalid")}}

    def _start(self, station: StationBook, received: Received) -> Json:
        payload = received.payload
        # The station has no id for it yet: what it says is all that makes it the same transaction.
        same = (payload["connectorId"], payload["idTag"], payload["meterStart"], payload["timestamp"])
        known = station.starts.get(same)
        if known is None:
            known = station.starts[same] = self._next_id()
            book = station.transaction(str(known))
            book.evse = payload["connectorId"]
            book.events.append(Event(phase=Phase.STARTED, at=payload["timestamp"], seq_no=None, received=received))
        else:
            station.transaction(str(known)).duplicates += 1
        return {"transactionId": known} | self._token(payload["idTag"])

    def _stop(self, station: StationBook, received: Received) -> Json:
        payload = received.payload
        self._event(station, received, Phase.ENDED, payload["timestamp"])
        return self._token(payload["idTag"]) if "idTag" in payload else {}

    def _meter_values(self, station: StationBook, received: Received) -> Json:
        payload = received.payload
        if "transactionId" in payload:
            self._event(station, received, Phase.UPDATED, payload["meterValue"][0]["timestamp"])
        else:
            station.meter_values.append(payload)
        return {}

    def _event(self, station: StationBook, received: Received, phase: Phase, at: str) -> None:
        book = station.transaction(str(received.payload["transactionId"]))
        if not book.started and not station.forgetful:
            self._breached(f"{received.action} of a transaction that this CSMS has not begun")
        if any(event.phase is phase and event.received.payload == received.payload for event in book.events):
            book.duplicates += 1
            return
        if book.ended:
            self._breached(f"{received.action} of a transaction that has ended")
        book.events.append(Event(phase=phase, at=at, seq_no=None, received=received))


def _status(station: StationBook, received: Received) -> Json:
    connector = received.payload["connectorId"]
    station.statuses[connector, connector] = received.payload["status"]
    return {}
