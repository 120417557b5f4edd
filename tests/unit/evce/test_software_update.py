"""Updating a station's software: what is asked in each version, and what its progress means."""

import importlib.resources
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.evce import schemas
from devices.evce.dialect import Dialect
from devices.evce.fields import FieldError
from devices.evce.profiles import StationLimits
from devices.evce.schemas import Version
from devices.evce.software import not_taken
from devices.evce.station import Station
from devices.evce.v16 import Ocpp16
from devices.evce.v21 import Ocpp21
from devices.evce.v201 import Ocpp201
from homeapp.model.offer import Job
from homeapp.model.readings import EvceState, SoftwareStage
from homeapp.ports import Admission
from kit.clocks import StandingClock

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIMITS = StationLimits(max_current_a=16.0, safe_current_a=6.0, phases=3, voltage_v=230.0)
DIALECTS: dict[Version, Callable[[], Dialect]] = {Version.V16: Ocpp16, Version.V201: Ocpp201, Version.V21: Ocpp21}
JOB = Job(version="2.0.0", location="https://maker.example/2.0.0.bin")
SIGNED = replace(
    JOB, signing_certificate="-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----", signature="MEQ="
)
BOOT = {
    Version.V16: {"chargePointVendor": "A", "chargePointModel": "B", "firmwareVersion": "2.0.0"},
    Version.V201: {"chargingStation": {"vendorName": "A", "model": "B", "firmwareVersion": "2.0.0"}, "reason": "x"},
}


class QuietRegister:
    def is_adopted(self, device_id: str) -> bool:
        return True

    def turned_away(self, device_id: str, sentence: str) -> None:
        raise AssertionError

    def vendor(self, device_id: str) -> str:
        return ""

    def agreed_firmware(self, device_id: str, location: str, signature: str) -> bool:
        return False

    def admission(self, device_id: str, password: str | None) -> Admission:
        return Admission.ADOPTED

    def authorizes(self, device_id: str, id_token: str) -> bool:
        return True

    def knocked(self, candidate: object) -> None:
        raise AssertionError

    def changed(self, state: EvceState) -> None:
        pass


class Bench:
    def __init__(self, version: Version = Version.V201) -> None:
        self.station = Station("ocpp:x", LIMITS, StandingClock(START), QuietRegister())
        self.dialect = DIALECTS[version]()
        self.station.came(version)

    def tell(self, status: str, action: str = "FirmwareStatusNotification", **more: Any) -> SoftwareStage | None:
        assert self.dialect.answer(action, {"status": status} | more, self.station) == {}
        software = self.station.state.software
        return software.stage if software else None


@pytest.mark.usecase("S5")
@pytest.mark.parametrize("job", [JOB, SIGNED])
@pytest.mark.parametrize("version", Version)
def test_the_request_follows_the_schema_and_carries_the_signature(version: Version, job: Job) -> None:
    asked = DIALECTS[version]().update_software(job, 42, START)
    assert schemas.request_problem(version, asked.action, asked.payload) is None
    if version is Version.V16 and not job.signature:
        assert asked.action == "UpdateFirmware"
        assert asked.payload["location"] == job.location
        return
    assert asked.action == ("SignedUpdateFirmware" if version is Version.V16 else "UpdateFirmware")
    assert asked.payload["requestId"] == 42
    firmware = asked.payload["firmware"]
    assert (firmware.get("signature", ""), firmware.get("signingCertificate", "")) == (
        job.signature,
        job.signing_certificate,
    )
    assert datetime.fromisoformat(firmware["retrieveDateTime"]) - START < timedelta(seconds=1)


def statuses(folder: str, name: str) -> list[str]:
    file = importlib.resources.files("ocpp") / folder / "schemas" / f"{name}.json"
    schema = json.loads(file.read_text("utf-8-sig"))
    described = schema.get("definitions", {}).get("FirmwareStatusEnumType") or schema["properties"]["status"]
    return [status for status in described["enum"] if status != "Idle"]


