"""OCPP 1.6, spoken by the simulated station: what it answers about charging, transactions and configuration."""

from collections.abc import Mapping

from homeapp.demo.charger.car import VOLTAGE_V
from homeapp.demo.charger.charging_profile import ProfileRefused, purpose_of
from homeapp.demo.charger.dialect import LONGEST_COMPOSITE_S, Handler, Operations, Selection, Wanted
from homeapp.demo.charger.firmware import FirmwareRequest
from homeapp.demo.charger.settings import Verdict
from homeapp.demo.charger.transaction import IdToken
from homeapp.demo.ocpp.instants import rfc3339
from homeapp.demo.ocpp.schemas import Json

BASIC_AUTH = "AuthorizationKey"
SECURITY_PROFILE = "SecurityProfile"
_PASSWORD_BYTES = range(16, 21)
_SETTLED = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.REJECTED: "Rejected",
    Verdict.READ_ONLY: "Rejected",
    Verdict.UNKNOWN: "NotSupported",
}
_NOT_HERE = (Wanted.TRANSACTION, Wanted.SIGN, Wanted.LOG)


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
    wanted = Wanted(payload["requestedMessage"])
    evse = payload.get("connectorId")
    if wanted in _NOT_HERE:
        return {"status": "NotImplemented"}
    return _status(accepted=(evse is None or station.has_evse(evse)) and station.trigger(wanted, evse))


def _change(payload: Json, station: Operations) -> Json:
    key, value = payload["key"], payload["value"]
    if key == SECURITY_PROFILE:
        return _status(accepted=value in ("1", "2", "3") and station.new_security_profile(int(value)))
    if key != BASIC_AUTH:
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
        # SecurityProfile can be set, but not by the way of the others.
        {"key": name, "readonly": settings.read_only(name) and name != SECURITY_PROFILE, "value": value}
        for name, value in known.items()
        if value is not None
    ]
    unknown = [name for name, value in known.items() if value is None]
    if BASIC_AUTH in unknown:
        # Write-only.
        unknown.remove(BASIC_AUTH)
        entries.append({"key": BASIC_AUTH, "readonly": False})
    return {"configurationKey": entries, "unknownKey": unknown}


def _reset(payload: Json, station: Operations) -> Json:
    return _status(accepted=station.reset(f"{payload['type']}Reset", when_idle=False))


def _availability(payload: Json, station: Operations) -> Json:
    if not station.has_evse(payload["connectorId"]):
        return {"status": "Rejected"}
    operative = payload["type"] == "Operative"
    return {"status": station.change_availability(payload["connectorId"], operative=operative)}


def _unlock(payload: Json, station: Operations) -> Json:
    if payload["connectorId"] < 1 or not station.has_evse(payload["connectorId"]):
        return {"status": "NotSupported"}
    station.unlock()
    return {"status": "Unlocked"}


def _update_firmware(payload: Json, station: Operations) -> Json:
    station.update_firmware(FirmwareRequest(location=payload["location"]))
    return {}


def _list_version(_payload: Json, station: Operations) -> Json:
    return {"listVersion": station.tokens.version}


def _send_list(payload: Json, station: Operations) -> Json:
    entries = [
        (entry["idTag"], entry["idTagInfo"]["status"] if "idTagInfo" in entry else None)
        for entry in payload.get("localAuthorizationList", ())
    ]
    whole = payload["updateType"] == "Full"
    return {"status": station.tokens.update(payload["listVersion"], entries, whole=whole)}


ANSWERS: Mapping[str, Handler] = {
    "SetChargingProfile": _set_profile,
    "ClearChargingProfile": _clear_profile,
    "GetCompositeSchedule": _composite,
    "RemoteStartTransaction": _start,
    "RemoteStopTransaction": _stop,
    "TriggerMessage": _trigger,
    "ChangeConfiguration": _change,
    "GetConfiguration": _get,
    "Reset": _reset,
    "ChangeAvailability": _availability,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _update_firmware,
    "GetLocalListVersion": _list_version,
    "SendLocalList": _send_list,
    # Its cache is off.
    "ClearCache": lambda _payload, _station: {"status": "Rejected"},
    "DataTransfer": lambda _payload, _station: {"status": "UnknownVendorId"},
}
