"""How the hub says no to a CSMS: the answer of the action with its word for no, or a CALLERROR where it has none."""

import msgspec

from devices.evce.fields import Payload
from devices.evce.frames import Frame
from devices.evce.rpc import Refusal
from devices.evce.schemas import Version
from devices.evce.upstream.port import Refused

_WORDS = {"DeleteCertificate": "Failed", "UnpublishFirmware": "NoFirmware"}
_WITHOUT_INFO = frozenset({"UnpublishFirmware"})
_LONGEST_INFO = 512


def refusal(version: Version, action: str, refused: Refused) -> Payload:
    """The answer to a CALL of ``action`` that the hub refuses.

    Raises:
        Refusal: the action has no word for no (1.6 UpdateFirmware).
    """
    if version is Version.V16 and action == "UpdateFirmware":
        raise Refusal("SecurityError", refused.sentence)
    answer: Payload = {"status": _WORDS.get(action, "Rejected")}
    if version is not Version.V16 and action not in _WITHOUT_INFO:
        answer["statusInfo"] = status_info(refused)
    return answer


def status_info(refused: Refused) -> Payload:
    """The StatusInfoType of 2.x."""
    return {"reasonCode": refused.reason[:20], "additionalInfo": refused.sentence[:_LONGEST_INFO]}


def unreachable(version: Version, sentence: str) -> Refusal:
    """A CALLERROR that says that the other side of the hub cannot be reached."""
    return Refusal("GenericError" if version is Version.V16 else "InternalError", sentence)


def passed_on(error: Frame) -> Refusal:
    """The CALLERROR of one side for the other one."""
    return Refusal(error.code or "GenericError", error.description, msgspec.Raw(error.raw) if error.raw else None)
