"""Security profiles 1, 2 and 3 at the endpoint, over real sockets (A00)."""

import asyncio
import datetime as dt
import logging
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from websockets.exceptions import InvalidMessage, InvalidStatus

from devices.evce.schemas import Version
from homeapp import identity
from homeapp.errors import DeviceRefused
from homeapp.identity import LocalAuthority
from homeapp.model.readings import EvceStatus
from kit.evce_street import ALL, DEVICE, NAME, CallError, RawStation, Street, run
from kit.station_keys import Vouching, request

REFUSED_BY_TLS = (ssl.SSLError, ConnectionError, EOFError, InvalidMessage)


@pytest.fixture
def hub(tmp_path: Path) -> Vouching:
    return Vouching(tmp_path)


async def status(street: Street, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with street.station(options.pop("version", Version.V201), **options):
            pass
    code: int = refused.value.response.status_code
    return code


@pytest.mark.parametrize("version", ALL)
def test_a_station_with_its_certificate_needs_no_password_and_none_helps_any_more(
    hub: Vouching, version: Version
) -> None:
    with_certificate = hub.given()

    async def body(street: Street) -> None:
        street.adopt()
        # Given, but not shown yet: the password still opens.
        async with street.station(version) as station:
            assert (await station.boot())["status"] == "Accepted"
        async with street.station(version, password=None, ssl=with_certificate) as station:
            assert (await station.boot())["status"] == "Accepted"
            await street.register.until_status(EvceStatus.AVAILABLE)
        assert await status(street, version=version) == 403
        assert hub.issued.refusal(DEVICE, None) is not None

    run((hub.server, hub.client()), body, certificates=hub.issued)


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_3, ""),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384"),
    ],
    ids=["1.3", "1.2 with the hub's EC key", "1.2 with the hub's RSA key"],
)
def test_a_station_with_an_rsa_key_comes_in_with_its_certificate_of_the_hubs_ec_authority(
    hub: Vouching, version: ssl.TLSVersion, ciphers: str
) -> None:
    with_certificate = hub.given(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    with_certificate.minimum_version = with_certificate.maximum_version = version
    if ciphers:
        with_certificate.set_ciphers(ciphers)

    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201, password=None, ssl=with_certificate) as station:
            assert (await station.boot())["status"] == "Accepted"
            state = await street.register.until_status(EvceStatus.AVAILABLE)
            assert state.security_profile == 3

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_a_weak_rsa_key_is_refused_with_a_sentence(hub: Vouching) -> None:
    # As short as the library makes them.
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is what is refused
    with pytest.raises(DeviceRefused, match="neither on P-256 nor RSA of at least 2048 bits"):
        hub.given(key=weak)


def test_certificates_that_do_not_open_this_door(
    hub: Vouching, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "foreign").mkdir()
    foreign = Vouching(tmp_path / "foreign")
    of_another, old, of_a_stranger = hub.given("ocpp:other", "other"), hub.given("ocpp:old", "old"), foreign.given()
    of_a_stranger.load_verify_locations(cadata=hub.authority.ca_pem)
    hub.issued.revoke("ocpp:old")

    async def body(street: Street) -> None:
        for name in (NAME, "other", "old"):
            street.adopt(name)
        for _ in range(2):
            assert await status(street, ssl=of_another) == 403
            assert await status(street, name="old", ssl=old) == 403
            with pytest.raises(REFUSED_BY_TLS):
                async with street.station(Version.V201, ssl=of_a_stranger):
                    pass
        # Not of this home any more, although nobody has revoked it: it may knock.
        del street.register.passwords["ocpp:other"]
        async with street.station(Version.V201, name="other", password=None, ssl=of_another) as station:
            assert (await station.boot())["status"] == "Pending"
        async with street.secured(Version.V201):
            pass

    with caplog.at_level(logging.WARNING):
        run((hub.server, hub.client()), body, certificates=hub.issued)
    said = [record.getMessage() for record in caplog.records if "refused at the door" in record.getMessage()]
    assert len(said) == len(set(said)) == 3
    for words in ("another charger", "was revoked", "certificate does not hold"):
        assert any(words in line for line in said)


def test_an_expired_certificate_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hub = Vouching(tmp_path)
    then = LocalAuthority(hub.secrets, tmp_path, lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=366))
    hub.issued._authority = then
    expired = hub.given()

    async def body(street: Street) -> None:
        street.adopt()
        for _ in range(2):
            with pytest.raises(REFUSED_BY_TLS):
                async with street.station(Version.V21, ssl=expired):
                    pass

    with caplog.at_level(logging.WARNING):
        run((hub.server, hub.client()), body, certificates=hub.issued)
    assert sum("certificate has expired" in record.getMessage() for record in caplog.records) == 1


