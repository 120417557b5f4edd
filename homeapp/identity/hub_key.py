"""The hub's own two keys: one signs and proves who the hub is in TLS, the other opens what is encrypted for it.

Both are EC P-256, live in the SecretStore and never lie in a file. Their public halves are noted in the data directory,
so that a home never gets other keys in silence. Everything here blocks.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey

from homeapp.errors import SecretStoreUnavailable, SettingsInvalid
from homeapp.identity.files import write_whole
from homeapp.identity.keys import PlacedSecrets, SecretKeeper, kept_or_made, key_pem, read_key

logger = logging.getLogger(__name__)

HUB_KEY = "hub.key"
ENCRYPTION_KEY = "hub.encryption_key"
KEY_NOTE = "hub-key.json"


class _KeyNote(msgspec.Struct, frozen=True):
    """What is known in the data directory of the hub's keys; nothing of it is secret."""

    place: str = "unknown"
    jwk: dict[str, str] | None = None
    encryption_jwk: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubKeys:
    """The hub's private keys, PKCS#8 PEM; secrets.

    Attributes:
        sign_pem: signs messages, and is the one in all of the hub's client certificates.
        encryption_pem: opens what providers encrypt for the hub.
    """

    sign_pem: str = field(repr=False)
    encryption_pem: str = field(repr=False)


def hub_key_pem(secrets: SecretKeeper) -> str:
    """The hub's own signing key, PKCS#8 PEM; made on first use.

    Raises:
        SecretStoreUnavailable: it cannot be kept, or the one that is kept is damaged.
    """
    return _key(secrets, HUB_KEY)


def home_keys(secrets: PlacedSecrets, data_dir: Path) -> HubKeys:
    """Both keys, made on first use; one home never gets second ones: their public parts are noted in the directory.

    Raises:
        SecretStoreUnavailable: one cannot be kept or is damaged, or a key that this home has is not among ``secrets``.
        EnvironmentProblem: the data directory cannot be written.
    """
    path = data_dir / KEY_NOTE
    note = _read_note(path)
    if note is not None and not _are_there(note, secrets):
        raise SecretStoreUnavailable(
            f"The hub's own key is not where it was. Its secrets were kept in: {note.place}; now was looked in: "
            f"{secrets.place}. Let the setting secrets name the old place (a keyring also keeps them for this path of "
            "the data directory and this user only) and start again. Without that key, move "
            f"{path} away: the hub then begins anew, and all devices and providers have to be paired again."
        )
    keys = HubKeys(sign_pem=_key(secrets, HUB_KEY), encryption_pem=_key(secrets, ENCRYPTION_KEY))
    wanted = _KeyNote(
        place=secrets.place, jwk=public_jwk(keys.sign_pem), encryption_jwk=public_jwk(keys.encryption_pem)
    )
    if note != wanted:
        write_whole(path, msgspec.json.format(msgspec.json.encode(wanted)).decode() + "\n")
    return keys


def home_key_pem(secrets: PlacedSecrets, data_dir: Path) -> str:
    """The signing key of ``home_keys``.

    Raises:
        SecretStoreUnavailable, EnvironmentProblem: as there.
    """
    return home_keys(secrets, data_dir).sign_pem


def public_jwk(private_pem: str) -> dict[str, str]:
    """The public part as JWK (RFC 7517) with ``kid``, its RFC 7638 thumbprint; for the providers' records."""
    key = ECKey.import_key(key_pem(read_key(private_pem, HUB_KEY)))
    members = key.as_dict(private=False)
    return {name: str(members[name]) for name in ("kty", "crv", "x", "y")} | {"kid": key.thumbprint()}


def hub_card(sign_pem: str, encryption_pem: str) -> str:
    """Both public keys for a provider's records: a JWK set (RFC 7517) as JSON text, each with ``use`` and ``kid``."""
    keys = [public_jwk(sign_pem) | {"use": "sig"}, public_jwk(encryption_pem) | {"use": "enc"}]
    return msgspec.json.encode({"keys": keys}).decode()


def certificate_request(private_pem: str, ae_id: str) -> str:
    """A PKCS#10 request (RFC 2986), PEM, for a client certificate of the hub: its common name is the AE-ID (TS-0003).

    Raises:
        SettingsInvalid: ``ae_id`` is no common name.
    """
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ae_id)])
    except ValueError as error:
        raise SettingsInvalid("The AE-ID must have 1 to 64 characters.") from error
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(read_key(private_pem, HUB_KEY), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _key(secrets: SecretKeeper, name: str) -> str:
    pem, is_new = kept_or_made(secrets, name)
    if is_new:
        logger.info("hub: a key of its own was made: %s", name)
    return pem


def _are_there(note: _KeyNote, secrets: SecretKeeper) -> bool:
    """Whether every key that the home has is still among ``secrets``; the note of an older hub names one only."""
    kept = secrets.get(HUB_KEY)
    if kept is None or note.jwk not in (None, public_jwk(kept)):
        return False
    other = secrets.get(ENCRYPTION_KEY)
    return note.encryption_jwk is None or (other is not None and note.encryption_jwk == public_jwk(other))


def _read_note(path: Path) -> _KeyNote | None:
    """None where there is none; an empty one where it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_KeyNote)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, msgspec.DecodeError):
        return _KeyNote()
