"""The simulated station's transactions: authorisation, begin, metering, end, and the limits that hold for them."""

import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from homeapp.demo.charger.charging_profile import ProfileRefused
from homeapp.demo.charger.composite import Situation
from homeapp.demo.charger.dialect import Call, Dialect, IdToken, Phase, Transaction, TransactionEvent
from homeapp.demo.charger.limits import ChargingLimits
from homeapp.demo.charger.ocpp_schemas import Json, Version
from homeapp.demo.charger.outbox import Message, Outbox
from homeapp.demo.charger.outlet import ChargingState, Outlet
from homeapp.demo.charger.settings import Knob, Settings
from homeapp.ports import Clock

CAR_EVSE = 1
"""The EVSE with the car; there is never one at another."""
_MOST_UNSENT = 300


@dataclass(slots=True, kw_only=True)
class Start:
    """A start that waits for its authorisation or for the car.

    Attributes:
        profile: a TxProfile that came with it, or None.
        until: when it lapses, by the monotonic clock.
        may_feed: the CSMS allows that the car feeds.
    """

    token: IdToken
    until: float
    remote_start_id: int | None = None
    profile: Json | None = None
    authorised: bool = False
    may_feed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What transactions need of the rest of the station.

    Attributes:
        offline_s: for how long there has been no connection; 0 while there is one.
        install: installs a TxProfile; raises ProfileRefused.
        report: called when something has changed that is not a transaction's own event.
        note: takes a line for the history.
    """

    connected: Callable[[], bool]
    offline_s: Callable[[], float]
    install: Callable[[int, Json], None]
    report: Callable[[], None]
    note: Callable[[str], None]


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
        self._start: Start | None = None
        self._told_state = ChargingState.IDLE
        self._sampled = clock.monotonic()

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
        )

    def follow(self, *, cleared: bool = False) -> None:
        """Take over what the profiles permit now."""
        changed = self._limits.follow(self.situation(), running=self.running is not None, cleared=cleared)
        if changed and self._dialect.version is Version.V21:
            self.event(Phase.UPDATED, "OperationModeChanged")

    def tick(self) -> None:
        """Sample when it is time to; let a start lapse whose car has not come."""
        now, every_s = self._clock.monotonic(), self._settings.seconds(Knob.SAMPLE_INTERVAL)
        if self._start is not None and now > self._start.until:
            self._start = None
            self._around.note("the start has lapsed: no car was plugged in")
        if self.running is not None and every_s > 0 and now - self._sampled >= every_s:
            self._sampled = now
            if len(self._outbox) < _MOST_UNSENT:
                self.event(Phase.UPDATED, "MeterValuePeriodic")

    def tell_state(self) -> None:
        """Tell a charging state that has changed."""
        if self.running is not None and self._outlet.state is not self._told_state:
            self.event(Phase.UPDATED, "ChargingStateChanged")

    def request(self, token: IdToken, remote_start_id: int | None, profile: Json | None) -> None:
        """Start from afar: at once, or when the car is plugged in."""
        self._start = Start(token=token, until=self._deadline(), remote_start_id=remote_start_id, profile=profile)
        if self._settings.flag(Knob.AUTHORIZE_REMOTE):
            self._ask_authorisation(self._start, "RemoteStart")
        else:
            self._start.authorised = True
            self.begin_if_ready("RemoteStart")

    def card(self, value: str) -> None:
        """A card at the reader: it starts a transaction, or stops the one that it has started."""
        if self.running is None:
            self._start = Start(token=IdToken(value=value, kind="ISO14443"), until=self._deadline())
            self._ask_authorisation(self._start, "Authorized")
        elif self.running.token.value == value:
            self.end("StopAuthorized", "Local")

    def forget_start(self) -> None:
        """After a restart nobody waits any more."""
        self._start = None

    def begin_if_ready(self, trigger: str) -> None:
        """Begin where a start is authorised and the car is plugged in."""
        start = self._start
        if start is None or not start.authorised or not self._outlet.plugged or self.running is not None:
            return
        self._start = None
        now = self._clock.now()
        self.running = Transaction(
            key=str(uuid.uuid4()),
            evse=CAR_EVSE,
            token=start.token,
            started_at=now,
            remote_start_id=start.remote_start_id,
            may_feed=start.may_feed,
        )
        self.over = False
        self._outlet.closed = True
        self._sampled = self._clock.monotonic()
        self.follow()
        self._around.note("transaction begun")
        self.event(Phase.STARTED, trigger, self._when_started(self.running, start.profile))
        if self._dialect.version is not Version.V16:
            self._install_with_start(self.running, start.profile)
        if start.may_feed:
            self._tell_needs()

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
        self._told_state = self._outlet.state
        if running is None or action is None:
            return
        event = TransactionEvent(
            phase=phase,
            trigger=trigger,
            transaction=running,
            seq_no=running.next_seq,
            state=self._outlet.state,
            sample=self._outlet.sample(self._clock.now()),
            mode=self._limits.composite.mode,
            stopped=stopped,
            offline=not self._around.connected(),
        )
        running.next_seq += 1
        names = self._settings.measurands()

        def payload() -> Json | None:
            # Made late: in 1.6 the transaction gets its id only with the answer to its begin.
            return self._dialect.event_payload(event, names)

        check = answered or functools.partial(self._check_token, running)
        self._outbox.put(Message(action, payload, check, kept=True))

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._settings.seconds(Knob.CONNECT_TIMEOUT)

    def _ask_authorisation(self, start: Start, trigger: str) -> None:
        def authorised(answer: Json) -> None:
            if self._start is not start:
                return
            if self._dialect.accepted(answer):
                start.authorised, start.may_feed = True, self._dialect.feeding_allowed(answer)
                self.begin_if_ready(trigger)
            else:
                self._start = None
                self._around.note("not authorised")
            self._around.report()

        self._put(self._dialect.authorize(start.token), authorised)

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
            action, payload = call
            self._outbox.put(Message(action, lambda: payload, answered))
