"""OCPP 2.0.1 and 2.1, spoken by the simulated station: what it answers about certificates and the way to its CSMS."""

from collections.abc import Mapping

from homeapp.demo.charger.dialect import Handler, Operations
from homeapp.demo.ocpp.schemas import Json


def _signed(payload: Json, station: Operations) -> Json:
    own = payload.get("certificateType", "ChargingStationCertificate") == "ChargingStationCertificate"
    return {"status": "Accepted" if own and station.take_signed(payload["certificateChain"]) else "Rejected"}


def _install(payload: Json, station: Operations) -> Json:
    return {"status": station.certificates.install(payload["certificateType"], payload["certificate"])}


def _installed(payload: Json, station: Operations) -> Json:
    found = [
        {"certificateType": kind, "certificateHashData": data}
        for kind, data in station.certificates.installed(payload.get("certificateType"))
    ]
    return {"status": "Accepted", "certificateHashDataChain": found} if found else {"status": "NotFound"}


def _delete(payload: Json, station: Operations) -> Json:
    return {"status": station.certificates.delete(payload["certificateHashData"])}


def _network_profile(payload: Json, station: Operations) -> Json:
    return {"status": station.network.set(payload["configurationSlot"], payload["connectionData"])}


SECURITY_ANSWERS: Mapping[str, Handler] = {
    "CertificateSigned": _signed,
    "InstallCertificate": _install,
    "GetInstalledCertificateIds": _installed,
    "DeleteCertificate": _delete,
    "SetNetworkProfile": _network_profile,
}
