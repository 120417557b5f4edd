"""OCPP 1.6 (edition 2 with the security whitepaper): what its actions mean."""

from collections.abc import Callable, Sequence
from datetime import datetime

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
from devices.evce.capability import Capability, from_configuration
from devices.evce.dialect import (
    HUB_ID_TAG,
    SAMPLE_INTERVAL_S,
    Listener,
    Outgoing,
    Reported,
    TransactionReport,
)
from devices.evce.fields import FieldError, Payload, instant, items, mapping, number, plain, text, told_instant, whole
from devices.evce.metering import Sample, samples
from devices.evce.profiles import StationLimits
from devices.evce.rpc import ActionUnknown
from devices.evce.schemas import Version
from devices.evce.software import plain_request, progress, signed_request
from homeapp.model.offer import Job

_REPORTED = {
    "Available": Reported.AVAILABLE,
    "Preparing": Reported.OCCUPIED,
    "Charging": Reported.CHARGING,
    "SuspendedEVSE": Reported.SUSPENDED_EVSE,
    "SuspendedEV": Reported.SUSPENDED_EV,
    "Finishing": Reported.FINISHING,
    "Reserved": Reported.AVAILABLE,
    "Unavailable": Reported.UNAVAILABLE,
    "Faulted": Reported.FAULTED,
}
_PROBED = (
    (
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargeProfileMaxStackLevel",
        "MaxChargingProfilesInstalled",
        "ConnectorSwitch3to1PhaseSupported",
        "SupportedFeatureProfiles",
    ),
    ("MeterValuesSampledData", "WebSocketPingInterval", "NumberOfConnectors"),
)
"""In two CALLs, as GetConfigurationMaxKeys may be small."""
_MEASURANDS = (
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC",
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import",
    "Energy.Active.Import.Register,Power.Active.Import",
    "Energy.Active.Import.Register,Current.Import",
)


class Ocpp16:
    """The dialect of OCPP 1.6."""

    version = Version.V16

    def __init__(self) -> None:
        self._serve: dict[str, Callable[[Payload, Listener], Payload]] = {
            "BootNotification": _boot,
            "Heartbeat": heartbeat,
            "StatusNotification": _status,
            "Authorize": _authorize,
            "StartTransaction": _start,
            "StopTransaction": _stop,
            "MeterValues": _meter,
            "DataTransfer": unknown_vendor,
            "SecurityEventNotification": acknowledge,
            "FirmwareStatusNotification": progress,
            "SignedFirmwareStatusNotification": progress,
            "DiagnosticsStatusNotification": acknowledge,
        }

    def answer(self, action: str, payload: Payload, listener: Listener) -> Payload:
        serve = self._serve.get(action)
        if serve is None:
            raise ActionUnknown(action)
        return serve(payload, listener)

    def triggers(self, evses: int) -> list[Outgoing]:
        status = Outgoing("TriggerMessage", {"requestedMessage": "StatusNotification"})
        return [status, *(self.trigger_metering(connector) for connector in range(1, evses + 1))]

    def trigger_status(self, _evse: int, /) -> Outgoing | None:
        return None

    def trigger_boot(self) -> Outgoing:
        return Outgoing("TriggerMessage", {"requestedMessage": "BootNotification"})

    def trigger_metering(self, evse: int) -> Outgoing:
        return Outgoing("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": evse})

    def metering(self) -> list[list[Outgoing]]:
        return [
            [_configure("MeterValueSampleInterval", str(SAMPLE_INTERVAL_S))],
            [_configure("MeterValuesSampledData", measurands) for measurands in _MEASURANDS],
        ]

    def password(self, password: str) -> Outgoing:
        # Security whitepaper, A01: the key goes as hex, the station sends its bytes as Basic password.
        return _configure("AuthorizationKey", password.encode().hex())

    def start(self, evse: int) -> Outgoing:
        return Outgoing("RemoteStartTransaction", {"connectorId": evse, "idTag": HUB_ID_TAG})

    def stop(self, transaction_id: str) -> Outgoing:
        return Outgoing("RemoteStopTransaction", {"transactionId": int(transaction_id)})

    def update_software(self, job: Job, request_id: int, now: datetime) -> Outgoing:
        if job.signature:
            return signed_request("SignedUpdateFirmware", job, request_id, now)
        return plain_request(job, now)

    def clear(self, purpose: str, stack_level: int | None) -> Outgoing:
        level = {} if stack_level is None else {"stackLevel": stack_level}
        return Outgoing("ClearChargingProfile", {"chargingProfilePurpose": purpose} | level)

    def report_profiles(self, _request_id: int, _purpose: str, /) -> Outgoing | None:
        return None

    def clear_one(self, profile_id: int, /) -> Outgoing:
        return Outgoing("ClearChargingProfile", {"id": profile_id})

    def probe(self) -> list[Outgoing]:
        return [Outgoing("GetConfiguration", {"key": list(keys)}) for keys in _PROBED]

    def probed(self, answers: Sequence[Payload]) -> Capability:
        entries = [entry for answer in answers for entry in items(answer, "configurationKey")]
        told = {plain(entry.get("key")): entry.get("value") for entry in entries}
        return from_configuration({key: value for key, value in told.items() if isinstance(value, str)})

    def transaction_status(self, _transaction_id: str, /) -> Outgoing | None:
        return None

    def availability(self, evse: int, *, operative: bool) -> Outgoing:
        kind = "Operative" if operative else "Inoperative"
        return Outgoing("ChangeAvailability", {"connectorId": evse, "type": kind})

    def update_setpoint(self, _profile_id: int, _setpoint: Payload, /) -> Outgoing | None:
        return None

    def allow_transfers(self, _transaction_id: str, /) -> Outgoing | None:
        return None

    def composite(self, evse: int) -> Outgoing:
        return Outgoing("GetCompositeSchedule", {"connectorId": evse, "duration": 60, "chargingRateUnit": "A"})

    def composite_current_a(self, answer: Payload, limits: StationLimits) -> float | None:
        return present_limit_a(mapping(answer, "chargingSchedule"), limits)

    def composite_begins(self, answer: Payload) -> datetime | None:
        return told_instant(answer, "scheduleStart")

    def settled(self, answer: Payload) -> str:
        return status_of(answer)


