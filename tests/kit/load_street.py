"""A home with several simulated charging stations on its fuse, and the hub's load guard in charge of them.

No sockets and no real time: one step is a second. A station takes a command after a while, may refuse it, may take it
without its answer ever arriving, may lose its link; its leased limit holds until its lease ends and then its floor
does. What a station may draw is reckoned here from what is in it and on its way to it, and not from what the hub
thinks of it.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from homeapp.load.claim import Held, Moment
from homeapp.load.fuse_guard import Budget
from homeapp.load.load_guard import Allowance, LoadGuard, Taker
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, MeterReading
from homeapp.model.site import Circuit, Site

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
VOLTAGE = 230.0
LEASE_S = 60.0
CYCLE_S = 2
SAMPLE_S = 10
OBEYS_S = 5
"""IEC 61851-1: a car follows a lower limit within so long."""


@dataclass
class Command:
    """On its way to a station or in it."""

    current_a: float
    phases: int
    asked_s: float
    until_s: float


@dataclass
class Station:
    """One charging station and the car at it.

    Attributes:
        car_phases: of the station's own phases those that the car uses, its L1 first.
        appetite_a: what the car takes where it may.
        answers_after_s: from a command to its effect and its answer.
        refuses, loses_requests, loses_answers: what happens to commands.
        switches: it can change the number of phases.
        watts: it takes its limits in watts, and the car may draw all of that from the phases that it uses.
        divides: it takes them in watts and offers the same part of it on each of its phases.
        linked: the link is up; that it is lost is noticed after ``notices_s``.
    """

    circuit: Circuit
    car_phases: int = 3
    appetite_a: float = 16.0
    plugged: bool = True
    started: bool = True
    answers_after_s: float = 1.0
    refuses: bool = False
    loses_requests: bool = False
    loses_answers: bool = False
    switches: bool = False
    watts: bool = False
    divides: bool = False
    linked: bool = True
    notices_s: float = 0.0
    leased: Command | None = None
    held: Command | None = None
    coming: list[Command] = field(default_factory=list)
    past: deque[tuple[float, float, int]] = field(default_factory=deque)
    drawn_a: float = 0.0
    reported: tuple[float, float] | None = None
    lost_s: float = 0.0

    @property
    def phases(self) -> int:
        return self.limit[1]

    @property
    def limit(self) -> tuple[float, int]:
        """A per phase now in force, and on how many phases."""
        if self.leased is not None:
            return self.dealt(self.leased.current_a, self.leased.phases)
        return self.floor

    @property
    def floor(self) -> tuple[float, int]:
        """In watts the floor is what one phase makes."""
        return self.dealt(self.circuit.safe_current_a, self.floor_phases)

    @property
    def floor_phases(self) -> int:
        return 1 if self.watts or self.divides else self.circuit.phases

    def dealt(self, current_a: float, phases: int) -> tuple[float, int]:
        """What a command comes to on each phase that the car uses."""
        if not (self.watts or self.divides) or current_a < 0:
            return current_a, phases
        among = self.circuit.phases if self.divides else self.car_phases
        return min(self.circuit.max_current_a, current_a * phases / among), self.circuit.phases

    def known_to_be_linked(self, t: float) -> bool:
        return self.linked or t < self.lost_s + self.notices_s

    def step(self, t: float) -> None:
        """A second passes."""
        for command in [command for command in self.coming if t >= command.asked_s + self.answers_after_s]:
            self.coming.remove(command)
            self._take(command, t)
        if self.leased is not None and t >= self.leased.until_s:
            self.leased = None
        current_a, phases = self.limit
        self.past.append((t, current_a, phases))
        while self.past[0][0] < t - OBEYS_S:
            self.past.popleft()
        self.drawn_a = 0.0
        if self.started:
            lately_a = max(past for _, past, _ in self.past) if current_a >= 0 else current_a
            self.drawn_a = min(self.appetite_a, lately_a) if lately_a >= 6 or lately_a < 0 else 0.0
        if self.linked and t % SAMPLE_S == ord(self.circuit.device_id[-1]) % SAMPLE_S:
            self.reported = (self.drawn_a, t)

    def _take(self, command: Command, t: float) -> None:
        if not self.linked or self.loses_requests:
            return
        if self.refuses:
            return
        if not self.started and command.current_a > 0 and self.plugged:
            # A transaction begins at the floor; the limit follows with the next command.
            self.started = True
            return
        if self.started and command.until_s > t:
            self.leased = command
            if not self.loses_answers:
                self.held = command

    def cut(self, t: float, notices_s: float) -> None:
        if self.linked:
            self.linked, self.lost_s, self.notices_s = False, t, notices_s

    def unplug(self) -> None:
        self.plugged = self.started = False
        self.leased = self.held = None
        self.coming.clear()

    def may_draw(self, t: float) -> dict[int, float]:
        """The most A on each phase of the grid that is in force or on its way; a rest of an old limit counts too.

        At one that is known to be offline somebody may begin a charge at any time.
        """
        running = self.started or not self.known_to_be_linked(t)
        limits = [(a, n) for _, a, n in self.past] if running else []
        if running:
            limits.append(self.limit)
        limits += [self.dealt(c.current_a, c.phases) for c in self.coming if self.linked and not self.loses_requests]
        if self.coming and not self.started and any(c.current_a > 0 for c in self.coming):
            limits.append(self.floor)
        load: dict[int, float] = {}
        for current_a, phases in limits:
            for own in range(min(phases, self.car_phases)):
                grid = self.circuit.rotation[own]
                load[grid] = max(load.get(grid, 0.0), current_a)
        return load

    def may_feed(self) -> dict[int, float]:
        limits = [a for _, a, _ in self.past] + [self.limit[0]] + [c.current_a for c in self.coming]
        fed_a = max(0.0, -min(limits)) * self.circuit.phases / self.car_phases
        return dict.fromkeys(self.circuit.rotation[: self.car_phases], fed_a)

    def flow_a(self) -> float:
        """A on each phase that the car uses; what is fed was asked for as a power."""
        return self.drawn_a * (self.circuit.phases / self.car_phases if self.drawn_a < 0 else 1.0)

    def state(self, t: float) -> EvceState:
        """What the hub is told of it."""
        linked = self.known_to_be_linked(t)
        status = EvceStatus.PLUGGED if self.plugged else EvceStatus.AVAILABLE
        if self.started:
            status = EvceStatus.CHARGING if self.limit[0] >= 6 else EvceStatus.SUSPENDED_EVSE
        current_a, at = self.reported or (0.0, 0.0)
        held = self.held if self.started else None
        floor_w = self.circuit.safe_current_a * VOLTAGE * self.floor_phases
        power_w = 0.0 if held is None else held.current_a * VOLTAGE * held.phases
        used = min(self.car_phases, self.phases)
        watts = current_a * VOLTAGE * (used if current_a >= 0 else self.circuit.phases)
        amperes = tuple(max(0.0, current_a) if own < used else 0.0 for own in range(self.circuit.phases))
        return EvceState(
            device_id=self.circuit.device_id,
            received_at=NOON,
            status=status if linked else EvceStatus.OFFLINE,
            connected=linked,
            capabilities=EvceCapabilities(
                protocol="ocpp2.1",
                phases=self.circuit.phases,
                can_feed=True,
                phase_switching=self.switches,
                in_watts=self.watts or self.divides,
            ),
            power_w=None if self.reported is None else watts,
            power_at=None if self.reported is None else NOON + timedelta(seconds=at),
            phase_current_a=None if self.reported is None else amperes,
            transaction_id="t" if self.started else None,
            granted_w=max(0.0, power_w) if held else floor_w,
            granted_feed_w=max(0.0, -power_w),
            lease_until=NOON + timedelta(seconds=held.until_s) if held else None,
        )


@dataclass
class LoadStreet:
    """The home: its load, its meter, its stations, its hub.

    Attributes:
        home_a: A on each phase besides the stations.
        lag_s: so old is what the meter shows.
        meter_stands: it shows nothing new.
        hub_lives: where not, nobody asks for anything.
        wishes: A by device id, feeding -.
    """

    site: Site
    stations: list[Station]
    guard: LoadGuard = field(init=False)
    t: float = 0.0
    home_a: tuple[float, ...] = (3.0, 3.0, 3.0)
    lag_s: int = 1
    meter_stands: bool = False
    hub_lives: bool = True
    wishes: dict[str, float] = field(default_factory=dict)
    budget: Budget | None = None
    allowances: dict[str, Allowance] = field(default_factory=dict)
    shown: deque[tuple[float, tuple[float, ...]]] = field(default_factory=deque)
    meter_s: float = 0.0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The hub starts anew and knows nothing."""
        self.guard = LoadGuard(self.site)
        self.guard.chargers_are([station.circuit for station in self.stations])
        self.hub_lives = True
        for station in self.stations:
            station.held = station.reported = None

    def lives(self, seconds: int) -> None:
        for _ in range(seconds):
            self.second()

    def second(self) -> None:
        self.t += 1
        for station in self.stations:
            station.step(self.t)
        self.shown.append((self.t, self.at_the_meter()))
        if self.hub_lives and self.t % CYCLE_S == 0:
            self.cycle()

    def at_the_meter(self) -> tuple[float, ...]:
        """What really flows, A on each phase."""
        flows = list(self.home_a)
        for station in self.stations:
            for own in range(min(station.phases, station.car_phases)):
                flows[station.circuit.rotation[own]] += station.flow_a()
        return tuple(flows)

    def cycle(self) -> None:
        """One cycle of the hub, and the check of what it grants."""
        before = {id(station): (station.may_draw(self.t), station.may_feed()) for station in self.stations}
        at = Moment(monotonic=self.t, civil=NOON + timedelta(seconds=self.t))
        takers = {}
        for station in self.stations:
            wish_a = self.wishes.get(station.circuit.device_id, 16.0)
            takers[station.circuit.device_id] = Taker(
                evce=station.state(self.t), wish_a=max(0.0, wish_a), feed_a=max(0.0, -wish_a)
            )
        self.allowances = self.guard.allow(
            meter=self._meter(), meter_age_s=self.t - self.meter_s, takers=takers, cap_w=None, at=at
        )
        self.budget = self.guard.budget
        for station in self.stations:
            allowance = self.allowances.get(station.circuit.device_id)
            if allowance is not None and station.plugged:
                self._ask(station, allowance, at)
        self._judge(before)

    def _meter(self) -> MeterReading | None:
        while not self.meter_stands and len(self.shown) > 1 and self.shown[1][0] <= self.t - self.lag_s:
            self.shown.popleft()
        _, currents = self.shown[0]
        if not self.meter_stands:
            self.meter_s = self.t
        watts = tuple(current * VOLTAGE for current in currents)
        return MeterReading(device_id="m", received_at=NOON, power_w=sum(watts), phase_power_w=watts)

    def _ask(self, station: Station, allowance: Allowance, at: Moment) -> None:
        wish_a = self.wishes.get(station.circuit.device_id, 16.0)
        current_a = -min(-wish_a, allowance.feed_a) if wish_a < 0 else min(wish_a, allowance.current_a)
        phases = allowance.phases or station.circuit.phases
        self.guard.asked(station.circuit.device_id, Held(current_a=current_a, phases=phases), at, LEASE_S)
        newest = station.coming[-1] if station.coming else station.held
        known = newest is not None and (newest.current_a, newest.phases) == (current_a, phases)
        if not known or newest is None or self.t - newest.asked_s >= LEASE_S / 2:
            station.coming = [] if not station.linked else station.coming
            station.coming.append(Command(current_a, phases, self.t, self.t + LEASE_S))

    def _judge(self, before: dict[int, tuple[dict[int, float], dict[int, float]]]) -> None:
        """All that may be drawn is within the budget of this cycle, or nobody was granted more than before."""
        budget = self.budget
        for phase in range(self.site.phases):
            after = {id(s): (s.may_draw(self.t).get(phase, 0.0), s.may_feed().get(phase, 0.0)) for s in self.stations}
            for kind, bounds in enumerate((budget.charge_a, budget.feed_a) if budget else (None, None)):
                total = sum(amounts[kind] for amounts in after.values())
                raised = [s for s in self.stations if after[id(s)][kind] > before[id(s)][kind].get(phase, 0.0) + 0.01]
                if bounds is None:
                    assert all(after[id(s)][kind] <= s.circuit.safe_current_a + 0.01 for s in raised), "without a meter"
                elif raised:
                    assert total <= bounds[phase] + 0.01, (self.t, phase, kind, total, bounds)
        if budget is not None:
            self._judge_targets(budget)

    def _judge_targets(self, budget: Budget) -> None:
        """What all are allowed is within the budget, with the floors of those that cannot be told."""
        for phase in range(self.site.phases):
            allowed = untold = 0.0
            for station in self.stations:
                allowance, own = self.allowances.get(station.circuit.device_id), phase in station.circuit.rotation
                if allowance is None:
                    untold += station.circuit.safe_current_a if own else 0.0
                elif station.plugged and own:
                    current_a, phases = station.dealt(allowance.current_a, allowance.phases or station.circuit.phases)
                    if station.circuit.rotation.index(phase) < min(station.car_phases, phases):
                        allowed += current_a
            assert allowed == 0 or allowed + untold <= budget.charge_a[phase] + 0.01, (self.t, phase, allowed, untold)


def station(name: str, **how: object) -> Station:
    """One on a circuit of its own; ``rotation``, ``priority`` and the safe current go to the circuit."""
    circuit = Circuit(device_id=f"ocpp:{name}")
    for key in ("rotation", "priority", "safe_current_a", "max_current_a"):
        if key in how:
            circuit = replace(circuit, **{key: how.pop(key)})  # type: ignore[arg-type]
    return Station(circuit=circuit, **how)  # type: ignore[arg-type]