@pytest.mark.parametrize(
    ("version", "action", "folder", "name"),
    [
        (Version.V16, "FirmwareStatusNotification", "v16", "FirmwareStatusNotification"),
        (Version.V16, "SignedFirmwareStatusNotification", "v16", "SignedFirmwareStatusNotification"),
        (Version.V201, "FirmwareStatusNotification", "v201", "FirmwareStatusNotificationRequest"),
        (Version.V21, "FirmwareStatusNotification", "v21", "FirmwareStatusNotificationRequest"),
    ],
)
def test_every_status_of_the_standard_means_something(version: Version, action: str, folder: str, name: str) -> None:
    for status in statuses(folder, name):
        bench = Bench(version)
        bench.station.software_asked("2.0.0", 42)
        stage = bench.tell(status, action)
        assert stage not in (None, SoftwareStage.REQUESTED), status
        software = bench.station.state.software
        assert software is not None
        assert (software.problem is not None) is (stage is SoftwareStage.FAILED)


def test_idle_and_what_was_never_asked_for_change_nothing() -> None:
    bench = Bench()
    assert bench.tell("Installed") is None
    bench.station.software_asked("2.0.0", 42)
    assert bench.tell("Idle") is SoftwareStage.REQUESTED
    assert bench.tell("Installed", requestId=41) is SoftwareStage.REQUESTED
    assert bench.tell("Installed", requestId=42) is SoftwareStage.INSTALLED
    assert bench.tell("InstallationFailed", requestId=42) is SoftwareStage.INSTALLED
    bench.station.software_asked("2.0.1", 43)
    assert bench.tell("InstallationFailed", requestId=42) is SoftwareStage.REQUESTED
    bench.station.software_not_taken()
    assert bench.station.state.software is None


@pytest.mark.parametrize(("asked", "stage"), [("2.0.0", SoftwareStage.INSTALLED), ("3.0.0", SoftwareStage.INSTALLING)])
@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_a_station_that_comes_back_with_the_version_has_installed_it(
    version: Version, asked: str, stage: SoftwareStage
) -> None:
    bench = Bench(version)
    bench.station.software_asked(asked, 42)
    bench.tell("Installing")
    bench.dialect.answer("BootNotification", BOOT[version], bench.station)
    state = bench.station.state
    assert state.firmware == "2.0.0"
    assert state.software is not None
    assert state.software.stage is stage


def test_software_of_somebody_else_is_shown_too() -> None:
    bench = Bench()
    bench.station.software_asked("2.0.0", 42)
    bench.tell("Installed", requestId=42)
    assert bench.tell("Downloading", requestId=7) is SoftwareStage.DOWNLOADING
    assert bench.station.state.software is not None
    assert bench.station.state.software.version == ""
    assert bench.tell("Installing", requestId=8) is SoftwareStage.DOWNLOADING
    assert bench.tell("Installing", requestId=7) is SoftwareStage.INSTALLING
    bench.dialect.answer("BootNotification", BOOT[Version.V201], bench.station)
    # It says no more than its new version.
    assert bench.station.state.software.stage is SoftwareStage.INSTALLED
    assert bench.tell("Downloaded") is SoftwareStage.DOWNLOADED
    bench.tell("Installing")
    bench.dialect.answer("BootNotification", BOOT[Version.V201], bench.station)
    assert bench.station.state.software.stage is SoftwareStage.INSTALLING
    assert bench.tell("InstallationFailed") is SoftwareStage.FAILED


def test_a_lost_connection_forgets_nothing_of_it() -> None:
    bench = Bench()
    bench.station.software_asked("2.0.0", 42)
    bench.tell("Installing")
    bench.station.left()
    bench.station.came(Version.V201)
    assert bench.tell("Installed") is SoftwareStage.INSTALLED


@pytest.mark.parametrize("status", ["Rejected", "InvalidCertificate", "RevokedCertificate", "NotSupported", "Nonsense"])
def test_each_refusal_has_a_sentence(status: str) -> None:
    assert (not_taken(status) or "").endswith(".")


@pytest.mark.parametrize("status", ["Accepted", "AcceptedCanceled", ""])
def test_a_station_that_begins_has_not_refused(status: str) -> None:
    assert not_taken(status) is None


@given(st.dictionaries(st.sampled_from(["status", "requestId"]), st.none() | st.booleans() | st.floats() | st.text()))
def test_whatever_a_station_tells_is_a_field_error_at_most(payload: dict[str, Any]) -> None:
    bench = Bench()
    bench.station.software_asked("2.0.0", 42)
    try:
        bench.dialect.answer("FirmwareStatusNotification", payload, bench.station)
    except FieldError:
        assert "requestId" in payload
