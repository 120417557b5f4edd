"""The hub's own keys and certificates, and the TLS contexts made of them.

Private keys are EC P-256, and one RSA-2048 for charging stations that know nothing else; they live in the SecretStore
and never lie in a file. Everything here blocks: call it through ``asyncio.to_thread``.
"""

from homeapp.identity.csms_tls import CSMS_KEY, csms_context, show_hub
from homeapp.identity.hub_key import (
    ENCRYPTION_KEY,
    HUB_KEY,
    KEY_NOTE,
    HubKeys,
    certificate_request,
    home_key_pem,
    home_keys,
    hub_card,
    hub_key_pem,
    public_jwk,
)
from homeapp.identity.keys import PlacedSecrets, SecretKeeper
from homeapp.identity.local_authority import (
    CA_FILE,
    CA_KEY,
    LOCAL_NAME,
    RSA_SERVER_FILE,
    RSA_SERVER_KEY,
    SERVER_FILE,
    SERVER_KEY,
    LocalAuthority,
    ServerCertificate,
    renew,
    server_context,
)
from homeapp.identity.station_certificates import STATIONS_FILE, IssuedCertificates
from homeapp.identity.tls import mutual_context, trusting_context
from homeapp.identity.vendor_roots import vendor_roots

__all__ = [
    "CA_FILE",
    "CA_KEY",
    "CSMS_KEY",
    "ENCRYPTION_KEY",
    "HUB_KEY",
    "KEY_NOTE",
    "LOCAL_NAME",
    "RSA_SERVER_FILE",
    "RSA_SERVER_KEY",
    "SERVER_FILE",
    "SERVER_KEY",
    "STATIONS_FILE",
    "HubKeys",
    "IssuedCertificates",
    "LocalAuthority",
    "PlacedSecrets",
    "SecretKeeper",
    "ServerCertificate",
    "certificate_request",
    "csms_context",
    "home_key_pem",
    "home_keys",
    "hub_card",
    "hub_key_pem",
    "mutual_context",
    "public_jwk",
    "renew",
    "server_context",
    "show_hub",
    "trusting_context",
    "vendor_roots",
]
