"""A provider cannot lead a station past the hub: makers' own settings are as closed to it as those of the standard."""

import pytest

from devices.evce.schemas import Version
from devices.evce.upstream.policy import Direction, Treatment, rule

MAKERS = (
    "CentralSystemURL", "CentralSystemURI", "OcppCsmsUrl", "CSMSUrl", "ServerURL", "BackendURL", "BackendUrlOcpp",
    "Backoffice-Address", "OCPPServer", "ocpp_server_host", "OcppHost", "ServerAddress", "ServerPort", "HostName",
    "WebSocketEndpoint", "wss_url", "NetworkProfile", "ProxyServerIp", "ChargeBoxIdentity", "ChargePointId",
    "BasicAuthPassword", "VerifyCsmsCommonName", "skipServerVerification", "RootCA", "CentralSystemRootCertificate",
)  # fmt: skip
OTHERS = (
    "HeartbeatInterval", "ConnectionTimeOut", "LocalAuthListEnabled", "LightIntensity", "BlinkRepeat", "ResetRetries",
    "StopTransactionOnInvalidId", "TransactionMessageAttempts", "UnlockConnectorOnEVSideDisconnect", "DisplayLanguage",
    "AllowOfflineTxForUnknownId", "MinimumStatusDuration", "ClockAlignedDataInterval", "StopTxnSampledData",
)  # fmt: skip


def treatment(version: Version, name: str) -> Treatment:
    """What becomes of the provider's wish to set it."""
    action = "ChangeConfiguration" if version is Version.V16 else "SetVariables"
    found = rule(version, Direction.DOWN, action)
    assert found is not None
    if version is Version.V16:
        return found.of({"key": name, "value": "wss://elsewhere.example"})
    item = {"component": {"name": "Acme"}, "variable": {"name": name}, "attributeValue": "wss://elsewhere.example"}
    return found.of({"setVariableData": [item]})


@pytest.mark.parametrize("version", Version)
def test_makers_settings_of_the_way_to_the_csms_are_not_the_providers(version: Version) -> None:
    for name in MAKERS:
        for spelling in (name, name.lower(), name.upper()):
            assert treatment(version, spelling) is Treatment.TERMINATE, spelling


@pytest.mark.parametrize("version", Version)
def test_other_settings_are(version: Version) -> None:
    for name in OTHERS:
        assert treatment(version, name) is Treatment.RELAY, name


@pytest.mark.parametrize(
    ("version", "action"),
    [
        (Version.V16, "CertificateSigned"),
        (Version.V201, "SetNetworkProfile"),
        (Version.V21, "SetNetworkProfile"),
    ],
)
def test_what_is_never_the_providers(version: Version, action: str) -> None:
    found = rule(version, Direction.DOWN, action)
    assert found is not None
    assert found.may_be == {Treatment.TERMINATE}


@pytest.mark.parametrize(
    ("version", "kind", "wanted"),
    [
        (Version.V16, "CentralSystemRootCertificate", Treatment.TERMINATE),
        (Version.V16, "ManufacturerRootCertificate", Treatment.TERMINATE),
        (Version.V201, "CSMSRootCertificate", Treatment.TERMINATE),
        (Version.V21, "ManufacturerRootCertificate", Treatment.TERMINATE),
        (Version.V21, "CSMSRootCertificate", Treatment.TERMINATE),
        (Version.V201, "V2GRootCertificate", Treatment.RELAY),
        (Version.V21, "MORootCertificate", Treatment.RELAY),
        (Version.V21, "OEMRootCertificate", Treatment.RELAY),
    ],
)
def test_whose_roots_are_whose(version: Version, kind: str, wanted: Treatment) -> None:
    found = rule(version, Direction.DOWN, "InstallCertificate")
    assert found is not None
    assert found.of({"certificateType": kind, "certificate": ""}) is wanted
