"""The security extension of OCPP 1.6 (whitepaper edition 3), answered by the simulated station."""

from collections.abc import Mapping

from homeapp.demo.charger.certificates import CSMS_ROOT
from homeapp.demo.charger.dialect import Handler, Operations, Wanted
from homeapp.demo.charger.firmware import FirmwareRequest
from homeapp.demo.ocpp.schemas import Json

# Root certificates are kept under the names of 2.x.
_KINDS = {"CentralSystemRootCertificate": CSMS_ROOT, "ManufacturerRootCertificate": "ManufacturerRootCertificate"}
_WANTED = {"SignChargePointCertificate": Wanted.SIGN}


def _signed_update_firmware(payload: Json, station: Operations) -> Json:
    firmware = payload["firmware"]
    request = FirmwareRequest(
        location=firmware["location"],
        request_id=payload["requestId"],
        signing_certificate=firmware["signingCertificate"],
        signature=firmware["signature"],
    )
    return {"status": station.update_firmware(request)}


def _trigger(payload: Json, station: Operations) -> Json:
    message, evse = payload["requestedMessage"], payload.get("connectorId")
    wanted = _WANTED.get(message) or Wanted(message)
    done = (evse is None or station.has_evse(evse)) and station.trigger(wanted, evse)
    return {"status": "Accepted" if done else "Rejected"}


def _signed(payload: Json, station: Operations) -> Json:
    return {"status": "Accepted" if station.take_signed(payload["certificateChain"]) else "Rejected"}


def _install(payload: Json, station: Operations) -> Json:
    return {"status": station.certificates.install(_KINDS[payload["certificateType"]], payload["certificate"])}


def _installed(payload: Json, station: Operations) -> Json:
    found = [data for _, data in station.certificates.installed([_KINDS[payload["certificateType"]]])]
    return {"status": "Accepted", "certificateHashData": found} if found else {"status": "NotFound"}


def _delete(payload: Json, station: Operations) -> Json:
    return {"status": station.certificates.delete(payload["certificateHashData"])}


SECURITY_ANSWERS: Mapping[str, Handler] = {
    "SignedUpdateFirmware": _signed_update_firmware,
    "ExtendedTriggerMessage": _trigger,
    "CertificateSigned": _signed,
    "InstallCertificate": _install,
    "GetInstalledCertificateIds": _installed,
    "DeleteCertificate": _delete,
}
