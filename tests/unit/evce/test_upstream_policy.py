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
