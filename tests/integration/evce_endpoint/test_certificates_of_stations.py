"""Stations get certificates of the hub's own authority, move up to them, and renew them (A02, A03, A05)."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from devices.evce.schemas import Version
from homeapp.errors import DeviceRefused, DeviceUnreachable, NotSupported
from homeapp.identity import LocalAuthority
from homeapp.model.readings import EvceStatus
from kit.evce_street import ALL, DEVICE, NAME, PASSWORD, CallError, Json, RawStation, Street, run
from kit.station_keys import ORGANIZATION, Key, Vouching, request

KEY = ec.generate_private_key(ec.SECP256R1())
TWO = [Version.V201, Version.V21]


@pytest.fixture
def hub(tmp_path: Path) -> Vouching:
    return Vouching(tmp_path)


def signing_triggered(_action: str, payload: Json) -> bool:
    return str(payload.get("requestedMessage")).startswith("Sign")


def certificate_given(action: str, _payload: Json) -> bool:
    return action == "CertificateSigned"


def slots(value: str) -> Any:
    def answer(payload: Json) -> Json:
        asked = payload["getVariableData"]
        return {
            "getVariableResult": [item | {"attributeStatus": "Accepted", "attributeValue": value} for item in asked]
        }

    return answer


def csr_of(station: RawStation, csr: str, **more: Any) -> Json:
    return {"csr": csr} | (
        {} if station.version is Version.V16 else {"certificateType": "ChargingStationCertificate"} | more
    )


async def certified(station: RawStation, key: Key, *, name: str = NAME, after: int = 0) -> str:
    """Plays the station's part once its signing was triggered; returns the chain it was given."""
    await station.until_called(signing_triggered, after)
    answer = await station.call("SignCertificate", csr_of(station, request(key, name=name)))
    assert answer == {"status": "Accepted"}
    return str((await station.until_called(certificate_given, after))["certificateChain"])


def variables(payload: Json) -> dict[str, str]:
    return {item["variable"]["name"]: item["attributeValue"] for item in payload.get("setVariableData", [])}


@pytest.mark.parametrize("version", ALL)
def test_a_station_moves_up_to_its_certificate(hub: Vouching, version: Version) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    async def body(street: Street) -> None:
        async with street.secured(version) as (station, _):
            station.answers["GetVariables"] = slots("1")
            before = len(station.calls)
            raising = asyncio.create_task(street.endpoint.raise_security(DEVICE))
            # As most do: the common name is the serial number of the BootNotification, where it has one.
            chain = await certified(station, key, name=NAME if version is Version.V16 else "S1", after=before)
            await raising
            done = station.calls[before:]
        assert [action for action, _ in done] == (
            ["ChangeConfiguration", "InstallCertificate", "ExtendedTriggerMessage", "CertificateSigned",
             "ChangeConfiguration"]
            if version is Version.V16
            else ["SetVariables", "InstallCertificate", "TriggerMessage", "CertificateSigned", "GetVariables",
                  "SetNetworkProfile", "SetVariables", "Reset"]
        )  # fmt: skip
        root = done[1][1]
        assert root["certificate"] == hub.authority.ca_pem
        if version is Version.V16:
            assert root["certificateType"] == "CentralSystemRootCertificate"
            assert done[0][1] == {"key": "CpoName", "value": ORGANIZATION}
            assert done[-1][1] == {"key": "SecurityProfile", "value": "3"}
        else:
            assert root["certificateType"] == "CSMSRootCertificate"
            assert variables(done[0][1]) == {"OrganizationName": ORGANIZATION}
            profile = done[5][1]
            assert profile["configurationSlot"] == 2
            data = profile["connectionData"]
            assert data["securityProfile"] == 3
            assert data["ocppCsmsUrl"] == f"wss://127.0.0.1:{street.endpoint.port}/ocpp"
            # The old one stays on call.
            assert variables(done[6][1]) == {"NetworkConfigurationPriority": "2,1"}
            assert done[7][1] == {"type": "OnIdle"}
        async with street.station(version, password=None, ssl=hub.client(chain, key)) as station:
            await station.boot()
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.problem is None
            with pytest.raises(DeviceRefused, match="already"):
                await street.endpoint.raise_security(DEVICE)
        with pytest.raises(InvalidStatus):
            async with street.station(version):
                pass

    run((hub.server, hub.client()), body, certificates=hub.issued)


