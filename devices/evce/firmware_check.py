"""Looking at the firmware of an EV-charging service provider before a station gets it (L01, L02).

The station checks the signature of the package itself; the hub checks that somebody has signed it whom the maker of the
station vouches for, where it comes from, and that it comes at a time when nothing charges and the owner allows it. What
the provider has sent is not changed.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from devices.evce.fields import instant, mapping
from devices.evce.frames import Frame
from devices.evce.upstream.port import Refused
from homeapp.model.readings import EvceState, EvceStatus
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

_SECURE = re.compile(r"(?:https|ftps)://[A-Za-z0-9\[][!-~]{0,1023}", re.IGNORECASE)
_LONGEST_CERTIFICATE = 5500
_LONGEST_CHAIN = 5
_LONGEST_SIGNATURE = 800
_BUSY = (EvceStatus.CHARGING, EvceStatus.FEEDING)

VendorRoots = Mapping[str, Sequence[x509.Certificate]]
"""Who vouches for firmware, by the vendor's name in small letters."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when firmware may be renewed, local wall time; over midnight where it ends before it begins."""

    begin: time
    end: time
    zone: ZoneInfo

    def holds(self, moment: datetime) -> bool:
        """Whether ``moment`` (aware) is within."""
        local = moment.astimezone(self.zone).time().replace(tzinfo=None)
        if self.begin <= self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end

    @classmethod
    def of(cls, text: str, zone: ZoneInfo) -> "Window | None":
        """Read ``HH:MM-HH:MM``; None where it is empty.

        Raises:
            ValueError: it is something else.
        """
        if not text:
            return None
        begin, _, end = text.partition("-")
        return cls(time.fromisoformat(begin), time.fromisoformat(end), zone)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a request for firmware says; ``signed`` by a certificate and a signature, both of them."""

    location: str
    certificate: str
    signature: str
    begins: datetime | None

    @property
    def signed(self) -> bool:
        return bool(self.certificate) and bool(self.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareRules:
    """What the installer has set.

    Attributes:
        roots: see ``VendorRoots``.
        window: None where any time is right.
    """

    roots: VendorRoots
    window: Window | None
    clock: Clock


class ProviderFirmware:
    """Looks at the requests for one station (the upstream's ``FirmwareCheck`` port).

    Args:
        device_id: the station.
        rules: of this home.
        state: how it stands, or None while that is not known.
        vendor: as it told, or empty while that is not known.
        agreed: whether the owner has agreed to firmware of an address and a signature for now.
    """

    def __init__(
        self,
        device_id: str,
        rules: FirmwareRules,
        *,
        state: Callable[[], EvceState | None],
        vendor: Callable[[], str],
        agreed: Callable[[str, str], bool],
    ) -> None:
        self._device_id = device_id
        self._rules = rules
        self._state = state
        self._vendor = vendor
        self._agreed = agreed

    async def refusal(self, frame: Frame) -> Refused | None:
        refused = self._judged(frame)
        if refused is not None:
            logger.warning("%s: the provider's firmware is refused: %s", self._device_id, refused.sentence)
        else:
            logger.info("%s: the provider's firmware is passed on", self._device_id)
        return refused

    def _judged(self, frame: Frame) -> Refused | None:
        asked = _asked(frame.payload)
        refused = self._of_the_address(asked) or self._of_the_moment()
        if refused is not None or self._agreed(asked.location, asked.signature):
            return refused
        return self._of_the_signer(asked) or self._of_the_hour(asked)

    def _of_the_address(self, asked: _Asked) -> Refused | None:
        if not _SECURE.fullmatch(asked.location):
            return Refused(reason="InvalidURL", sentence="Firmware is taken from https or ftps addresses only.")
        return None

    def _of_the_signer(self, asked: _Asked) -> Refused | None:
        if not asked.signed:
            return Refused(reason="MissingParam", sentence="Unsigned firmware needs the owner's agreement first.")
        roots = self._rules.roots.get(self._vendor().casefold())
        if not roots:
            return Refused(
                reason="NotEnabled",
                sentence="The hub does not know who signs this vendor's firmware: the owner has to agree to it first.",
            )
        if not is_vouched_for(asked.certificate, roots, self._rules.clock.now()):
            return Refused(
                reason="InvalidCertificate", sentence="The signing certificate is not vouched for by the vendor."
            )
        return None

    def _of_the_moment(self) -> Refused | None:
        state = self._state()
        if state is None or not state.connected:
            return Refused(reason="InternalError", sentence="The station is not connected; try again later.")
        if state.software is not None and state.software.stage.is_under_way:
            return Refused(reason="FwUpdateInProgress", sentence="Other firmware is on its way already.")
        if state.status in _BUSY:
            return Refused(reason="TxInProgress", sentence="The station charges or feeds; try again once that is over.")
        return None

    def _of_the_hour(self, asked: _Asked) -> Refused | None:
        now, window = self._rules.clock.now(), self._rules.window
        begins = max(now, asked.begins) if asked.begins else now
        if window is not None and not window.holds(begins):
            return Refused(reason="NotEnabled", sentence=f"The owner allows new firmware at {window}; try again then.")
        return None


def is_vouched_for(chain_pem: str, roots: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether the first certificate of a chain leads to one of ``roots``, and all of the way are in force ``now``."""
    try:
        chain = x509.load_pem_x509_certificates(chain_pem.encode())
        return len(chain) <= _LONGEST_CHAIN and _leads_to(chain[0], chain[1:], roots, now)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _leads_to(
    certificate: x509.Certificate,
    between: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> bool:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    if any(_has_issued(root, certificate) and now <= root.not_valid_after_utc for root in roots):
        return True
    rest = [other for other in between if other != certificate]
    issuer = next((other for other in rest if _has_issued(other, certificate)), None)
    return issuer is not None and _leads_to(issuer, [other for other in rest if other != issuer], roots, now)


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False


def _asked(payload: Mapping[str, Any]) -> _Asked:
    """Of 2.x and the whitepaper of 1.6 in ``firmware``; plain 1.6 has the address in the payload itself."""
    firmware = payload if "location" in payload else mapping(payload, "firmware")
    begins = instant(firmware, "installDateTime") or instant(firmware, "retrieveDateTime")
    return _Asked(
        location=_text(firmware, "location", 2048),
        certificate=_text(firmware, "signingCertificate", _LONGEST_CERTIFICATE),
        signature=_text(firmware, "signature", _LONGEST_SIGNATURE),
        begins=begins or instant(firmware, "retrieveDate"),
    )


def _text(source: Mapping[str, Any], name: str, longest: int) -> str:
    value = source.get(name)
    return value if isinstance(value, str) and len(value) <= longest else ""
