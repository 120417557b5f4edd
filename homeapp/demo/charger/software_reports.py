"""What the simulated station tells of the renewal of its software."""

from collections.abc import Callable

from homeapp.demo.charger.dialect import Call, Dialect
from homeapp.demo.charger.firmware import FirmwareRequest, FirmwareStatus
from homeapp.demo.charger.outbox import Message, Outbox

_SECURITY_EVENTS = {
    FirmwareStatus.INVALID_SIGNATURE: "InvalidFirmwareSignature",
    FirmwareStatus.INSTALLED: "FirmwareUpdated",
}


class SoftwareReports:
    """FirmwareStatusNotification, and the security events that go with it (L01.FR.03, .31).

    Args:
        security_event: sends one.
        note: takes a line for the history.
    """

    def __init__(
        self,
        dialect: Dialect,
        outbox: Outbox,
        *,
        security_event: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self._dialect = dialect
        self._outbox = outbox
        self._security_event = security_event
        self._note = note
        self._last: Call | None = None
        self._rebooting: FirmwareRequest | None = None

    @property
    def last(self) -> Call:
        """The last one that was sent; Idle when that is over and done with (L01.FR.25, .26)."""
        return self._last or self._dialect.firmware_idle()

    def tell(self, request: FirmwareRequest, status: FirmwareStatus) -> None:
        """A request has come to this status."""
        self._note(f"firmware {status}".lower())
        call = self._dialect.firmware_status(request, status)
        self._last = None if status is FirmwareStatus.INSTALLED else call
        if call is not None:
            self._outbox.put(Message(*call, kept=True))
        if status in _SECURITY_EVENTS:
            self._security_event(_SECURITY_EVENTS[status])

    def restarting(self, request: FirmwareRequest) -> None:
        """The new software runs once the station has started anew."""
        self._rebooting = request

    def started(self) -> None:
        """It runs."""
        if self._rebooting is not None:
            request, self._rebooting = self._rebooting, None
            self.tell(request, FirmwareStatus.INSTALLED)
