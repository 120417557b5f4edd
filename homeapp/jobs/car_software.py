"""Software for the car on its way through the home: fetched as agreed, and signed by the car's manufacturer.

The car checks the signature again by itself; see docs/providers.md, "Car software".
"""

import asyncio
import binascii
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from homeapp.errors import MessageRejected, ProviderRefused, ProviderUnreachable, SettingsInvalid
from homeapp.model.offer import Job
from homeapp.providers.jose import verification_key

MANIFEST_TYPE = "package+jws"
LARGEST_PACKAGE = 64 * 1024 * 1024
LARGEST_MANIFEST = 16 * 1024

_FETCH_WITHIN_S = 60.0
_SLOWEST_FETCH = 50_000
"""Bytes a second; a slower one is given up."""
_STEP_WITHIN_S = 20.0


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class _Manifest(msgspec.Struct, frozen=True):
    version: str
    sha256: str
    size_bytes: int


def check_manifest(job: Job, manufacturer_key: Mapping[str, str]) -> None:
    """Whether the manufacturer has signed just what ``job`` asks to install.

    Args:
        job: of car software.
        manufacturer_key: its public JWK.

    Raises:
        MessageRejected: it has not; code ``signature``, ``schema`` or ``value``.
    """
    if job.size_bytes > LARGEST_PACKAGE or len(job.manifest) > LARGEST_MANIFEST:
        raise MessageRejected("schema", "The software is larger than the hub passes on. Nothing was installed.")
    manifest = _signed(job.manifest, manufacturer_key)
    if (manifest.version, manifest.sha256, manifest.size_bytes) != (job.version, job.sha256, job.size_bytes):
        raise MessageRejected("value", "The manufacturer has signed other software than this. Nothing was installed.")


async def fetch_package(job: Job, tls: ssl.SSLContext) -> bytes:
    """The package from the place that the owner has agreed to, and from no other: redirections are not followed.

    Args:
        job: of car software.
        tls: whom to trust.

    Raises:
        ProviderRefused: it is not the software that was agreed to.
        ProviderUnreachable: it cannot be fetched now.
    """
    place = urlsplit(job.location)
    if place.scheme != "https" or not place.hostname or place.username is not None:
        raise ProviderRefused("The software is not offered at a safe place (https). Nothing was installed.")
    within_s = _FETCH_WITHIN_S + job.size_bytes / _SLOWEST_FETCH
    try:
        async with (
            asyncio.timeout(within_s),
            httpx.AsyncClient(
                verify=tls,
                timeout=_STEP_WITHIN_S,
                headers={"Accept-Encoding": "identity"},
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream("GET", job.location) as response,
        ):
            package = await _body(response, job.size_bytes, place.hostname)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ProviderUnreachable(
            f"The software cannot be fetched from {place.hostname} at the moment. The hub tries again."
        ) from error
    if len(package) != job.size_bytes or sha256(package).hexdigest() != job.sha256:
        raise ProviderRefused("What was fetched is not the software that was agreed to. Nothing was installed.")
    return package


async def _body(response: httpx.Response, size: int, host: str) -> bytes:
    if response.is_redirect:
        raise ProviderRefused("The software was to be fetched from another place than agreed. Nothing was installed.")
    if response.status_code != httpx.codes.OK:
        raise ProviderUnreachable(
            f"{host} does not hand the software out (status {response.status_code}). The hub tries again."
        )
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > size:
            break
    return bytes(body)


def _signed(compact: str, manufacturer_key: Mapping[str, str]) -> _Manifest:
    try:
        key = verification_key(manufacturer_key)
        segment = compact.partition(".")[0]
        header = msgspec.json.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), type=_Header)
        if (header.typ, header.kid, header.alg) != (MANIFEST_TYPE, key.key_id, key.algorithm):
            raise _forged()
        payload = jws.deserialize_compact(compact, key.key, algorithms=[key.algorithm]).payload
        return msgspec.json.decode(payload, type=_Manifest)
    except (SettingsInvalid, JoseError, msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        raise _forged() from error


def _forged() -> MessageRejected:
    return MessageRejected(
        "signature", "The software is not signed by the car's manufacturer. Nothing was installed. Tell the provider."
    )
