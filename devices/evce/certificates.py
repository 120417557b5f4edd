"""The messages that move certificates and security profiles, in the words of each OCPP version.

OCPP 2.x use cases A02, A05, B09 and M05; for 1.6 the same in its security whitepaper.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.evce.dialect import Outgoing
from devices.evce.fields import Payload, items, mapping, plain
from devices.evce.schemas import Version
from devices.evce.v201 import set_variable

STATION_CERTIFICATE = "ChargingStationCertificate"
MUTUAL_TLS = 3
"""The security profile in which the station proves itself by a certificate."""
MESSAGE_TIMEOUT_S = 30
_HIGHEST_SLOT = 9
_OCPP_VERSION = {Version.V201: "OCPP20", Version.V21: "OCPP21"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRequest:
    """A SignCertificate of a station.

    Attributes:
        csr: PKCS#10, PEM.
        request_id: 2.1: comes back in CertificateSigned; None where there was none.
    """

    csr: str
    request_id: int | None = None


def is_for_hub(action: str, payload: Mapping[str, Any]) -> bool:
    """Whether a CALL of the station asks for a certificate for its connection to the hub, not for ISO 15118."""
    return action == "SignCertificate" and payload.get("certificateType", STATION_CERTIFICATE) == STATION_CERTIFICATE


def signing_request(payload: Mapping[str, Any]) -> SigningRequest:
    """What such a CALL asks; an empty ``csr`` where there is none."""
    csr, request_id = payload.get("csr"), payload.get("requestId")
    number = request_id if isinstance(request_id, int) and not isinstance(request_id, bool) else None
    return SigningRequest(csr=csr if isinstance(csr, str) else "", request_id=number)


def serial_number(payload: Mapping[str, Any]) -> str:
    """The station's serial number in a BootNotification of any version, or empty."""
    station = mapping(payload, "chargingStation")
    told = (station.get("serialNumber"), payload.get("chargePointSerialNumber"), payload.get("chargeBoxSerialNumber"))
    return next((serial for value in told if (serial := plain(value))), "")


def certificate_signed(version: Version, chain_pem: str, request_id: int | None) -> Outgoing:
    """The new certificate (A02)."""
    payload: Payload = {"certificateChain": chain_pem}
    if version is not Version.V16:
        payload["certificateType"] = STATION_CERTIFICATE
    if version is Version.V21 and request_id is not None:
        payload["requestId"] = request_id
    return Outgoing("CertificateSigned", payload)


def install_root(version: Version, authority_pem: str) -> Outgoing:
    """Has the station trust the hub's authority (M05)."""
    kind = "CentralSystemRootCertificate" if version is Version.V16 else "CSMSRootCertificate"
    return Outgoing("InstallCertificate", {"certificateType": kind, "certificate": authority_pem})


def trigger_signing(version: Version) -> Outgoing:
    """Has the station ask for a certificate (A02)."""
    if version is Version.V16:
        return Outgoing("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    return Outgoing("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})


def set_organization(version: Version, organization: str) -> Outgoing:
    """The name that belongs into the station's request (A02.FR.02)."""
    if version is Version.V16:
        return Outgoing("ChangeConfiguration", {"key": "CpoName", "value": organization})
    return set_variable("SecurityCtrlr", "OrganizationName", organization)


def set_security_profile(version: Version) -> Outgoing:
    """Has it use its certificate; in 2.x for stations that know no network profiles."""
    if version is Version.V16:
        return Outgoing("ChangeConfiguration", {"key": "SecurityProfile", "value": str(MUTUAL_TLS)})
    return set_variable("SecurityCtrlr", "SecurityProfile", str(MUTUAL_TLS))


def ask_priority() -> Outgoing:
    """Asks 2.x for the slots of its network profiles, in use or on call."""
    asked = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    return Outgoing("GetVariables", {"getVariableData": [asked]})


def told_priority(answer: Mapping[str, Any]) -> tuple[int, ...]:
    """The slots in an answer to ``ask_priority``, the one in use first; empty where it tells none."""
    result = next(iter(items(answer, "getVariableResult")), {})
    slots = [slot.strip() for slot in plain(result.get("attributeValue")).split(",")]
    return tuple(int(slot) for slot in slots if slot.isdecimal() and int(slot) <= _HIGHEST_SLOT)


def free_slots(priority: tuple[int, ...]) -> tuple[int, ...]:
    """The slots that may be tried, so that the ones on call stay as they are."""
    return tuple(slot for slot in range(1, _HIGHEST_SLOT + 1) if slot not in priority)


def set_priority(slots: tuple[int, ...]) -> Outgoing:
    """The order in which 2.x tries its network profiles (B10)."""
    return set_variable("OCPPCommCtrlr", "NetworkConfigurationPriority", ",".join(map(str, slots)))


def set_network_profile(version: Version, slot: int, url: str, interface: str) -> Outgoing:
    """A network profile that leads to ``url`` with the station's certificate (B09, A05)."""
    data = {
        "ocppVersion": _OCPP_VERSION[version],
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": MESSAGE_TIMEOUT_S,
        "securityProfile": MUTUAL_TLS,
        "ocppInterface": interface,
    }
    return Outgoing("SetNetworkProfile", {"configurationSlot": slot, "connectionData": data})


def reset_when_idle() -> Outgoing:
    """Restarts a 2.x station once nothing charges; only then it looks at its network profiles (A05)."""
    return Outgoing("Reset", {"type": "OnIdle"})
