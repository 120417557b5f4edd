"""The state of charge where the car does not tell it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from homeapp.model.readings import EvceState, EvceStatus
from homeapp.planning.state_of_charge import Reckoned, StateOfCharge

HERE = EvceState(
    device_id="ocpp:a",
    received_at=datetime(2026, 1, 15, 12, tzinfo=UTC),
    status=EvceStatus.CHARGING,
    connected=True,
    transaction_id="1",
    session_wh=0.0,
)


def reckon(*steps: tuple[EvceState | None, float | None]) -> Reckoned:
    follower = StateOfCharge(0.9, 0.8)
    found = Reckoned(soc_pct=None)
    for state, fresh in steps:
        found = follower.of(state, fresh, 30.0, 50_000)
    return found


def test_what_the_car_tells_counts() -> None:
    assert reckon((HERE, 41.0)) == Reckoned(soc_pct=41.0, told=True, measured=True)


def test_from_then_on_the_energy_counts() -> None:
    found = reckon((HERE, 40.0), (replace(HERE, session_wh=10_000), None))
    assert found == Reckoned(soc_pct=pytest.approx(58.0), told=True, measured=False)
    fed = reckon((replace(HERE, session_wh=10_000), 60.0), (replace(HERE, session_wh=6_000), None))
    assert fed.soc_pct == pytest.approx(50.0)


def test_a_car_that_tells_nothing_comes_with_the_floor() -> None:
    assert reckon((replace(HERE, session_wh=5_000), None)) == Reckoned(soc_pct=pytest.approx(39.0))
    assert reckon((HERE, None), (replace(HERE, session_wh=50_000), None)).soc_pct == 100.0


def test_energy_goes_on_into_the_next_transaction_and_is_not_counted_twice() -> None:
    ended = replace(HERE, session_wh=10_000, transaction_id=None, status=EvceStatus.FINISHING)
    again = replace(HERE, transaction_id="2", session_wh=5_000)
    steps = ((HERE, 40.0), (replace(HERE, session_wh=10_000), None), (ended, None), (ended, None), (again, None))
    assert reckon(*steps).soc_pct == pytest.approx(40 + 18 + 9)
    assert reckon(*steps, (again, None)).soc_pct == pytest.approx(67)


def test_another_car_begins_anew() -> None:
    gone = replace(HERE, status=EvceStatus.AVAILABLE, transaction_id=None)
    assert reckon((HERE, 90.0), (gone, None)) == Reckoned(soc_pct=None)
    assert reckon((HERE, 90.0), (gone, None), (HERE, None)) == Reckoned(soc_pct=30.0)
    assert reckon((HERE, 90.0), (None, None)) == Reckoned(soc_pct=None)


def test_a_charger_that_counts_no_energy_changes_nothing() -> None:
    silent = replace(HERE, session_wh=None)
    assert reckon((silent, 40.0), (silent, None)).soc_pct == 40.0
