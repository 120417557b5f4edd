"""The simulated charging station without its connection: registration, transactions, profiles, metering."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from homeapp.demo.charger.car import Car
from homeapp.demo.charger.composite import Composite
from homeapp.demo.charger.dialect import (
    About,
    Call,
    Dialect,
    IdToken,
    OutletView,
    Phase,
    Selection,
    Transaction,
    Wanted,
)
from homeapp.demo.charger.firmware import FirmwareInstaller, FirmwareRequest, FirmwareStatus, Trusted
from homeapp.demo.charger.limits import ChargingLimits
from homeapp.demo.charger.memory import Memory
from homeapp.demo.charger.ocpp_schemas import Json, Version
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.outlet import ChargingState, Outlet
from homeapp.demo.charger.registration import Registration
from homeapp.demo.charger.rpc import CallRefused
from homeapp.demo.charger.transactions import CAR_EVSE, Surroundings, Transactions
from homeapp.demo.charger.v2 import FEEDING_MODE
from homeapp.demo.charger.watch import Faults, Observation, Watch
from homeapp.ports import Clock


class ChargingStation:
    """The station's own logic; it implements ``Operations`` for the dialect. Nothing here blocks or sends.

    Args:
        dialect: the version spoken.
        about: what it says of itself.
        clock: the street's.
        car: at its first EVSE.
        memory: what it has kept from its last life.
        trusted: whose software it takes.

    Attributes:
        outbox: what is to be sent.
        watch: history and waiting.
        faults: what is wrong with it.
        password: for Basic authentication, or None.
        leaving: it wants to close the connection once all is said.
        installer: of its software; to be run.
    """

    def __init__(
        self, *, dialect: Dialect, about: About, clock: Clock, car: Car, memory: Memory, trusted: Trusted
    ) -> None:
        self.outbox = Outbox()
        self.watch = Watch(clock.now, self.observe)
        self.faults = Faults()
        self.settings = dialect.settings(about)
        self.password = memory.password
        self._unsaved = False
        self.leaving = False
        self.connected = False
        self._dialect = dialect
        self._about = about if memory.firmware is None else replace(about, firmware=memory.firmware)
        self._installed: FirmwareRequest | None = None
        self._firmware = memory.firmware
        self._clock = clock
        self._outlet = Outlet(car)
        self._limits = ChargingLimits(dialect.version, memory.profiles, clock.now, self.watch.note)
        self._registration = Registration(
            clock, self.settings, self.outbox, lambda reason: dialect.boot(self._about, reason), self._registration_told
        )
        self._restarting: str | None = None
        self._reset_when_idle = False
        self._reported: dict[int, str] = {}
        self._ticked = clock.monotonic()
        self._offline_since: float | None = self._ticked
        surroundings = Surroundings(
            connected=lambda: self.connected,
            offline_s=self._offline_s,
            install=self.install_profile,
            report=self._report,
            note=self.watch.note,
        )
        self._transactions = Transactions(
            dialect, clock, self._outlet, self._limits, self.outbox, self.settings, surroundings
        )

        self.installer = self._make_installer(trusted)

    # What can be seen and done from outside.

    def observe(self) -> Observation:
        """The station now."""
        composite = self._limits.composite
        return Observation(
            connected=self.connected,
            registered=self.registered,
            plugged=self._outlet.plugged,
            state=self._outlet.state,
            transaction_id=self._transactions.running_id(CAR_EVSE),
            power_w=self._outlet.power_w,
            soc_pct=self._outlet.car.soc_pct,
            limit_w=composite.limit_w,
            setpoint_w=composite.setpoint_w,
            limit_source=composite.source,
            firmware=self._about.firmware,
            profiles=len(self._limits),
            at=self._clock.now(),
        )

    @property
    def unsaved(self) -> bool:
        """The memory has to be written."""
        return self._unsaved or self._limits.unsaved

    def take_memory(self) -> Memory:
        """What a power cut has to leave, to be written now."""
        self._unsaved = self._limits.unsaved = False
        return Memory(password=self.password, profiles=self._limits.to_json(), firmware=self._firmware)

    def plug_in(self) -> None:
        """The cable goes into the car."""
        self._outlet.plugged = True
        self._transactions.over = False
        self.watch.note("car plugged in")
        self._transactions.begin_if_ready("CablePluggedIn")
        self._report()

    def unplug(self) -> None:
        """The cable comes out of the car, which ends its transaction."""
        self._transactions.end("EVCommunicationLost", "EVDisconnected")
        self._outlet.open()
        self._outlet.plugged = False
        self._transactions.over = False
        self.watch.note("car unplugged")
        self._report()

    def present_card(self, token: str) -> None:
        """Somebody holds a card to the reader: it starts a transaction, or stops the one that it has started."""
        self._transactions.card(token)
        self._report()

    def tick(self) -> None:
        """Let the time pass that has passed since the last tick."""
        now = self._clock.monotonic()
        elapsed, self._ticked = max(0.0, now - self._ticked), now
        self._transactions.follow()
        self._outlet.step(elapsed, self._limits.composite, ignore_limits=self.faults.ignore_limits)
        if self.connected:
            self._registration.tick()
        self._transactions.tick()
        self._report()
        self.watch.wake()

    # The connection.

    def went_online(self) -> None:
        """The websocket is open."""
        self.connected, self._offline_since, self.leaving = True, None, False
        self.watch.note("connected")
        self._registration.went_online()
        self._report()

    def went_offline(self) -> None:
        """The websocket is closed."""
        self.connected, self._offline_since, self.leaving = False, self._clock.monotonic(), False
        self.outbox.offline()
        self._reported.clear()
        self.watch.note("connection lost")
        if self._restarting is not None:
            self._start_anew(self._restarting)

    def serve(self, action: str, payload: Json) -> Json:
        """Answer a call of the CSMS.

        Raises:
            CallRefused: it cannot be answered.
        """
        handler = self._dialect.handlers.get(action)
        if handler is None:
            self.watch.note(f"{action} not implemented")
            raise CallRefused("NotImplemented", "this station does not know the action")
        # B03: a rejected station does nothing but register again.
        if self._registration.rejected and action != "TriggerMessage":
            raise CallRefused("SecurityError", "this station has been rejected")
        answer = handler(payload, self)
        if action not in ("SetChargingProfile", "GetVariables", "GetConfiguration"):
            self.watch.note(f"{action} {answer.get('status', 'answered')}".lower().replace(action.lower(), action))
        self._transactions.follow()
        self._report()
        return answer

    def refused(self, message: Message, reason: str) -> None:
        """The CSMS has answered a message with an error."""
        self.watch.note(f"{message.action} refused: {reason}")

    # Operations: what a CSMS can have the station do.

    @property
    def version(self) -> Version:
        return self._dialect.version

    @property
    def transaction(self) -> Transaction | None:
        return self._transactions.running

    @property
    def registered(self) -> bool:
        return self._registration.accepted

    def now(self) -> datetime:
        return self._clock.now()

    def has_evse(self, evse: int) -> bool:
        return 0 <= evse <= self._about.evses

    def install_profile(self, evse: int, payload: Json) -> None:
        known, amperes = self.has_evse(evse), not self.faults.refuse_amps
        self._limits.install(evse, payload, self._transactions.running_id(evse), known=known, amperes=amperes)

    def clear_profiles(self, selection: Selection) -> int:
        removed = self._limits.clear(selection)
        self._transactions.follow(cleared=True)
        return removed

    def composite_schedule(self, evse: int, duration_s: int) -> Sequence[tuple[int, Composite]]:
        return self._limits.schedule(evse, self._transactions.situation(), duration_s)

    def request_start(self, evse: int, token: IdToken, remote_start_id: int | None, profile: Json | None) -> bool:
        if self.transaction is not None or evse != CAR_EVSE or not self._limits.fits_a_start(evse, profile):
            return False
        self._transactions.request(token, remote_start_id, profile)
        return True

    def request_stop(self, transaction_id: str) -> bool:
        if self.transaction is None or self._transactions.running_id(CAR_EVSE) != transaction_id:
            return False
        self._transactions.end("RemoteStop", "Remote")
        return True

    def trigger(self, wanted: Wanted, evse: int | None) -> bool:
        match wanted:
            case Wanted.BOOT:
                self._registration.register()
            case Wanted.HEARTBEAT:
                self._registration.beat()
            case Wanted.STATUS:
                self._tell_status([evse] if evse is not None else list(self._dialect.station_outlets(self._about)))
            case Wanted.METER_VALUES:
                return self._tell_meter(evse)
            case Wanted.TRANSACTION:
                if self.transaction is None:
                    return False
                self._transactions.event(Phase.UPDATED, "Trigger")
        return True

    def reset(self, reason: str, *, when_idle: bool) -> bool:
        if when_idle and self.transaction is not None:
            self._reset_when_idle = True
            return False
        self._restart(reason)
        return True

    def update_firmware(self, request: FirmwareRequest) -> str:
        return self.installer.ask(request)

    def unlock(self) -> None:
        self._transactions.end("UnlockCommand", "UnlockCommand")

    def new_password(self, password: bytes) -> None:
        self.password = password
        self._unsaved = True
        self.leaving = True
        self.watch.note("new password kept")

    def allow_transfer(self, modes: Sequence[str]) -> None:
        if self.transaction is not None:
            self.transaction.may_feed = FEEDING_MODE in modes

    # What is due.

    def _registration_told(self, status: str) -> None:
        self.watch.note(f"registration {status}".lower())
        self._report()

    def _report(self) -> None:
        """Tell what has changed since it was told last."""
        if self._reset_when_idle and self.transaction is None:
            self._reset_when_idle = False
            self._restart("ImmediateReset")
        self._transactions.tell_state()
        if self.connected and self.registered:
            outlets = self._dialect.station_outlets(self._about)
            self._tell_status([evse for evse in outlets if self._reported.get(evse) != self._status(evse)])
        self.watch.wake()

    def _tell_status(self, outlets: Sequence[int]) -> None:
        for evse in outlets:
            self._reported[evse] = self._status(evse)
            self._put(self._dialect.status_notification(evse, self._reported[evse], self.now()))

    def _status(self, evse: int) -> str:
        here = evse == CAR_EVSE
        state = self._outlet.state if here else ChargingState.IDLE
        plugged, over = here and self._outlet.plugged, here and self._transactions.over
        return self._dialect.status(OutletView(evse=evse, plugged=plugged, state=state, over=over))

    def _tell_meter(self, evse: int | None) -> bool:
        sample, names = self._outlet.sample(self.now()), self.settings.measurands()
        if evse not in (None, 0, CAR_EVSE) or not names:
            return False
        self._put(self._dialect.meter_values(CAR_EVSE, sample, self.transaction, names))
        return True

    def _restart(self, reason: str, boot_reason: str = "RemoteReset") -> None:
        self._transactions.end("ResetCommand", reason)
        if not self.connected:
            self._start_anew(boot_reason)
            return
        self._restarting, self.leaving = boot_reason, True
        self.outbox.wake()

    def _start_anew(self, boot_reason: str) -> None:
        self._restarting = None
        self._limits.restart()
        self._registration.restarted(boot_reason)
        self._transactions.forget_start()
        self._transactions.follow()
        self.watch.note("restarted")
        if self._installed is not None:
            self._tell_firmware(self._installed, FirmwareStatus.INSTALLED)
            self._installed = None

    def _make_installer(self, trusted: Trusted) -> FirmwareInstaller:
        return FirmwareInstaller(
            trusted=trusted,
            clock=self._clock,
            tell=self._tell_firmware,
            busy=lambda: self._outlet.state is ChargingState.CHARGING,
            restart=self._restart_with,
        )

    def _restart_with(self, request: FirmwareRequest, version: str) -> None:
        """The new software runs once the station has started anew; then it is told as installed."""
        self._firmware, self._installed, self._unsaved = version, request, True
        self._about = replace(self._about, firmware=version)
        self._restart("Reboot", "FirmwareUpdate")

    def _tell_firmware(self, request: FirmwareRequest, status: FirmwareStatus) -> None:
        self.watch.note(f"firmware {status}".lower())
        call = self._dialect.firmware_status(request, status)
        if call is not None:
            action, payload = call
            self.outbox.put(Message(action, lambda: payload, kept=True))

    def _offline_s(self) -> float:
        return 0.0 if self._offline_since is None else self._clock.monotonic() - self._offline_since

    def _put(self, call: Call) -> None:
        """Only what has been asked for, or of what the CSMS knows already: it need not be registered for that."""
        if self.connected:
            action, payload = call
            self.outbox.put(Message(action, lambda: payload, early=True))
