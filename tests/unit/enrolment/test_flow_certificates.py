"""What is kept as the hub's certificate and as the list of revoked ones, and what is refused."""

import base64
import os
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from homeapp import identity
from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.enrolment.certificates import FlowCertificates
from homeapp.enrolment.revocation_list import read_list
from homeapp.errors import MessageRejected, ProviderRefused, ProviderUnreachable, SettingsInvalid
from homeapp.model.pairing import Enrolment
from homeapp.pairing.descriptor import Descriptor, read_descriptor
from kit.secret_store import MemorySecrets

HUB = "Chub-0001-evc"
OPERATOR, FOREIGN = StreetAuthority(), StreetAuthority()
DAY = timedelta(days=1)
CRL_URL = "http://m2m.example/revoked.crl"


KEY_PEM = identity.hub_key_pem(MemorySecrets())
CSR = identity.certificate_request(KEY_PEM, HUB).encode()


class Now:
    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


def descriptor_with(*, authority: StreetAuthority = OPERATOR, hub: str = HUB, crl_url: str = "") -> Descriptor:
    company = Company(
        sp_id="evc_sp",
        name="Provider",
        ae_id="Cevc-sp",
        signing_key=SigningKey().public_jwk,
        encryption_key=SigningKey().public_jwk,
        hub_ae_id=hub,
    )
    address = OperatorAddress(
        broker_host="m2m.example", broker_port=8883, ca_pem=authority.ca_pem.decode(), crl_url=crl_url
    )
    return read_descriptor(descriptors.descriptor_json(company, address))


PLAIN = descriptor_with()
WITH_LIST = descriptor_with(crl_url=CRL_URL)


def a_list(authority: StreetAuthority = OPERATOR, life: timedelta = DAY) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(authority.revocation_list(life))


def issued(life: timedelta = 10 * DAY, authority: StreetAuthority = OPERATOR) -> str:
    return authority.sign_request(CSR, HUB, life=life).decode()


def other_key() -> str:
    return OPERATOR.issue_client(HUB).certificate_pem.decode()


def other_name() -> str:
    csr = identity.certificate_request(KEY_PEM, "Chub-0001-pev").encode()
    return OPERATOR.sign_request(csr, "Chub-0001-pev").decode()


def for_servers() -> str:
    return by_hand(OPERATOR, [x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])])


def without_usage() -> str:
    return by_hand(OPERATOR, [])


def by_hand(authority: StreetAuthority, extensions: list[x509.ExtensionType]) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HUB)])
    public = x509.load_pem_x509_csr(CSR).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(authority._name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - DAY)
        .not_valid_after(datetime.now(UTC) + DAY)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority._key.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(authority._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.usecase("W4", "W9")
def test_a_certificate_that_was_brought_in_is_used_by_the_next_hub_too(tmp_path: Path) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    assert certificates.standing(PLAIN).enrolment is Enrolment.NEEDED
    with pytest.raises(ProviderRefused, match="no certificate"):
        certificates.context(PLAIN)
    pem = issued()
    certificates.bring_in(PLAIN, "Bag Attributes: whatever\n" + OPERATOR.ca_pem.decode() + pem)
    again = FlowCertificates(tmp_path, KEY_PEM)
    standing = again.standing(PLAIN)
    assert standing.enrolment is Enrolment.VALID
    assert standing.not_after == x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    assert again.context(PLAIN).check_hostname
    path = tmp_path / "certificates" / "evc_sp.pem"
    assert path.read_text() == pem
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_request_is_for_the_flow() -> None:
    request = x509.load_pem_x509_csr(FlowCertificates(Path("unused"), KEY_PEM).request(PLAIN).encode())
    assert [str(item.value) for item in request.subject] == [HUB]
    assert request.is_signature_valid


@pytest.mark.usecase("W4")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: issued(authority=FOREIGN), "not by the system operator"),
        (lambda: issued(life=-DAY), "expired"),
        (other_key, "not for the hub's key"),
        (other_name, f"not for {HUB}"),
        (for_servers, "client of a TLS"),
        (without_usage, "client of a TLS"),
        (OPERATOR.ca_pem.decode, "not for the hub's key"),
        (lambda: "nonsense", "no certificate"),
        (lambda: "", "no certificate"),
        (lambda: "x" * 70_000, "64 kB"),
        (lambda: issued() * 11, "not for the hub's key"),
    ],
    ids=[
        "foreign",
        "expired",
        "other key",
        "other name",
        "server's",
        "no usage",
        "CA",
        "nonsense",
        "empty",
        "large",
        "many",
    ],
)
def test_what_does_not_fit_is_refused_and_the_one_before_stays(
    tmp_path: Path, make: Callable[[], str], words: str
) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(PLAIN, issued())
    before = certificates.standing(PLAIN)
    with pytest.raises(SettingsInvalid, match=words):
        certificates.bring_in(PLAIN, make())
    assert certificates.standing(PLAIN) == before


