"""A charger that keeps its limits in flash memory holds its last one for ten minutes, and counts with it meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from homeapp.load.claim import COARSE_LEASE_S, LONGEST_LEASE_S, Claim, Held, Moment
from homeapp.load.series import SETTLE_S
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus, LimitControl
from homeapp.model.site import Circuit, Site

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
LEASE_S = 60.0


def moment(seconds: float) -> Moment:
    return Moment(monotonic=seconds, civil=NOON + timedelta(seconds=seconds))


def state(
    current_a: float | None,
    until_s: float | None,
    control: LimitControl = LimitControl.COARSE,
    *,
    connected: bool = True,
) -> EvceState:
    return EvceState(
        device_id="ocpp:a",
        received_at=NOON,
        status=EvceStatus.CHARGING if connected else EvceStatus.OFFLINE,
        connected=connected,
        capabilities=EvceCapabilities(protocol="ocpp1.6", control=control),
        transaction_id="t",
        granted_w=None if current_a is None else current_a * 690,
        lease_until=None if until_s is None else NOON + timedelta(seconds=until_s),
    )


def claim() -> Claim:
    return Claim(Circuit(device_id="ocpp:a"), Site())


def most_a(it: Claim) -> float:
    return max(held.current_a for held in it.all())


def ask(it: Claim, current_a: float, at_s: float) -> None:
    it.ask(Held(current_a=current_a, phases=3), moment(at_s), LEASE_S)


@pytest.mark.parametrize("connected", [True, False])
def test_its_last_limit_counts_until_it_ends_whatever_was_asked_since(*, connected: bool) -> None:
    it = claim()
    ask(it, 16, 0)
    for second in range(1, int(COARSE_LEASE_S + SETTLE_S), 2):
        if second > 10:
            ask(it, 6, second)
        it.look(state(16, COARSE_LEASE_S, connected=connected or second < 10), moment(second))
        assert most_a(it) == pytest.approx(16), second
    it.look(state(16, COARSE_LEASE_S, connected=connected), moment(COARSE_LEASE_S + 2 * SETTLE_S))
    assert most_a(it) == pytest.approx(6), "the floor, and what was asked last"


def test_a_lower_limit_that_it_has_accepted_takes_the_place_of_the_old_one() -> None:
    it = claim()
    ask(it, 16, 0)
    it.look(state(16, COARSE_LEASE_S), moment(1))
    ask(it, 8, 100)
    it.look(state(16, COARSE_LEASE_S), moment(101))
    assert most_a(it) == pytest.approx(16), "not confirmed yet"
    it.look(state(8, 100 + COARSE_LEASE_S), moment(102))
    assert most_a(it) == pytest.approx(16), "its car has not followed yet"
    for second in range(104, 140, 2):
        ask(it, 8, second)
        it.look(state(8, 100 + COARSE_LEASE_S), moment(second))
    assert most_a(it) == pytest.approx(8)


@pytest.mark.parametrize(
    ("control", "longest_s"), [(LimitControl.COARSE, COARSE_LEASE_S), (LimitControl.FULL, LONGEST_LEASE_S)]
)
def test_what_an_earlier_life_of_the_hub_has_left_in_it_counts_as_long(control: LimitControl, longest_s: float) -> None:
    it = claim()
    for second in range(0, int(longest_s + SETTLE_S), 2):
        it.look(state(6, None, control), moment(second))
        assert most_a(it) == 16, second
    it.look(state(6, None, control), moment(longest_s + SETTLE_S + 1))
    assert most_a(it) == 6
