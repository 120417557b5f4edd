"""What stations say of what they can do, in the many ways in which they say it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce import capability as capabilities
from devices.evce.capability import Capability
from devices.evce.dialect import ChargingNeeds
from devices.evce.feeding import feed_refusal
from devices.evce.profiles import Begin, Unit
from devices.evce.schemas import Version, request_problem
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from homeapp.model.readings import LimitControl

DIALECTS = [Ocpp16(), Ocpp201(), Ocpp21()]
FEEDING_CAR = ChargingNeeds(max_feed_w=5000, transfer="AC_BPT")


def configuration(**values: object) -> Capability:
    told = [{"key": key, "readonly": True, "value": value} for key, value in values.items()]
    return Ocpp16().probed([{"configurationKey": told, "unknownKey": []}])


def variables(**values: str) -> Capability:
    results = [
        {
            "attributeStatus": "Accepted",
            "attributeValue": value,
            "component": {"name": name.split("_")[0]},
            "variable": {"name": name.split("_")[1]},
        }
        for name, value in values.items()
    ]
    unknown = {
        "attributeStatus": "UnknownComponent",
        "component": {"name": "ISO15118Ctrlr"},
        "variable": {"name": "Enabled"},
    }
    return Ocpp21().probed([{"getVariableResult": [*results, unknown]}])


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.version)
def test_the_questions_are_few_and_valid(dialect: Ocpp16 | Ocpp201) -> None:
    calls = dialect.probe()
    assert 0 < len(calls) <= 3, "a flood of questions restarts some stations"
    for call in calls:
        assert request_problem(dialect.version, call.action, call.payload) is None


@pytest.mark.parametrize(
    ("told", "units"),
    [
        ("Current", (Unit.AMPERE,)),
        ("Power", (Unit.WATT,)),
        ("Current,Power", (Unit.AMPERE, Unit.WATT)),
        ("A", (Unit.AMPERE,)),
        ("W", (Unit.WATT,)),
        ("Power, Current", (Unit.AMPERE, Unit.WATT)),
        ("kVA", ()),
        ("", ()),
    ],
)
def test_units_in_the_standards_words_and_in_others(told: str, units: tuple[Unit, ...]) -> None:
    assert configuration(ChargingScheduleAllowedChargingRateUnit=told).units == units
    assert configuration(ChargingScheduleAllowedChargingRateUnit=told).unit is (
        Unit.WATT if units == (Unit.WATT,) else Unit.AMPERE
    )


def test_a_16_station_describes_itself() -> None:
    found = configuration(
        ChargeProfileMaxStackLevel="8",
        MaxChargingProfilesInstalled="10",
        ConnectorSwitch3to1PhaseSupported="true",
        SupportedFeatureProfiles="Core, SmartCharging,RemoteTrigger",
        MeterValuesSampledData="Power.Active.Import,SoC",
        WebSocketPingInterval="30",
        NumberOfConnectors="2",
    )
    assert (found.max_stack_level, found.max_profiles, found.connectors, found.ping_interval_s) == (8, 10, 2, 30)
    assert found.phase_switching
    assert found.measurands == ("Power.Active.Import", "SoC")
    assert found.control is LimitControl.FULL
    assert found.smart_charging
    assert not configuration(SupportedFeatureProfiles="Core").smart_charging


def test_a_2x_station_describes_itself_item_by_item() -> None:
    found = variables(
        SmartChargingCtrlr_RateUnit="W",
        SmartChargingCtrlr_ProfileStackLevel="3",
        SmartChargingCtrlr_Phases3to1="true",
        SmartChargingCtrlr_ACPhaseSwitchingSupported="true",
        SmartChargingCtrlr_SupportsDynamicProfiles="true",
        V2XChargingCtrlr_Enabled="true",
        V2XChargingCtrlr_SupportedEnergyTransferModes="AC_three_phase,AC_BPT",
        V2XChargingCtrlr_SupportedOperationModes="ChargingOnly,CentralSetpoint",
    )
    assert (found.unit, found.max_stack_level, found.phase_switching, found.phase_choice) == (Unit.WATT, 3, True, True)
    assert (found.dynamic, found.feeds, found.iso15118) == (True, True, None)
    assert found.feed_modes == ("AC_three_phase", "AC_BPT")
    assert found.operation_modes == ("ChargingOnly", "CentralSetpoint")
    assert not variables(SmartChargingCtrlr_Enabled="false").smart_charging


anything = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.text(max_size=3), max_size=2)
answers = st.dictionaries(
    st.sampled_from(["configurationKey", "getVariableResult", "status"]),
    anything
    | st.lists(
        st.dictionaries(
            st.sampled_from(["key", "value", "attributeValue", "component", "variable"]),
            anything
            | st.just("ChargeProfileMaxStackLevel")
            | st.dictionaries(st.just("name"), anything | st.just("SmartChargingCtrlr"), max_size=1),
            max_size=4,
        ),
        max_size=3,
    ),
    max_size=3,
)


@given(st.lists(answers, max_size=3))
def test_no_answer_whatever_breaks_the_probe(told: list[dict[str, object]]) -> None:
    for dialect in DIALECTS:
        found = dialect.probed(told)
        assert capabilities.decode(capabilities.encode(found)) == found


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"units": ["kVA"]}', '{"tx_refusals": "many"}'])
def test_what_was_kept_in_another_shape_is_no_knowledge(text: str | None) -> None:
    assert capabilities.decode(text) is None


def test_what_use_has_taught_counts_for_the_same_firmware_only() -> None:
    learnt = Capability(made_by=("a", "b", "1"), probed=True, tx_refusals=2, keeps_maximum=False, out_of_service=True)
    same = Capability(made_by=("a", "b", "1"), probed=True, max_stack_level=4).learnt_from(learnt)
    assert (same.tx_refusals, same.keeps_maximum, same.control) == (2, False, LimitControl.COARSE)
    newer = Capability(made_by=("a", "b", "2"), probed=True, max_stack_level=4).learnt_from(learnt)
    assert (newer.tx_refusals, newer.control) == (0, LimitControl.FULL)
    assert newer.out_of_service, "whoever has taken it out of service has to put it back"


@pytest.mark.parametrize(
    ("known", "control"),
    [
        (Capability(), LimitControl.FULL),
        (Capability(tx_refusals=1), LimitControl.FULL),
        (Capability(tx_refusals=2), LimitControl.COARSE),
        (Capability(tx_refusals=2, max_stack_level=0), LimitControl.STATIC),
        (Capability(tx_refusals=2, max_profiles=1), LimitControl.STATIC),
        (Capability(smart_charging=False), LimitControl.FULL),
    ],
)
def test_how_finely_it_can_be_limited(known: Capability, control: LimitControl) -> None:
    assert known.control is control


@pytest.mark.parametrize(
    ("version", "station", "car", "words"),
    [
        (Version.V16, Capability(), FEEDING_CAR, "OCPP 1.6, which cannot"),
        (Version.V201, Capability(), FEEDING_CAR, "OCPP 2.0.1, which cannot"),
        (Version.V21, Capability(feeds=False), FEEDING_CAR, "charger allows charging only"),
        (Version.V21, Capability(iso15118=False), FEEDING_CAR, "IEC 61851"),
        (Version.V21, Capability(feed_modes=("DC",)), FEEDING_CAR, "no way of feeding"),
        (Version.V21, Capability(operation_modes=("ChargingOnly",)), FEEDING_CAR, "no setpoint"),
        (Version.V21, Capability(), None, "No car has told"),
        (Version.V21, Capability(), ChargingNeeds(), "car has not said"),
        (Version.V21, Capability(), ChargingNeeds(max_feed_w=1, transfer="DC"), "asked for charging only"),
        (Version.V21, None, FEEDING_CAR, None),
        (Version.V21, Capability(feeds=True, feed_modes=("AC_BPT",)), FEEDING_CAR, None),
        (Version.V21, Capability(), ChargingNeeds(max_feed_w=1), None),
    ],
)
def test_why_power_cannot_be_fed(
    version: Version, station: Capability | None, car: ChargingNeeds | None, words: str | None
) -> None:
    refusal = feed_refusal(version, station, car)
    assert refusal is None if words is None else words in (refusal or "")


@given(st.tuples(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1)), st.sampled_from(Version))
def test_the_place_of_a_make_is_short_and_safe_whatever_it_calls_itself(
    made_by: tuple[str, str, str], version: Version
) -> None:
    key = capabilities.make_key(made_by, version.value)
    assert key is not None
    assert re.fullmatch("evce_make:[0-9a-f]{2}", key)


def test_makes_are_told_apart_and_one_without_a_firmware_may_be_any() -> None:
    makes = [("Acme", "Box", str(number)) for number in range(20)]
    assert len({capabilities.make_key(made_by, "ocpp2.0.1") for made_by in makes}) > 15
    assert capabilities.make_key(("Acme", "Box", ""), "ocpp1.6") is None


def test_what_use_has_taught_stays_with_the_station() -> None:
    told = Capability(made_by=("Acme", "Box", "9"), protocol="ocpp1.6", probed=True, max_stack_level=3)
    known = Capability(floor_begin=Begin.RELATIVE, max_begin=Begin.CENTURY, tx_refusals=1, floor_in_vain=True)
    learnt = told.learnt_from(known)
    assert (learnt.max_stack_level, learnt.floor_begin, learnt.max_begin) == (3, Begin.RELATIVE, Begin.CENTURY)
    assert (learnt.tx_refusals, learnt.floor_in_vain) == (1, True)
    newer = Capability(made_by=("Acme", "Box", "10"), protocol="ocpp1.6", probed=True).learnt_from(learnt)
    assert newer.floor_begin is Begin.RELATIVE, "it was taken on this very connection"
    assert (newer.tx_refusals, newer.floor_in_vain) == (0, False), "new firmware deserves a new try"
    assert capabilities.decode(capabilities.encode(learnt)) == learnt
