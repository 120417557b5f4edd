"""When a CSMS is told that the hub holds a station below what it permits, how often, and when that is over."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.evce.dialect import Outgoing
from devices.evce.outlet import Transaction
from devices.evce.schemas import Version, request_problem
from devices.evce.upstream.own_limit import LOOK_EVERY_S, SPACING_S, OwnLimit
from homeapp.errors import DeviceUnreachable
from kit.clocks import LeapingClock
from kit.in_loop import in_loop

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
Json = dict[str, Any]


class OverError(Exception):
    """The time of a test is over."""


@dataclass
class Facts:
    """A station as far as it counts here."""

    device_id: str = "ocpp:x"
    transaction: Transaction | None = None
    permitted_w: float = 10_000.0
    held_w: float | None = 10_000.0
    limit_change_pct: float | None = None


class Bench:
    """One station that charges, and a CSMS that notes when it hears what."""

    def __init__(self) -> None:
        self.clock = LeapingClock(NOW)
        self.station = Facts(transaction=Transaction(id="t1", evse=2))
        self.heard: list[tuple[float, Outgoing]] = []
        self.refuses = False
        station: Any = self.station
        self.limit = OwnLimit(lambda: station, self.clock, self.call)

    async def call(self, call: Outgoing) -> Json:
        for version in (Version.V201, Version.V21):
            assert request_problem(version, call.action, call.payload) is None
        self.heard.append(((self.clock.at - NOW).total_seconds(), call))
        if self.refuses:
            raise DeviceUnreachable("no")
        return {}

    async def goes_on(self, seconds: float, meanwhile: Callable[[float], None] = lambda _at_s: None) -> list[str]:
        """What the CSMS hears in this time, in short."""
        before, start = len(self.heard), self.clock.at
        nap = self.clock.sleep

        async def sleep(length: float) -> None:
            at_s = (self.clock.at - start).total_seconds()
            if at_s + length > seconds:
                raise OverError
            await nap(length)
            meanwhile(at_s + length)

        self.clock.sleep = sleep  # type: ignore[method-assign]
        with pytest.raises(OverError):
            await self.limit.watch()
        self.clock.sleep = nap  # type: ignore[method-assign]
        return [_short(call) for _, call in self.heard[before:]]


def _short(call: Outgoing) -> str:
    if call.action == "ClearedChargingLimit":
        assert call.payload == {"chargingLimitSource": "EMS", "evseId": 2}
        return "cleared"
    assert call.payload["chargingLimit"] == {"chargingLimitSource": "EMS", "isGridCritical": False}
    assert call.payload["evseId"] == 2
    (schedule,) = call.payload["chargingSchedule"]
    (period,) = schedule["chargingSchedulePeriod"]
    return f"{period['limit']:.0f}"


@in_loop
async def test_it_is_told_when_it_begins_when_it_changes_much_and_when_it_ends() -> None:
    bench = Bench()
    assert await bench.goes_on(60) == []
    bench.station.held_w = 6000.0
    assert await bench.goes_on(60) == ["6000"]
    bench.station.held_w = 5500.0
    assert await bench.goes_on(60) == []
    bench.station.held_w = 5300.0
    assert await bench.goes_on(60) == ["5300"]
    bench.station.held_w = 9500.0
    assert await bench.goes_on(60) == ["cleared"]
    assert await bench.goes_on(600) == []


@in_loop
async def test_what_the_provider_itself_forbids_is_no_news_to_it() -> None:
    bench = Bench()
    bench.station.permitted_w = bench.station.held_w = 4000.0
    assert await bench.goes_on(60) == []
    bench.station.permitted_w = 10_000.0
    assert await bench.goes_on(60) == ["4000"]


@in_loop
async def test_the_station_says_what_is_significant() -> None:
    bench = Bench()
    bench.station.limit_change_pct = 50.0
    bench.station.held_w = 6000.0
    assert await bench.goes_on(60) == []
    bench.station.held_w = 4000.0
    assert await bench.goes_on(60) == ["4000"]


@in_loop
async def test_it_is_told_at_most_once_in_a_minute() -> None:
    bench = Bench()

    def jumps(at_s: float) -> None:
        bench.station.held_w = 2000.0 if at_s % 20 < 10 else 6000.0

    told = await bench.goes_on(600, jumps)
    at = [at_s for at_s, _ in bench.heard]
    assert len(told) >= 5
    assert min(later - earlier for earlier, later in itertools.pairwise(at)) >= SPACING_S


@in_loop
async def test_a_limit_that_is_gone_at_once_is_not_worth_a_message() -> None:
    bench = Bench()
    # As at the begin of each charge, before the first lease stands above the floor.
    bench.station.held_w = 4000.0

    def leased(_at_s: float) -> None:
        bench.station.held_w = 4000.0 if bench.clock.at == NOW else 10_000.0

    assert await bench.goes_on(60, leased) == []
    bench.station.held_w = 4000.0
    assert await bench.goes_on(LOOK_EVERY_S) == []


@in_loop
async def test_it_ends_with_the_transaction() -> None:
    bench = Bench()
    bench.station.held_w = 0.0
    assert await bench.goes_on(60) == ["0"]
    bench.station.transaction = None
    assert await bench.goes_on(60) == ["cleared"]


@in_loop
async def test_what_the_csms_does_not_take_is_tried_again_but_not_all_the_time() -> None:
    bench = Bench()
    bench.station.held_w, bench.refuses = 5000.0, True
    assert 5 <= len(await bench.goes_on(360)) <= 6
    bench.refuses = False
    assert await bench.goes_on(120) == ["5000"]
    bench.station.held_w, bench.refuses = 10_000.0, True
    assert 5 <= len(await bench.goes_on(360)) <= 6
    bench.refuses = False
    assert await bench.goes_on(120) == ["cleared"]
    assert await bench.goes_on(120) == []
