"""How far the update of a station's software is that the hub has asked for last."""

import logging
from dataclasses import replace

from devices.evce.dialect import SoftwareReport
from homeapp.model.readings import SoftwareStage, SoftwareUpdate
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

_OVER = (SoftwareStage.INSTALLED, SoftwareStage.FAILED)


class SoftwareProgress:
    """Facts about one update.

    Attributes:
        update: the newest state of it, or None while none was asked for.
    """

    def __init__(self, device_id: str, clock: Clock) -> None:
        self.update: SoftwareUpdate | None = None
        self._device_id = device_id
        self._clock = clock
        self._request: int | None = None

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
        if update is not None and ours and update.stage not in _OVER:
            self.update = replace(update, stage=report.stage, at=self._clock.now(), problem=report.problem)
            logger.info("%s: software %s is %s", self._device_id, update.version, report.stage)

    def booted(self, firmware: str | None) -> None:
        """The station runs this now; some say no more of a finished update."""
        update = self.update
        if update is not None and update.stage is SoftwareStage.INSTALLING and firmware == update.version:
            self.update = replace(update, stage=SoftwareStage.INSTALLED, at=self._clock.now())
