"""How far the newest update of a station's software is, whoever has asked for it."""

import logging
from dataclasses import replace

from devices.evce.dialect import SoftwareReport
from homeapp.model.readings import SoftwareStage, SoftwareUpdate
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

_BEGINS = (SoftwareStage.DOWNLOADING, SoftwareStage.DOWNLOADED)
_OVER = (SoftwareStage.INSTALLED, SoftwareStage.FAILED)


class SoftwareProgress:
    """Facts about one update.

    Attributes:
        update: the newest state of it, or None while none is known of.
    """

    def __init__(self, device_id: str, clock: Clock) -> None:
        self.update: SoftwareUpdate | None = None
        self._device_id = device_id
        self._clock = clock
        self._request: int | None = None
        self._firmware: str | None = None

    def asked(self, version: str, request_id: int) -> None:
        """The hub asks for software; takes the place of an update before it."""
        self._request = request_id
        self.update = SoftwareUpdate(version=version, stage=SoftwareStage.REQUESTED, at=self._clock.now())

    def not_taken(self) -> None:
        """The station does not begin."""
        self.update = self._request = None

    def reported(self, report: SoftwareReport) -> None:
        """The station tells how far it is."""
        update, ours = self.update, report.request_id in (None, self._request)
        if (update is None or update.stage in _OVER) and report.stage in _BEGINS:
            # Somebody else's: passed on for the provider, or begun at the station itself.
            self._request = report.request_id
            self.update = SoftwareUpdate(version="", stage=report.stage, at=self._clock.now())
            logger.info("%s: software that the hub has not asked for is %s", self._device_id, report.stage)
        elif update is not None and ours and update.stage not in _OVER:
            self.update = replace(update, stage=report.stage, at=self._clock.now(), problem=report.problem)
            logger.info("%s: software %s is %s", self._device_id, update.version, report.stage)

    def booted(self, firmware: str | None) -> None:
        """The station runs this now; some say no more of a finished update."""
        update, before, self._firmware = self.update, self._firmware, firmware
        if update is None or update.stage is not SoftwareStage.INSTALLING:
            return
        # Of somebody else's software the version is not known beforehand.
        if firmware == update.version or (not update.version and firmware != before):
            self.update = replace(update, stage=SoftwareStage.INSTALLED, at=self._clock.now())
