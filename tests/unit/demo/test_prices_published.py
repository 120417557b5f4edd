"""The demo grid operator announces the prices of today and tomorrow, and a new day at each local midnight."""

import ssl
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from homeapp.demo.grid.prices import PriceCurve
from homeapp.demo.grid.vtn import DemoVtn
from kit.clocks import StandingClock


def vtn(clock: StandingClock) -> DemoVtn:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    return DemoVtn(clock=clock, tls=tls, client_id="ven-1", client_secret="secret", prices=PriceCurve())


def prices(operator: DemoVtn) -> list[dict[str, Any]]:
    return [event for event in operator.objects("events") if event["id"].startswith("prices-")]


def announced(operator: DemoVtn) -> list[str]:
    return [event["id"] for event in prices(operator)]


def test_a_new_day_comes_at_local_midnight_and_the_oldest_goes() -> None:
    clock = StandingClock(datetime(2027, 1, 15, 22, 59, 59, tzinfo=UTC))
    operator = vtn(clock)
    assert announced(operator) == ["prices-2027-01-15", "prices-2027-01-16"]
    before = prices(operator)
    clock.at += timedelta(seconds=1)
    assert announced(operator) == ["prices-2027-01-15", "prices-2027-01-16", "prices-2027-01-17"]
    assert prices(operator)[:2] == before, "what was announced stays as it is"
    clock.at += timedelta(days=1)
    assert announced(operator) == ["prices-2027-01-16", "prices-2027-01-17", "prices-2027-01-18"]


def test_from_midnight_on_prices_reach_forty_eight_hours_ahead_over_the_change_of_the_clock() -> None:
    midnight = datetime(2026, 10, 23, 22, tzinfo=UTC)
    events = prices(vtn(StandingClock(midnight)))
    assert [len(event["intervals"]) for event in events] == [96, 100]
    starts = [datetime.fromisoformat(event["intervalPeriod"]["start"]) for event in events]
    assert starts[0] == midnight
    assert [later - earlier for earlier, later in pairwise(starts)] == [timedelta(hours=24)]


def test_the_oldest_goes_even_where_nobody_looked_for_days() -> None:
    clock = StandingClock(datetime(2027, 1, 15, 12, tzinfo=UTC))
    operator = vtn(clock)
    announced(operator)
    clock.at += timedelta(days=5)
    assert announced(operator) == ["prices-2027-01-20", "prices-2027-01-21"]