def test_nobody_is_asked_for_a_certificate_before_one_was_issued(hub: Vouching, tmp_path: Path) -> None:
    (tmp_path / "maker").mkdir()
    made_by_its_maker = Vouching(tmp_path / "maker").given()
    made_by_its_maker.load_verify_locations(cadata=hub.authority.ca_pem)

    async def body(street: Street) -> None:
        async with street.secured(Version.V16, ssl=made_by_its_maker):
            pass
        hub.given("ocpp:other", "other")
        street.endpoint._ask_for_certificates()
        with pytest.raises(REFUSED_BY_TLS):
            async with street.station(Version.V16, ssl=made_by_its_maker):
                pass

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_old_tls_and_other_cipher_suites_are_refused_and_said_once(
    hub: Vouching, caplog: pytest.LogCaptureFixture
) -> None:
    old, weak = hub.client(), hub.client()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305")
    good = hub.client()
    good.maximum_version = ssl.TLSVersion.TLSv1_2

    async def body(street: Street) -> None:
        street.adopt()
        for context in (old, weak, old, weak):
            with pytest.raises(REFUSED_BY_TLS):
                async with street.station(Version.V16, ssl=context):
                    pass
        async with street.station(Version.V16, ssl=good) as station:
            spoken = station.socket.transport.get_extra_info("ssl_object")
            assert spoken.version() == "TLSv1.2"
            assert spoken.cipher()[0] in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
            assert spoken.compression() is None

    with caplog.at_level(logging.WARNING):
        run((hub.server, hub.client()), body, certificates=hub.issued)
    said = [record.getMessage() for record in caplog.records if "refused at the door" in record.getMessage()]
    assert len(said) == 2
    assert "TLS 1.2" in said[0]
    assert "cipher suite" in said[1]


@pytest.mark.parametrize("version", ALL)
def test_without_encryption_only_on_a_port_of_its_own_and_told_to_the_owner(hub: Vouching, version: Version) -> None:
    with_certificate = hub.given()

    async def body(street: Street) -> None:
        async with street.secured(version, ssl=None):
            state = street.register.state
            assert state is not None
            assert "not encrypted" in (state.problem or "")
        await street.register.until_status(EvceStatus.OFFLINE)
        assert await status(street, version=version, ssl=None, password="wrong") == 401
        async with street.secured(version):
            assert street.register.state is not None
            assert street.register.state.problem is None
        # Whoever has a certificate does not get in with less.
        async with street.station(version, ssl=with_certificate, password=None):
            await street.register.until_status(EvceStatus.STARTING)
        assert await status(street, version=version, ssl=None) == 403

    run((hub.server, hub.client()), body, certificates=hub.issued, unencrypted_port=0)


def test_the_unencrypted_port_is_shut_by_default(hub: Vouching) -> None:
    async def body(street: Street) -> None:
        assert street.endpoint.unencrypted_port is None
        street.endpoint.unencrypted_port = street.endpoint.port
        with pytest.raises(REFUSED_BY_TLS):
            async with street.station(Version.V16, ssl=None):
                pass

    run((hub.server, hub.client()), body)


def test_a_station_that_names_no_protocol_needs_the_installers_word(hub: Vouching) -> None:
    async def body(street: Street) -> None:
        street.adopt()
        street.adopt("other")
        assert await status(street, name="other", subprotocols=None) == 400
        assert await status(street, subprotocols=["ocpp2.0"]) == 400
        async with street.station(Version.V201, subprotocols=None) as station:
            assert station.version is Version.V16
            assert (await station.boot())["status"] == "Accepted"
        async with street.station(Version.V201) as station:
            assert station.version is Version.V201

    run((hub.server, hub.client()), body, no_subprotocol=[NAME])


def test_a_forgotten_stations_certificate_is_revoked_at_once(hub: Vouching) -> None:
    with_certificate = hub.given()

    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V21, password=None, ssl=with_certificate) as station:
            await station.boot()
            del street.register.passwords[DEVICE]
            await street.endpoint.forget(DEVICE)
            await asyncio.wait_for(station.socket.wait_closed(), 10)
            assert street.endpoint.evce(DEVICE) is None
        # It may knock, as anybody may.
        async with street.station(Version.V21, password=None, ssl=with_certificate) as station:
            assert (await station.boot())["status"] == "Pending"
        # Adopted anew by its password, it is not let in by its old certificate.
        street.adopt()
        assert await status(street, password=None, ssl=with_certificate) == 403
        assert street.register.turned == [(DEVICE, street.register.turned[0][1])]
        assert "was revoked" in street.register.turned[0][1]
        async with street.station(Version.V21):
            pass

    run((hub.server, hub.client()), body, certificates=hub.issued)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("takes_a_password", [True, False])
