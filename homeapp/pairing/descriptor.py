"""A provider's descriptor: what the home is paired by, read from a file or a QR code (``docs/providers.md``).

It is public, and it comes from outside: nothing in it is believed before the installer has compared its fingerprint
with the provider's own print.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import httpx
import msgspec
from cryptography import x509

from homeapp.errors import SettingsInvalid
from homeapp.identity.unreadable import UNREADABLE
from homeapp.model.consent import DataClass
from homeapp.model.pairing import DescriptorView
from homeapp.providers.jose import verification_key

MAX_SIZE = 64 * 1024
QR_PREFIX = "HOMEAPP1:"

MAY_ASK: Mapping[str, frozenset[DataClass]] = {
    "evc_sp": frozenset({DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING}),
    "pev_sp": frozenset({DataClass.IDENTITY, DataClass.CHARGING, DataClass.HEALTH}),
    "fleet": frozenset({DataClass.IDENTITY, DataClass.LOCATION}),
}
"""The kinds of data that a provider of each kind may ask consent for."""
MAY_SEND: Mapping[str, frozenset[str]] = {
    "evc_sp": frozenset({"offer", "offer-cancel", "receipt", "keys"}),
    "pev_sp": frozenset({"offer", "offer-cancel", "receipt", "defect", "order-status", "keys"}),
    "fleet": frozenset({"receipt", "keys"}),
}
"""The types of messages that a provider of each kind may send, without ``+jws``."""

_KEY_MEMBERS = frozenset({"kty", "crv", "x", "y", "use"})
_FINGERPRINT_BYTES = 20
_GROUP = 4

SpId = Literal["evc_sp", "pev_sp", "fleet"]
AeId = Annotated[str, msgspec.Meta(pattern=r"\A[CS][A-Za-z0-9._-]{1,63}\Z")]
"""oneM2M AE-ID-Stem; short enough for the common name of a certificate, without wildcards of MQTT topics."""
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Url = Annotated[str, msgspec.Meta(max_length=512)]
_Jwk = dict[str, Annotated[str, msgspec.Meta(max_length=128)]]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every member is written out and none else is allowed: what is printed is what is meant."""


class OperatorDescriptor(_Part, frozen=True, omit_defaults=True):
    """The system operator as this provider uses it.

    Attributes:
        broker_host: name or address, the broker's certificate is for it; empty where only ``http_url`` is offered.
        http_url: base URL of the CSE over https, or empty.
        ca_pem: the authorities that sign the broker's certificate and the hub's, PEM.
        crl_url: where their list of revoked certificates is; may be http, as it is signed; or empty.
        est_url: enrolment server (RFC 7030), https, or empty.
        reconnect_spread_s: within how many s homes that lost the operator together come back; left out where it is 90.
    """

    broker_host: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9.:-]{0,253}\Z")]
    broker_port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    http_url: _Url
    cse_id: Annotated[str, msgspec.Meta(pattern=r"\A/[A-Za-z0-9._-]{1,64}\Z")]
    cse_name: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z")]
    ca_pem: str
    crl_url: _Url
    est_url: _Url
    reconnect_spread_s: Annotated[int, msgspec.Meta(ge=1, le=600)] = 90

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.broker_host}:{self.broker_port}" if self.broker_host else self.http_url


class ManufacturerDescriptor(_Part, frozen=True):
    """Who signs the car's software; ``key`` is its public key, JWK."""

    ae_id: AeId
    key: _Jwk


