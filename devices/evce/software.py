"""Updating a station's software: OCPP 2.x L01 and L02, and 1.6 with and without its security whitepaper."""

from datetime import datetime

from devices.evce.dialect import Listener, Outgoing, SoftwareReport
from devices.evce.fields import Payload, plain, rfc3339, whole
from homeapp.errors import DeviceRefused
from homeapp.model.offer import Job
from homeapp.model.readings import SoftwareStage

RETRIES = 2
RETRY_INTERVAL_S = 60

_STAGE = {
    "DownloadScheduled": SoftwareStage.DOWNLOADING,
    "DownloadPaused": SoftwareStage.DOWNLOADING,
    "Downloading": SoftwareStage.DOWNLOADING,
    "Downloaded": SoftwareStage.DOWNLOADED,
    "SignatureVerified": SoftwareStage.DOWNLOADED,
    "InstallScheduled": SoftwareStage.INSTALLING,
    "Installing": SoftwareStage.INSTALLING,
    "InstallRebooting": SoftwareStage.INSTALLING,
    "Installed": SoftwareStage.INSTALLED,
}
_FAILED = {
    "DownloadFailed": "The charger could not load the software. Check the home's internet connection.",
    "InvalidSignature": "The charger refused the software because its signature is wrong. Tell the provider.",
    "InstallVerificationFailed": "The charger found the software damaged and has not installed it. Tell the provider.",
    "InstallationFailed": "The charger could not install the software and keeps its old one. Tell the provider.",
}
_NOT_TAKEN = {
    "InvalidCertificate": "The charger does not trust who has signed the software. Tell the provider.",
    "RevokedCertificate": "The certificate that the software was signed with is revoked. Tell the provider.",
    "NotSupported": "The charger does not take software over the hub. Its maker can say how it is updated.",
}


def check_job(job: Job) -> None:
    """Whether a station can be asked for it.

    Raises:
        DeviceRefused: not from an https address, or signed by halves.
    """
    if not job.location.startswith("https://"):
        raise DeviceRefused("The software is not at a secure address, so the charger was not asked. Tell the provider.")
    if bool(job.signature) is not bool(job.signing_certificate):
        raise DeviceRefused("Half of the software's signature is missing, so the charger was not asked.")


def not_taken(status: str) -> str | None:
    """Why a station does not begin, as a sentence; None where it does."""
    # The unsigned request of 1.6 is answered without a status.
    if status in ("Accepted", "AcceptedCanceled", ""):
        return None
    return _NOT_TAKEN.get(status, "The charger refused the new software. Try again later, or restart it.")


def signed_request(action: str, job: Job, request_id: int, now: datetime) -> Outgoing:
    """The request in which 2.x and the security whitepaper of 1.6 agree; without signature only 2.x takes it."""
    firmware = {"location": job.location, "retrieveDateTime": rfc3339(now)}
    if job.signature:
        firmware |= {"signingCertificate": job.signing_certificate, "signature": job.signature}
    payload = {"requestId": request_id, "retries": RETRIES, "retryInterval": RETRY_INTERVAL_S, "firmware": firmware}
    return Outgoing(action, payload)


def plain_request(job: Job, now: datetime) -> Outgoing:
    """The unsigned request of 1.6."""
    payload = {
        "location": job.location,
        "retrieveDate": rfc3339(now),
        "retries": RETRIES,
        "retryInterval": RETRY_INTERVAL_S,
    }
    return Outgoing("UpdateFirmware", payload)


def progress(payload: Payload, listener: Listener) -> Payload:
    """FirmwareStatusNotification, signed or not; ``Idle`` says nothing about an update."""
    status = plain(payload.get("status"))
    request_id = whole(payload, "requestId") if "requestId" in payload else None
    if status in _FAILED:
        listener.software_is(SoftwareReport(stage=SoftwareStage.FAILED, request_id=request_id, problem=_FAILED[status]))
    elif status in _STAGE:
        listener.software_is(SoftwareReport(stage=_STAGE[status], request_id=request_id))
    else:
        listener.heard()
    return {}
