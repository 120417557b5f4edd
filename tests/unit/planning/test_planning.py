"""Planning in the background: anew after every event, never in the way, kept over restarts, and told about."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homeapp import api
from homeapp.errors import HomeappError, NotFound, StoreUnavailable, WrongState
from homeapp.model.plan import AtDeadline, ChargingMode, FeedBudget, Plan, Schedule
from homeapp.model.readings import EvceCapabilities
from homeapp.planning.make_plan import make_plan
from homeapp.planning.request import PlanRequest
from kit.clocks import LeapingClock
from kit.offer_desk import Desk, desk_in, make_offer
from kit.plan_requests import HOUR, tariff
from kit.planning_home import NOON, Home, car_comes, made_home


def at_home(
    directory: Path,
    body: Callable[[Home], Awaitable[None]],
    *,
    running: bool = True,
    at: datetime = NOON,
    prepare: Callable[[Desk], Awaitable[None]] | None = None,
) -> None:
    async def main() -> None:
        async with desk_in(directory, LeapingClock(at)) as desk:
            if prepare is not None:
                await prepare(desk)
            home = made_home(desk)
            await home.plans.load()
            task = asyncio.create_task(home.plans.run()) if running else None
            try:
                await body(home)
            finally:
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    asyncio.run(main())


@pytest.mark.usecase("T2", "S6")
def test_every_event_makes_a_new_plan_and_a_burst_only_one(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        without_prices = await home.planned(1)
        assert without_prices.cost is None
        car_comes(home)
        home.live.tariff_received("grid_sp", tariff([30] * 8 + [10] * 6, start=NOON))
        for _ in range(5):
            home.plans.replan()
        plan = await home.planned(2)
        assert plan.cost is not None
        assert {slot.price for slot in plan.slots if slot.power_w > 0} == {Decimal("0.1")}
        for _ in range(5):
            home.plans.replan()
        await home.planned(3)
        assert [request.tariff is None for request in home.requests] == [True, False, False]

    at_home(tmp_path, body)


def test_the_loop_goes_on_while_a_plan_is_made(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        await home.planned(1)
        held, release = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(request: PlanRequest) -> Plan:
            loop.call_soon_threadsafe(held.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
            return make_plan(request)

        home.plans._of = replace(home.plans._of, planner=slow)
        home.plans.replan()
        async with asyncio.timeout(20):
            await held.wait()
        # Were the plan made in this loop, nothing here would run before it is finished.
        assert await home.call(api.GetSchedule()) == home.plans.schedule
        release.set()

    at_home(tmp_path, body)


def test_what_is_set_is_kept_over_a_restart_and_told(tmp_path: Path) -> None:
    wanted = Schedule(target_pct=90.0, ready_by="06:15", at_deadline=AtDeadline.STOP, feed=FeedBudget(kwh_per_day=4.0))

    async def set_it(home: Home) -> None:
        kept = await home.call(api.SetSchedule(schedule=wanted))
        assert kept == replace(wanted, feed=FeedBudget())
        assert await home.call(api.SetSchedule(schedule=wanted, feed=True)) == wanted
        goal = await home.call(api.SetMode(mode=ChargingMode.SOLAR))
        assert (goal.mode, goal.target_pct) == (ChargingMode.SOLAR, 90.0)
        assert api.Topic.SCHEDULE in home.topics
        assert home.goals[-1] == home.live.goal == goal
        assert goal.ready_by == datetime(2026, 11, 24, 5, 15, tzinfo=UTC)

    async def find_it(home: Home) -> None:
        assert await home.call(api.GetSchedule()) == wanted
        assert home.live.goal.mode is ChargingMode.SOLAR

    at_home(tmp_path, set_it, running=False)
    at_home(tmp_path, find_it, running=False)


def test_what_makes_no_sense_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        before = home.plans.schedule
        with pytest.raises(WrongState, match="no time of day"):
            await home.call(api.SetSchedule(schedule=Schedule(ready_by="soon")))
        assert home.plans.schedule == before == Schedule(target_pct=80.0, floor_pct=30.0, ready_by="07:00")

    at_home(tmp_path, body, running=False)


def test_an_old_homes_cheapest_is_ready_by(tmp_path: Path) -> None:
    old = Path(__file__).parents[2] / "databases" / "ledger-5.db"
    (tmp_path / "ledger.db").write_bytes(old.read_bytes())
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO kept_values (key, value) VALUES ('charging_mode', 'cheapest')")

    async def body(home: Home) -> None:
        assert home.live.goal.mode is ChargingMode.READY_BY
        assert await home.call(api.SetMode(mode=ChargingMode.CHEAPEST))

    async def later(home: Home) -> None:
        assert home.live.goal.mode is ChargingMode.CHEAPEST

    at_home(tmp_path, body, running=False)
    at_home(tmp_path, later, running=False)


@pytest.mark.usecase("T1", "T2")
def test_a_request_is_previewed_with_the_plan_that_holds(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        car_comes(home)
        home.live.tariff_received("grid_sp", tariff([30] * 8 + [10] * 30, start=NOON))
        offer = make_offer()
        await home.desk.desk.receive(offer)
        preview = await home.call(api.PreviewOffer(key=offer.key, digest=offer.digest()))
        assert preview.cycles_with > preview.cycles_without == 0.0
        assert (preview.key, preview.digest, preview.reward) == (offer.key, offer.digest(), offer.reward)
        assert home.desk.case(offer).decision is None

    at_home(tmp_path, body, running=False)


def test_what_cannot_be_previewed_is_said(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        offer = make_offer()
        await home.desk.desk.receive(offer)
        cases: list[tuple[api.PreviewOffer, type[HomeappError], str]] = [
            (api.PreviewOffer(key="evc_sp/none", digest=""), NotFound, "no request"),
            (api.PreviewOffer(key=offer.key, digest="other"), WrongState, "changed"),
        ]
        for call, kind, says in cases:
            with pytest.raises(kind, match=says):
                await home.call(call)
        home.clock.at = offer.end + HOUR
        await home.desk.desk.tick()
        with pytest.raises(WrongState, match="is over"):
            await home.call(api.PreviewOffer(key=offer.key, digest=offer.digest()))

    at_home(tmp_path, body, running=False)


def test_a_departure_that_cannot_be_kept_is_told_before_and_when_it_can_again(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        car_comes(home, soc_pct=20.0)
        await home.planned(1)
        sentence = await home.told("departure_at_risk")
        assert sentence.startswith("At Mon 15:00 the car has")
        home.plans.replan()
        await home.planned(2)
        assert len(home.notices) == 1
        car_comes(home, soc_pct=75.0)
        home.plans.replan()
        await home.planned(3)
        assert home.notices[1:] == [("departure_at_risk", "The car will be ready in time after all.")]

    async def early(desk: Desk) -> None:
        await desk.ledger.keep_value("schedule", '{"ready_by": "15:00", "target_pct": 80.0}')

    at_home(tmp_path, body, prepare=early)


def test_after_a_missed_departure_it_charges_on_also_after_a_restart(tmp_path: Path) -> None:
    departure = datetime(2026, 11, 24, 6, tzinfo=UTC)

    async def miss(home: Home) -> None:
        car_comes(home, soc_pct=60.0)
        await home.planned(1)
        home.clock.at = departure + timedelta(seconds=5)
        car_comes(home, soc_pct=60.0)
        home.plans.replan()
        plan = await home.planned(2)
        assert (plan.slots[0].reason, plan.slots[0].power_w > 11_000) == ("after_deadline", True)
        assert await home.told("departure_missed") == (
            "At 07:00 the car had 60 % instead of 80 %. It charges on as fast as it can."
        )

    async def restart(home: Home) -> None:
        car_comes(home, soc_pct=70.0)
        assert (await home.planned(1)).slots[0].reason == "after_deadline"
        car_comes(home, soc_pct=80.0)
        home.plans.replan()
        assert (await home.planned(2)).slots[0].reason != "after_deadline"
        assert home.notices == []

    at_home(tmp_path, miss, at=departure - timedelta(minutes=3))
    at_home(tmp_path, restart, at=departure + timedelta(minutes=10))


def test_a_store_that_cannot_be_read_does_not_stop_planning_and_nothing_is_fed(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        async def fails(*_: object) -> Any:
            raise StoreUnavailable("disk")

        await home.call(api.SetMode(mode=ChargingMode.POWER_FEED))
        home.plans._ground._stores.periods.fed_since = fails  # type: ignore[method-assign]
        car_comes(home)
        home.live.tariff_received("grid_sp", tariff([90] * 3 + [10] * 30, start=NOON))
        home.plans.replan()
        count = len(home.requests)
        await home.planned(count + 1)
        assert home.requests[-1].allowance.today_wh == 0.0

    at_home(tmp_path, body)


def test_the_budget_is_told(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        use = await home.call(api.GetFeedBudget())
        assert (use.kwh_today, use.left_wh, use.budget) == (0.0, 50_000.0, FeedBudget())

    at_home(tmp_path, body, running=False)


def test_a_charger_that_cannot_feed_and_a_weak_car_are_planned_for_as_they_are(tmp_path: Path) -> None:
    async def body(home: Home) -> None:
        weak = EvceCapabilities(protocol="ocpp1.6", max_charge_w=7360.0, phases=1, feed_refusal="OCPP 1.6 cannot.")
        car_comes(home, capabilities=weak)
        await home.call(api.SetMode(mode=ChargingMode.POWER_FEED))
        await home.planned(1)
        home.plans.replan()
        plan = await home.planned(2)
        asked = home.requests[-1]
        assert (asked.charge_min_w, asked.charge_max_w) == (1380.0, 3680.0)
        assert plan.feed_refused == "OCPP 1.6 cannot."

    at_home(tmp_path, body)
