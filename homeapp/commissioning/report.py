"""The commissioning report: its content, signed by the hub (JWS, RFC 7515), as JSON and as a PDF that carries it.

The JSON is a compact JWS. The PDF has it too, in a comment behind the document, followed by a second signature over
every byte before that; the document's ``startxref`` is then repeated, so that readers find what they look for at the
end. So each changed byte of either file shows.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from homeapp import __version__
from homeapp.commissioning.home import Home
from homeapp.errors import FileRefused, MessageRejected, SettingsInvalid
from homeapp.identity.files import write_whole
from homeapp.model.commissioning import CommissioningView
from homeapp.ports import Signer
from homeapp.providers.jose import VerificationKey, signed_claims

JSON_NAME = "commissioning-report.jws"
PDF_NAME = "commissioning-report.pdf"
REPORT_TYPE = "commissioning-report+jws"
SEAL_TYPE = "commissioning-report-pdf+jws"
LARGEST_FILE = 4 * 1024 * 1024

_REPORT, _SEAL = b"%homeapp-report ", b"%homeapp-seal "
_END = re.compile(rb"startxref\n(\d+)\n%%EOF\n")
Content = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedReport:
    """A report whose signature is the hub's.

    Attributes:
        key_id: RFC 7638 thumbprint of the key that signed.
        digest: SHA-256, hex, of the signed JSON.
    """

    content: Content
    key_id: str
    digest: str


def content(home: Home, view: CommissioningView, *, installer: str, key_id: str) -> Content:
    """What the report says: JSON values alone."""
    settings = home.settings
    devices = [device for device in home.devices() if device.adopted]
    body = {
        "kind": "commissioning report",
        "version": 1,
        "home": settings.site.name,
        "hub": key_id,
        "hub_version": __version__,
        "installer": installer[:100],
        "begun_at": view.begun_at,
        "finished_at": view.finished_at,
        "language": view.language,
        "site": settings.site,
        "grid_limit": settings.grid_limit,
        "devices": [
            {"id": device.device_id, "kind": device.kind, "product": device.product, "name": device.name}
            for device in devices
        ],
        "steps": view.steps,
        "gaps": [gap.check for gap in view.gaps],
    }
    built: Content = msgspec.to_builtins(body)
    return built


def write(data_dir: Path, report: Content, signer: Signer) -> str:
    """Write both files and return the digest of the JSON; blocks, durable on return.

    Raises:
        EnvironmentProblem: they cannot be written.
    """
    # A hub runs for years and writes one PDF: its writer is imported when it is needed.
    from homeapp.commissioning.report_pdf import draw

    signed = signer.sign(msgspec.json.encode(report), REPORT_TYPE)
    digest = _digest(signed.encode())
    write_whole(data_dir / PDF_NAME, _sealed(draw(report, digest), signed, signer))
    write_whole(data_dir / JSON_NAME, signed)
    return digest


def verify(body: bytes, keys: tuple[VerificationKey, ...]) -> VerifiedReport:
    """Check a report, JSON or PDF, as it lies in its file.

    Raises:
        FileRefused: it is none, it was changed, or another hub has signed it; says which.
    """
    if len(body) > LARGEST_FILE:
        raise FileRefused("This file is too large to be a commissioning report.")
    if body.startswith(b"%PDF-"):
        return _verify_pdf(body, keys)
    return _verify_json(body, keys)


def _sealed(pdf: bytes, signed: str, signer: Signer) -> bytes:
    end = _last_end(pdf)
    head = pdf + _REPORT + signed.encode() + b"\n"
    seal = signer.sign(msgspec.json.encode({"sha256": _digest(head)}), SEAL_TYPE)
    return head + _SEAL + seal.encode() + b"\n" + end


def _verify_pdf(body: bytes, keys: tuple[VerificationKey, ...]) -> VerifiedReport:
    head, mark, rest = body.rpartition(_SEAL)
    seal, _, end = rest.partition(b"\n")
    pdf, has_report, signed = head.rpartition(_REPORT)
    if not mark or not has_report:
        raise FileRefused("This PDF carries no signed report: it is another document, or it was changed.")
    if end != _last_end(pdf) or _claims(seal, keys, SEAL_TYPE)[0] != {"sha256": _digest(head)}:
        raise FileRefused("This PDF was changed after the hub had signed it.")
    return _verify_json(signed.removesuffix(b"\n"), keys)


def _verify_json(body: bytes, keys: tuple[VerificationKey, ...]) -> VerifiedReport:
    claims, key_id = _claims(body, keys, REPORT_TYPE)
    return VerifiedReport(content=claims, key_id=key_id, digest=_digest(body))


def _claims(body: bytes, keys: tuple[VerificationKey, ...], typ: str) -> tuple[Content, str]:
    try:
        signed = signed_claims(body.decode("ascii"), keys=keys, allowed_types=(typ,))
    except (UnicodeDecodeError, MessageRejected) as error:
        raise FileRefused(
            "This is no commissioning report of this hub, or it was changed after the hub had signed it."
        ) from error
    return signed.claims, signed.key_id


def _last_end(pdf: bytes) -> bytes:
    found = list(_END.finditer(pdf))
    if not found or not pdf.endswith(found[-1][0]):
        raise FileRefused("This PDF was changed after the hub had signed it.")
    return found[-1][0]


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def read_file(path: Path) -> bytes:
    """The file, not more than ``LARGEST_FILE`` and one byte; blocks.

    Raises:
        SettingsInvalid: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            return opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read: {error.strerror}.") from error
