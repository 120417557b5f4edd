"""Requests for power: mapped member by member, refused where a value makes no sense."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.model.offer import Binding, Offer, OfferInterval, OfferKind
from homeapp.providers import offer_messages
from kit.provider_letters import INTERVAL, NOW, OFFER, message, offer, refused


@pytest.mark.usecase("T2", "S6")
def test_an_offer_is_mapped_member_by_member() -> None:
    utc = [datetime(2026, 1, 15, hour, tzinfo=UTC) for hour in (18, 19, 20)]
    assert offer() == Offer(
        offer_id="o-1",
        revision=2,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=OfferKind.POWER_FEED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=datetime(2026, 1, 15, 17, 30, tzinfo=UTC),
        intervals=(
            OfferInterval(start=utc[0], end=utc[1], setpoint_w=-3000.0),
            OfferInterval(start=utc[1], end=utc[2], setpoint_w=-1500.5, max_w=0.0),
        ),
        title="Evening peak",
        description="Feed for two hours.",
        reward=Decimal("1.92"),
        currency="EUR",
        min_soc_pct=40.0,
        max_feed_wh=4500.0,
        unsupported=("colour",),
    )


def test_homes_begin_at_different_times_and_each_always_at_the_same() -> None:
    def start(home: str, spread: int = 600, offer_id: str = "o-1") -> float:
        body = {**OFFER, "id": offer_id, "randomize_start_s": spread}
        told = offer_messages.offer(message(offer=body, aud=home), sp_id="evc_sp", sp_name="EVC provider", now=NOW)
        assert told.randomize_start == timedelta(seconds=spread)
        spans = {item.end - item.start for item in told.intervals}
        assert spans == {timedelta(hours=1)}
        return (told.start - datetime(2026, 1, 15, 18, tzinfo=UTC)).total_seconds()

    shifts = [start(f"Chub-{number}") for number in range(200)]
    assert all(-600 <= shift <= 600 and shift == int(shift) for shift in shifts)
    assert min(shifts) < -400 < 400 < max(shifts)
    assert abs(sum(shifts) / len(shifts)) < 100
    assert start("Chub-1") == start("Chub-1")
    assert start("Chub-1", offer_id="o-2") != start("Chub-1")
    assert start("Chub-1", spread=0) == 0


def test_a_request_shifted_before_its_deadline_is_answerable_until_its_end() -> None:
    body = {**OFFER, "expires_at": "2026-01-15T20:00:00Z", "randomize_start_s": 3600}
    for home in range(20):
        told = offer_messages.offer(
            message(offer=body, aud=f"C{home}"), sp_id="evc_sp", sp_name="EVC provider", now=NOW
        )
        assert told.expires_at <= told.end


def test_what_may_be_missing_may_be_missing() -> None:
    bare = offer(description=None, reward=None, currency=None, min_soc_pct=None, max_feed_wh=None)
    assert (bare.reward, bare.currency, bare.min_soc_pct, bare.max_feed_wh, bare.description) == (
        None,
        "",
        None,
        None,
        "",
    )
    shed = offer(kind="load_shed", intervals=[{"start": INTERVAL["start"], "end": INTERVAL["end"], "max_w": 1400}])
    assert (shed.kind, shed.intervals[0].max_w) == (OfferKind.LOAD_SHED, 1400.0)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": ""},
        {"id": "a/b"},
        {"id": "x" * 65},
        {"id": 7},
        {"id": "o-1\n"},
        {"revision": "2"},
        {"revision": 1.5},
        {"revision": -1},
        {"revision": True},
        {"kind": "capacity_limit"},
        {"kind": "POWER_FEED"},
        {"binding": "mandatory"},
        {"binding": "my_rule"},
        {"title": ""},
        {"title": "x" * 161},
        {"title": None},
        {"description": "x" * 2001},
        {"intervals": []},
        {"intervals": None},
        {"intervals": [INTERVAL] * 501},
        {"intervals": [{"start": "2026-01-15T18:00:00", "end": INTERVAL["end"], "setpoint_w": -1}]},
        {"intervals": [{**INTERVAL, "start": 1768500000}]},
        {"intervals": [{**INTERVAL, "setpoint_w": "3000"}]},
        {"intervals": [{**INTERVAL, "setpoint_w": -100_001}]},
        {"intervals": [{**INTERVAL, "max_w": -1}]},
        {"expires_at": "soon"},
        {"reward": 1.92},
        {"reward": "-1"},
        {"reward": "1e3"},
        {"reward": "NaN"},
        {"reward": "1.92\n"},
        {"currency": "euro"},
        {"currency": "EUR\n"},
        {"min_soc_pct": 101},
        {"min_soc_pct": -1},
        {"max_feed_wh": -1},
    ],
)
def test_members_of_the_wrong_form_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "schema"


@pytest.mark.parametrize(
    "change",
    [
        {"intervals": [{**INTERVAL, "end": INTERVAL["start"]}]},
        {"intervals": [{**INTERVAL, "end": "2026-01-15T17:00:00Z"}]},
        {"intervals": [INTERVAL, INTERVAL]},
        {"intervals": list(reversed(OFFER["intervals"]))},
        {"intervals": [{**INTERVAL, "setpoint_w": 1}]},
        {"intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"], "max_w": 1000}]},
        {"kind": "load_shed"},
        {"kind": "load_shed", "intervals": [{"start": INTERVAL["start"], "end": INTERVAL["end"]}]},
        {"intervals": [{**INTERVAL, "end": "9999-12-31T23:59:59Z"}]},
        {"intervals": [{**INTERVAL, "start": "0001-01-01T00:00:00+14:00"}]},
        {"expires_at": "2026-01-15T20:00:01Z"},
        {"currency": None},
        {"title": "Feed\u202e\u2066"},
        {"title": "Feed\x1b[2J"},
        {"description": "a\x00b"},
    ],
)
def test_values_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    assert refused(change) == "value"


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", ["min_soc_pct", "max_feed_wh"])
def test_numbers_must_be_finite(name: str, number: float) -> None:
    assert refused({name: number}) in {"schema", "value"}
    assert refused({"intervals": [{**INTERVAL, "setpoint_w": number}]}) in {"schema", "value"}


def test_an_offer_that_can_no_longer_be_answered_is_expired() -> None:
    assert refused({"expires_at": "2026-01-15T12:00:00Z"}) == "expired"
