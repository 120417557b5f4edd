"""A promise about the car through desk, ledger, planning and control: fed, the hub restarts, charged again in time."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from homeapp import api
from homeapp.control import Situation, decide
from homeapp.load.load_guard import Allowance
from homeapp.model.live import Doing
from homeapp.model.offer import Offer, OfferState
from homeapp.model.offer_terms import BatteryTerms
from homeapp.model.plan import ChargingMode
from homeapp.model.readings import EvceCommand
from kit.clocks import LeapingClock
from kit.offer_desk import desk_in, make_offer
from kit.plan_requests import tariff
from kit.planning_home import CAR, NOON, Home, car_comes, made_home

STEP = timedelta(minutes=5)
HOUR = timedelta(hours=1)
CAPACITY_WH = 50_000.0
OFFER = make_offer(
    begins=NOON + HOUR,
    ends=NOON + 3 * HOUR,
    min_soc_pct=55.0,
    battery=BatteryTerms(guaranteed_soc_pct=80.0, ready_by=NOON + 9 * HOUR),
)
BY = NOON + 9 * HOUR


@dataclass
class Car:
    """The battery, as what the charger is told leaves it."""

    soc_pct: float = 80.0
    lowest_pct: float = 100.0

    def obey(self, command: EvceCommand, span: timedelta) -> float:
        """Energy that flows, Wh, fed negative."""
        taken_w = command.limit_w if self.soc_pct < 100 else 0.0
        wh = (taken_w - command.feed_w) * (span / HOUR)
        self.soc_pct += 100 * wh * (0.9 if wh > 0 else 1 / 0.92) / CAPACITY_WH
        self.lowest_pct = min(self.lowest_pct, self.soc_pct)
        return wh


async def live_until(home: Home, car: Car, end: datetime) -> set[Doing]:
    """Plan, control and measure every five minutes; what was done meanwhile."""
    seen = set()
    while home.clock.at < end:
        await home.desk.desk.tick()
        car_comes(home, soc_pct=car.soc_pct, transaction_id="t")
        await home.plans._once()
        verdict = decide(situation(home, car), 60)
        assert verdict.command is not None
        seen.add(verdict.activity.doing)
        wh = car.obey(verdict.command, STEP)
        for key, why in verdict.abort:
            await home.desk.desk.abort(key, why)
        await home.desk.desk.delivered(OFFER.key, min(0.0, wh))
        home.clock.at += STEP
    await home.desk.desk.tick()
    return seen


def situation(home: Home, car: Car) -> Situation:
    return Situation(
        now=home.clock.at,
        site=home.live.site,
        evce=replace(CAR, transaction_id="t"),
        allowance=Allowance(current_a=16, feed_a=16),
        plan=home.live.plan,
        goal=home.live.goal,
        commitments=home.desk.desk.commitments(home.clock.at),
        critical_health=False,
        soc_pct=car.soc_pct,
    )


async def started(home: Home) -> Home:
    await home.plans.load()
    home.live.tariff_received("grid_sp", tariff([30] * 6 + [20] * 2 + [30] * 8 + [1] * 10, start=NOON))
    return home


async def evening(directory: Path, clock: LeapingClock, car: Car, offer: Offer, mode: ChargingMode) -> float:
    """The yes and the feed; returns the state of charge when the hub stops."""
    async with desk_in(directory, clock) as desk:
        home = await started(made_home(desk))
        await home.call(api.SetMode(mode=mode))
        await desk.agreed(offer)
        await live_until(home, car, offer.end + STEP)
        ended = OfferState.ABORTED if (offer.min_soc_pct or 0.0) >= 60 else OfferState.COMPLETED
        assert desk.case(offer).state is ended
        assert desk.desk.commitments(clock.at) == ()
    return car.soc_pct


async def night(directory: Path, clock: LeapingClock, car: Car) -> tuple[set[Doing], Home]:
    """From a start of the hub until the promise is due."""
    async with desk_in(directory, clock) as desk:
        home = await started(made_home(desk))
        return await live_until(home, car, BY), home


@pytest.mark.usecase("T2", "T4")
@pytest.mark.parametrize("mode", [ChargingMode.SOLAR, ChargingMode.CHEAPEST])
@pytest.mark.parametrize("least_pct", [55.0, 60.0], ids=["to its end", "down to what it leaves"])
def test_what_was_fed_is_charged_again_in_time_though_the_hub_has_restarted(
    tmp_path: Path, mode: ChargingMode, least_pct: float
) -> None:
    """In neither mode would anything else charge by then: there is no sun, and the night is cheaper."""

    async def main() -> None:
        clock, car = LeapingClock(NOON), Car()
        after_feed = await evening(tmp_path, clock, car, replace(OFFER, min_soc_pct=least_pct), mode)
        # Five minutes are coarser than a control cycle.
        assert max(58.2, least_pct - 1.0) < after_feed <= max(58.4, least_pct)
        seen, home = await night(tmp_path, clock, car)
        assert car.soc_pct == pytest.approx(80.0, abs=2.1)
        assert car.soc_pct > 79.5
        assert Doing.CHARGING_PROMISED in seen
        assert home.live.goal.mode is mode
        # Once it was due, nothing of it is left.
        assert home.desk.desk.guaranteed(clock.at) == ()

    asyncio.run(main())


def test_without_the_promise_it_would_not_have_been(tmp_path: Path) -> None:
    async def main() -> None:
        clock, car = LeapingClock(NOON), Car()
        after_feed = await evening(tmp_path, clock, car, replace(OFFER, battery=None), ChargingMode.SOLAR)
        seen, _ = await night(tmp_path, clock, car)
        assert (car.soc_pct, Doing.CHARGING_PROMISED in seen) == (after_feed, False)

    asyncio.run(main())


def test_in_pause_the_owner_is_told_what_will_be_missing(tmp_path: Path) -> None:
    async def main() -> None:
        clock, car = LeapingClock(NOON), Car()
        after_feed = await evening(tmp_path, clock, car, OFFER, ChargingMode.PAUSE)
        clock.at = BY - HOUR
        _, home = await night(tmp_path, clock, car)
        assert car.soc_pct == after_feed
        assert home.live.plan is not None
        (broken,) = home.live.plan.broken
        assert broken.sentence.startswith("EVC provider has promised you 80 % at Mon 22:00. The car has 58 % then")

    asyncio.run(main())