def _configure(key: str, value: str) -> Outgoing:
    return Outgoing("ChangeConfiguration", {"key": key, "value": value})


def _boot(payload: Payload, listener: Listener) -> Payload:
    serial = payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber")
    listener.booted(
        introduction(
            payload.get("chargePointVendor"), payload.get("chargePointModel"), serial, payload.get("firmwareVersion")
        )
    )
    return boot_answer(listener)


def _status(payload: Payload, listener: Listener) -> Payload:
    reported = _REPORTED.get(text(payload, "status"))
    if reported is None:
        raise FieldError("status is unknown")
    listener.clock_shows(told_instant(payload, "timestamp"))
    listener.connector_is(evse_number(payload, "connectorId"), reported, instant(payload, "timestamp"))
    return {}


def _authorize(payload: Payload, listener: Listener) -> Payload:
    return {"idTagInfo": _verdict(payload, listener)}


def _start(payload: Payload, listener: Listener) -> Payload:
    start_wh = number(payload.get("meterStart"))
    report = TransactionReport(
        transaction_id="", evse=evse_number(payload, "connectorId"), began=True, start_wh=start_wh
    )
    fingerprint = "|".join(str(payload.get(name)) for name in ("connectorId", "idTag", "meterStart", "timestamp"))
    verdict = _verdict(payload, listener)
    return {"transactionId": int(listener.began(report, fingerprint)), "idTagInfo": verdict}


def _stop(payload: Payload, listener: Listener) -> Payload:
    taken = samples(payload, listener.limits, "transactionData")
    taken.append(Sample(stamp=instant(payload, "timestamp"), import_wh=number(payload.get("meterStop"))))
    listener.ended(str(whole(payload, "transactionId")), taken)
    return {"idTagInfo": {"status": "Accepted"}} if "idTag" in payload and listener.admitted else {}


def _meter(payload: Payload, listener: Listener) -> Payload:
    taken = samples(payload, listener.limits)
    transaction_id = whole(payload, "transactionId", 0)
    if transaction_id > 0:
        listener.runs(
            TransactionReport(
                transaction_id=str(transaction_id), evse=evse_number(payload, "connectorId"), samples=taken
            )
        )
    else:
        listener.metered(taken, evse_or_station(payload, "connectorId"))
    return {}


def _verdict(payload: Payload, listener: Listener) -> Payload:
    allowed = listener.authorizes(text(payload, "idTag", longest=36))
    return {"status": "Accepted" if allowed else "Invalid"}
