"""The fail-safe value: when it begins, how long it holds, what ends it."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from homeapp.grid_limits.failsafe import HEARTBEAT_S, FailsafeState, Reach, stepped

DURATION_S = 7200.0


def after(state: FailsafeState, monotonic: float, *, in_reach: bool = False, limited: bool = True) -> FailsafeState:
    return stepped(state, monotonic=monotonic, in_reach=in_reach, limited=limited, duration_s=DURATION_S)


def lost_at(monotonic: float) -> FailsafeState:
    return after(FailsafeState(), monotonic)


def test_a_short_silence_is_none() -> None:
    assert after(lost_at(0), HEARTBEAT_S - 1).reach is Reach.LOST
    assert after(lost_at(0), HEARTBEAT_S).reach is Reach.FAILSAFE
    assert after(after(lost_at(0), HEARTBEAT_S - 1), HEARTBEAT_S, in_reach=True) == FailsafeState()


def test_without_a_limit_in_force_a_lost_operator_limits_nothing() -> None:
    state = after(lost_at(0), 10 * DURATION_S, limited=False)
    assert state.reach is Reach.LOST
    assert after(state, 10 * DURATION_S + 1).reach is Reach.FAILSAFE, "until one comes into force"


def test_it_holds_for_its_duration_even_where_the_limit_itself_is_over_and_then_ends_once_and_for_all() -> None:
    state = after(lost_at(0), HEARTBEAT_S)
    assert (state.begun_at, state.ends_at) == (HEARTBEAT_S, HEARTBEAT_S + DURATION_S)
    assert after(state, HEARTBEAT_S + DURATION_S - 1, limited=False) == state
    over = after(state, HEARTBEAT_S + DURATION_S, limited=False)
    assert over.reach is Reach.OVER
    assert after(over, 100 * DURATION_S).reach is Reach.OVER


def test_the_operators_own_word_ends_it_at_once_and_another_loss_begins_anew() -> None:
    back = after(after(lost_at(0), HEARTBEAT_S), HEARTBEAT_S + 60, in_reach=True)
    assert back == FailsafeState()
    again = after(back, 1000.0)
    assert (again.reach, again.lost_at) == (Reach.LOST, 1000.0)


class Machine(RuleBasedStateMachine):
    """Any course of link and limits, against what is demanded in words."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.state = FailsafeState()
        self.up = True
        self.limited = False
        self.lost_at: float | None = None
        self.held: list[float] = []

    @rule(seconds=st.floats(0.5, 3 * DURATION_S), up=st.booleans(), limited=st.booleans())
    def time_goes_on(self, seconds: float, up: bool, limited: bool) -> None:
        before = self.state
        self.now += seconds
        self.up, self.limited = up, limited
        self.state = after(before, self.now, in_reach=up, limited=limited)
        if up:
            self.lost_at, self.held = None, []
        elif self.lost_at is None:
            self.lost_at = self.now
        if self.state.reach is Reach.FAILSAFE:
            self.held.append(self.now)
        if before.reach is Reach.FAILSAFE and self.state.reach is Reach.OVER:
            assert before.begun_at is not None
            assert self.now - before.begun_at >= DURATION_S, "at least its duration"
        if before.reach is Reach.OVER:
            assert self.state.reach in (Reach.OVER, Reach.IN_REACH), "once for each loss"

    @rule(seconds=st.floats(0.5, 3 * DURATION_S))
    def looking_twice_changes_nothing(self, seconds: float) -> None:
        self.time_goes_on(seconds, self.up, self.limited)
        assert after(self.state, self.now, in_reach=self.up, limited=self.limited) == self.state

    @invariant()
    def in_reach_nothing_holds(self) -> None:
        assert (self.state.reach is Reach.IN_REACH) is self.up

    @invariant()
    def a_limit_without_its_operator_never_goes_unguarded(self) -> None:
        if self.limited and self.lost_at is not None and self.now - self.lost_at >= HEARTBEAT_S:
            assert self.state.reach in (Reach.FAILSAFE, Reach.OVER)

    @invariant()
    def nothing_holds_for_longer_than_its_duration(self) -> None:
        if self.state.reach is Reach.FAILSAFE:
            assert self.held[-1] - self.held[0] < DURATION_S


TestFailsafe = Machine.TestCase
TestFailsafe.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
