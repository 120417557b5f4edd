"""Security profiles 2 and 3 towards the CSMS over real TLS, and the lost link that no packet tells of."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ocpp.v201.enums import HashAlgorithmEnumType

from devices.evce.frames import Frame
from devices.evce.rpc import RpcPeer
from devices.evce.schemas import Version
from devices.evce.upstream import csms_link
from devices.evce.upstream.csms_link import CsmsAccess, CsmsLink
from devices.evce.upstream.hub_root import PemRoot
from homeapp import identity
from homeapp.errors import SettingsInvalid
from homeapp.identity.csms_tls import CERTIFICATE_FILE, REQUEST_FILE
from homeapp.model.live import LinkState
from kit.clocks import PatientClock
from kit.raw_csms import RawCsms
from kit.secret_store import MemorySecrets

NOON = dt.datetime(2027, 1, 15, 12, tzinfo=dt.UTC)


class Authority:
    """Vouches for the CSMS and for those it knows."""

    def __init__(self, directory: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CSO root")])
        self._certificate = self._issue(self._name, self._key.public_key(), ca=True)
        self.path = directory / "cso.pem"
        self.path.write_text(self.pem)

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, directory: Path, *, mutual: bool) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "csms")])
        chain = self._issue(name, key.public_key()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (directory / "csms.pem").write_bytes(chain + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "csms.pem")
        if mutual:
            context.load_verify_locations(self.path)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def sign(self, request_pem: str) -> str:
        request = x509.load_pem_x509_csr(request_pem.encode())
        assert request.is_signature_valid
        signed = self._issue(request.subject, request.public_key())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def _issue(self, name: x509.Name, public: object, *, ca: bool = False) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(public)  # type: ignore[arg-type]
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        builder = builder.not_valid_after(now + dt.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(own, critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)  # type: ignore[arg-type]
        if ca:
            builder = builder.add_extension(x509.KeyUsage(**_CA_USAGE), critical=True)
        else:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


_CA_USAGE = dict.fromkeys(
    (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "encipher_only", "decipher_only",
    ),
    False,
) | {"key_cert_sign": True, "crl_sign": True}  # fmt: skip


async def _knock(url: str, make_tls: "ssl.SSLContext | SettingsInvalid | None", until: LinkState) -> str | None:
    """One attempt; returns the problem."""
    told: list[tuple[LinkState, str | None]] = []
    news = asyncio.Event()

    def tell(state: LinkState, problem: str | None) -> None:
        told.append((state, problem))
        news.set()

    async def tls() -> ssl.SSLContext | None:
        if isinstance(make_tls, SettingsInvalid):
            raise make_tls
        return make_tls

    async def password() -> str:
        return "open-sesame"

    async def serve(_frame: Frame) -> dict[str, object]:
        return {}

    async def use(_peer: RpcPeer) -> None:
        tell(LinkState.UP, None)
        await asyncio.Event().wait()

    access = CsmsAccess(name="Example", url=url, tls=tls, password=password, how_to_mend="Mend it.")
    link = CsmsLink(access, "box", PatientClock(NOON), tell)
    keeping = asyncio.create_task(link.keep(Version.V201, serve, use))
    try:
        async with asyncio.timeout(10):
            while told[-1:] == [] or told[-1][0] is not until:
                news.clear()
                await news.wait()
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
    return told[-1][1]


def test_a_csms_that_nobody_vouches_for_gets_no_password(tmp_path: Path) -> None:
    async def main() -> None:
        trusted, other, csms = Authority(tmp_path), Authority(tmp_path), RawCsms()
        trusted.path.write_text(trusted.pem)
        async with csms.open(ssl=trusted.server_context(tmp_path, mutual=False)):
            url = f"wss://127.0.0.1:{csms.port}/x"
            assert await _knock(url, identity.csms_context(str(trusted.path)), LinkState.UP) is None
            assert csms.knocks[0][1]["Authorization"].startswith("Basic ")
            other.path.write_text(other.pem)
            for ca_file in (str(other.path), ""):
                problem = await _knock(url, identity.csms_context(ca_file), LinkState.DOWN)
                assert "does not trust" in str(problem)
            assert len(csms.knocks) == 1

    asyncio.run(main())


def test_the_hub_shows_a_certificate_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        authority, csms, secrets = Authority(tmp_path), RawCsms(), MemorySecrets()
        context = identity.csms_context(str(authority.path))
        with pytest.raises(SettingsInvalid, match=r"Have it sign .*csms-client\.csr"):
            identity.show_hub(context, secrets, tmp_path, "hub-1")
        request = (tmp_path / REQUEST_FILE).read_text()
        (tmp_path / CERTIFICATE_FILE).write_text(authority.sign(request))
        async with csms.open(ssl=authority.server_context(tmp_path, mutual=True)):
            url = f"wss://127.0.0.1:{csms.port}/x"
            problem = await _knock(url, identity.csms_context(str(authority.path)), LinkState.DOWN)
            assert "ends the connection" in str(problem)
            identity.show_hub(context, secrets, tmp_path, "hub-1")
            assert await _knock(url, context, LinkState.UP) is None
            assert csms.certificate["subject"] == ((("commonName", "hub-1"),),)
        assert (tmp_path / REQUEST_FILE).read_text() == request
        assert identity.CSMS_KEY in secrets.kept
        (tmp_path / CERTIFICATE_FILE).write_text(authority.pem)
        with pytest.raises(SettingsInvalid, match="no certificate for the hub's key"):
            identity.show_hub(context, secrets, tmp_path, "hub-1")
        with pytest.raises(SettingsInvalid, match="ca_file"):
            identity.csms_context(str(tmp_path / "nowhere.pem"))

    asyncio.run(main())


def test_a_link_that_is_lost_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csms_link, "PING_S", 0.05)

    async def main() -> None:
        csms = RawCsms()
        async with csms.open():
            knocking = asyncio.create_task(_knock(f"ws://127.0.0.1:{csms.port}/x", None, LinkState.DOWN))
            await csms.until(lambda: csms.connection is not None)
            assert csms.connection is not None
            csms.connection.transport.pause_reading()
            assert "was lost" in str(await knocking)

    asyncio.run(main())


@pytest.mark.parametrize("algorithm", [item.value for item in HashAlgorithmEnumType])
def test_the_hubs_root_is_known_by_its_hashes(tmp_path: Path, algorithm: str) -> None:
    authority = identity.LocalAuthority(MemorySecrets(), tmp_path)
    pem = authority.ca_file.read_text()
    certificate = x509.load_pem_x509_certificate(pem.encode())
    root = PemRoot(pem)

    def digest(data: bytes) -> str:
        made = hashes.Hash({"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}[algorithm]())
        made.update(data)
        return made.finalize().hex()

    point = certificate.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    data = {
        "hashAlgorithm": algorithm,
        "issuerNameHash": digest(certificate.issuer.public_bytes()).upper(),
        "issuerKeyHash": digest(point),
        "serialNumber": f"{certificate.serial_number:X}",
    }
    assert root.is_meant(data)
    assert not root.is_meant(data | {"serialNumber": "1"})
    assert not root.is_meant(data | {"serialNumber": "no number"})
    assert not root.is_meant(data | {"hashAlgorithm": "MD5"})
    assert not root.is_meant({})
    others = {"issuerNameHash": "00", "issuerKeyHash": "00"}
    assert not root.is_meant(data | others)
