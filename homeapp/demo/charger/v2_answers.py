"""OCPP 2.0.1 and 2.1, spoken by the simulated station: what it answers about transactions and itself."""

from collections.abc import Mapping

from homeapp.demo.charger.dialect import Handler, Operations, Wanted
from homeapp.demo.charger.firmware import FirmwareRequest
from homeapp.demo.charger.transaction import IdToken
from homeapp.demo.ocpp.schemas import Json


def _status(*, accepted: bool) -> Json:
    return {"status": "Accepted" if accepted else "Rejected"}


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


def _transaction_status(payload: Json, station: Operations) -> Json:
    wanted = payload.get("transactionId")
    answer: Json = {"messagesInQueue": station.messages_wait(wanted)}
    if wanted is not None:
        # E14.FR.06: nothing is said of it without an id.
        running = station.transaction
        answer["ongoingIndicator"] = running is not None and running.key == wanted
    return answer


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


def _reset(payload: Json, station: Operations) -> Json:
    if "evseId" in payload:
        return {"status": "Rejected"}
    resume = payload["type"] == "ImmediateAndResume"
    done = station.reset("ImmediateReset", when_idle=payload["type"] == "OnIdle", resume=resume)
    return {"status": "Accepted" if done else "Scheduled"}


def _availability(payload: Json, station: Operations) -> Json:
    evse = payload.get("evse", {}).get("id", 0)
    if not station.has_evse(evse):
        return {"status": "Rejected"}
    return {"status": station.change_availability(evse, operative=payload["operationalStatus"] == "Operative")}


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


def _list_version(_payload: Json, station: Operations) -> Json:
    return {"versionNumber": station.tokens.version}


def _send_list(payload: Json, station: Operations) -> Json:
    entries = [
        (entry["idToken"]["idToken"], entry["idTokenInfo"]["status"] if "idTokenInfo" in entry else None)
        for entry in payload.get("localAuthorizationList", ())
    ]
    whole = payload["updateType"] == "Full"
    return {"status": station.tokens.update(payload["versionNumber"], entries, whole=whole)}


def _allow_transfer(payload: Json, station: Operations) -> Json:
    running = station.transaction
    if running is None or running.key != payload["transactionId"]:
        return {"status": "Rejected"}
    station.allow_transfer(payload["allowedEnergyTransfer"])
    return {"status": "Accepted"}


def _adjust_stream(payload: Json, station: Operations) -> Json:
    return _status(accepted=station.streams.adjust(payload["id"], payload["params"]))


def _streams(_payload: Json, station: Operations) -> Json:
    found = station.streams.to_json()
    return {"constantStreamData": found} if found else {}


ANSWERS: Mapping[str, Handler] = {
    "RequestStartTransaction": _start,
    "RequestStopTransaction": _stop,
    "GetTransactionStatus": _transaction_status,
    "TriggerMessage": _trigger,
    "Reset": _reset,
    "ChangeAvailability": _availability,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _update_firmware,
    "GetLocalListVersion": _list_version,
    "SendLocalList": _send_list,
    # C11.FR.04: its cache is off.
    "ClearCache": lambda _payload, _station: {"status": "Rejected"},
    "DataTransfer": lambda _payload, _station: {"status": "UnknownVendorId"},
}
ANSWERS_OF_21: Mapping[str, Handler] = {
    "NotifyAllowedEnergyTransfer": _allow_transfer,
    "AdjustPeriodicEventStream": _adjust_stream,
    "GetPeriodicEventStream": _streams,
}
