"""How the simulated station registers with its CSMS and shows that it is alive."""

from collections.abc import Callable

from homeapp.demo.charger.dialect import Call
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.settings import Knob, Settings
from homeapp.demo.ocpp.schemas import Json
from homeapp.ports import Clock

_AGAIN_S = 30.0


class Registration:
    """BootNotification until it is accepted, then Heartbeat.

    Args:
        boot: makes a BootNotification for a reason.
        told: called when the CSMS has answered one, with the status.
        mute: it never registers of its own accord, and acts as if it were.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        outbox: Outbox,
        boot: Callable[[str], Call],
        told: Callable[[str], None],
        mute: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._outbox = outbox
        self._boot = boot
        self._told = told
        self._mute = mute
        self._status = ""
        self._reason = "PowerUp"
        self._boot_due = self._heartbeat_due = clock.monotonic()

    @property
    def accepted(self) -> bool:
        """The last BootNotification was accepted."""
        return self._status == "Accepted" or self._mute()

    @property
    def rejected(self) -> bool:
        """The last BootNotification was rejected."""
        return self._status == "Rejected"

    def restarted(self, reason: str) -> None:
        """The station has started anew, for a BootReason of 2.x."""
        self._status, self._reason = "", reason

    def went_online(self) -> None:
        """There is a connection."""
        self._heartbeat_due = self._clock.monotonic()
        if not self.accepted:
            self.register()

    def register(self) -> None:
        """Send a BootNotification, unless one is on its way."""
        self._boot_due = self._clock.monotonic() + _AGAIN_S
        if not self._outbox.holds("BootNotification"):
            self._outbox.put(Message(*self._boot(self._reason), self._answered, early=True))

    def beat(self) -> None:
        """Send a Heartbeat."""
        self._outbox.put(Message("Heartbeat", {}, early=True))

    def tick(self) -> None:
        """Send what is due; only while there is a connection."""
        now, every_s = self._clock.monotonic(), self._settings.seconds(Knob.HEARTBEAT_INTERVAL)
        if not self.accepted and now >= self._boot_due:
            self.register()
        elif self.accepted and every_s > 0 and now >= self._heartbeat_due:
            self._heartbeat_due = now + every_s
            self.beat()

    def _answered(self, answer: Json) -> None:
        now, interval_s = self._clock.monotonic(), answer["interval"]
        self._status = answer["status"]
        if self.accepted:
            if interval_s > 0:
                self._settings.set_heartbeat(interval_s)
            self._heartbeat_due = now + self._settings.seconds(Knob.HEARTBEAT_INTERVAL)
        elif interval_s > 0:
            self._boot_due = now + interval_s
        self._outbox.wake()
        self._told(self._status)
