"""Car software as the car checks it; see docs/providers.md, "Car software"."""

from collections.abc import Mapping
from hashlib import sha256

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

TYPE = "package+jws"


class PackageRefused(Exception):
    """The car does not take it."""


class _Manifest(msgspec.Struct, frozen=True):
    version: str
    sha256: str
    size_bytes: int


def checked_version(package: bytes, manufacturer_key: Mapping[str, str]) -> str:
    """The version of a package (manifest, line feed, payload) that the manufacturer has signed.

    Raises:
        PackageRefused: it has not, or the payload is another one.
    """
    signed, _, payload = package.partition(b"\n")
    try:
        message = jws.deserialize_compact(signed, ECKey.import_key(dict(manufacturer_key)), algorithms=["ES256"])
        told = msgspec.json.decode(message.payload, type=_Manifest)
    except (JoseError, ValueError) as error:
        raise PackageRefused("not signed by the manufacturer") from error
    if message.headers().get("typ") != TYPE:
        raise PackageRefused("signed for another purpose")
    if (told.size_bytes, told.sha256) != (len(payload), sha256(payload).hexdigest()):
        raise PackageRefused("not what was signed")
    return told.version
