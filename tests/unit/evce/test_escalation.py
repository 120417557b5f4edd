"""The measures against a station that does not keep its limit."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from devices.evce.escalation import PATIENCE_S, URGENT_S, Escalation, Measure

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ALL = frozenset(Measure)
DRASTIC = {Measure.STOP, Measure.TAKE_OUT}
ORDER = list(Measure)


class Excess:
    """An excess that goes on for as long as it is asked."""

    def __init__(self) -> None:
        self.escalation = Escalation()
        self.now_s = 0.0

    def goes_on(self, seconds: float, *, endangers: bool, possible: frozenset[Measure] = ALL) -> Measure | None:
        self.now_s += seconds
        sample = NOW + timedelta(seconds=self.now_s)
        return self.escalation.exceeded(self.now_s, sample, endangers=endangers, possible=possible)

    def until_the_end(self, *, endangers: bool, possible: frozenset[Measure] = ALL) -> list[Measure]:
        taken = [self.goes_on(PATIENCE_S + 1, endangers=endangers, possible=possible) for _ in range(12)]
        return [measure for measure in taken if measure is not None]


def test_every_measure_in_its_order_where_the_fuse_is_in_danger() -> None:
    assert Excess().until_the_end(endangers=True)[: len(ORDER)] == ORDER


def test_a_mere_excess_costs_nobody_the_charge() -> None:
    taken = Excess().until_the_end(endangers=False)
    assert not DRASTIC & set(taken)
    assert taken[:5] == [Measure.RESEND, Measure.OTHER_UNIT, Measure.TX_DEFAULT, Measure.STATION_MAX, Measure.ALARM]
    assert set(taken[5:]) == {Measure.RESEND}


def test_what_the_station_cannot_do_is_left_out() -> None:
    possible = frozenset({Measure.TX_DEFAULT})
    assert Excess().until_the_end(endangers=True, possible=possible)[:3] == [
        Measure.RESEND, Measure.TX_DEFAULT, Measure.ALARM,
    ]  # fmt: skip


def test_it_takes_time_and_new_evidence() -> None:
    excess = Excess()
    assert excess.goes_on(0, endangers=False) is None
    assert excess.goes_on(PATIENCE_S - 1, endangers=False) is None
    assert excess.goes_on(URGENT_S + 1, endangers=True) is Measure.RESEND
    old = NOW + timedelta(seconds=excess.now_s)
    assert excess.escalation.exceeded(excess.now_s + 999, old, endangers=True, possible=ALL) is None


def test_a_limit_that_is_kept_ends_it_and_the_flash_is_spared_the_next_time() -> None:
    excess = Excess()
    excess.until_the_end(endangers=False)
    assert excess.escalation.exhausted
    excess.escalation.within()
    again = excess.until_the_end(endangers=False)
    assert again[0] is Measure.RESEND
    assert Measure.STATION_MAX not in again, "once in a charge"
    excess.escalation.forget()
    assert Measure.STATION_MAX in excess.until_the_end(endangers=False)


def test_what_becomes_dangerous_after_the_alarm_is_stopped() -> None:
    excess = Excess()
    excess.until_the_end(endangers=False)
    assert excess.until_the_end(endangers=True)[:2] == [Measure.STOP, Measure.TAKE_OUT]


moments = st.lists(
    st.tuples(st.sampled_from(["excess", "within", "stale"]), st.floats(0, 60), st.booleans()), max_size=60
)


@given(moments, st.frozensets(st.sampled_from(ORDER)))
def test_never_drastic_without_danger_never_impossible_never_in_a_hurry(
    moments: list[tuple[str, float, bool]], possible: frozenset[Measure]
) -> None:
    escalation, now_s, sample = Escalation(), 0.0, NOW
    acted_s: float | None = None
    taken: list[Measure] = []
    for kind, seconds, endangers in moments:
        now_s += seconds
        if kind == "within":
            escalation.within()
            acted_s, taken = None, []
            continue
        if kind == "excess":
            sample = NOW + timedelta(seconds=now_s)
        measure = escalation.exceeded(now_s, sample, endangers=endangers, possible=possible)
        if measure is None:
            continue
        assert measure in possible | {Measure.RESEND, Measure.ALARM}
        assert endangers or measure not in DRASTIC
        assert acted_s is None or now_s - acted_s > URGENT_S
        assert taken or measure is Measure.RESEND
        acted_s = now_s
        taken.append(measure)
    first = [measure for place, measure in enumerate(taken) if measure not in taken[:place]]
    before_alarm = first[: first.index(Measure.ALARM)] if Measure.ALARM in first else first
    assert before_alarm == sorted(before_alarm, key=ORDER.index)
