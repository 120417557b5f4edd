"""The simulated charging station without its connection: registration, transactions, profiles, metering."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from homeapp.demo.car import Car
from homeapp.demo.charging_profile import ProfileRefused
from homeapp.demo.composite import Composite, Situation
from homeapp.demo.ocpp_schemas import Json, Version
from homeapp.demo.outlet import ChargingState, Outlet
from homeapp.demo.station_dialect import (
    About,
    Call,
    Dialect,
    IdToken,
    OutletView,
    Phase,
    Selection,
    Transaction,
    TransactionEvent,
    Wanted,
)
from homeapp.demo.station_limits import ChargingLimits
from homeapp.demo.station_memory import Memory
from homeapp.demo.station_outbox import Message, Outbox
from homeapp.demo.station_registration import Registration
from homeapp.demo.station_rpc import CallRefused
from homeapp.demo.station_settings import Knob
from homeapp.demo.station_v2 import FEEDING_MODE
from homeapp.demo.station_watch import Faults, Observation, Watch
from homeapp.ports import Clock

_CAR_EVSE = 1
_MOST_UNSENT_SAMPLES = 300


@dataclass(slots=True)
class _Start:
    """A start that waits for its authorisation or for the car."""

    token: IdToken
    remote_start_id: int | None
    profile: Json | None
    until: float
    authorised: bool = False
    may_feed: bool = True


class ChargingStation:
    """The station's own logic; it implements ``Operations`` for the dialect. Nothing here blocks or sends.

    Args:
        dialect: the version spoken.
        about: what it says of itself.
        clock: the street's.
        car: at its first EVSE.
        memory: what it has kept from its last life.

    Attributes:
        outbox: what is to be sent.
        watch: history and waiting.
        faults: what is wrong with it.
        password: for Basic authentication, or None.
        leaving: it wants to close the connection once all is said.
    """

    def __init__(self, *, dialect: Dialect, about: About, clock: Clock, car: Car, memory: Memory) -> None:
        self.outbox = Outbox()
        self.watch = Watch(clock.now, self.observe)
        self.faults = Faults()
        self.settings = dialect.settings(about)
        self.transaction: Transaction | None = None
        self.password = memory.password
        self._password_unsaved = False
        self.leaving = False
        self.connected = False
        self._dialect = dialect
        self._about = about
        self._clock = clock
        self._outlet = Outlet(car)
        self._limits = ChargingLimits(dialect.version, memory.profiles, clock.now, self.watch.note)
        self._registration = Registration(
            clock, self.settings, self.outbox, lambda reason: dialect.boot(about, reason), self._registration_told
        )
        self._restarting = False
        self._reset_when_idle = False
        self._start: _Start | None = None
        self._over = False
        self._told_state = ChargingState.IDLE
        self._reported: dict[int, str] = {}
        now = clock.monotonic()
        self._ticked = now
        self._offline_since: float | None = now
        self._sampled = now

    # What can be seen and done from outside.

    def observe(self) -> Observation:
        """The station now."""
        running, composite = self.transaction, self._limits.composite
        return Observation(
            connected=self.connected,
            registered=self.registered,
            plugged=self._outlet.plugged,
            state=self._outlet.state,
            transaction_id=None if running is None else self._dialect.transaction_id(running),
            power_w=self._outlet.power_w,
            soc_pct=self._outlet.car.soc_pct,
            limit_w=composite.limit_w,
            setpoint_w=composite.setpoint_w,
            limit_source=composite.source,
            profiles=len(self._limits),
            at=self._clock.now(),
        )

    @property
    def unsaved(self) -> bool:
        """The memory has to be written."""
        return self._password_unsaved or self._limits.unsaved

    def take_memory(self) -> Memory:
        """What a power cut has to leave, to be written now."""
        self._password_unsaved = self._limits.unsaved = False
        return Memory(password=self.password, profiles=self._limits.to_json())

    def plug_in(self) -> None:
        """The cable goes into the car."""
        self._outlet.plugged = True
        self._over = False
        self.watch.note("car plugged in")
        self._begin_if_ready("CablePluggedIn")
        self._report()

    def unplug(self) -> None:
        """The cable comes out of the car, which ends its transaction."""
        if self.transaction is not None:
            self._end("EVCommunicationLost", "EVDisconnected")
        self._outlet.open()
        self._outlet.plugged = False
        self._over = False
        self.watch.note("car unplugged")
        self._report()

    def present_card(self, token: str) -> None:
        """Somebody holds a card to the reader: it starts a transaction, or stops the one that it has started."""
        if self.transaction is not None:
            if self.transaction.token.value == token:
                self._end("StopAuthorized", "Local")
                self._report()
            return
        self._start = _Start(IdToken(value=token, kind="ISO14443"), None, None, self._start_deadline())
        self._ask_authorisation("Authorized")

    def tick(self) -> None:
        """Let the time pass that has passed since the last tick."""
        now = self._clock.monotonic()
        elapsed, self._ticked = max(0.0, now - self._ticked), now
        self._follow()
        self._outlet.step(elapsed, self._limits.composite, ignore_limits=self.faults.ignore_limits)
        if self._start is not None and now > self._start.until:
            self._start = None
            self.watch.note("the start has lapsed: no car was plugged in")
        if self.connected:
            self._registration.tick()
        self._take_sample_if_due(now)
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
        if self._restarting:
            self._restarting = False
            self._limits.restart()
            self._registration.restarted()
            self._start = None
            self._follow()
            self.watch.note("restarted")

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
        self._follow()
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
    def registered(self) -> bool:
        return self._registration.accepted

    def now(self) -> datetime:
        return self._clock.now()

    def has_evse(self, evse: int) -> bool:
        return 0 <= evse <= self._about.evses

    def install_profile(self, evse: int, payload: Json) -> None:
        known, amperes = self.has_evse(evse), not self.faults.refuse_amps
        self._limits.install(evse, payload, self._running_id(evse), known=known, amperes=amperes)

    def clear_profiles(self, selection: Selection) -> int:
        removed = self._limits.clear(selection)
        self._follow(cleared=True)
        return removed

    def composite_schedule(self, evse: int, duration_s: int) -> Sequence[tuple[int, Composite]]:
        return self._limits.schedule(evse, self._situation(), duration_s)

    def request_start(self, evse: int, token: IdToken, remote_start_id: int | None, profile: Json | None) -> bool:
        if self.transaction is not None or evse != _CAR_EVSE or not self._limits.fits_a_start(evse, profile):
            return False
        self._start = _Start(token, remote_start_id, profile, self._start_deadline())
        if self.settings.flag(Knob.AUTHORIZE_REMOTE):
            self._ask_authorisation("RemoteStart")
        elif self._start is not None:
            self._start.authorised = True
            self._begin_if_ready("RemoteStart")
        return True

    def request_stop(self, transaction_id: str) -> bool:
        if self.transaction is None or self._dialect.transaction_id(self.transaction) != transaction_id:
            return False
        self._end("RemoteStop", "Remote")
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
                self._event(Phase.UPDATED, "Trigger")
        return True

    def reset(self, reason: str, *, when_idle: bool) -> bool:
        if when_idle and self.transaction is not None:
            self._reset_when_idle = True
            return False
        self._restart(reason)
        return True

    def unlock(self) -> None:
        if self.transaction is not None:
            self._end("UnlockCommand", "UnlockCommand")

    def new_password(self, password: bytes) -> None:
        self.password = password
        self._password_unsaved = True
        self.leaving = True
        self.watch.note("new password kept")

    def allow_transfer(self, modes: Sequence[str]) -> None:
        if self.transaction is not None:
            self.transaction.may_feed = FEEDING_MODE in modes

    # What is due.

    def _registration_told(self, status: str) -> None:
        self.watch.note(f"registration {status}".lower())
        self._report()

    def _take_sample_if_due(self, now: float) -> None:
        every_s = self.settings.seconds(Knob.SAMPLE_INTERVAL)
        if self.transaction is not None and every_s > 0 and now - self._sampled >= every_s:
            self._sampled = now
            if len(self.outbox) < _MOST_UNSENT_SAMPLES:
                self._event(Phase.UPDATED, "MeterValuePeriodic")

    def _report(self) -> None:
        """Tell what has changed since it was told last."""
        if self.transaction is not None and self._outlet.state is not self._told_state:
            self._event(Phase.UPDATED, "ChargingStateChanged")
        if self.connected and self.registered:
            outlets = self._dialect.station_outlets(self._about)
            self._tell_status([evse for evse in outlets if self._reported.get(evse) != self._status(evse)])
        self.watch.wake()

    def _tell_status(self, outlets: Sequence[int]) -> None:
        for evse in outlets:
            self._reported[evse] = self._status(evse)
            self._put(self._dialect.status_notification(evse, self._reported[evse], self.now()), early=True)

    def _status(self, evse: int) -> str:
        here = evse == _CAR_EVSE
        state = self._outlet.state if here else ChargingState.IDLE
        plugged, over = here and self._outlet.plugged, here and self._over
        return self._dialect.status(OutletView(evse=evse, plugged=plugged, state=state, over=over))

    def _tell_meter(self, evse: int | None) -> bool:
        if evse not in (None, 0, _CAR_EVSE):
            return False
        sample, names = self._outlet.sample(self.now()), self.settings.measurands()
        self._put(self._dialect.meter_values(_CAR_EVSE, sample, self.transaction, names), early=True)
        return True

    # Transactions.

    def _start_deadline(self) -> float:
        return self._clock.monotonic() + self.settings.seconds(Knob.CONNECT_TIMEOUT)

    def _ask_authorisation(self, trigger: str) -> None:
        start = self._start
        if start is None:
            return

        def authorised(answer: Json) -> None:
            if self._start is not start:
                return
            if not self._dialect.accepted(answer):
                self._start = None
                self.watch.note("not authorised")
                return
            start.authorised, start.may_feed = True, self._dialect.feeding_allowed(answer)
            self._begin_if_ready(trigger)
            self._report()

        self._put(self._dialect.authorize(start.token), authorised)

    def _begin_if_ready(self, trigger: str) -> None:
        start = self._start
        if start is None or not start.authorised or not self._outlet.plugged or self.transaction is not None:
            return
        self._start = None
        now = self.now()
        self.transaction = Transaction(
            key=str(uuid.uuid4()),
            evse=_CAR_EVSE,
            token=start.token,
            started_at=now,
            start_wh=self._outlet.sample(now).import_wh,
            remote_start_id=start.remote_start_id,
            may_feed=start.may_feed,
        )
        self._over = False
        self._outlet.closed = True
        self._sampled = self._clock.monotonic()
        self._follow()
        self.watch.note("transaction begun")
        self._event(Phase.STARTED, trigger, self._when_started(self.transaction, start.profile))
        if self.version is not Version.V16:
            self._install_with_start(self.transaction, start.profile)
        needs = self._dialect.charging_needs(_CAR_EVSE, self._outlet.car, now) if start.may_feed else None
        if needs is not None:
            self._put(needs, lambda answer: self.watch.note(f"NotifyEVChargingNeeds {answer['status']}"))

    def _when_started(self, transaction: Transaction, profile: Json | None) -> Callable[[Json], None]:
        def started(answer: Json) -> None:
            self._dialect.learn_id(transaction, answer)
            if transaction is not self.transaction:
                return
            if not self._dialect.accepted(answer):
                self._end("Deauthorized", "DeAuthorized")
            elif self.version is Version.V16:
                self._install_with_start(transaction, profile)
            self._report()

        return started

    def _install_with_start(self, transaction: Transaction, profile: Json | None) -> None:
        if profile is None:
            return
        if self.version is not Version.V16:
            profile = profile | {"transactionId": transaction.key}
        try:
            self.install_profile(transaction.evse, profile)
        except ProfileRefused:
            return
        self._follow()

    def _end(self, trigger: str, stopped: str) -> None:
        if self.transaction is None:
            return
        self._outlet.open()
        self._event(Phase.ENDED, trigger, stopped=stopped)
        self._limits.transaction_over(self._dialect.transaction_id(self.transaction))
        self.transaction = None
        self._over = self._outlet.plugged
        self._follow()
        self.watch.note(f"transaction ended: {stopped}")
        if self._reset_when_idle:
            self._reset_when_idle = False
            self._restart("ImmediateReset")

    def _event(
        self, phase: Phase, trigger: str, answered: Callable[[Json], None] | None = None, stopped: str | None = None
    ) -> None:
        running = self.transaction
        if running is None:
            return
        event = TransactionEvent(
            phase=phase,
            trigger=trigger,
            transaction=running,
            seq_no=running.next_seq,
            state=self._outlet.state,
            sample=self._outlet.sample(self.now()),
            mode=self._limits.composite.mode,
            stopped=stopped,
            offline=not self.connected,
        )
        running.next_seq += 1
        self._told_state = event.state
        names = self.settings.measurands()

        def call() -> Call | None:
            # Late, because in 1.6 the transaction gets its id only with the answer to its begin.
            return self._dialect.transaction_event(event, names)

        first = call()
        if phase is Phase.UPDATED and self.version is Version.V16 and trigger == "ChargingStateChanged":
            return
        action = first[0] if first is not None else "StopTransaction" if phase is Phase.ENDED else "MeterValues"
        self.outbox.put(Message(action, lambda: _payload(call()), answered or self._check_token, kept=True))

    def _check_token(self, answer: Json) -> None:
        if self.transaction is not None and not self._dialect.accepted(answer):
            self._end("Deauthorized", "DeAuthorized")
            self._report()

    def _restart(self, reason: str) -> None:
        if self.transaction is not None:
            self._end("ResetCommand", reason)
        self._restarting = self.leaving = True
        self.outbox.wake()

    # Profiles.

    def _running_id(self, evse: int) -> str | None:
        running = self.transaction
        return self._dialect.transaction_id(running) if running is not None and running.evse == evse else None

    def _offline_s(self, now: float) -> float:
        return 0.0 if self._offline_since is None else now - self._offline_since

    def _situation(self) -> Situation:
        running = self.transaction
        return Situation(
            now=self._clock.now(),
            transaction_id=self._running_id(_CAR_EVSE),
            transaction_start=None if running is None else running.started_at,
            offline_s=self._offline_s(self._clock.monotonic()),
            may_feed=self._outlet.car.can_feed and (running is None or running.may_feed),
        )

    def _follow(self, *, cleared: bool = False) -> None:
        """Take over what the profiles permit now."""
        changed = self._limits.follow(self._situation(), running=self.transaction is not None, cleared=cleared)
        if changed and self.version is Version.V21:
            self._event(Phase.UPDATED, "OperationModeChanged")

    def _put(self, call: Call, answered: Callable[[Json], None] | None = None, *, early: bool = False) -> None:
        if self.connected:
            action, payload = call
            self.outbox.put(Message(action, lambda: payload, answered, early=early))


def _payload(call: Call | None) -> Json | None:
    return None if call is None else call[1]