@pytest.mark.parametrize("version", TWO)
def test_a_station_without_network_profiles_is_told_its_security_profile(hub: Vouching, version: Version) -> None:
    async def body(street: Street) -> None:
        async with street.secured(version) as (station, _):
            station.answers["GetVariables"] = slots("0,1")
            station.answers["SetNetworkProfile"] = {"status": "Rejected"}
            before = len(station.calls)
            raising = asyncio.create_task(street.endpoint.raise_security(DEVICE))
            await certified(station, ec.generate_private_key(ec.SECP256R1()), after=before)
            await raising
            tried = [body for action, body in station.calls[before:] if action == "SetNetworkProfile"]
            assert [call["configurationSlot"] for call in tried] == [2, 2, 3, 3]
            assert {call["connectionData"]["ocppInterface"] for call in tried} == {"Wired0", "Wireless0"}
            assert variables(station.calls[-1][1]) == {"SecurityProfile": "3"}
            assert "Reset" not in [action for action, _ in station.calls]
            with pytest.raises(DeviceRefused, match="changing over"):
                await street.endpoint.raise_security(DEVICE)

    run((hub.server, hub.client()), body, certificates=hub.issued)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("InstallCertificate", "root certificate"),
        ("TriggerMessage", "does not ask"),
        ("CertificateSigned", "did not accept its certificate"),
        ("change over", "security profile 3"),
    ],
)
def test_a_station_that_does_not_play_along_stays_as_it_is(
    hub: Vouching, version: Version, action: str, words: str
) -> None:
    async def body(street: Street) -> None:
        async with street.secured(version) as (station, _):
            refused: Json = {"status": "Rejected"}
            if action == "change over":
                station.answers["GetVariables"] = {"getVariableResult": []}
                station.answers["ChangeConfiguration"] = refused
                station.answers["SetVariables"] = lambda payload: {
                    "setVariableResult": [
                        {name: item[name] for name in ("component", "variable")} | {"attributeStatus": "Rejected"}
                        for item in payload["setVariableData"]
                    ]
                }
            else:
                station.answers["Extended" * (version is Version.V16) * (action == "TriggerMessage") + action] = refused
            before = len(station.calls)
            raising = asyncio.create_task(street.endpoint.raise_security(DEVICE))
            if action in ("CertificateSigned", "change over"):
                await certified(station, ec.generate_private_key(ec.SECP256R1()), after=before)
            with pytest.raises(DeviceRefused, match=words):
                await raising
        async with street.station(version) as station:
            assert (await station.boot())["status"] == "Accepted"

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_a_station_that_asks_for_another_name_gets_nothing(hub: Vouching) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V21) as (station, _):
            before = len(station.calls)
            raising = asyncio.create_task(street.endpoint.raise_security(DEVICE))
            await station.until_called(signing_triggered, before)
            csr = request(ec.generate_private_key(ec.SECP256R1()), name="another")
            assert await station.call("SignCertificate", csr_of(station, csr)) == {"status": "Rejected"}
            with pytest.raises(DeviceRefused, match="common name"):
                await raising
            assert not hub.issued.in_use

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_a_station_that_does_not_come_back_with_it_keeps_its_password(hub: Vouching) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V201) as (station, _):
            station.answers["GetVariables"] = slots("1")
            before = len(station.calls)
            raising = asyncio.create_task(street.endpoint.raise_security(DEVICE))
            await certified(station, ec.generate_private_key(ec.SECP256R1()), after=before)
            await raising
        async with street.station(Version.V201) as station:
            await station.boot()
            await street.register.until(
                lambda: "did not come back" in ((street.register.state and street.register.state.problem) or "")
            )
            payload = await station.until_called(lambda _, body: "NetworkConfigurationPriority" in variables(body))
            assert variables(payload) == {"NetworkConfigurationPriority": "1"}
        async with street.station(Version.V201, password=PASSWORD):
            pass

    run((hub.server, hub.client()), body, speed=600.0, certificates=hub.issued)


def short_lived(hub: Vouching) -> ssl.SSLContext:
    """A station whose certificate has 20 days left."""
    lasting = hub.issued._authority
    hub.issued._authority = LocalAuthority(
        hub.secrets, hub.folder, lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=345)
    )
    context = hub.given()
    hub.issued._authority = lasting
    return context