def test_a_forgotten_station_is_adopted_anew_with_another_certificate(
    hub: Vouching, version: Version, takes_a_password: bool
) -> None:
    old, key = hub.given(), ec.generate_private_key(ec.SECP256R1())
    hub.issued.revoke(DEVICE)

    async def body(street: Street) -> None:
        async with street.station(version, password=None, ssl=old) as station:
            await station.boot()
            if not takes_a_password:
                station.answers["ChangeConfiguration"] = {"status": "NotSupported"}
                station.answers["SetVariables"] = {
                    "setVariableResult": [
                        {"attributeStatus": "Rejected", "component": {"name": "x"}, "variable": {"name": "y"}}
                    ]
                }
            asked = {"csr": request(key)}
            # Only while the owner is adopting it.
            with pytest.raises(CallError):
                await station.call("SignCertificate", asked)
            enrolling = asyncio.create_task(street.endpoint.enrol(DEVICE))
            await station.until_called(lambda _, payload: str(payload.get("requestedMessage")).startswith("Sign"))
            assert await station.call("SignCertificate", asked) == {"status": "Accepted"}
            signed = await station.until_called(lambda action, _: action == "CertificateSigned")
            street.adopt(password=await enrolling)
        new = hub.client(signed["certificateChain"], key)
        async with street.station(version, password=None, ssl=new) as station:
            assert (await station.boot())["status"] == "Accepted"
        assert await status(street, version=version, password=None, ssl=old) == 403

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_strangers_do_not_disturb_a_station_that_is_connected(hub: Vouching) -> None:
    with_certificate = hub.given()

    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201, password=None, ssl=with_certificate) as station:
            await station.boot()
            await street.register.until_status(EvceStatus.AVAILABLE)
            assert await status(street, password="wrong") == 403
            assert await status(street) == 403
            assert await status(street, ssl=None) == 403
            assert (await station.call("Heartbeat", {}))["currentTime"]
            assert street.register.state is not None
            assert street.register.state.connected

    run((hub.server, hub.client()), body, certificates=hub.issued, unencrypted_port=0)


def test_a_new_certificate_of_the_hub_costs_no_connection(hub: Vouching) -> None:
    async def serial(station: RawStation) -> str:
        assert (await station.call("Heartbeat", {}))["currentTime"]
        return str(station.socket.transport.get_extra_info("ssl_object").getpeercert()["serialNumber"])

    async def body(street: Street) -> None:
        street.adopt()
        street.adopt("other")
        async with street.station(Version.V201) as station:
            before = await serial(station)
            await asyncio.to_thread(identity.renew, hub.server, hub.authority, ["a-new-name.home"])
            async with street.station(Version.V201, name="other") as other:
                assert await serial(other) != before
            assert await serial(station) == before

    run((hub.server, hub.client()), body, certificates=hub.issued)


def test_of_two_that_come_with_the_certificate_at_once_the_later_one_is_the_station(hub: Vouching) -> None:
    with_certificate = hub.given()
    noting, noted = threading.Event(), threading.Event()
    shown_by = hub.issued.shown_by

    def slowly(device_id: str, serial: str) -> None:
        if not noting.is_set():
            noting.set()
            assert noted.wait(10)
        shown_by(device_id, serial)

    hub.issued.shown_by = slowly  # type: ignore[method-assign]

    async def body(street: Street) -> None:
        street.adopt()
        async with street.station(Version.V201, password=None, ssl=with_certificate) as older:
            await asyncio.to_thread(noting.wait, 10)
            async with street.station(Version.V201, password=None, ssl=with_certificate) as newer:
                await newer.boot()
                await street.register.until_status(EvceStatus.AVAILABLE)
                evce = street.endpoint.evce(DEVICE)
                assert evce is not None
                session = evce.session
                noted.set()
                await asyncio.wait_for(older.socket.wait_closed(), 10)
                await newer.call("Heartbeat", {})
                assert evce.session is session

    run((hub.server, hub.client()), body, certificates=hub.issued)