class Descriptor(_Part, frozen=True, omit_defaults=True):
    """What ``read_descriptor`` has found to be in order.

    Attributes:
        ae_id: the provider's AE-ID: ``iss`` of what it signs.
        keys: its public keys, JWK with ``use`` ``sig`` or ``enc``; at least one of each.
        hub_ae_id: the hub's own AE-ID in this flow, and the common name of its certificate.
        data: what it may ask consent for, always with IDENTITY.
        purposes: the types of messages that it may send.
        open_status: it wants TS-0023 resources that the system operator can read.
        manufacturer: only where it relays the car's software.
    """

    version: Literal[1]
    sp_id: SpId
    name: _Name
    ae_id: AeId
    keys: Annotated[tuple[_Jwk, ...], msgspec.Meta(min_length=2, max_length=8)]
    hub_ae_id: AeId
    operator: OperatorDescriptor
    data: Annotated[tuple[DataClass, ...], msgspec.Meta(min_length=1, max_length=len(DataClass))]
    purposes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)]
    open_status: bool
    manufacturer: ManufacturerDescriptor | msgspec.UnsetType = msgspec.UNSET

    @property
    def view(self) -> DescriptorView:
        """For people."""
        return DescriptorView(
            sp_id=self.sp_id,
            name=self.name,
            ae_id=self.ae_id,
            fingerprint=fingerprint(self),
            data=self.data,
            operator=self.operator.place,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A descriptor that the installer has confirmed, and what became of its keys since.

    Attributes:
        keys: the provider's public keys in force; those of the descriptor, or newer ones.
        old_keys: the ones before, in force until ``old_keys_until``.
    """

    descriptor: Descriptor
    paired_at: datetime
    keys: tuple[dict[str, str], ...]
    old_keys: tuple[dict[str, str], ...] = ()
    old_keys_until: datetime | None = None

    def key_ids(self, now: datetime) -> tuple[str, ...]:
        """RFC 7638 thumbprints of the signing keys in force, newest first."""
        held = self.old_keys_until is not None and now < self.old_keys_until
        keys = (*self.keys, *(self.old_keys if held else ()))
        return tuple(verification_key(key).key_id for key in keys if key["use"] == "sig")


def read_descriptor(text: str) -> Descriptor:
    """A descriptor from its JSON text or from the text of its QR code.

    Raises:
        SettingsInvalid: it is none, damaged, or asks for more than its kind of provider may.
    """
    descriptor = _parsed(_json(text.strip()))
    _check_keys(descriptor.keys)
    _check_rights(descriptor)
    _check_operator(descriptor.operator)
    _check_manufacturer(descriptor)
    if not descriptor.name.isprintable() or descriptor.name != descriptor.name.strip():
        raise _invalid("its name is not plain text")
    if descriptor.ae_id == descriptor.hub_ae_id:
        raise _invalid("it gives the hub the provider's own AE-ID")
    return descriptor


def fingerprint(descriptor: Descriptor) -> str:
    """SHA-256 over the canonical JSON, the first 20 bytes in Base32, groups of four letters between dashes."""
    digest = hashlib.sha256(_canonical(descriptor)).digest()
    letters = base64.b32encode(digest[:_FINGERPRINT_BYTES]).decode()
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two fingerprints are the same, however a person has spaced and written them."""
    return _letters(one) == _letters(other)


def _canonical(descriptor: Descriptor) -> bytes:
    return msgspec.json.encode(descriptor, order="sorted")


def _letters(text: str) -> str:
    return re.sub(r"[\s-]", "", text).upper()


def _invalid(because: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"This descriptor cannot be used: {because}. Nothing was changed; ask the provider for another."
    )


def _json(text: str) -> bytes:
    if len(text) > MAX_SIZE:
        raise _invalid("it is larger than 64 kB")
    if not text.startswith(QR_PREFIX):
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise _invalid("it is not text") from error
    try:
        body = text.removeprefix(QR_PREFIX).rstrip("=").translate(str.maketrans("-_", "+/"))
        packed = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
        unpacking = zlib.decompressobj()
        json = unpacking.decompress(packed, MAX_SIZE + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise _invalid("its QR code was not read properly") from error
    if len(json) <= MAX_SIZE and (not unpacking.eof or unpacking.unused_data):
        raise _invalid("its QR code was not read properly")
    return json


def _parsed(json: bytes) -> Descriptor:
    if len(json) > MAX_SIZE:
        raise _invalid("it is larger than 64 kB")
    try:
        return msgspec.json.decode(json, type=Descriptor)
    except msgspec.ValidationError as error:
        # The sentence of msgspec names the member by the program's own names; of the file it quotes at most one name.
        raise _invalid(f"it is not of the agreed form ({_plain(str(error))})") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _invalid("it is not a descriptor") from error


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:160])


def _check_keys(keys: Collection[Mapping[str, str]]) -> None:
    for key in keys:
        _check_key(key)
        if key.get("use") not in ("sig", "enc"):
            raise _invalid("one of its keys is neither for signing nor for encryption")
        if key["use"] == "enc" and key["kty"] != "EC":
            raise _invalid("its key for encryption is not EC P-256")
    if {key["use"] for key in keys} != {"sig", "enc"}:
        raise _invalid("it needs one key for signing and one for encryption")


def _check_key(key: Mapping[str, str]) -> None:
    if "d" in key:
        raise _invalid("it contains a private key, which the provider must never give away")
    if not set(key) <= _KEY_MEMBERS:
        raise _invalid("one of its keys has members that are not agreed on")
    try:
        verification_key(key)
    except SettingsInvalid as error:
        raise _invalid("one of its keys is damaged or neither EC P-256 nor Ed25519") from error


def _check_rights(descriptor: Descriptor) -> None:
    if not set(descriptor.data) <= MAY_ASK[descriptor.sp_id]:
        raise _invalid("it asks for data that this kind of provider may not have")
    if DataClass.IDENTITY not in descriptor.data:
        raise _invalid("it does not ask to know who the customer is, without which there is no link")
    if not set(descriptor.purposes) <= MAY_SEND[descriptor.sp_id]:
        raise _invalid("it wants to send messages that this kind of provider may not send")
    for listed in (descriptor.data, descriptor.purposes):
        if len(set(listed)) != len(listed):
            raise _invalid("it names something twice")


def _check_operator(operator: OperatorDescriptor) -> None:
    if not (operator.broker_host or operator.http_url):
        raise _invalid("it names neither a broker nor an address of the system operator")
    for url, schemes in (
        (operator.http_url, ("https",)),
        (operator.est_url, ("https",)),
        (operator.crl_url, ("https", "http")),
    ):
        if url and not _is_url(url, schemes):
            raise _invalid("one of its addresses on the internet is not proper")
    try:
        authorities = x509.load_pem_x509_certificates(operator.ca_pem.encode("ascii"))
        proper = bool(authorities) and all(_is_authority(certificate) for certificate in authorities)
    except UNREADABLE as error:
        raise _invalid("the system operator's certificate in it is damaged") from error
    if not proper:
        raise _invalid("the system operator's certificate in it is not that of an authority")


def _is_url(url: str, schemes: Collection[str]) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = httpx.URL(url)
        # Its property decodes names of other alphabets.
        has_host = bool(parts.host)
    except (httpx.InvalidURL, UnicodeError):
        return False
    return parts.scheme in schemes and has_host and not parts.userinfo and not parts.fragment


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _check_manufacturer(descriptor: Descriptor) -> None:
    if descriptor.manufacturer is msgspec.UNSET:
        return
    if descriptor.sp_id != "pev_sp":
        raise _invalid("it names a manufacturer, which only the provider of a car may")
    _check_key(descriptor.manufacturer.key)
