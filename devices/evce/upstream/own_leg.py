"""Which payloads are about the hub's own leg to the station, and so are not for the CSMS to decide.

Whatever changes whom the station trusts, where it connects, or how it proves who it is could lead it past the hub or
cut it off (A00, A05, M05). The same goes for what the hub measures and limits with.
"""

from collections.abc import Mapping
from typing import Any

from devices.evce.fields import Payload, items, mapping, plain

_V2G = frozenset({"V2GCertificate", "V2G20Certificate"})
_ROOTS_OF_THE_LEG = frozenset({"CSMSRootCertificate", "CentralSystemRootCertificate", "ManufacturerRootCertificate"})
_HUBS_OWN = frozenset(
    {
        "BootNotification",
        "Heartbeat",
        "SignChargePointCertificate",
        "SignChargingStationCertificate",
        "SignCombinedCertificate",
    }
)
_KEYS_16 = frozenset(
    {
        "additionalrootcertificatecheck",
        "authorizationkey",
        "certificatesignedmaxchainsize",
        "certificatestoremaxlength",
        "cponame",
        "metervaluesampleinterval",
        "metervaluessampleddata",
        "securityprofile",
        "websocketpinginterval",
    }
)
_COMPONENTS = frozenset({"networkconfiguration", "securityctrlr", "smartchargingctrlr"})
_VARIABLES = frozenset(
    {
        ("ocppcommctrlr", "activenetworkprofile"),
        ("ocppcommctrlr", "networkconfigurationpriority"),
        ("ocppcommctrlr", "networkprofileconnectionattempts"),
        ("ocppcommctrlr", "retrybackoffrandomrange"),
        ("ocppcommctrlr", "retrybackoffrepeattimes"),
        ("ocppcommctrlr", "retrybackoffwaitminimum"),
        ("ocppcommctrlr", "websocketpinginterval"),
        ("sampleddatactrlr", "enabled"),
        ("sampleddatactrlr", "txupdatedinterval"),
        ("sampleddatactrlr", "txupdatedmeasurands"),
    }
)
_ADDRESSES = (
    "url", "backend", "backoffice", "endpoint", "centralsystem", "csms", "ocppserver", "ocpp_server", "ocpphost",
    "serverhost", "serveraddress", "serverip", "serverport", "serveruri", "hostname", "networkprofile", "proxy",
    "chargeboxid", "chargepointid", "stationid", "basicauth", "authpassword", "serververification", "rootcertificate",
    "rootca",
)  # fmt: skip
"""Makers have their own settings of where a station connects, as whom, and whom it trusts, under names like these."""
_OTHER_ADDRESSES = frozenset({"webpaymentsctrlr", "displaymessagectrlr"})
"""Components of the standard whose addresses are not those of a CSMS."""


def changes_the_leg(payload: Payload) -> bool:
    """A ChangeConfiguration or SetVariables with a setting that is the hub's."""
    if "setVariableData" in payload:
        return any(is_of_the_leg(item) for item in items(payload, "setVariableData"))
    key = plain(payload.get("key")).casefold()
    return key in _KEYS_16 or any(part in key for part in _ADDRESSES)


def is_of_the_leg(item: Mapping[str, Any]) -> bool:
    """One item of a SetVariables; names are compared without regard to case, as stations do (part 2 par. 2.1)."""
    component = plain(mapping(item, "component").get("name")).casefold()
    variable = plain(mapping(item, "variable").get("name")).casefold()
    if component in _COMPONENTS or (component, variable) in _VARIABLES:
        return True
    return component not in _OTHER_ADDRESSES and any(part in variable for part in _ADDRESSES)


def trusts_on_the_leg(payload: Payload) -> bool:
    """An InstallCertificate of a root that says whom the station takes for its CSMS, or whose software it takes."""
    return payload.get("certificateType") in _ROOTS_OF_THE_LEG


def certifies_the_leg(payload: Payload) -> bool:
    """A SignCertificate or CertificateSigned for the station's certificate on the hub's leg (A02; the default)."""
    return payload.get("certificateType") not in _V2G


def asks_about_the_leg(payload: Payload) -> bool:
    """A TriggerMessage for something that the station says to the hub, and the hub to the CSMS on its own."""
    return payload.get("requestedMessage") in _HUBS_OWN


def has_profile(payload: Payload) -> bool:
    """A start that carries a charging profile."""
    return "chargingProfile" in payload


def outside_transactions(payload: Payload) -> bool:
    """1.6 MeterValues that belong to no transaction."""
    return payload.get("transactionId") is None
