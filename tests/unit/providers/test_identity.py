"""The hub's key, its local authority and the TLS contexts, shaken hands over real sockets."""

import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from homeapp import identity
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.errors import EnvironmentProblem, SecretStoreUnavailable, SettingsInvalid
from homeapp.identity import LocalAuthority
from homeapp.identity.files import write_whole
from homeapp.providers.jose import HubSigner, verification_key
from homeapp.redaction import redacted
from homeapp.settings import SecretPlace
from kit.secret_store import MemorySecrets


class Now:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


def certificate(pem: str | bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)


def names_in(chain_pem: str) -> tuple[set[str], set[str]]:
    names = certificate(chain_pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName)), {str(a) for a in names.get_values_for_type(x509.IPAddress)}


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """The TLS version agreed on; raises what the client sees."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    with server.wrap_socket(connection, server_side=True) as wrapped:
                        wrapped.sendall(b"!" + (wrapped.getpeercert(binary_form=True) or b""))
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as plain,
                client.wrap_socket(plain, server_hostname=name) as wrapped,
            ):
                if not wrapped.recv(1):
                    raise ssl.SSLError("the server closed the connection")
                return wrapped.version()
        finally:
            thread.join(10)


def trusting(ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    return context


def test_the_hubs_key_is_made_once() -> None:
    secrets = MemorySecrets()
    pem = identity.hub_key_pem(secrets)
    assert identity.hub_key_pem(secrets) == pem
    assert secrets.kept == {"hub.key": pem}
    assert identity.hub_key_pem(MemorySecrets()) != pem


def test_a_home_never_gets_a_second_key_in_silence(tmp_path: Path) -> None:
    """Its providers would take it for a stranger; the old place of its secrets is told."""
    keyring, elsewhere = MemorySecrets(SecretPlace.KEYRING), MemorySecrets(SecretPlace.CREDENTIAL)
    pem = identity.home_key_pem(keyring, tmp_path)
    assert identity.home_key_pem(keyring, tmp_path) == pem
    with pytest.raises(SecretStoreUnavailable, match=r"kept in: keyring.*looked in: credential"):
        identity.home_key_pem(elsewhere, tmp_path)
    assert elsewhere.kept == {}
    identity.hub_key_pem(elsewhere)
    with pytest.raises(SecretStoreUnavailable, match=r"hub-key\.json"):
        identity.home_key_pem(elsewhere, tmp_path)
    assert identity.home_key_pem(keyring, tmp_path) == pem


def test_secrets_that_have_moved_house_are_welcome(tmp_path: Path) -> None:
    keyring, elsewhere = MemorySecrets(SecretPlace.KEYRING), MemorySecrets(SecretPlace.CREDENTIAL)
    pem = identity.home_key_pem(keyring, tmp_path)
    elsewhere.kept.update(keyring.kept)
    assert identity.home_key_pem(elsewhere, tmp_path) == pem
    with pytest.raises(SecretStoreUnavailable, match="kept in: credential"):
        identity.home_key_pem(MemorySecrets(SecretPlace.KEYRING), tmp_path)


@pytest.mark.parametrize("damage", ["", "{}", "nonsense"])
def test_a_damaged_note_of_the_key_is_mended_only_where_the_key_is_there(tmp_path: Path, damage: str) -> None:
    secrets = MemorySecrets()
    pem = identity.home_key_pem(secrets, tmp_path)
    note = (tmp_path / "hub-key.json").read_text()
    assert json.loads(note)["jwk"] == identity.public_jwk(pem)
    (tmp_path / "hub-key.json").write_text(damage)
    with pytest.raises(SecretStoreUnavailable):
        identity.home_key_pem(MemorySecrets(), tmp_path)
    assert identity.home_key_pem(secrets, tmp_path) == pem
    assert (tmp_path / "hub-key.json").read_text() == note


@pytest.mark.parametrize("damage", ["", "nonsense", "rsa"])
def test_a_damaged_key_is_not_replaced_in_silence(damage: str) -> None:
    secrets = MemorySecrets()
    secrets.set("hub.key", damage)
    with pytest.raises(SecretStoreUnavailable):
        identity.hub_key_pem(secrets)
    assert secrets.kept["hub.key"] == damage


def test_the_public_jwk_fits_the_signer_and_tells_no_secret() -> None:
    pem = identity.hub_key_pem(MemorySecrets())
    jwk = identity.public_jwk(pem)
    assert set(jwk) == {"kty", "crv", "x", "y", "kid"}
    assert verification_key(jwk).key_id == jwk["kid"] == HubSigner(pem).key_id


def test_the_encryption_key_is_another_one_and_is_missed_when_it_is_lost(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    keys = identity.home_keys(secrets, tmp_path)
    assert secrets.kept == {"hub.key": keys.sign_pem, "hub.encryption_key": keys.encryption_pem}
    assert identity.home_keys(secrets, tmp_path) == keys
    assert identity.home_key_pem(secrets, tmp_path) == keys.sign_pem
    assert "PRIVATE" not in repr(keys)
    lost = MemorySecrets()
    lost.kept["hub.key"] = keys.sign_pem
    with pytest.raises(SecretStoreUnavailable, match=r"hub-key\.json"):
        identity.home_keys(lost, tmp_path)
    lost.kept["hub.encryption_key"] = identity.hub_key_pem(MemorySecrets())
    with pytest.raises(SecretStoreUnavailable, match=r"hub-key\.json"):
        identity.home_keys(lost, tmp_path)


def test_a_home_from_before_the_encryption_key_gets_one(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    pem = identity.hub_key_pem(secrets)
    note = {"place": "credential", "jwk": identity.public_jwk(pem)}
    (tmp_path / "hub-key.json").write_text(json.dumps(note))
    keys = identity.home_keys(secrets, tmp_path)
    assert keys.sign_pem == pem
    noted = json.loads((tmp_path / "hub-key.json").read_text())
    assert noted == note | {"encryption_jwk": identity.public_jwk(keys.encryption_pem)}


@pytest.mark.usecase("W9")
def test_the_hubs_card_tells_both_public_keys_and_no_secret(tmp_path: Path) -> None:
    keys = identity.home_keys(MemorySecrets(), tmp_path)
    signing, encryption = json.loads(identity.hub_card(keys.sign_pem, keys.encryption_pem))["keys"]
    assert signing == identity.public_jwk(keys.sign_pem) | {"use": "sig"}
    assert encryption == identity.public_jwk(keys.encryption_pem) | {"use": "enc"}
    assert signing["kid"] != encryption["kid"]
    assert "d" not in signing
    assert "d" not in encryption


def test_the_log_never_shows_a_key(tmp_path: Path) -> None:
    keys = identity.home_keys(MemorySecrets(), tmp_path)
    for pem in (keys.sign_pem, keys.encryption_pem):
        line = pem.splitlines()[1]
        assert line not in redacted(f"a key: {line}")


@pytest.mark.usecase("W4", "W9")
def test_a_certificate_request_is_for_the_ae_id_and_signed_with_the_hubs_key() -> None:
    pem = identity.hub_key_pem(MemorySecrets())
    request = x509.load_pem_x509_csr(identity.certificate_request(pem, "Chub-0001").encode())
    assert request.is_signature_valid
    assert [str(item.value) for item in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["Chub-0001"]
    for name in ("", "x" * 65):
        with pytest.raises(SettingsInvalid):
            identity.certificate_request(pem, name)


def test_a_station_that_trusts_the_local_authority_connects(tmp_path: Path) -> None:
    authority = LocalAuthority(MemorySecrets(), tmp_path)
    server = identity.server_context(authority, ("charger.home", "192.168.7.7"))
    for name in ("hub.local", "charger.home", "192.168.7.7", "127.0.0.1", "localhost"):
        assert handshake(server, trusting(authority.ca_file), name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, trusting(authority.ca_file), "other.home")
    old = trusting(authority.ca_file)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(server, old, "hub.local") == "TLSv1.2"
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2


def test_no_key_lies_in_the_data_directory(tmp_path: Path) -> None:
    identity.server_context(LocalAuthority(MemorySecrets(), tmp_path), ())
    assert {path.name for path in tmp_path.iterdir()} == {"ocpp-ca.pem", "ocpp-server.pem", "ocpp-server-rsa.pem"}
    assert all("PRIVATE" not in path.read_text() for path in tmp_path.iterdir())


def test_the_authority_and_its_certificate_survive_a_restart(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    first = LocalAuthority(secrets, tmp_path)
    issued = first.server_certificate(("a.home",))
    ca = first.ca_file.read_text()
    second = LocalAuthority(secrets, tmp_path)
    assert second.ca_file.read_text() == ca
    assert second.server_certificate(("a.home",)) == issued
    assert certificate(ca).not_valid_after_utc > datetime.now(UTC) + timedelta(days=19 * 365)
    with pytest.raises(x509.ExtensionNotFound):
        certificate(ca).extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_a_lost_ca_file_is_written_again_for_the_same_key(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    authority = LocalAuthority(secrets, tmp_path)
    key = certificate(authority.ca_file.read_bytes()).public_key()
    authority.ca_file.unlink()
    again = LocalAuthority(secrets, tmp_path)
    assert certificate(again.ca_file.read_bytes()).public_key() == key


def test_the_endpoints_certificate_is_renewed_in_its_last_month(tmp_path: Path) -> None:
    now, secrets = Now(), MemorySecrets()
    authority = LocalAuthority(secrets, tmp_path, now)
    first = authority.server_certificate(())
    assert timedelta(days=364) < first.not_after - now.at <= timedelta(days=365)
    now.at = first.not_after - timedelta(days=31)
    assert authority.server_certificate(()) == first
    now.at = first.not_after - timedelta(days=29)
    renewed = authority.server_certificate(())
    assert renewed.not_after > first.not_after
    assert renewed.key_pem != first.key_pem


def test_a_new_name_means_a_new_certificate(tmp_path: Path) -> None:
    authority = LocalAuthority(MemorySecrets(), tmp_path)
    first = authority.server_certificate(("a.home",))
    second = authority.server_certificate(("a.home", "b.home", "10.1.2.3"))
    assert second != first
    dns, addresses = names_in(second.chain_pem)
    assert {"a.home", "b.home", "hub.local", "localhost"} <= dns
    assert {"10.1.2.3", "127.0.0.1", "::1"} <= addresses
    assert all(ip_address(address) for address in addresses)
    # Fewer names are no reason to make stations see a new one.
    assert authority.server_certificate(("a.home",)) == second
    with pytest.raises(SettingsInvalid):
        authority.server_certificate(("hüb",))


def test_a_certificate_that_another_authority_made_is_not_kept(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    before = LocalAuthority(secrets, tmp_path).server_certificate(())
    del secrets.kept["ocpp_ca.key"]
    authority = LocalAuthority(secrets, tmp_path)
    assert authority.server_certificate(()).chain_pem != before.chain_pem
    assert handshake(identity.server_context(authority, ()), trusting(authority.ca_file), "hub.local")


def test_a_certificate_for_another_key_is_not_kept(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    authority = LocalAuthority(secrets, tmp_path)
    before = authority.server_certificate(())
    secrets.set("ocpp_server.key", identity.hub_key_pem(MemorySecrets()))
    assert authority.server_certificate(()).chain_pem != before.chain_pem
    assert handshake(identity.server_context(authority, ()), trusting(authority.ca_file), "hub.local")


def test_a_running_endpoint_can_be_given_a_newer_certificate(tmp_path: Path) -> None:
    now = Now()
    authority = LocalAuthority(MemorySecrets(), tmp_path, now)
    server = identity.server_context(authority, ())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, trusting(authority.ca_file), "new.home")
    identity.renew(server, authority, ("new.home",))
    assert handshake(server, trusting(authority.ca_file), "new.home")


def knowing(authority: LocalAuthority, kind: str) -> ssl.SSLContext:
    """A station with TLS 1.2 that can do RSA alone, or ECDSA alone."""
    context = trusting(authority.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256:ECDHE-{kind}-AES256-GCM-SHA384")
    return context


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_a_station_that_knows_one_kind_of_key_alone_connects(tmp_path: Path, kind: str) -> None:
    authority = LocalAuthority(MemorySecrets(), tmp_path)
    server = identity.server_context(authority, ())
    for name in ("hub.local", "127.0.0.1"):
        assert handshake(server, knowing(authority, kind), name) == "TLSv1.2"
    without_secrecy = trusting(authority.ca_file)
    without_secrecy.maximum_version = ssl.TLSVersion.TLSv1_2
    without_secrecy.set_ciphers("AES128-GCM-SHA256:AES256-GCM-SHA384")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        handshake(server, without_secrecy, "hub.local")


def test_both_kinds_are_renewed_without_a_break_and_the_rsa_key_is_made_once(tmp_path: Path) -> None:
    now, secrets = Now(), MemorySecrets()
    today = now.at
    now.at = today - timedelta(days=340)
    authority = LocalAuthority(secrets, tmp_path, now)
    server = identity.server_context(authority, ())
    first = authority.rsa_server_certificate(())
    assert LocalAuthority(secrets, tmp_path, now).rsa_server_certificate(()) == first
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, knowing(authority, "RSA"), "new.home")
    now.at = today
    assert identity.renew(server, authority, ("new.home",)) > first.not_after
    again = authority.rsa_server_certificate(())
    assert again.not_after > first.not_after
    assert again.key_pem == first.key_pem
    for kind in ("RSA", "ECDSA"):
        assert handshake(server, knowing(authority, kind), "new.home") == "TLSv1.2"


def test_the_rsa_key_fits_into_every_keyring_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    authority = LocalAuthority(secrets, tmp_path)
    authority.rsa_server_certificate(())
    kept = secrets.kept[identity.RSA_SERVER_KEY]
    assert len(kept) < 1280
    for damaged in ("?", "AAAA", kept[:40], kept[172:] + kept[:172][:-4]):
        secrets.kept[identity.RSA_SERVER_KEY] = damaged
        with pytest.raises(SecretStoreUnavailable, match=r"damaged|not an RSA"):
            authority.rsa_server_certificate(())


def test_a_data_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        LocalAuthority(MemorySecrets(), tmp_path / "file")


def test_the_hub_shows_its_certificate_to_a_server_it_checks_with_the_list_of_revoked_ones(tmp_path: Path) -> None:
    street, key_pem = StreetAuthority(), identity.hub_key_pem(MemorySecrets())
    shown = street.issue_server()
    server = street.server_context(require_client=True, credentials=shown)
    chain = street.sign_request(identity.certificate_request(key_pem, "Chub-0001").encode(), "Chub-0001").decode()

    def client(crl: bytes | None) -> ssl.SSLContext:
        return identity.mutual_context(
            ca_pem=street.ca_pem.decode(), chain_pem=chain, key_pem=key_pem, crl_pem=crl.decode() if crl else None
        )

    for context in (client(None), client(street.revocation_list())):
        assert context.check_hostname
        assert context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert handshake(server, context, "localhost") == "TLSv1.3"
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname"):
            handshake(server, context, "hub.local")
    with pytest.raises(ssl.SSLCertVerificationError, match="CRL has expired"):
        handshake(server, client(street.revocation_list(timedelta(seconds=-5))), "localhost")
    street.revoke(shown.certificate_pem)
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        handshake(server, client(street.revocation_list()), "localhost")


def test_a_certificate_beside_the_list_is_not_trusted() -> None:
    street, foreign = StreetAuthority(), StreetAuthority()
    smuggled = street.revocation_list() + foreign.ca_pem
    context = identity.trusting_context(street.ca_pem.decode(), smuggled.decode())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(foreign.server_context(), context, "localhost")


@pytest.mark.parametrize(("ca", "crl"), [("nonsense", None), ("", None), (None, "nonsense"), (None, "")])
def test_texts_that_do_not_fit_are_said(ca: str | None, crl: str | None) -> None:
    with pytest.raises(SettingsInvalid, match="operator"):
        identity.trusting_context(StreetAuthority().ca_pem.decode() if ca is None else ca, crl)


@pytest.mark.parametrize("chain", ["nonsense", ""])
def test_a_certificate_that_does_not_fit_the_key_is_said(chain: str) -> None:
    street, key_pem = StreetAuthority(), identity.hub_key_pem(MemorySecrets())
    request = identity.certificate_request(identity.hub_key_pem(MemorySecrets()), "Chub-0001").encode()
    foreign = street.sign_request(request, "Chub-0001").decode()
    for shown in (chain, foreign):
        with pytest.raises(SettingsInvalid, match="Enrol"):
            identity.mutual_context(ca_pem=street.ca_pem.decode(), chain_pem=shown, key_pem=key_pem)


def test_without_memory_files_the_key_file_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    authority = LocalAuthority(MemorySecrets(), tmp_path / "data")
    server = identity.server_context(authority, ())
    assert list(folder.iterdir()) == []
    assert handshake(server, trusting(authority.ca_file), "hub.local")


def test_a_file_that_is_written_by_many_at_once_is_always_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.pem"
    texts = [str(number) * 20_000 for number in range(8)]
    with ThreadPoolExecutor(len(texts)) as threads:
        for _ in range(5):
            list(threads.map(partial(write_whole, path), texts))
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]
