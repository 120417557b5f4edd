"""The simulated charging station without its connection: registration, transactions, profiles, metering."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from homeapp.demo.car import VOLTAGE_V, Car
from homeapp.demo.charging_profile import ProfileRefused, Purpose, parse_profile
from homeapp.demo.composite import Composite, InstalledProfiles, Situation, Wiring
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
from homeapp.demo.station_memory import Memory
from homeapp.demo.station_outbox import Message, Outbox
from homeapp.demo.station_rpc import CallRefused
from homeapp.demo.station_settings import Knob
from homeapp.demo.station_v2 import FEEDING_MODE
from homeapp.demo.station_watch import Faults, Observation, Watch
from homeapp.ports import Clock

_CAR_EVSE = 1
_BOOT_AGAIN_S = 30.0
_MOST_UNSENT_SAMPLES = 300
_ACCEPTED = "Accepted"


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
        unsaved: the memory has to be written.
        leaving: it wants to close the connection once all is said.
    """

    def __init__(self, *, dialect: Dialect, about: About, clock: Clock, car: Car, memory: Memory) -> None:
        self.outbox = Outbox()
        self.watch = Watch(clock.now, self.observe)
        self.faults = Faults()
        self.settings = dialect.settings(about)
        self.transaction: Transaction | None = None
        self.password = memory.password
        self.unsaved = False
        self.leaving = False
        self.connected = False
        self._dialect = dialect
        self._about = about
        self._clock = clock
        self._outlet = Outlet(car)
        self._profiles = InstalledProfiles(dialect.version, Wiring(voltage_v=VOLTAGE_V))
        self._profiles.restore(memory.profiles)
        self._registration: str | None = None
        self._boot_reason = "PowerUp"
        self._restarting = False
        self._reset_when_idle = False
        self._start: _Start | None = None
        self._over = False
        self._told_state = ChargingState.IDLE
        self._reported: dict[int, str] = {}
        now = clock.monotonic()
        self._ticked = now
        self._offline_since: float | None = now
        self._boot_due = self._heartbeat_due = now
        self._sampled = now
        self._composite = self._profiles.composite(_CAR_EVSE, self._situation())

    # What can be seen and done from outside.

    def observe(self) -> Observation:
        """The station now."""
        running, composite = self.transaction, self._composite
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
            profiles=len(self._profiles),
            at=self._clock.now(),
        )

    def memory(self) -> Memory:
        """What a power cut leaves."""
        return Memory(password=self.password, profiles=tuple(self._profiles.to_json()))

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
        self._await_start(_Start(IdToken(value=token, kind="ISO14443"), None, None, self._start_deadline()))
        self._ask_authorisation("Authorized")

    def tick(self) -> None:
        """Let the time pass that has passed since the last tick."""
        now = self._clock.monotonic()
        elapsed, self._ticked = max(0.0, now - self._ticked), now
        if self._profiles.offline_for(self._offline_s(now)):
            self.unsaved = True
        self._follow()
        self._outlet.step(elapsed, self._composite, ignore_limits=self.faults.ignore_limits)
        if self._start is not None and now > self._start.until:
            self._start = None
            self.watch.note("the start has lapsed: no car was plugged in")
        self._tell_what_is_due(now)
        self._report()
        self.watch.wake()

    # The connection.

    def went_online(self) -> None:
        """The websocket is open."""
        self.connected, self._offline_since, self.leaving = True, None, False
        self._heartbeat_due = self._clock.monotonic()
        self.watch.note("connected")
        if not self.registered:
            self._boot()
        self._report()

    def went_offline(self) -> None:
        """The websocket is closed."""
        self.connected, self._offline_since, self.leaving = False, self._clock.monotonic(), False
        self.outbox.offline()
        self._reported.clear()
        self.watch.note("connection lost")
        if self._restarting:
            self._restarting = False
            self._profiles.restart()
            self._registration = None
            self._boot_reason = "RemoteReset"
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
        if self._registration == "Rejected" and action != "TriggerMessage":
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
        return self._registration == _ACCEPTED

    def now(self) -> datetime:
        return self._clock.now()

    def has_evse(self, evse: int) -> bool:
        return 0 <= evse <= self._about.evses

    def install_profile(self, evse: int, payload: Json) -> None:
        text = _describe(payload)
        try:
            if not self.has_evse(evse):
                raise ProfileRefused("UnknownEvse", "no such EVSE")
            profile = parse_profile(self.version, evse, payload, self.now())
            if profile.amperes and self.faults.refuse_amps:
                raise ProfileRefused("UnsupportedRateUnit", "only W")
            self._profiles.install(profile, self._running_id(evse))
        except ProfileRefused as refusal:
            self.watch.note(f"SetChargingProfile {text} rejected: {refusal}")
            raise
        self.unsaved = self.unsaved or self.version is Version.V16 or profile.purpose is not Purpose.TX
        self.watch.note(f"SetChargingProfile {text} accepted")

    def clear_profiles(self, selection: Selection) -> int:
        removed = self._profiles.clear(
            profile_id=selection.profile_id,
            evse=selection.evse,
            purpose=selection.purpose,
            stack_level=selection.stack_level,
        )
        self.unsaved = self.unsaved or removed > 0
        self._follow(cleared=True)
        return removed

    def composite_schedule(self, evse: int, duration_s: int) -> Sequence[tuple[int, Composite]]:
        return self._profiles.schedule(evse, self._situation(), duration_s)

    def request_start(self, evse: int, token: IdToken, remote_start_id: int | None, profile: Json | None) -> bool:
        if self.transaction is not None or evse != _CAR_EVSE or not self._fits_a_start(evse, profile):
            return False
        self._await_start(_Start(token, remote_start_id, profile, self._start_deadline()))
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
                self._boot()
            case Wanted.HEARTBEAT:
                self._put(("Heartbeat", {}), early=True)
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
        self.unsaved = True
        self.leaving = True
        self.watch.note("new password kept")

    def allow_transfer(self, modes: Sequence[str]) -> None:
        if self.transaction is not None:
            self.transaction.may_feed = FEEDING_MODE in modes

    # Registration and what is due.

    def _boot(self) -> None:
        self._boot_due = self._clock.monotonic() + _BOOT_AGAIN_S
        if not self.outbox.holds("BootNotification"):
            self._put(self._dialect.boot(self._about, self._boot_reason), self._booted, early=True)

    def _booted(self, answer: Json) -> None:
        now, interval_s = self._clock.monotonic(), answer["interval"]
        self._registration = answer["status"]
        self.watch.note(f"registration {self._registration}".lower())
        if self.registered:
            self.settings.set_heartbeat(interval_s or self.settings.seconds(Knob.HEARTBEAT_INTERVAL))
            self._heartbeat_due = now + self.settings.seconds(Knob.HEARTBEAT_INTERVAL)
        else:
            self._boot_due = now + (interval_s or _BOOT_AGAIN_S)
        self._report()
        self.outbox.wake()

    def _tell_what_is_due(self, now: float) -> None:
        if self.connected and not self.registered and now >= self._boot_due:
            self._boot()
        beat_s, sample_s = (self.settings.seconds(k) for k in (Knob.HEARTBEAT_INTERVAL, Knob.SAMPLE_INTERVAL))
        if self.connected and self.registered and beat_s > 0 and now >= self._heartbeat_due:
            self._heartbeat_due = now + beat_s
            self._put(("Heartbeat", {}))
        if self.transaction is not None and sample_s > 0 and now - self._sampled >= sample_s:
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

    def _fits_a_start(self, evse: int, profile: Json | None) -> bool:
        if profile is None:
            return True
        named = profile if self.version is Version.V16 else profile | {"transactionId": "not begun"}
        try:
            return parse_profile(self.version, evse, named, self.now()).purpose is Purpose.TX
        except ProfileRefused:
            return False

    def _await_start(self, start: _Start) -> None:
        self._start = start

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
        self._profiles.transaction_over(self._dialect.transaction_id(self.transaction))
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
            mode=self._composite.mode,
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
        """Take over what the profiles permit now, and note what that changes for a running transaction."""
        before, after = self._composite, self._profiles.composite(_CAR_EVSE, self._situation())
        self._composite = after
        if self.transaction is None or after == before:
            return
        self._note_change(before, after, "lease cleared" if cleared else "lease ended")
        if after.mode != before.mode and self.version is Version.V21:
            self._event(Phase.UPDATED, "OperationModeChanged")

    def _note_change(self, before: Composite, after: Composite, lapse: str) -> None:
        current_a = after.limit_w / VOLTAGE_V / after.phases
        if before.governing is Purpose.TX and after.governing is not Purpose.TX:
            where = "floor" if after.governing is Purpose.TX_DEFAULT else "the circuit's"
            self.watch.note(f"{lapse}: back to {where} {current_a:.4g} A")
        elif after.setpoint_w is not None:
            if after.setpoint_w != before.setpoint_w:
                name = "power feed setpoint" if after.setpoint_w < 0 else "setpoint"
                self.watch.note(f"{name} {after.setpoint_w:.0f} W")
        elif after.limit_w != before.limit_w or before.setpoint_w is not None:
            self.watch.note(f"limit {current_a:.4g} A")

    def _put(self, call: Call, answered: Callable[[Json], None] | None = None, *, early: bool = False) -> None:
        if self.connected:
            action, payload = call
            self.outbox.put(Message(action, lambda: payload, answered, early=early))


def _payload(call: Call | None) -> Json | None:
    return None if call is None else call[1]


def _describe(payload: Json) -> str:
    schedule = payload["chargingSchedule"]
    if isinstance(schedule, list):
        schedule = schedule[0]
    period: Json = next(iter(schedule["chargingSchedulePeriod"]), {})
    value = f"{period['limit']:g}" if "limit" in period else f"setpoint {period.get('setpoint', 0):g}"
    return f"{payload['chargingProfilePurpose']} {value} {schedule['chargingRateUnit']}"