def test_a_certificate_of_tomorrow_hints_at_the_clock(tmp_path: Path) -> None:
    now = Now()
    now.at -= 3 * DAY
    with pytest.raises(SettingsInvalid, match="clock"):
        FlowCertificates(tmp_path, KEY_PEM, now).bring_in(PLAIN, issued())


def test_an_expired_certificate_is_said_and_not_shown(tmp_path: Path) -> None:
    now = Now()
    certificates = FlowCertificates(tmp_path, KEY_PEM, now)
    certificates.bring_in(PLAIN, issued(10 * DAY))
    now.at += 11 * DAY
    standing = certificates.standing(PLAIN)
    assert standing.enrolment is Enrolment.EXPIRED
    assert standing.renewal_due is None
    with pytest.raises(ProviderRefused, match="expired"):
        certificates.context(PLAIN)


def test_it_is_renewed_when_two_thirds_of_its_use_are_over_however_it_was_dated_back(tmp_path: Path) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(PLAIN, issued(timedelta(hours=3)))
    got = datetime.now(UTC)
    due = certificates.standing(PLAIN).renewal_due
    assert due is not None
    assert abs(due - (got + timedelta(hours=2))) < timedelta(minutes=1)
    # A restored backup says that it was written later, or earlier than the certificate was made.
    os.utime(tmp_path / "certificates" / "evc_sp.pem", (0, 0))
    assert certificates.standing(PLAIN).renewal_due < got  # type: ignore[operator]
    os.utime(tmp_path / "certificates" / "evc_sp.pem", (2e9, 2e9))
    standing = certificates.standing(PLAIN)
    assert standing.renewal_due == standing.not_after


def test_a_certificate_that_outlives_the_authority_is_good_as_long_as_both_are(tmp_path: Path) -> None:
    now = Now()
    certificates = FlowCertificates(tmp_path, KEY_PEM, now)
    certificates.bring_in(PLAIN, issued(365 * DAY))
    assert certificates.standing(PLAIN).enrolment is Enrolment.VALID
    now.at += 90 * DAY
    assert certificates.standing(PLAIN).enrolment is Enrolment.NEEDED


@pytest.mark.parametrize(
    "other", [descriptor_with(authority=FOREIGN), descriptor_with(hub="Chub-0002-evc")], ids=["operator", "AE-ID"]
)
def test_a_certificate_of_another_pairing_is_none(tmp_path: Path, other: Descriptor) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(PLAIN, issued())
    assert certificates.standing(other).enrolment is Enrolment.NEEDED
    another_hub = FlowCertificates(tmp_path, identity.hub_key_pem(MemorySecrets()))
    assert another_hub.standing(PLAIN).enrolment is Enrolment.NEEDED


def test_a_damaged_file_means_no_certificate(tmp_path: Path) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(WITH_LIST, issued())
    certificates.keep_list(WITH_LIST, a_list())
    for name in ("evc_sp.pem", "evc_sp.crl.pem"):
        (tmp_path / "certificates" / name).write_text("nonsense")
    assert certificates.standing(WITH_LIST).enrolment is Enrolment.NEEDED
    assert certificates.revocation_list(WITH_LIST) is None


def test_nothing_is_left_of_a_flow_that_is_forgotten(tmp_path: Path) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(WITH_LIST, issued())
    certificates.keep_list(WITH_LIST, a_list())
    certificates.forget("evc_sp")
    certificates.forget("evc_sp")
    assert list((tmp_path / "certificates").iterdir()) == []


@pytest.mark.usecase("W4")
def test_without_the_list_that_the_operator_keeps_there_is_no_connection(tmp_path: Path) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(WITH_LIST, issued())
    for make in (certificates.context, certificates.trust):
        with pytest.raises(ProviderUnreachable, match="list of revoked"):
            make(WITH_LIST)
    # One of another operator is none.
    certificates.keep_list(WITH_LIST, a_list(FOREIGN))
    with pytest.raises(ProviderUnreachable):
        certificates.context(WITH_LIST)
    certificates.keep_list(WITH_LIST, a_list())
    assert certificates.context(WITH_LIST)
    assert certificates.trust(WITH_LIST)