@pytest.mark.parametrize("version", ALL)
def test_a_certificate_is_renewed_in_time(hub: Vouching, version: Version) -> None:
    old, key = short_lived(hub), ec.generate_private_key(ec.SECP256R1())

    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(version, password=None, ssl=old) as station:
            chain = await certified(station, key)
        left = x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc - dt.datetime.now(dt.UTC)
        assert left > dt.timedelta(days=300)
        # The old one holds until the new one is shown.
        async with street.station(version, password=None, ssl=old):
            pass
        async with street.station(version, password=None, ssl=hub.client(chain, key)) as station:
            await station.boot()
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert not any(signing_triggered(*call) for call in station.calls)
        with pytest.raises(InvalidStatus):
            async with street.station(version, password=None, ssl=old):
                pass

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_what_a_station_asks_of_its_own_accord(hub: Vouching) -> None:
    csr = request(ec.generate_private_key(ec.SECP256R1()))

    async def body(street: Street) -> None:
        async with street.secured(Version.V21) as (station, _):
            assert await station.call("SignCertificate", csr_of(station, csr, requestId=7)) == {"status": "Accepted"}
            assert (await station.until_called(certificate_given))["requestId"] == 7
            for seconds in (0, 6):
                # Who asks too often does not have to wait longer for that.
                street.clock.move(seconds)
                assert await station.call("SignCertificate", csr_of(station, csr)) == {"status": "Rejected"}
            street.clock.move(5)
            assert await station.call("SignCertificate", csr_of(station, csr)) == {"status": "Accepted"}
            # For the car's side of the plug the hub is no authority.
            with pytest.raises(CallError, match="NotImplemented"):
                await station.call("SignCertificate", {"csr": csr, "certificateType": "V2GCertificate"})
        async with street.station(Version.V21, name="stranger", password=None) as station:
            with pytest.raises(CallError, match="NotImplemented"):
                await station.call("SignCertificate", csr_of(station, csr))

    run((hub.server, hub.client()), body, certificates=hub.issued)


@pytest.mark.parametrize("version", ALL)
def test_the_hubs_root_is_installed_at_adoption(hub: Vouching, version: Version) -> None:
    old = x509.load_pem_x509_certificate(hub.issued.sign(DEVICE, [NAME], request(KEY)).encode())
    serial = f"{old.serial_number:x}"
    assert hub.issued.refusal(DEVICE, serial) is None

    async def body(street: Street) -> None:
        async with street.station(version, password=None) as station:
            await station.boot()
            station.answers["InstallCertificate"] = {"status": "Rejected"}
            street.adopt(password=await street.endpoint.enrol(DEVICE))
            assert [action for action, _ in station.calls] == [
                "InstallCertificate",
                "ChangeConfiguration" if version is Version.V16 else "SetVariables",
            ]
        # What was left of an earlier life here holds no longer.
        assert hub.issued.refusal(DEVICE, serial) is not None

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_when_security_cannot_be_raised(hub: Vouching) -> None:
    async def body(street: Street) -> None:
        with pytest.raises(DeviceUnreachable):
            await street.endpoint.raise_security(DEVICE)
        async with street.charging(Version.V201):
            with pytest.raises(DeviceRefused, match="in use"):
                await street.endpoint.raise_security(DEVICE)
        await street.register.until_status(EvceStatus.OFFLINE)
        async with street.station(Version.V201, ssl=None) as station:
            await street.register.until(lambda: street.register.state is not None and street.register.state.connected)
            with pytest.raises(NotSupported, match="wss"):
                await street.endpoint.raise_security(DEVICE)
            with pytest.raises(CallError, match="NotImplemented"):
                await station.call("SignCertificate", csr_of(station, request(KEY)))

    run((hub.server, hub.client()), body, certificates=hub.issued, unencrypted_port=0)


def test_a_hub_that_is_no_authority_says_so(hub: Vouching) -> None:
    async def body(street: Street) -> None:
        async with street.secured(Version.V16):
            with pytest.raises(NotSupported):
                await street.endpoint.raise_security(DEVICE)

    run((hub.server, hub.client()), body)
