"""A provider's firmware on its way to the station: what is passed on is passed on byte for byte."""

import json
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from devices.evce.firmware_check import FirmwareRules, Window
from devices.evce.schemas import Version
from kit.evce_street import ALL, DEVICE, Tls
from kit.raw_csms import CsmsError
from kit.upstream_street import UpstreamStreet, run

ALWAYS = None
NEVER = Window(time(0), time(0), ZoneInfo("UTC"))


def asked(version: Version, location: str, *, signed: bool = True) -> tuple[str, str]:
    """Action and payload, with spaces that nobody would make anew."""
    if version is Version.V16 and not signed:
        return "UpdateFirmware", f'{{"retrieveDate" : "2027-01-15T12:00:00Z","location":  "{location}"}}'
    proof = '"signingCertificate":"MII=",  "signature": "MEQ=",' if signed else ""
    firmware = f'{{{proof} "retrieveDateTime":"2027-01-15T12:00:00Z","location" :"{location}"}}'
    action = "SignedUpdateFirmware" if version is Version.V16 else "UpdateFirmware"
    return action, f'{{"requestId" : 7,"firmware":{firmware}}}'


def with_rules(tls: Tls, tmp_path: Path, body: Any, window: Window | None = ALWAYS) -> None:
    streets: list[UpstreamStreet] = []

    async def story(street: UpstreamStreet) -> None:
        streets.append(street)
        await body(street)

    def check(device_id: str) -> Any:
        street = streets[0]
        rules = FirmwareRules(roots={}, window=window, clock=street.clock)
        return street.endpoint.firmware_check(device_id, rules)

    run(tls, tmp_path, story, firmware=check, speed=1.0)


async def refused(street: UpstreamStreet, action: str, payload: str) -> bool:
    try:
        return json.loads(await street.csms.call(action, payload)).get("status") == "Rejected"
    except CsmsError as error:
        # Plain 1.6 has no word for no.
        return error.args[0] == "SecurityError"


@pytest.mark.usecase("S5")
@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("signed", [True, False])
def test_what_the_owner_has_agreed_to_is_passed_on_byte_for_byte(
    tls: Tls, tmp_path: Path, version: Version, signed: bool
) -> None:
    location = "https://firmware.example/9.bin"
    action, payload = asked(version, location, signed=signed)

    async def body(street: UpstreamStreet) -> None:
        async with street.online(version) as station:
            assert await refused(street, action, payload)
            assert action not in [name for _, name, _ in station.calls]
            street.register.agreed = (DEVICE, location, "MEQ=" if signed else "")
            assert not await refused(street, action, payload)
            assert (await station.until_called(action))[1] == payload

    with_rules(tls, tmp_path, body, NEVER)


@pytest.mark.parametrize("version", ALL)
def test_an_address_without_encryption_never_gets_there(tls: Tls, tmp_path: Path, version: Version) -> None:
    action, payload = asked(version, "http://firmware.example/9.bin")

    async def body(street: UpstreamStreet) -> None:
        street.register.agreed = (DEVICE, "http://firmware.example/9.bin", "MEQ=")
        async with street.online(version) as station:
            assert await refused(street, action, payload)
            assert action not in [name for _, name, _ in station.calls]

    with_rules(tls, tmp_path, body)
