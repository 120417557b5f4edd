"""The simulated station's transactions: begin, metering, end, and the limits that hold for them."""

import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from homeapp.demo.charger.abilities import Abilities
from homeapp.demo.charger.charging_profile import ProfileRefused
from homeapp.demo.charger.composite import Situation
from homeapp.demo.charger.dialect import Call, Dialect
from homeapp.demo.charger.faults import Faults
from homeapp.demo.charger.limits import ChargingLimits
from homeapp.demo.charger.meter_signature import SigningMeter
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.outlet import ChargingState, Outlet
from homeapp.demo.charger.settings import Knob, Settings
from homeapp.demo.charger.starts import Start
from homeapp.demo.charger.transaction import Phase, Transaction, TransactionEvent
from homeapp.demo.ocpp.schemas import Json, Version
from homeapp.ports import Clock

CAR_EVSE = 1
"""The EVSE with the car; there is never one at another."""
_MOST_UNSENT = 300
_RATE_CHANGE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What transactions need of the rest of the station.

    Attributes:
        offline_s: for how long there has been no connection; 0 while there is one.
        install: installs a TxProfile; raises ProfileRefused.
        report: called when something has changed that is not a transaction's own event.
        note: takes a line for the history.
        faults: what is wrong now.
        signer: of a meter that signs, or None.
    """

    connected: Callable[[], bool]
    offline_s: Callable[[], float]
    install: Callable[[int, Json], None]
    report: Callable[[], None]
    note: Callable[[str], None]
    faults: Callable[[], Faults]
    abilities: Abilities
    signer: SigningMeter | None


class Transactions:
    """At most one transaction, at the outlet with the car.

    Attributes:
        running: the transaction, or None.
        over: one has ended and the car is still plugged in.
    """

    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        outlet: Outlet,
        limits: ChargingLimits,
        outbox: Outbox,
        settings: Settings,
        surroundings: Surroundings,
    ) -> None:
        self.running: Transaction | None = None
        self.over = False
        self._dialect = dialect
        self._clock = clock
        self._outlet = outlet
        self._limits = limits
        self._outbox = outbox
        self._settings = settings
        self._around = surroundings
        self._told_state = ChargingState.IDLE
        self._told_w = 0.0
        self._sampled = clock.monotonic()
        self._aligned = 0

    def running_id(self, evse: int) -> str | None:
        """The id on the wire of the transaction at this EVSE, or None."""
        here = self.running is not None and self.running.evse == evse
        return self._dialect.transaction_id(self.running) if self.running is not None and here else None

    def situation(self) -> Situation:
        """What the composite schedule depends on now."""
        running = self.running
        return Situation(
            now=self._clock.now(),
            transaction_id=self.running_id(CAR_EVSE),
            transaction_start=None if running is None else running.started_at,
            offline_s=self._around.offline_s(),
            may_feed=self._outlet.car.can_feed and (running is None or running.may_feed),
            priority=running is not None and running.priority,
        )

    def follow(self, *, cleared: bool = False) -> None:
        """Take over what the profiles permit now."""
        changed = self._limits.follow(self.situation(), running=self.running is not None, cleared=cleared)
        if changed and self._dialect.version is Version.V21:
            self.event(Phase.UPDATED, "OperationModeChanged")

    def tick(self) -> None:
        """Sample when it is time to."""
        if self.running is None or len(self._outbox) >= _MOST_UNSENT:
            return
        now, every_s = self._clock.monotonic(), self._settings.seconds(Knob.SAMPLE_INTERVAL)
        if every_s > 0 and now - self._sampled >= every_s:
            self._sampled = now
            self.event(Phase.UPDATED, "MeterValuePeriodic")
        aligned_s = self._settings.seconds(Knob.ALIGNED_INTERVAL)
        slot = int(self._clock.now().timestamp() // aligned_s) if aligned_s > 0 else 0
        if slot and self._aligned and slot != self._aligned:
            self.event(Phase.UPDATED, "MeterValueClock")
        self._aligned = slot
        if self._around.abilities.tells_rate_changes and self._rate_changed():
            self.event(Phase.UPDATED, "ChargingRateChanged")

    def tell_state(self) -> None:
        """Tell a charging state that has changed."""
        if self.running is not None and self._outlet.state is not self._told_state:
            self.event(Phase.UPDATED, "ChargingStateChanged")

    def begin(self, start: Start, trigger: str) -> None:
        """Begin: the start is authorised and the car is plugged in."""
        self.running = Transaction(
            key=str(uuid.uuid4()),
            evse=CAR_EVSE,
            token=start.token,
            started_at=self._clock.now(),
            remote_start_id=start.remote_start_id,
            may_feed=start.may_feed,
        )
        self.over = False
        self._outlet.begin_session()
        self._sampled = self._clock.monotonic()
        self._limits.transaction_begun()
        self.follow()
        self._around.note("transaction begun")
        self.event(Phase.STARTED, trigger, self._when_started(self.running, start.profile))
        if self._dialect.version is not Version.V16:
            self._install_with_start(self.running, start.profile)
        if start.may_feed:
            self._tell_needs()

    def suspend(self) -> None:
        """The station goes down without ending the transaction: no power until it is resumed."""
        self._outlet.open()

    def resume(self, transaction: Transaction) -> None:
        """Go on with what ran before a restart."""
        self.running, self.over = transaction, False
        self._outlet.begin_session()
        self._limits.transaction_begun()
        self.follow()
        self._around.note("transaction resumed")
        if self._dialect.version is Version.V21:
            self.event(Phase.UPDATED, "TxResumed")

    def end(self, trigger: str, stopped: str) -> None:
        """End the transaction, if there is one: no power from now on."""
        if self.running is None:
            return
        self._outlet.open()
        self.event(Phase.ENDED, trigger, stopped=stopped)
        self._limits.transaction_over(self.running_id(CAR_EVSE))
        self.running = None
        self.over = self._outlet.plugged
        self.follow()
        self._around.note(f"transaction ended: {stopped}")

    def event(
        self, phase: Phase, trigger: str, answered: Callable[[Json], None] | None = None, stopped: str | None = None
    ) -> None:
        """Tell the CSMS, now or when it can be reached again."""
        running, action = self.running, self._dialect.event_action(phase, trigger)
        self._told_state, self._told_w = self._outlet.state, self._outlet.power_w
        if running is None or action is None:
            return
        body = self._dialect.event_payload(
            self._describe(running, phase, trigger, stopped), self._settings.measurands()
        )
        running.next_seq += 1
        if body is not None:
            check = answered or functools.partial(self._check_token, running)
            self._outbox.put(Message(action, body, check, kept=True, transaction=running))

    def _describe(self, running: Transaction, phase: Phase, trigger: str, stopped: str | None) -> TransactionEvent:
        faults, signer = self._around.faults(), self._around.signer
        sample = self._outlet.sample(self._clock.now(), by_session=faults.session_energy)
        signed = None
        if signer is not None and phase is not Phase.UPDATED:
            context = "Transaction.Begin" if phase is Phase.STARTED else "Transaction.End"
            signed = signer.sign(sample, context, running.token.value)
            running.signed_begin = signed if phase is Phase.STARTED else running.signed_begin
        return TransactionEvent(
            phase=phase,
            trigger=trigger,
            transaction=running,
            seq_no=0 if phase is Phase.ENDED and faults.ended_seq_zero else running.next_seq,
            state=self._outlet.state,
            sample=sample,
            mode=self._limits.composite.mode,
            stopped=stopped,
            offline=not self._around.connected(),
            signed=signed,
            public_key=b"" if signer is None else signer.public_key,
        )

    def _rate_changed(self) -> bool:
        told_w, now_w = self._told_w, self._outlet.power_w
        return abs(now_w - told_w) > _RATE_CHANGE * max(abs(told_w), abs(now_w))

    def restored(self, message: Message) -> None:
        """A message from the station's last life: its answer counts as if nothing had happened."""
        transaction = message.transaction
        if transaction is None:
            return
        if message.action == self._dialect.event_action(Phase.STARTED, ""):
            message.answered = functools.partial(self._learn, transaction)
        else:
            message.answered = functools.partial(self._check_token, transaction)

    def _learn(self, transaction: Transaction, answer: Json) -> None:
        self._dialect.learn_id(transaction, answer)
        self._check_token(transaction, answer)
        self._around.report()

    def _when_started(self, transaction: Transaction, profile: Json | None) -> Callable[[Json], None]:
        def started(answer: Json) -> None:
            self._dialect.learn_id(transaction, answer)
            if transaction is self.running and self._dialect.version is Version.V16:
                self._install_with_start(transaction, profile)
            self._check_token(transaction, answer)
            self._around.report()

        return started

    def _install_with_start(self, transaction: Transaction, profile: Json | None) -> None:
        if profile is None:
            return
        if self._dialect.version is not Version.V16:
            profile = profile | {"transactionId": transaction.key}
        try:
            self._around.install(transaction.evse, profile)
        except ProfileRefused:
            # It fitted when it came; another one has taken its place since. The history tells it.
            return
        self.follow()

    def _tell_needs(self) -> None:
        needs = self._dialect.charging_needs(CAR_EVSE, self._outlet.car, self._clock.now())
        if needs is not None:
            self._put(needs, lambda answer: self._around.note(f"NotifyEVChargingNeeds {answer['status']}"))

    def _check_token(self, transaction: Transaction, answer: Json) -> None:
        if self.running is transaction and not self._dialect.accepted(answer):
            self.end("Deauthorized", "DeAuthorized")
            self._around.report()

    def _put(self, call: Call, answered: Callable[[Json], None]) -> None:
        if self._around.connected():
            self._outbox.put(Message(*call, answered))
