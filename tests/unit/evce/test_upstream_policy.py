"""The table of what becomes of each message: whole, and of one mind in all versions."""

import pytest

from devices.evce.schemas import Version
from devices.evce.upstream.policy import TABLE, Direction, Rule, Treatment, rule
from kit.evce_street import ALL
from kit.schema_examples import actions


@pytest.mark.parametrize("version", ALL)
def test_every_action_of_the_standard_has_a_rule_in_one_direction(version: Version) -> None:
    up, down = TABLE[version, Direction.UP].keys(), TABLE[version, Direction.DOWN].keys()
    assert up | down == set(actions(version))
    assert up & down == {"DataTransfer"}


def test_an_action_of_nobody_has_none() -> None:
    assert rule(Version.V201, Direction.DOWN, "Abracadabra") is None
    assert rule(Version.V201, Direction.UP, "SetChargingProfile") is None


@pytest.mark.parametrize("version", ALL)
def test_nothing_that_decides_about_power_is_passed_on_as_it_is(version: Version) -> None:
    about_power = ("ChargingProfile", "CompositeSchedule", "DERControl", "DynamicSchedule", "PriorityCharging", "AFRR")
    for action, found in TABLE[version, Direction.DOWN].items():
        if any(word in action for word in about_power):
            assert found.may_be == {Treatment.CLAMP}, action


@pytest.mark.parametrize("version", ALL)
def test_only_what_a_station_says_is_kept_and_every_refusal_has_a_reason(version: Version) -> None:
    up = {treatment for found in TABLE[version, Direction.UP].values() for treatment in found.may_be}
    down = {treatment for found in TABLE[version, Direction.DOWN].values() for treatment in found.may_be}
    assert up == {Treatment.RELAY, Treatment.OUTBOX, Treatment.MIRROR, Treatment.LOCAL}
    assert down == {Treatment.RELAY, Treatment.LOCAL, Treatment.TERMINATE, Treatment.CLAMP}
    for found in TABLE[version, Direction.DOWN].values():
        if Treatment.TERMINATE in found.may_be:
            assert 0 < len(found.reason) <= 20
            assert 0 < len(found.sentence) <= 255


@pytest.mark.parametrize("version", ALL)
def test_what_is_never_lost(version: Version) -> None:
    always = {"SecurityEventNotification", "FirmwareStatusNotification"}
    of_16 = {"StartTransaction", "StopTransaction", "MeterValues", "SignedFirmwareStatusNotification"}
    of_2 = {"TransactionEvent"} | ({"BatterySwap"} if version is Version.V21 else set())
    kept = {action for action, found in TABLE[version, Direction.UP].items() if found.treatment is Treatment.OUTBOX}
    assert kept == always | (of_16 if version is Version.V16 else of_2)


@pytest.mark.parametrize("version", ALL)
def test_what_a_provider_may_never_do_to_the_hubs_leg(version: Version) -> None:
    ends: list[tuple[str, dict[str, object]]] = [("CertificateSigned", {})]
    if version is Version.V16:
        ends += [("InstallCertificate", {"certificateType": "CentralSystemRootCertificate"})]
    else:
        ends += [
            ("SetNetworkProfile", {}),
            ("PublishFirmware", {}),
            ("UnpublishFirmware", {}),
            ("CertificateSigned", {"certificateType": "ChargingStationCertificate"}),
            ("InstallCertificate", {"certificateType": "CSMSRootCertificate"}),
        ]
    ends += [("InstallCertificate", {"certificateType": "ManufacturerRootCertificate"})]
    for action, payload in ends:
        assert _down(version, action).of(payload) is Treatment.TERMINATE, action


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_certificates_of_the_car_and_the_plug_are_none_of_the_hubs_business(version: Version) -> None:
    for action, kind in (
        ("CertificateSigned", "V2GCertificate"),
        ("InstallCertificate", "V2GRootCertificate"),
        ("InstallCertificate", "MORootCertificate"),
        ("DeleteCertificate", ""),
        ("GetInstalledCertificateIds", ""),
    ):
        assert _down(version, action).of({"certificateType": kind}) is Treatment.RELAY, action
    for action in ("Get15118EVCertificate", "GetCertificateStatus", "Authorize"):
        assert TABLE[version, Direction.UP][action].treatment is Treatment.RELAY


def test_software_is_looked_at_and_starts_need_control() -> None:
    for version in ALL:
        down = TABLE[version, Direction.DOWN]
        assert {action for action, found in down.items() if found.checked} == {"UpdateFirmware"} | (
            {"SignedUpdateFirmware"} if version is Version.V16 else set()
        )
        assert {action for action, found in down.items() if found.commands} == (
            {"RemoteStartTransaction", "RemoteStopTransaction"}
            if version is Version.V16
            else {"RequestStartTransaction", "RequestStopTransaction"}
        )


SETTING = "SetVariables"


def _variable(component: str, variable: str) -> dict[str, object]:
    item = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": "1"}
    return {"setVariableData": [item]}


@pytest.mark.parametrize(
    ("component", "variable", "treatment"),
    [
        ("SecurityCtrlr", "BasicAuthPassword", Treatment.TERMINATE),
        ("securityctrlr", "ORGANIZATIONNAME", Treatment.TERMINATE),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority", Treatment.TERMINATE),
        ("OCPPCommCtrlr", "HeartbeatInterval", Treatment.RELAY),
        ("SmartChargingCtrlr", "Enabled", Treatment.TERMINATE),
        ("SampledDataCtrlr", "TxUpdatedInterval", Treatment.TERMINATE),
        ("SampledDataCtrlr", "TxEndedMeasurands", Treatment.RELAY),
        ("Maker", "BackendURL", Treatment.TERMINATE),
        ("WebPaymentsCtrlr", "URLTemplate", Treatment.RELAY),
        ("TxCtrlr", "EVConnectionTimeOut", Treatment.RELAY),
    ],
)
def test_whose_a_variable_is(component: str, variable: str, treatment: Treatment) -> None:
    assert _down(Version.V201, SETTING).of(_variable(component, variable)) is treatment


@pytest.mark.parametrize(
    ("key", "treatment"),
    [
        ("AuthorizationKey", Treatment.TERMINATE),
        ("authorizationKEY", Treatment.TERMINATE),
        ("SecurityProfile", Treatment.TERMINATE),
        ("CpoName", Treatment.TERMINATE),
        ("CentralSystemURL", Treatment.TERMINATE),
        ("MeterValueSampleInterval", Treatment.TERMINATE),
        ("HeartbeatInterval", Treatment.RELAY),
        ("LocalAuthListEnabled", Treatment.RELAY),
    ],
)
def test_whose_a_key_is(key: str, treatment: Treatment) -> None:
    assert _down(Version.V16, "ChangeConfiguration").of({"key": key, "value": "1"}) is treatment


@pytest.mark.parametrize("payload", [{}, {"setVariableData": 3}, {"setVariableData": [3, {}]}, {"key": 7}])
def test_a_payload_of_anything_is_judged(payload: dict[str, object]) -> None:
    for table in TABLE.values():
        for found in table.values():
            assert found.of(payload) in found.may_be


def _down(version: Version, action: str) -> Rule:
    found = rule(version, Direction.DOWN, action)
    assert found is not None
    return found
