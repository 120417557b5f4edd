"""The timeline of decisions: what lasts is written down with what was seen, what flickers is not (T2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from homeapp import api
from homeapp.goal import goal_at
from homeapp.model.live import Activity, Doing
from homeapp.model.offer import (
    Binding,
    Choice,
    Decision,
    Offer,
    OfferCase,
    OfferInterval,
    OfferKind,
    OfferState,
)
from homeapp.model.plan import ChargingMode, Schedule
from homeapp.model.readings import MeterReading
from homeapp.model.site import Site
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.model.why import Circumstances, WhyEntry, WhyTopic
from homeapp.snapshot import LiveState
from homeapp.store.database import Database
from homeapp.store.why_entries import MOST, WhyEntries
from homeapp.why.timeline import LASTS_S, WhyTimeline
from kit.clocks import StandingClock
from kit.in_loop import in_loop

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
CHARGER = "ocpp:a"


class Home:
    """A live state, a desk and a timeline that looks at them."""

    def __init__(self) -> None:
        self.clock = StandingClock(NOW)
        goal = goal_at(NOW, Schedule(), ChargingMode.NOW, "Europe/Amsterdam", 60_000.0)
        self.live = LiveState(site=Site(), goal=goal, clock=self.clock)
        self.live.chargers_are({CHARGER: "Drive"})
        self.desk = SimpleNamespace(cases=())
        self.timeline = WhyTimeline(
            live=self.live,
            desk=self.desk,
            entries=None,  # type: ignore[arg-type] - a look keeps nothing
            clock=self.clock,
            name_of={CHARGER: "Drive"}.get,
        )

    def does(self, doing: Doing, power_w: float | None = None) -> None:
        self.live.activities[CHARGER] = Activity(doing=doing, power_w=power_w)

    def later(self, seconds: float) -> list[WhyEntry]:
        self.clock.at += timedelta(seconds=seconds)
        return self.timeline.news()


@pytest.fixture
def home() -> Home:
    return Home()


def case(state: OfferState, *, revision: int = 1, by: str = "") -> OfferCase:
    offer = Offer(
        offer_id="1",
        revision=revision,
        sp_id="evc_sp",
        sp_name="Provider",
        kind=OfferKind.LOAD_SHED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=2), max_w=2000.0),),
        title="Charge less",
    )
    decision = Decision(
        decision_id="d",
        offer_key=offer.key,
        offer_revision=revision,
        offer_digest="",
        choice=Choice.ACCEPT,
        decided_at=NOW,
        decided_by=by,
    )
    return OfferCase(offer=offer, digest="", state=state, updated_at=NOW, decision=decision if by else None)


def test_an_activity_is_written_down_once_it_has_lasted_with_the_moment_it_began(home: Home) -> None:
    home.does(Doing.CHARGING_NOW, 11000.0)
    assert home.later(0) == []
    (entry,) = home.later(LASTS_S)
    assert (entry.at, entry.topic, entry.subject, entry.name) == (NOW, WhyTopic.CHARGER, CHARGER, "Drive")
    assert (entry.doing, entry.power_w) == (Doing.CHARGING_NOW, 11000.0)
    assert home.later(60) == []


def test_what_flickers_is_no_decision(home: Home) -> None:
    home.does(Doing.CHARGING_NOW)
    home.later(0)
    home.later(LASTS_S)
    for doing in (Doing.REDUCED_BY_FUSE, Doing.CHARGING_NOW, Doing.REDUCED_BY_FUSE, Doing.CHARGING_NOW) * 3:
        home.does(doing)
        assert home.later(LASTS_S - 1) == []


def test_a_charger_that_is_gone_leaves_nothing_half_told(home: Home) -> None:
    home.does(Doing.CHARGING_NOW)
    home.later(0)
    home.live.activities.clear()
    assert home.later(LASTS_S) == []
    home.does(Doing.CHARGING_NOW)
    assert home.later(LASTS_S) == []
    assert len(home.later(LASTS_S)) == 1


def test_it_says_what_was_seen(home: Home) -> None:
    prices = PriceSlot(start=NOW, end=NOW + timedelta(hours=1), import_price=Decimal("0.21"))
    home.live.tariff_received("grid_sp", Tariff(source="t", currency="EUR", received_at=NOW, slots=(prices,)))
    home.live.meter_read(
        MeterReading(device_id="m", received_at=NOW, power_w=-4000.0, phase_power_w=(2300.0, -4600.0, -1700.0))
    )
    home.does(Doing.REDUCED_BY_FUSE)
    home.later(0)
    (entry,) = home.later(LASTS_S)
    seen = entry.seen
    assert (seen.grid_w, seen.phase_a, seen.fuse_a) == (-4000.0, 20.0, 25.0)
    assert (seen.price, seen.currency) == (Decimal("0.21"), "EUR")
    assert (seen.soc_pct, seen.charger_w, seen.slot) == (None, None, None)


def test_a_stale_meter_is_not_passed_off_as_seen(home: Home) -> None:
    home.live.meter_read(MeterReading(device_id="m", received_at=NOW, power_w=5.0, phase_power_w=(5.0, 0.0, 0.0)))
    home.does(Doing.CHARGING_FLOOR)
    home.later(60)
    (entry,) = home.later(LASTS_S)
    assert (entry.seen.grid_w, entry.seen.phase_a) == (None, None)


def test_the_sum_of_a_meter_without_phases_is_no_current_of_a_phase(home: Home) -> None:
    home.live.meter_read(MeterReading(device_id="m", received_at=NOW, power_w=9200.0))
    home.does(Doing.CHARGING_NOW)
    home.later(0)
    (entry,) = home.later(LASTS_S)
    assert (entry.seen.grid_w, entry.seen.phase_a) == (9200.0, None)


def test_another_wish_of_the_household_is_an_entry_and_the_first_look_is_none(home: Home) -> None:
    assert home.later(1) == []
    home.live.goal = replace(home.live.goal, mode=ChargingMode.PAUSE)
    (entry,) = home.later(1)
    assert (entry.topic, entry.mode) == (WhyTopic.MODE, ChargingMode.PAUSE)
    assert home.later(1) == []


def test_each_new_state_of_a_request_is_an_entry(home: Home) -> None:
    home.desk.cases = (case(OfferState.PENDING),)
    assert home.later(1) == []
    home.desk.cases = (case(OfferState.ACCEPTED, by="owner"),)
    assert home.later(1) == []
    home.desk.cases = (case(OfferState.RELAYED, by="owner"),)
    (entry,) = home.later(1)
    assert (entry.topic, entry.subject, entry.name) == (WhyTopic.REQUEST, "evc_sp/1", "Charge less")
    assert (entry.state, entry.decided_by) == (OfferState.RELAYED, "owner")
    assert home.later(1) == []
    home.desk.cases = (case(OfferState.PENDING, revision=2),)
    assert [entry.state for entry in home.later(1)] == [OfferState.PENDING]


def entry(at: datetime) -> WhyEntry:
    return WhyEntry(at=at, topic=WhyTopic.MODE, seen=Circumstances(fuse_a=25.0), mode=ChargingMode.NOW)


@in_loop
async def test_entries_are_found_again_newest_first_and_old_ones_are_forgotten(tmp_path: Path) -> None:
    async with Database(tmp_path) as database:
        entries = WhyEntries(database)
        await entries.add([entry(NOW), entry(NOW + timedelta(hours=1))])
        hours = await entries.between(NOW, NOW + timedelta(hours=1))
        assert [one.at for one in hours] == [NOW]
        both = await entries.between(NOW, NOW + timedelta(days=1))
        assert [one.at for one in both] == [NOW + timedelta(hours=1), NOW]
        await entries.add([entry(NOW + timedelta(days=90, minutes=1))])
        left = await entries.between(NOW - timedelta(days=1), NOW + timedelta(days=100))
        assert [one.at for one in left] == [NOW + timedelta(days=90, minutes=1), NOW + timedelta(hours=1)]
        await entries.add([entry(NOW + timedelta(days=91))] * (MOST + 5))
        assert len(await entries.between(NOW, NOW + timedelta(days=100))) == MOST


@in_loop
async def test_the_call_answers_for_a_span(tmp_path: Path) -> None:
    async with Database(tmp_path) as database:
        home = Home()
        entries = WhyEntries(database)
        timeline = WhyTimeline(
            live=home.live, desk=home.desk, entries=entries, clock=home.clock, name_of=lambda _key: None
        )
        await entries.add([entry(NOW)])
        answer = timeline.handlers()[api.GetWhy]
        call = api.GetWhy(since=NOW, until=NOW + timedelta(seconds=1))
        assert await answer(call, api.Role.GUEST) == (entry(NOW),)
