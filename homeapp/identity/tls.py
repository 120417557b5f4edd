"""TLS contexts of the hub as a client, and private keys given to TLS without a file that has a name.

Everything here blocks. Certificates are dated by the machine's clock, because TLS looks at no other.
"""

import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from homeapp.errors import SettingsInvalid


def trusting_context(ca_pem: str, crl_pem: str | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer towards a server that ``ca_pem`` vouches for, and no other authority; its host name is checked.

    Certificates have to follow RFC 5280 to the letter. With a list of revoked certificates (RFC 5280 clause 5) the
    server's must not be on it, and the list must not be out of date.

    Raises:
        SettingsInvalid: one of the texts is not what it should be.
    """
    context = _client()
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=ca_pem)
        if crl_pem is not None:
            heed_list(context, crl_pem)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsInvalid(
            "The system operator's certificate or its list of revoked ones cannot be used. Ask the operator for others."
        ) from error
    return context


def mutual_context(*, ca_pem: str, chain_pem: str, key_pem: str, crl_pem: str | None = None) -> ssl.SSLContext:
    """``trusting_context`` that also shows the hub's own certificate.

    Args:
        ca_pem: see there.
        chain_pem: the hub's certificate first, then those between it and the authority.
        key_pem: the hub's private key.
        crl_pem: see there.

    Raises:
        SettingsInvalid: as there, or the certificate is none or not for this key.
    """
    context = trusting_context(ca_pem, crl_pem)
    show_certificate(context, chain_pem, key_pem)
    return context


def show_certificate(context: ssl.SSLContext, chain_pem: str, key_pem: str) -> None:
    """Let ``context`` show a certificate from now on.

    Raises:
        SettingsInvalid: it is none, or not for this key.
    """
    try:
        _through_a_file((chain_pem.rstrip() + "\n" + key_pem).encode(), context.load_cert_chain)
    except ssl.SSLError as error:
        raise SettingsInvalid("The certificate does not belong to the hub's key. Enrol the hub again.") from error


def heed_list(context: ssl.SSLContext, crl_pem: str) -> None:
    """Refuse whom this list names from now on; of several lists of one authority the newest counts.

    Raises:
        ValueError, ssl.SSLError: it is none.
    """
    # Nothing but the list itself: OpenSSL would trust a certificate that stands beside it.
    alone = x509.load_pem_x509_crl(crl_pem.encode()).public_bytes(serialization.Encoding.PEM)
    _through_a_file(alone, lambda path: context.load_verify_locations(cafile=path))
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _through_a_file(content: bytes, load: Callable[[str], None]) -> None:
    """``SSLContext`` takes keys from files only: give it one that has no name, or keeps it for a moment."""
    if hasattr(os, "memfd_create"):
        _through_memory(content, load)
    else:
        _through_the_disk(content, load)


def _through_memory(content: bytes, load: Callable[[str], None]) -> None:
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        load(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _through_the_disk(content: bytes, load: Callable[[str], None]) -> None:
    # mkstemp creates it with mode 0600.
    descriptor, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        load(name)
    finally:
        Path(name).unlink()
