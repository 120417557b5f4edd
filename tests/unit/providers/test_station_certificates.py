"""Which requests of stations the hub signs, and which certificates hold."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import DeviceRefused, EnvironmentProblem
from homeapp.identity import IssuedCertificates, LocalAuthority
from kit.secret_store import MemorySecrets
from kit.station_keys import ORGANIZATION, Vouching, request

KEY = ec.generate_private_key(ec.SECP256R1())
STATION, NAMES = "ocpp:box", ("box", "SN-1")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Vouching:
    return Vouching(tmp_path_factory.mktemp("home"))


def serial_of(chain_pem: str) -> str:
    return f"{x509.load_pem_x509_certificate(chain_pem.encode()).serial_number:x}"


def usage(**wanted: bool) -> x509.KeyUsage:
    every = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return x509.KeyUsage(**(every | wanted))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", [KEY, rsa.generate_private_key(65537, 2048)], ids=["P-256", "RSA-2048"])
def test_a_good_request_is_signed(home: Vouching, name: str, key: ec.EllipticCurvePrivateKey) -> None:
    chain = home.issued.sign(STATION, NAMES, request(key, name=name, wishes=(usage(digital_signature=True),)))
    certificate, authority = x509.load_pem_x509_certificates(chain.encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == key.public_key()
    subject = {part.oid: part.value for part in certificate.subject}
    assert subject == {NameOID.COMMON_NAME: name, NameOID.ORGANIZATION_NAME: ORGANIZATION}
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    life = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=364) < life <= timedelta(days=365)


@pytest.mark.parametrize(
    ("csr", "objection"),
    [
        (request(KEY, name="another"), "common name"),
        (request(KEY, name="box", organization=None), "organization"),
        (request(KEY, name="box", organization="Somebody else"), "organization"),
        (request(ec.generate_private_key(ec.SECP384R1()), name="box"), "P-256"),
        (request(rsa.generate_private_key(65537, 1024), name="box"), "2048"),  # noqa: S505 - that is the point
        (request(KEY, name="box", wishes=(x509.BasicConstraints(ca=True, path_length=None),)), "authority"),
        (request(KEY, name="box", wishes=(usage(key_cert_sign=True),)), "authority"),
        (request(KEY, name="box", wishes=(usage(crl_sign=True),)), "authority"),
        ("", "cannot be read"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "cannot be read"),
        ("x" * 6000, "cannot be read"),
        ("\u20ac", "cannot be read"),
    ],
)
def test_other_requests_are_not(home: Vouching, csr: str, objection: str) -> None:
    assert objection in (home.issued.objection(STATION, NAMES, csr) or "")
    with pytest.raises(DeviceRefused, match=objection):
        home.issued.sign(STATION, NAMES, csr)


def test_a_request_that_was_changed_after_it_was_signed_is_not(home: Vouching) -> None:
    der = x509.load_pem_x509_csr(request(KEY, name="boy").encode()).public_bytes(serialization.Encoding.DER)
    text = base64.encodebytes(der.replace(b"boy", b"box")).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"
    assert "own key" in (home.issued.objection(STATION, NAMES, pem) or "")


@given(text=st.text(max_size=200))
def test_any_text_is_an_objection_and_no_error(home: Vouching, text: str) -> None:
    assert home.issued.objection(STATION, NAMES, text) == "it cannot be read"


def test_a_certificate_holds_for_its_station_until_the_next_one_is_shown(tmp_path: Path) -> None:
    home = Vouching(tmp_path)
    issued = home.issued
    assert not issued.in_use
    assert issued.refusal(STATION, None) is None
    first = serial_of(issued.sign(STATION, NAMES, request(KEY, name="box")))
    assert issued.in_use
    # Given but never shown: the password goes on working.
    assert issued.refusal(STATION, None) is None
    assert issued.refusal(STATION, first) is None
    assert "another" in (issued.refusal("ocpp:other", first) or "")
    assert "revoked" in (issued.refusal(STATION, "1234") or "")
    issued.shown_by(STATION, first)
    assert "without" in (issued.refusal(STATION, None) or "")
    second = serial_of(issued.sign(STATION, NAMES, request(KEY, name="box")))
    assert issued.refusal(STATION, first) is None
    third = serial_of(issued.sign(STATION, NAMES, request(KEY, name="box")))
    assert issued.refusal(STATION, second) is not None
    issued.shown_by(STATION, third)
    assert issued.refusal(STATION, first) is not None
    # As a hub that starts anew knows it.
    again = IssuedCertificates(home.authority, tmp_path, organization=ORGANIZATION)
    assert [again.refusal(STATION, serial) is None for serial in (first, second, third, None)] == [
        False, False, True, False,
    ]  # fmt: skip
    again.revoke(STATION)
    # It is still asked for what it has, and told no.
    assert again.in_use
    assert "revoked" in (again.refusal(STATION, third) or "")
    assert again.refusal(STATION, None) is None
    again.shown_by(STATION, third)
    assert again.refusal(STATION, third) is not None
    assert json.loads((tmp_path / "ocpp-stations.json").read_text()) == {STATION: {"issued": [], "required": False}}


def test_a_renewal_may_carry_the_name_of_the_one_before_it(tmp_path: Path) -> None:
    issued = Vouching(tmp_path).issued
    issued.sign(STATION, NAMES, request(KEY, name="SN-1"))
    assert issued.objection(STATION, ["box"], request(KEY, name="SN-1")) is None
    assert issued.objection("ocpp:other", ["other"], request(KEY, name="SN-1")) is not None


def test_renewal_is_due_thirty_days_before_the_end(tmp_path: Path) -> None:
    at = datetime.now(UTC)
    authority = LocalAuthority(MemorySecrets(), tmp_path, lambda: at)
    issued = IssuedCertificates(authority, tmp_path, organization=ORGANIZATION, now=lambda: at)
    assert not issued.renewal_due(STATION)
    issued.sign(STATION, NAMES, request(KEY, name="box"))
    at += timedelta(days=334)
    assert not issued.renewal_due(STATION)
    at += timedelta(days=2)
    assert issued.renewal_due(STATION)


@pytest.mark.parametrize("damage", ["", "[]", '{"ocpp:box": {"issued": 5}}'])
def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path: Path, damage: str) -> None:
    home = Vouching(tmp_path)
    (tmp_path / "ocpp-stations.json").write_text(damage)
    with pytest.raises(EnvironmentProblem, match=r"ocpp-stations\.json"):
        IssuedCertificates(home.authority, tmp_path, organization=ORGANIZATION)
