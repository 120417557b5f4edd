"""What the demo CSMS says is valid in each version, for every command that the version has."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from homeapp.demo.csms.commands import Commands
from homeapp.demo.csms.commands_v2 import Commands2
from homeapp.demo.csms.commands_v16 import Commands16
from homeapp.demo.csms.orders import NetworkOrder, PeriodOrder, ProfileOrder, ProfileSelection, SoftwareOrder
from homeapp.demo.ocpp.schemas import Json, Version, request_problem

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOFTWARE = SoftwareOrder(location="https://127.0.0.1/a.bin", retrieve_at=NOON)
SIGNED = SoftwareOrder(
    location="https://127.0.0.1/a.bin", retrieve_at=NOON, install_at=NOON, signing_certificate="PEM", signature="c2ln"
)
DAY = ProfileOrder(
    profile_id=7,
    purpose="TxProfile",
    periods=(PeriodOrder(limit=16.0, phases=3), PeriodOrder(start_s=3600, limit=6.3)),
    unit="A",
    stack_level=2,
    kind="Recurring",
    recurrency="Daily",
    evse=1,
    start=NOON,
    duration_s=86_400,
    valid_from=NOON,
    valid_to=NOON,
    transaction_id="12",
)
FEED = ProfileOrder(
    profile_id=8,
    purpose="TxProfile",
    periods=(
        PeriodOrder(setpoint=-3000.0, mode="CentralSetpoint"),
        PeriodOrder(start_s=60, limit=9.0, discharge_limit=-1.0),
    ),
    evse=1,
    start=NOON,
    transaction_id="12",
    max_offline_s=60,
    ends_offline=True,
)
Said = Callable[[Commands], Awaitable[object]]
EVERYWHERE: dict[str, Said] = {
    "SetChargingProfile": lambda to: to.set_profile(DAY),
    "ClearChargingProfile": lambda to: to.clear_profiles(
        ProfileSelection(profile_id=1, purpose="ChargingStationMaxProfile", stack_level=0, evse=0)
    ),
    "GetCompositeSchedule": lambda to: to.composite_schedule(1, 600, "A"),
    "Start": lambda to: to.start("owner", 1, DAY),
    "Stop": lambda to: to.stop("12"),
    "UpdateFirmware": lambda to: to.update_software(SOFTWARE),
    "SignedUpdateFirmware": lambda to: to.update_software(SIGNED),
    "SendLocalList": lambda to: to.send_local_list(3, {"a": "Accepted", "b": "Blocked"}),
    "SendLocalList, empty": lambda to: to.send_local_list(3, {}, full=False),
    "Set": lambda to: to.set_variable("OCPPCommCtrlr.HeartbeatInterval", "60"),
    "Get": lambda to: to.get_variable("OCPPCommCtrlr.HeartbeatInterval"),
    "InstallCertificate": lambda to: to.install_certificate("CSMSRootCertificate", "PEM"),
    "TriggerMessage": lambda to: to.trigger("StatusNotification", 1),
    "Reset": lambda to: to.reset(when_idle=True),
    "UnlockConnector": lambda to: to.unlock(),
    "ChangeAvailability": lambda to: to.set_availability(operative=False, evse=1),
    "DataTransfer": lambda to: to.data_transfer("com.example", "hello", "x"),
}
IN_2: dict[str, Said] = {
    "GetChargingProfiles": lambda to: to.get_profiles(5, ProfileSelection(profile_id=1, evse=1)),
    "SetNetworkProfile": lambda to: to.set_network_profile(
        NetworkOrder(slot=1, url="wss://127.0.0.1/ocpp", security_profile=2)
    ),
}
IN_21: dict[str, Said] = {
    "SetChargingProfile, feeding": lambda to: to.set_profile(FEED),
    "UpdateDynamicSchedule": lambda to: to.update_dynamic_schedule(8, {"setpoint": -1000}),
    "NotifyAllowedEnergyTransfer": lambda to: to.allow_transfer("12", ["AC_BPT"]),
}


class Line:
    """A link to a station that accepts whatever is valid."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.said: list[tuple[str, Json]] = []

    async def call(self, action: str, payload: Json) -> Json:
        assert request_problem(self.version, action, payload) is None, (action, payload)
        self.said.append((action, payload))
        status: Json = {"status": "Accepted", "attributeStatus": "Accepted", "attributeValue": "60"}
        return status | {"setVariableResult": [status], "getVariableResult": [status]}


def say(version: Version, command: Said) -> Line:
    line = Line(version)
    to: Commands = Commands16(line) if version is Version.V16 else Commands2(line)  # type: ignore[arg-type]
    asyncio.run(command(to))  # type: ignore[arg-type]
    return line


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize("command", EVERYWHERE.values(), ids=EVERYWHERE)
def test_what_all_versions_can_say_is_valid_in_each(version: Version, command: Said) -> None:
    assert len(say(version, command).said) == 1


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
@pytest.mark.parametrize("command", IN_2.values(), ids=IN_2)
def test_what_2_has_besides(version: Version, command: Said) -> None:
    assert len(say(version, command).said) == 1


@pytest.mark.parametrize("command", IN_21.values(), ids=IN_21)
def test_what_2_1_has_besides(command: Said) -> None:
    assert len(say(Version.V21, command).said) == 1


@pytest.mark.parametrize("command", [*IN_2.values(), *IN_21.values()], ids=[*IN_2, *IN_21])
def test_1_6_says_what_it_cannot_say(command: Said) -> None:
    with pytest.raises(ValueError, match=r"1\.6"):
        say(Version.V16, command)


def test_purposes_have_their_names_of_1_6() -> None:
    order = ProfileOrder(profile_id=1, purpose="ChargingStationMaxProfile", periods=(PeriodOrder(limit=9000.0),))
    ((_, payload),) = say(Version.V16, lambda to: to.set_profile(order)).said
    assert payload["csChargingProfiles"]["chargingProfilePurpose"] == "ChargePointMaxProfile"
