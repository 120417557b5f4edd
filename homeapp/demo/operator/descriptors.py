"""What the companies of the street hand to their customers: descriptors, their QR codes, their printed fingerprints.

Made as ``docs/providers.md`` says, with nothing of the hub's own code, so that the two can be compared.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_DATA = {
    "evc_sp": ("identity", "charging", "metering"),
    "pev_sp": ("identity", "charging", "health"),
    "fleet": ("identity", "location"),
}
_PURPOSES = {
    "evc_sp": ("offer", "offer-cancel", "receipt", "keys"),
    "pev_sp": ("offer", "offer-cancel", "receipt", "defect", "order-status", "keys"),
    "fleet": ("keys",),
}
_USUAL_SPREAD_S = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAddress:
    """Where the system operator of the street is; the attributes are those of a descriptor's ``operator``."""

    broker_host: str
    broker_port: int
    ca_pem: str
    crl_url: str = ""
    est_url: str = ""
    http_url: str = ""
    reconnect_spread_s: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company as it describes itself.

    Attributes:
        signing_key, encryption_key: public JWKs.
        hub_ae_id: the AE-ID that it has given to this customer's hub.
        manufacturer: AE-ID and public JWK of whose car software it relays, or None.
    """

    sp_id: str
    name: str
    ae_id: str
    signing_key: Mapping[str, str]
    encryption_key: Mapping[str, str]
    hub_ae_id: str
    manufacturer: tuple[str, Mapping[str, str]] | None = None
    open_status: bool = False


def descriptor_json(company: Company, operator: OperatorAddress, purposes: Sequence[str] | None = None) -> str:
    """The descriptor's text; ``purposes`` are by default all that its kind of provider may have."""
    body: dict[str, object] = {
        "version": 1,
        "sp_id": company.sp_id,
        "name": company.name,
        "ae_id": company.ae_id,
        "keys": [_jwk(company.signing_key) | {"use": "sig"}, _jwk(company.encryption_key) | {"use": "enc"}],
        "hub_ae_id": company.hub_ae_id,
        "operator": _operator(operator),
        "data": list(_DATA[company.sp_id]),
        "purposes": list(_PURPOSES[company.sp_id] if purposes is None else purposes),
        "open_status": company.open_status,
    }
    if company.manufacturer is not None:
        ae_id, key = company.manufacturer
        body["manufacturer"] = {"ae_id": ae_id, "key": _jwk(key)}
    return json.dumps(body, indent=2, ensure_ascii=False)


def _operator(address: OperatorAddress) -> dict[str, object]:
    told: dict[str, object] = {
        "broker_host": address.broker_host,
        "broker_port": address.broker_port,
        "http_url": address.http_url,
        "cse_id": "/id-in",
        "cse_name": "cse-in",
        "ca_pem": address.ca_pem,
        "crl_url": address.crl_url,
        "est_url": address.est_url,
    }
    # Left out where it is what everybody does.
    return (
        told
        if address.reconnect_spread_s == _USUAL_SPREAD_S
        else told | {"reconnect_spread_s": address.reconnect_spread_s}
    )


def printed_fingerprint(descriptor: str) -> str:
    """What the company prints on paper for the installer to compare."""
    digest = hashlib.sha256(_canonical(descriptor)).digest()[:20]
    letters = base64.b32encode(digest).decode()
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def qr_text(descriptor: str) -> str:
    """What the QR code on that paper says."""
    return "HOMEAPP1:" + base64.urlsafe_b64encode(zlib.compress(_canonical(descriptor))).decode().rstrip("=")


def _canonical(descriptor: str) -> bytes:
    return json.dumps(json.loads(descriptor), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _jwk(key: Mapping[str, str]) -> dict[str, str]:
    return {name: key[name] for name in ("kty", "crv", "x", "y") if name in key}
