"""TLS of the hub towards the EV-charging provider's CSMS, with a certificate of its own for that leg (A00, profile 3).

The key for it lives in the SecretStore and is never the station's. Everything here blocks.
"""

import logging
import ssl
from pathlib import Path

from homeapp.errors import SettingsInvalid
from homeapp.identity.files import write_whole
from homeapp.identity.hub_key import certificate_request
from homeapp.identity.keys import SecretKeeper, kept_or_made
from homeapp.identity.tls import show_certificate, trusting_context

logger = logging.getLogger(__name__)

CSMS_KEY = "evc_sp.csms_key"
REQUEST_FILE = "csms-client.csr"
CERTIFICATE_FILE = "csms-client.pem"


def csms_context(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or newer towards a CSMS that ``ca_file`` vouches for, or where that is empty, the system's authorities.

    Raises:
        SettingsInvalid: the file cannot be used.
    """
    if not ca_file:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
    try:
        return trusting_context(Path(ca_file).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, SettingsInvalid) as error:
        raise SettingsInvalid(
            f"ocpp.csms.ca_file: {ca_file} cannot be read or is no PEM file of certificates. Get it from the provider."
        ) from error


def show_hub(context: ssl.SSLContext, secrets: SecretKeeper, data_dir: Path, name: str) -> None:
    """Let ``context`` show the hub's certificate for this leg; where there is none yet, ask for one in a file.

    Args:
        context: towards the CSMS.
        secrets: where the key is kept.
        data_dir: where the certificate lies.
        name: common name in the request.

    Raises:
        SettingsInvalid: the provider has not signed one yet, or it is not for the hub's key.
        SecretStoreUnavailable: the key cannot be kept or is damaged.
        EnvironmentProblem: the request cannot be written.
    """
    key, is_new = kept_or_made(secrets, CSMS_KEY)
    request, certificate = data_dir / REQUEST_FILE, data_dir / CERTIFICATE_FILE
    if is_new or not request.exists():
        write_whole(request, certificate_request(key, name))
    try:
        chain = certificate.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            f"The hub has no certificate for the provider of charging yet. Have it sign {request} and put the chain, "
            f"PEM, at {certificate}."
        ) from error
    try:
        show_certificate(context, chain, key)
    except SettingsInvalid as error:
        raise SettingsInvalid(
            f"{certificate} is no certificate for the hub's key. Have the provider of charging sign {request} again."
        ) from error