@pytest.mark.usecase("W4", "W9")
def test_a_revoked_certificate_is_not_shown_and_not_taken_again(tmp_path: Path) -> None:
    operator = StreetAuthority()
    descriptor = descriptor_with(authority=operator, crl_url=CRL_URL)
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    pem = issued(authority=operator)
    certificates.bring_in(descriptor, pem)
    operator.revoke(pem.encode())
    certificates.keep_list(descriptor, a_list(operator))
    assert certificates.standing(descriptor).enrolment is Enrolment.REVOKED
    with pytest.raises(ProviderRefused, match="revoked"):
        certificates.context(descriptor)
    with pytest.raises(SettingsInvalid, match="revoked"):
        certificates.bring_in(descriptor, pem)
    certificates.bring_in(descriptor, issued(authority=operator))
    assert certificates.standing(descriptor).enrolment is Enrolment.VALID


def rejection(content: bytes, kept: x509.CertificateRevocationList | None = None, now: datetime | None = None) -> str:
    with pytest.raises(MessageRejected) as caught:
        read_list(content, OPERATOR.ca_pem.decode(), now or datetime.now(UTC), kept)
    return caught.value.code


@pytest.mark.usecase("W4", "W6")
def test_only_a_list_of_the_operator_in_force_and_no_older_one_is_taken() -> None:
    older, newer = OPERATOR.revocation_list(), OPERATOR.revocation_list()
    ca, now = OPERATOR.ca_pem.decode(), datetime.now(UTC)
    kept = read_list(newer, ca, now, x509.load_pem_x509_crl(older))
    assert read_list(kept.public_bytes(serialization.Encoding.DER), ca, now, kept) == kept
    assert rejection(older, kept) == "replay"
    assert rejection(FOREIGN.revocation_list()) == "signature"
    assert rejection(OPERATOR.revocation_list(-DAY / 24)) == "expired"
    assert rejection(newer, now=now - 30 * DAY) == "expired"
    tampered = bytearray(kept.public_bytes(serialization.Encoding.DER))
    tampered[-1] ^= 1
    assert rejection(bytes(tampered)) == "signature"


def test_a_list_of_changes_is_not_a_list() -> None:
    builder = x509.CertificateRevocationListBuilder().issuer_name(OPERATOR._name).last_update(datetime.now(UTC) - DAY)
    builder = builder.next_update(datetime.now(UTC) + DAY).add_extension(x509.DeltaCRLIndicator(1), critical=True)
    delta = builder.sign(OPERATOR._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert rejection(delta) == "schema"


@given(st.binary(max_size=300))
def test_any_bytes_as_a_list_are_rejected_and_never_crash(content: bytes) -> None:
    assert rejection(content) == "schema"
    assert rejection(b"-----BEGIN X509 CRL-----\n" + content) == "schema"


def test_a_certificate_that_outlives_its_authority_is_good_until_its_own_end(tmp_path: Path) -> None:
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    certificates.bring_in(PLAIN, issued(life=400 * DAY))
    assert certificates.standing(PLAIN).enrolment is Enrolment.VALID


def der(pem: bytes | str, kind: str, old: str, new: str) -> bytes:
    """A certificate or a list with other bytes (hex) inside."""
    text = pem if isinstance(pem, str) else pem.decode()
    body = "".join(text.partition(f"-----BEGIN {kind}-----")[2].partition("-----END")[0].split())
    found = base64.b64decode(body)
    assert bytes.fromhex(old) in found
    return found.replace(bytes.fromhex(old), bytes.fromhex(new), 1)


@pytest.mark.usecase("W6")
def test_a_list_of_a_version_that_there_is_not_is_refused() -> None:
    assert rejection(der(OPERATOR.revocation_list(), "X509 CRL", "020101300a", "020148300a")) == "schema"


def test_a_certificate_for_an_unknown_kind_of_key_is_passed_over(tmp_path: Path) -> None:
    odd = der(other_key(), "CERTIFICATE", "06082a8648ce3d030107", "06082a8648ce3d030109")
    certificates = FlowCertificates(tmp_path, KEY_PEM)
    with pytest.raises(SettingsInvalid, match="not for the hub's key"):
        certificates.bring_in(PLAIN, ssl.DER_cert_to_PEM_cert(odd))
    certificates.bring_in(PLAIN, ssl.DER_cert_to_PEM_cert(odd) + issued())
    assert certificates.standing(PLAIN).enrolment is Enrolment.VALID
