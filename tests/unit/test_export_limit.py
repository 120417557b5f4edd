"""What may be fed while the grid operator limits it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from homeapp.export_limit import feed_limit_w, under_export_limit
from homeapp.load.load_guard import Allowance
from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.offers.checks import why_invalid

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
ALLOWANCE = Allowance(current_a=16.0, feed_a=10.0, fail_safe=False)


def limit(max_feed_w: float | None, hours: float = 1.0, max_w: float | None = None) -> OfferCase:
    offer = Offer(
        offer_id="limit",
        revision=1,
        sp_id="grid_sp",
        sp_name="Grid operator",
        kind=OfferKind.CAPACITY_LIMIT,
        binding=Binding.MANDATORY,
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=hours),
        intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=hours), max_feed_w=max_feed_w, max_w=max_w),),
        title="Limit",
    )
    return OfferCase(offer=offer, digest=offer.digest(), state=OfferState.ACTIVE, updated_at=NOW)


@pytest.mark.usecase("T1", "T2")
def test_the_lowest_that_holds_now_counts() -> None:
    cases = (limit(3000.0), limit(2000.0), limit(None, max_w=4200.0), limit(0.0, hours=-1))
    assert feed_limit_w(cases, NOW) == 2000.0
    assert feed_limit_w(cases, NOW + timedelta(hours=1)) is None
    assert feed_limit_w((), NOW) is None


@pytest.mark.parametrize(("limit_w", "feed_a"), [(None, 10.0), (0.0, 0.0), (2300.0, 10 / 3), (69_000.0, 10.0)])
def test_amperes_are_shared_out_over_the_phases(limit_w: float | None, feed_a: float) -> None:
    left = under_export_limit(ALLOWANCE, limit_w, 690.0)
    assert left.feed_a == pytest.approx(feed_a)
    assert replace(left, feed_a=ALLOWANCE.feed_a) == ALLOWANCE


def test_a_limit_of_feeding_alone_is_in_order_and_below_zero_is_not() -> None:
    assert why_invalid(limit(0.0).offer) is None
    assert why_invalid(limit(None).offer) is not None
    assert why_invalid(limit(-1.0).offer) == "The request sets a limit below zero."
    assert why_invalid(limit(float("nan")).offer) == "The request contains a number that is none."
