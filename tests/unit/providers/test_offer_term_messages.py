"""The terms of a request: rewards, penalty, battery, cancellation, and what the hub does not know."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from homeapp.model.offer import Binding
from homeapp.model.offer_terms import (
    BatteryTerms,
    Cancellation,
    Penalty,
    PenaltyBasis,
    Reward,
    RewardBasis,
    WearCompensation,
    WearUnit,
)
from kit.provider_letters import INTERVAL, offer, refused

TERMS: dict[str, Any] = {
    "rewards": [{"basis": "per_kwh", "amount": "0.30", "cap": "3"}, {"basis": "points", "amount": "800"}],
    "penalty": {"basis": "per_kwh_shortfall", "amount": "0.10", "tolerance_pct": 5},
    "battery": {
        "guaranteed_soc_pct": 80,
        "ready_by": "2026-01-16T07:00:00+01:00",
        "max_feed_cycles": 0.1,
        "wear_compensation": {"amount": "0.05", "per": "kwh"},
    },
    "cancellation": {"owner_until": "2026-01-15T17:00:00Z", "owner_fee": "0.5"},
    "data_shared": ["energy per quarter hour"],
    "terms_url": "https://provider.example/terms",
    "priority": 1,
    "region": "NL-NB",
}


@pytest.mark.usecase("T2")
def test_every_term_is_mapped() -> None:
    told = offer(colour=None, binding="opt_out", **TERMS)
    assert told.binding is Binding.OPT_OUT
    assert told.rewards == (
        Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.30"), cap=Decimal(3)),
        Reward(basis=RewardBasis.POINTS, amount=Decimal(800)),
    )
    assert told.penalty == Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.10"), tolerance_pct=5.0)
    assert told.battery == BatteryTerms(
        guaranteed_soc_pct=80.0,
        ready_by=datetime(2026, 1, 16, 6, tzinfo=UTC),
        max_feed_cycles=0.1,
        wear_compensation=WearCompensation(amount=Decimal("0.05"), per=WearUnit.KWH),
    )
    assert told.cancellation == Cancellation(
        owner_until=datetime(2026, 1, 15, 17, tzinfo=UTC), owner_fee=Decimal("0.5")
    )
    assert (told.data_shared, told.terms_url) == (("energy per quarter hour",), "https://provider.example/terms")
    assert (told.priority, told.region, told.unsupported) == (1, "NL-NB", ())


@pytest.mark.parametrize(
    "change",
    [
        {"rewards": [{"basis": "per_moon", "amount": "1"}]},
        {"rewards": [{"basis": "per_kwh", "amount": "-1"}]},
        {"rewards": [{"basis": "per_kwh", "amount": "1"}] * 11},
        {"penalty": {"basis": "fixed", "amount": "1", "tolerance_pct": 101}},
        {"battery": {"max_feed_cycles": 0}},
        {"battery": {"guaranteed_soc_pct": 80, "ready_by": "tomorrow"}},
        {"cancellation": {"owner_fee": 1}},
        {"data_shared": ["x"] * 21},
        {"terms_url": "http://provider.example/"},
        {"terms_url": "javascript:alert(1)"},
        {"priority": -1},
        {"region": "Netherlands"},
        {"randomize_start_s": 3601},
        {"randomize_start_s": -1},
        {"binding": "MANDATORY"},
    ],
)
def test_terms_of_the_wrong_form_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "schema"


@pytest.mark.parametrize(
    "change",
    [
        {"currency": None, "reward": None, "penalty": {"basis": "fixed", "amount": "1"}},
        {"currency": None, "reward": None, "rewards": [{"basis": "per_kwh", "amount": "1"}]},
        {"battery": {"guaranteed_soc_pct": 80}},
        {"data_shared": ["who\u202e you are"]},
        {"cancellation": {"owner_until": "9999-12-31T23:59:59Z"}},
        {"kind": "charge_boost"},
        {"kind": "charge_boost", "intervals": [{**INTERVAL, "setpoint_w": 0}]},
        {"kind": "load_shift", "intervals": [{**INTERVAL, "setpoint_w": -1}]},
    ],
)
def test_terms_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "value"


def test_unknown_terms_are_named_but_not_repeated_at_any_length() -> None:
    odd = {f"term_{number}": 1 for number in range(30)} | {"\u202eodd\n": 1, "x" * 41: 1}
    told = offer(**odd).unsupported
    assert len(told) <= 20
    assert all(re.fullmatch(r"[A-Za-z0-9_.?-]{1,40}", name) for name in told)
