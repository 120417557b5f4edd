"""A station of another project, which checks every message with schemas of its own, at the hub's endpoint."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from devices.evce.schemas import Version
from homeapp.model.offer import Job
from homeapp.model.readings import EvceCommand, EvceStatus
from kit.evce_street import ALL, DEVICE, NAME, PASSWORD, Street, profile_of, purpose_of, run, schedule_of
from kit.station_keys import Vouching, private_pem, request
from kit.strict_peer import StrictPeer

JOB = Job(version="9.1", location="https://firmware.example/9.1", signature="MEQ=", signing_certificate="MII=")


@pytest.mark.usecase("W4", "A2")
@pytest.mark.parametrize("version", ALL)
def test_a_strict_station_charges_feeds_and_moves_up_to_its_certificate(tmp_path: Path, version: Version) -> None:
    hub, key = Vouching(tmp_path), ec.generate_private_key(ec.SECP256R1())

    async def body(street: Street) -> None:
        street.adopt()
        endpoint = f"wss://127.0.0.1:{street.endpoint.port}/ocpp"
        options = {"endpoint": endpoint, "identity": NAME, "version": version.value, "ca": hub.authority.ca_pem}
        async with StrictPeer.playing("station.js", **options, password=PASSWORD) as station:
            assert (await station.told("connected"))["version"] == version.value
            await charges_and_feeds(street, station, version)
            chain = await moves_up(street, station, version)
            await station.do("leave")
        assert station.complaints == []
        await street.register.until_status(EvceStatus.OFFLINE)
        proof = {"cert": chain, "key": private_pem(key)}
        async with StrictPeer.playing("station.js", **options, **proof) as station:
            assert (await station.do("boot"))["status"] == "Accepted"
            await street.register.until_status(EvceStatus.AVAILABLE)
            await station.do("leave")
        assert station.complaints == []
        assert hub.issued.refusal(DEVICE, None) is not None

    async def moves_up(street: Street, station: StrictPeer, version: Version) -> str:
        raising = asyncio.create_task(street.endpoint.raise_security(DEVICE))
        trigger = "ExtendedTriggerMessage" if version is Version.V16 else "TriggerMessage"
        await station.until_asked(trigger, lambda payload: payload["requestedMessage"].startswith("Sign"))
        # As the whitepaper and 2.x have it: the serial number is the common name.
        assert await station.do("SignCertificate", payload={"csr": request(key, name="SN-1")}) == {"status": "Accepted"}
        chain = (await station.until_asked("CertificateSigned"))["certificateChain"]
        await raising
        return str(chain)

    run((hub.server, hub.client()), body, certificates=hub.issued)


async def charges_and_feeds(street: Street, station: StrictPeer, version: Version) -> None:
    assert (await station.do("boot"))["status"] == "Accepted"
    await street.register.until_status(EvceStatus.AVAILABLE)
    evce = street.endpoint.evce(DEVICE)
    assert evce is not None
    await evce.update_software(JOB)
    await station.do("plug in")
    await street.register.until_status(EvceStatus.PLUGGED)
    await evce.apply(EvceCommand(limit_w=8000))
    await station.until_asked("RemoteStartTransaction" if version is Version.V16 else "RequestStartTransaction")
    token = "idTagInfo" if version is Version.V16 else "idTokenInfo"
    assert (await station.do("authorize", token="homeapp"))[token]["status"] == "Accepted"
    await station.do("begin", token="homeapp")
    await station.do("needs")
    await station.do("measure", watts=4000)
    await street.register.until_status(EvceStatus.CHARGING)
    await evce.apply(EvceCommand(limit_w=8000))
    await station.until_asked("SetChargingProfile", lambda payload: purpose_of(payload) == "TxProfile")
    if version is Version.V21:
        before = len(station.asked)
        await evce.apply(EvceCommand(limit_w=0, feed_w=3000))
        profile = profile_of(await station.until_asked("SetChargingProfile", after=before))
        assert schedule_of(profile)["chargingSchedulePeriod"][0]["setpoint"] == -3000
    await station.do("end")
    await street.register.until_status(EvceStatus.AVAILABLE)
    await station.do("heartbeat")


@pytest.mark.parametrize("version", ALL)
def test_the_strict_station_notices_what_breaks_the_standard(tmp_path: Path, version: Version) -> None:
    hub = Vouching(tmp_path)

    async def body(street: Street) -> None:
        street.adopt()
        endpoint = f"wss://127.0.0.1:{street.endpoint.port}/ocpp"
        options = {"endpoint": endpoint, "identity": NAME, "version": version.value, "ca": hub.authority.ca_pem}
        async with StrictPeer.playing("station.js", **options, password=PASSWORD) as station:
            await station.refused("StatusNotification", payload={"connectorStatus": "Broken"})
            await station.do("leave")
        assert [(told["method"], told["outbound"]) for told in station.complaints] == [("StatusNotification", True)]

    run((hub.server, hub.client()), body)
