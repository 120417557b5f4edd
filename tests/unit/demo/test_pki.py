"""The street's certificate authority: what TLS makes of its certificates."""

import ssl
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from homeapp.demo.operator import pki
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import MessageRejected

AUTHORITY = StreetAuthority()


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "127.0.0.1") -> Any:
    """Run a TLS handshake in memory; return the server's view of the client's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    calling = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (calling, serving):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    calling.write(b"x")
    assert serving.read(1) == b"x"
    return serving.getpeercert()


def request(name: str | None, key: Any = None) -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name is not None else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_the_server_is_trusted_under_its_local_names(name: str) -> None:
    assert handshake(AUTHORITY.server_context(), AUTHORITY.client_context(), name) is None


@pytest.mark.usecase("W4")
def test_both_sides_are_trusted_with_strict_checks() -> None:
    client, server = AUTHORITY.client_context("Cevc-sp"), AUTHORITY.server_context(require_client=True)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    certificate = handshake(server, client)
    assert certificate["subject"] == ((("commonName", "Cevc-sp"),),)


def test_another_name_is_not_the_servers() -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="example"):
        handshake(AUTHORITY.server_context(), AUTHORITY.client_context(), "example.org")


@pytest.mark.usecase("W4")
@pytest.mark.parametrize("client", [AUTHORITY.client_context(), None])
def test_a_server_that_requires_a_client_certificate_gets_one_of_the_street(client: ssl.SSLContext | None) -> None:
    if client is None:
        client = StreetAuthority().client_context("Cevc-sp")
        client.load_verify_locations(cadata=AUTHORITY.ca_pem.decode())
    with pytest.raises(ssl.SSLError):
        handshake(AUTHORITY.server_context(require_client=True), client)


def test_another_street_is_not_trusted() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(StreetAuthority().server_context(), AUTHORITY.client_context())


def test_a_client_certificate_does_not_serve() -> None:
    posing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki._load(posing, AUTHORITY.issue_client("localhost"))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(posing, AUTHORITY.client_context(), "localhost")


@pytest.mark.usecase("W9")
def test_a_request_is_signed_for_its_own_key_alone() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = x509.load_pem_x509_certificate(AUTHORITY.sign_request(request("Chub-0001", key), "Chub-0001"))
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(AUTHORITY.ca_pem))
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca


@pytest.mark.usecase("W4")
@pytest.mark.parametrize(
    ("csr", "code"),
    [
        (request("Cevc-sp"), "issuer"),
        (request(None), "issuer"),
        (request("Chub-0001", ec.generate_private_key(ec.SECP384R1())), "value"),
        (request("Chub-0001", rsa.generate_private_key(65537, 2048)), "value"),
        (b"", "schema"),
        (b"x" * 20_000, "schema"),
    ],
    ids=["another name", "no name", "another curve", "RSA", "empty", "too large"],
)
def test_improper_requests_are_rejected(csr: bytes, code: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        AUTHORITY.sign_request(csr, "Chub-0001")
    assert caught.value.code == code


def test_a_request_signed_by_another_key_is_rejected() -> None:
    der = bytearray(x509.load_pem_x509_csr(request("Chub-0001")).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(MessageRejected) as caught:
        AUTHORITY.sign_request(forged, "Chub-0001")
    assert caught.value.code == "signature"


@given(st.binary(max_size=300))
def test_any_bytes_are_rejected_and_never_crash(csr: bytes) -> None:
    with pytest.raises(MessageRejected):
        AUTHORITY.sign_request(csr, "Chub-0001")


def test_keys_lie_on_disk_privately_and_only_while_they_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []

    load = ssl.SSLContext.load_cert_chain

    def spy(context: ssl.SSLContext, path: Path) -> None:
        modes.append(stat.S_IMODE(path.parent.stat().st_mode))
        load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    AUTHORITY.client_context("Cx")
    assert modes == [0o700]
    assert list(tmp_path.iterdir()) == []
