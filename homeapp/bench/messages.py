"""The messages that are measured: those that a charge is made of, in their usual size (OCPP 2.0.1)."""

import json
from datetime import UTC, datetime
from typing import Any

PROTOCOL = "ocpp2.0.1"
PERIODS = 96
"""Of a charging schedule: a day of quarter-hours."""
TRANSACTION = "bench-transaction"
_MEASURANDS = [
    ("Current.Import", "A", ("L1", "L2", "L3")),
    ("Voltage", "V", ("L1-N", "L2-N", "L3-N")),
    ("Power.Active.Import", "W", (None,)),
    ("Energy.Active.Import.Register", "Wh", (None,)),
    ("SoC", "Percent", (None,)),
    ("Power.Offered", "W", (None,)),
]
Json = dict[str, Any]


def boot() -> Json:
    """BootNotification."""
    return {"reason": "PowerUp", "chargingStation": {"vendorName": "Bench", "model": "Station"}}


def boot_answer() -> Json:
    """Its answer by a CSMS."""
    return {"status": "Accepted", "currentTime": _now(), "interval": 3600}


def plugged() -> Json:
    """StatusNotification: a car is there."""
    return {"timestamp": _now(), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}


def event(kind: str = "Updated", sequence: int = 1) -> Json:
    """TransactionEvent with ten sampled values."""
    samples = []
    for measurand, unit, phases in _MEASURANDS:
        for phase in phases:
            sample: Json = {"value": 12.5, "measurand": measurand, "context": "Sample.Periodic"}
            samples.append(sample | ({"phase": phase} if phase else {}) | {"unitOfMeasure": {"unit": unit}})
    return {
        "eventType": kind,
        "timestamp": _now(),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": sequence,
        "transactionInfo": {"transactionId": TRANSACTION, "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": _now(), "sampledValue": samples}],
    }


def data() -> Json:
    """DataTransfer, which everybody relays: of the size of a TransactionEvent."""
    return {"vendorId": "com.example", "messageId": "bench", "data": json.dumps(event())}


def profile(*, kept: bool = False) -> Json:
    """SetChargingProfile with a day of quarter-hours: for the transaction that runs, or one that outlives a restart."""
    periods = [{"startPeriod": 900 * n, "limit": 6.0 + n / 10, "numberPhases": 3} for n in range(PERIODS)]
    schedule = {"id": 1, "startSchedule": _now(), "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    of_transaction = {"chargingProfilePurpose": "TxProfile", "transactionId": TRANSACTION}
    purpose = {"chargingProfilePurpose": "TxDefaultProfile"} if kept else of_transaction
    profile = {"id": 7 if kept else 8, "stackLevel": 1, "chargingProfileKind": "Absolute"}
    return {"evseId": 1, "chargingProfile": profile | purpose | {"chargingSchedule": [schedule]}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
