"""The control rules and their safety order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from homeapp.control import PATIENCE_S, Patience, Situation, Verdict, decide, total_cap_w
from homeapp.goal import local_instant, local_midnight
from homeapp.load.load_guard import Allowance
from homeapp.model.live import Doing
from homeapp.model.offer import Binding, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.plan import ChargingMode, Goal, Plan, PlanSlot, SlotReason
from homeapp.model.readings import EvceCapabilities, EvceState, EvceStatus
from homeapp.model.site import Site

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def case(kind: OfferKind, *, setpoint_w: float | None = None, max_w: float | None = None) -> OfferCase:
    offer = Offer(
        offer_id="o1",
        revision=1,
        sp_id="evc_sp",
        sp_name="EVC provider",
        kind=kind,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=NOW,
        intervals=(OfferInterval(start=NOW - HOUR, end=NOW + HOUR, setpoint_w=setpoint_w, max_w=max_w),),
        title="",
        min_soc_pct=55.0,
    )
    return OfferCase(offer=offer, digest=offer.digest(), state=OfferState.ACTIVE, updated_at=NOW)


FEED = case(OfferKind.POWER_FEED, setpoint_w=-6000.0)
SHED = case(OfferKind.LOAD_SHED, max_w=4140.0)
LIMIT = case(OfferKind.CAPACITY_LIMIT, max_w=0.0)
EVCE = EvceState(
    device_id="ocpp:a",
    received_at=NOW,
    status=EvceStatus.CHARGING,
    connected=True,
    capabilities=EvceCapabilities(protocol="ocpp2.1", can_feed=True, phases=3),
    transaction_id="t",
)
PLAN = Plan(
    made_at=NOW,
    slots=(
        PlanSlot(start=NOW, end=NOW + HOUR, power_w=11_000, reason=SlotReason.CHEAP, price=Decimal("0.1")),
        PlanSlot(start=NOW + HOUR, end=NOW + 2 * HOUR, power_w=0, reason=SlotReason.IDLE),
    ),
    reaches_pct=80,
    shortfall_wh=0,
)
FINE = Situation(
    now=NOW,
    site=Site(),
    evce=EVCE,
    allowance=Allowance(current_a=16, feed_a=16),
    plan=PLAN,
    goal=Goal(mode=ChargingMode.READY_BY, target_pct=80, ready_by=NOW + 5 * HOUR, floor_pct=50, capacity_wh=50_000),
    commitments=(),
    critical_health=False,
    soc_pct=64.0,
)


def outcome(situation: Situation) -> tuple[float, float, Doing]:
    verdict = decide(situation, 60)
    assert verdict.command is not None
    return verdict.command.limit_w, verdict.command.feed_w, verdict.activity.doing


def test_the_plan_is_followed_and_its_end_told() -> None:
    assert outcome(FINE) == (11_000, 0, Doing.CHARGING_CHEAP)
    assert decide(FINE, 60).activity.until == NOW + HOUR
    later = replace(FINE, now=NOW + HOUR)
    assert outcome(later) == (0, 0, Doing.WAITING_CHEAPER)


def test_no_plan_does_not_strand_the_driver() -> None:
    assert outcome(replace(FINE, plan=None))[0] == pytest.approx(16 * 690)


@pytest.mark.parametrize(
    ("mode", "limit"), [(ChargingMode.NOW, 16 * 690), (ChargingMode.PAUSE, 0), (ChargingMode.READY_BY, 11_000)]
)
def test_the_owner_chooses_the_mode(mode: ChargingMode, limit: float) -> None:
    assert outcome(replace(FINE, goal=replace(FINE.goal, mode=mode)))[0] == pytest.approx(limit)


@pytest.mark.usecase("T1")
def test_an_accepted_reduction_caps_charging() -> None:
    assert outcome(replace(FINE, commitments=(SHED,))) == (4140, 0, Doing.REDUCED_BY_OFFER)


@pytest.mark.usecase("T2", "T4")
def test_an_accepted_power_feed_feeds() -> None:
    assert outcome(replace(FINE, commitments=(FEED,))) == (0, 6000, Doing.FEEDING)


@pytest.mark.parametrize(
    "change",
    [
        {"soc_pct": 55.0},
        {"critical_health": True},
        {"commitments": (FEED, LIMIT)},
    ],
    ids=["floor", "critical health", "mandatory limit"],
)
def test_safety_ends_a_power_feed_and_says_why(change: dict[str, object]) -> None:
    verdict: Verdict = decide(replace(FINE, **{"commitments": (FEED,), **change}), 60)  # type: ignore[arg-type]
    assert verdict.command is None or verdict.command.feed_w == 0
    assert verdict.abort[0][0] == "evc_sp/o1"
    assert verdict.abort[0][1].endswith(".")


@pytest.mark.parametrize(
    "change",
    [
        {"soc_pct": None},
        {"evce": replace(EVCE, status=EvceStatus.AVAILABLE, transaction_id=None)},
        {"evce": replace(EVCE, status=EvceStatus.STARTING)},
        {"evce": replace(EVCE, capabilities=EvceCapabilities(protocol="ocpp2.0.1"))},
    ],
    ids=["soc unknown", "no car", "charger reconnects", "cannot feed"],
)
def test_what_may_pass_stops_a_power_feed_but_ends_it_only_when_it_stays(change: dict[str, object]) -> None:
    verdict: Verdict = decide(replace(FINE, **{"commitments": (FEED,), **change}), 60)  # type: ignore[arg-type]
    assert verdict.command is not None
    assert (verdict.command.limit_w, verdict.command.feed_w) == (0, 0)
    assert verdict.activity.doing is not Doing.FEEDING
    assert verdict.abort == ()
    patience = Patience()
    assert patience.spent(verdict.doubts, 100) == ()
    assert patience.spent(verdict.doubts, 100 + PATIENCE_S - 1) == ()
    assert patience.spent(verdict.doubts, 100 + PATIENCE_S) == verdict.doubts
    assert [key for key, _ in verdict.doubts] == ["evc_sp/o1"]


def test_a_doubt_that_passes_begins_anew() -> None:
    patience, doubts = Patience(), (("evc_sp/o1", "No car."),)
    patience.spent(doubts, 0)
    assert patience.spent((), 100) == ()
    assert patience.spent(doubts, PATIENCE_S) == ()


def test_a_car_waiting_without_a_transaction_is_started_to_learn_whether_it_can_feed() -> None:
    waiting = replace(
        EVCE, status=EvceStatus.PLUGGED, transaction_id=None, capabilities=EvceCapabilities(protocol="ocpp2.1")
    )
    assert outcome(replace(FINE, evce=waiting, commitments=(FEED,)))[:2] == (pytest.approx(6 * 690), 0)
    verdict = decide(replace(FINE, evce=waiting, commitments=(FEED, case(OfferKind.LOAD_SHED, max_w=0.0))), 60)
    assert verdict.command is not None
    assert verdict.command.limit_w == 0


def test_no_more_is_fed_than_the_offer_wants() -> None:
    limited = replace(FEED, offer=replace(FEED.offer, max_feed_wh=2000.0), delivered_wh=-1999.0)
    assert outcome(replace(FINE, commitments=(limited,)))[1] == 6000
    verdict = decide(replace(FINE, commitments=(replace(limited, delivered_wh=-2000.0),)), 60)
    assert verdict.command is not None
    assert (verdict.command.limit_w, verdict.command.feed_w) == (0, 0)
    assert (verdict.abort, verdict.doubts) == ((), ())


def test_the_fuse_bounds_a_power_feed() -> None:
    tight = replace(FINE.allowance, feed_a=4)
    assert outcome(replace(FINE, allowance=tight, commitments=(FEED,))) == (0, 4 * 690, Doing.FEEDING)


def test_whatever_is_mandatory_counts_as_the_grid_operators() -> None:
    shed = replace(SHED, offer=replace(SHED.offer, binding=Binding.MANDATORY))
    assert outcome(replace(FINE, commitments=(shed,))) == (4140, 0, Doing.REDUCED_BY_GRID)


def test_a_limit_below_six_amperes_pauses_and_does_not_claim_otherwise() -> None:
    verdict = decide(replace(FINE, commitments=(case(OfferKind.CAPACITY_LIMIT, max_w=3000.0),)), 60)
    assert verdict.command is not None
    assert verdict.command.limit_w == 0
    assert (verdict.activity.doing, verdict.activity.power_w) == (Doing.REDUCED_BY_GRID, 0)


def test_the_fuse_wins_over_everything() -> None:
    tight = Allowance(current_a=8, feed_a=0)
    assert outcome(replace(FINE, allowance=tight)) == (8 * 690, 0, Doing.REDUCED_BY_FUSE)
    assert outcome(replace(FINE, allowance=tight, commitments=(FEED,)))[1] == 0


def test_a_stale_meter_means_the_safe_current() -> None:
    blind = Allowance(current_a=6, feed_a=0, fail_safe=True)
    assert outcome(replace(FINE, allowance=blind)) == (6 * 690, 0, Doing.CHARGING_FLOOR)


def test_a_mandatory_limit_beats_an_accepted_offer() -> None:
    assert outcome(replace(FINE, commitments=(SHED, LIMIT))) == (0, 0, Doing.REDUCED_BY_GRID)


def test_what_is_below_six_amperes_becomes_a_pause() -> None:
    small = case(OfferKind.LOAD_SHED, max_w=3000.0)
    assert outcome(replace(FINE, commitments=(small,)))[0] == 0


@pytest.mark.parametrize(
    ("state", "doing"),
    [
        (None, Doing.NO_CHARGER),
        (replace(EVCE, connected=False, status=EvceStatus.OFFLINE), Doing.CHARGER_OFFLINE),
        (replace(EVCE, status=EvceStatus.FAULTED), Doing.FAULTED),
        (replace(EVCE, status=EvceStatus.AVAILABLE, transaction_id=None), Doing.NO_CAR),
        (replace(EVCE, status=EvceStatus.SUSPENDED_EV), Doing.CAR_NOT_TAKING),
    ],
)
def test_what_people_see_is_what_is_there(state: EvceState | None, doing: Doing) -> None:
    assert decide(replace(FINE, evce=state), 60).activity.doing is doing


@pytest.mark.parametrize(
    ("day", "clock_time", "expected"),
    [
        ("2026-03-29", "02:30", "2026-03-29T01:30+00:00"),
        ("2026-10-25", "02:30", "2026-10-25T00:30+00:00"),
        ("2026-01-16", "07:00", "2026-01-16T06:00+00:00"),
    ],
    ids=["spring gap", "autumn double hour", "any other"],
)
def test_a_local_time_survives_clock_changes(day: str, clock_time: str, expected: str) -> None:
    found = local_instant(date.fromisoformat(day), clock_time, ZoneInfo("Europe/Amsterdam"))
    assert found == datetime.fromisoformat(expected)


def test_the_local_day_begins_at_local_midnight() -> None:
    assert local_midnight(NOW, "Europe/Amsterdam") == datetime(2026, 1, 14, 23, tzinfo=UTC)


@pytest.mark.usecase("S1")
def test_while_software_goes_into_the_car_it_neither_charges_nor_feeds() -> None:
    assert outcome(replace(FINE, installing=True)) == (0, 0, Doing.INSTALLING)
    assert outcome(replace(FINE, installing=True, commitments=(FEED,))) == (0, 0, Doing.INSTALLING)


def test_the_provider_can_lower_but_not_raise() -> None:
    assert outcome(replace(FINE, evce=replace(EVCE, provider_limit_w=5000.0))) == (5000, 0, Doing.REDUCED_BY_PROVIDER)
    assert outcome(replace(FINE, evce=replace(EVCE, provider_limit_w=22_000.0))) == (11_000, 0, Doing.CHARGING_CHEAP)
    too_little = replace(EVCE, provider_limit_w=3000.0)
    assert outcome(replace(FINE, evce=too_little)) == (0, 0, Doing.REDUCED_BY_PROVIDER)
    shed = replace(FINE, evce=replace(EVCE, provider_limit_w=5000.0), commitments=(SHED,))
    assert outcome(shed) == (4140, 0, Doing.REDUCED_BY_OFFER)
    grid = replace(case(OfferKind.CAPACITY_LIMIT, max_w=4500.0))
    limited = replace(FINE, evce=replace(EVCE, provider_limit_w=5000.0), commitments=(grid,))
    assert outcome(limited) == (4500, 0, Doing.REDUCED_BY_GRID)


def test_the_provider_cannot_make_the_car_feed() -> None:
    asked = replace(EVCE, provider_limit_w=0.0, provider_feed_w=6000.0)
    assert outcome(replace(FINE, evce=asked)) == (0, 0, Doing.REDUCED_BY_PROVIDER)


@pytest.mark.parametrize(
    ("asked_w", "expected"),
    [
        (2000.0, (0, 2000, Doing.FEEDING)),
        (9000.0, (0, 6000, Doing.FEEDING)),
        (0.0, (0, 0, Doing.FEED_WAITING)),
        (None, (0, 6000, Doing.FEEDING)),
    ],
)
def test_of_an_agreed_feed_the_provider_may_ask_for_less(
    asked_w: float | None, expected: tuple[float, float, Doing]
) -> None:
    evce = replace(EVCE, provider_limit_w=0.0, provider_feed_w=asked_w)
    assert outcome(replace(FINE, evce=evce, commitments=(FEED,))) == expected


def test_the_owner_who_has_taken_control_back_charges_as_he_likes() -> None:
    held = replace(EVCE, provider_limit_w=0.0, provider_feed_w=0.0, provider_control=False)
    assert outcome(replace(FINE, evce=held)) == (11_000, 0, Doing.CHARGING_CHEAP)
    assert outcome(replace(FINE, evce=held, commitments=(FEED,))) == (0, 6000, Doing.FEEDING)
    assert outcome(replace(FINE, evce=held, commitments=(LIMIT,))) == (0, 0, Doing.REDUCED_BY_GRID)


def test_where_a_card_is_needed_people_are_asked_for_it() -> None:
    waiting = replace(FINE, card_needed=True, evce=replace(EVCE, status=EvceStatus.PLUGGED, transaction_id=None))
    assert decide(waiting, 60).activity.doing is Doing.CARD_NEEDED
    assert decide(replace(waiting, card_needed=False), 60).activity.doing is Doing.CHARGING_CHEAP
    assert decide(replace(FINE, card_needed=True), 60).activity.doing is Doing.CHARGING_CHEAP


BESIDES = replace(FINE, primary=False, feeder=False, plan=None)


def test_a_car_that_no_plan_is_about_charges_with_what_is_left() -> None:
    assert outcome(BESIDES) == (pytest.approx(16 * 690), 0, Doing.CHARGING_NEEDED)
    assert outcome(replace(BESIDES, allowance=Allowance(current_a=7, feed_a=0))) == (7 * 690, 0, Doing.REDUCED_BY_FUSE)
    now, pause = (replace(FINE.goal, mode=mode) for mode in (ChargingMode.NOW, ChargingMode.PAUSE))
    assert outcome(replace(BESIDES, goal=now))[2] is Doing.CHARGING_NOW
    assert outcome(replace(BESIDES, goal=pause)) == (0, 0, Doing.PAUSED_BY_OWNER)


def test_a_car_that_no_plan_is_about_neither_feeds_nor_takes_what_another_one_feeds() -> None:
    verdict = decide(replace(BESIDES, commitments=(FEED,)), 60)
    assert verdict.command is not None
    assert (verdict.command.limit_w, verdict.command.feed_w) == (0, 0)
    assert (verdict.abort, verdict.doubts) == ((), ())


def test_a_car_that_the_plan_is_about_takes_nothing_of_what_another_one_feeds() -> None:
    elsewhere = replace(FINE, feeder=False, commitments=(FEED,))
    assert outcome(elsewhere) == (0, 0, Doing.REDUCED_BY_OFFER)
    here = replace(BESIDES, feeder=True, commitments=(FEED,))
    assert outcome(here) == (0, 6000, Doing.FEEDING)


def test_where_no_charger_can_feed_it_is_said_of_each() -> None:
    refusal = "The charger speaks OCPP 1.6, which cannot ask a car to feed power."
    old = replace(EVCE, capabilities=EvceCapabilities(protocol="ocpp1.6", feed_refusal=refusal))
    alone = decide(replace(FINE, evce=old, commitments=(FEED,)), 60)
    assert alone.doubts == ((FEED.offer.key, refusal),)
    others = "Neither can another charger. “Carport”: The car is not plugged in, so it cannot feed power."
    both = decide(replace(FINE, evce=old, commitments=(FEED,), others_doubt=others), 60)
    assert both.doubts == ((FEED.offer.key, f"{refusal} {others}"),)


def test_a_limit_in_watts_holds_for_all_chargers_together() -> None:
    assert total_cap_w((SHED, case(OfferKind.CAPACITY_LIMIT, max_w=9000.0)), NOW) == 4140
    assert total_cap_w((FEED,), NOW) is None
    limit = case(OfferKind.CAPACITY_LIMIT, max_w=10_000.0)
    assert outcome(replace(FINE, commitments=(limit,), others_w=4140.0)) == (5860, 0, Doing.REDUCED_BY_GRID)
    assert outcome(replace(FINE, commitments=(limit,), others_w=8000.0)) == (0, 0, Doing.REDUCED_BY_GRID)


def test_while_a_charger_is_on_its_way_up_people_are_told_why_it_charges() -> None:
    rising = Allowance(current_a=6, feed_a=0, rising=True)
    assert outcome(replace(FINE, allowance=rising)) == (6 * 690, 0, Doing.CHARGING_CHEAP)


def test_a_charger_that_was_switched_to_one_phase_is_told_so_and_its_watts_are_of_that_phase() -> None:
    verdict = decide(replace(FINE, allowance=Allowance(current_a=10, feed_a=0, phases=1)), 60)
    assert verdict.command is not None
    assert (verdict.command.limit_w, verdict.command.phases) == (2300, 1)


PLANNED_FEED = replace(
    FINE,
    goal=replace(FINE.goal, mode=ChargingMode.POWER_FEED),
    plan=replace(
        PLAN,
        slots=(
            PlanSlot(start=NOW, end=NOW + HOUR, power_w=-5000, reason=SlotReason.FEED_PLAN),
            PlanSlot(start=NOW + HOUR, end=NOW + 2 * HOUR, power_w=0, reason=SlotReason.WAIT_CHEAPER),
        ),
    ),
)


@pytest.mark.usecase("T2", "D3")
def test_the_owners_own_plan_feeds_in_its_mode() -> None:
    assert outcome(PLANNED_FEED) == (0, 5000, Doing.FEEDING_PLAN)
    assert decide(PLANNED_FEED, 60).activity.until == NOW + HOUR
    assert decide(PLANNED_FEED, 60).activity.power_w == -5000


@pytest.mark.parametrize("mode", [mode for mode in ChargingMode if mode is not ChargingMode.POWER_FEED])
def test_in_no_other_mode_does_a_plan_feed(mode: ChargingMode) -> None:
    verdict = decide(replace(PLANNED_FEED, goal=replace(FINE.goal, mode=mode)), 60)
    assert verdict.command is not None
    assert verdict.command.feed_w == 0


@pytest.mark.parametrize(
    "change",
    [
        {"critical_health": True},
        {"commitments": (LIMIT,)},
        {"soc_pct": 50.0},
        {"soc_pct": None},
        {"primary": False},
        {"evce": replace(EVCE, capabilities=EvceCapabilities(protocol="ocpp1.6"))},
        {"evce": replace(EVCE, status=EvceStatus.AVAILABLE)},
        {"installing": True},
    ],
)
def test_what_is_above_the_plan_stops_its_feed(change: dict[str, object]) -> None:
    verdict = decide(replace(PLANNED_FEED, **change), 60)  # type: ignore[arg-type]
    assert verdict.command is None or verdict.command.feed_w == 0
    assert verdict.abort == verdict.doubts == ()


def test_the_fuse_bounds_a_planned_feed_and_an_accepted_one_comes_first() -> None:
    tight = replace(PLANNED_FEED, allowance=Allowance(current_a=16, feed_a=4))
    assert outcome(tight) == (0, 4 * 690, Doing.FEEDING_PLAN)
    assert outcome(replace(PLANNED_FEED, commitments=(FEED,))) == (0, 6000, Doing.FEEDING)
    assert outcome(replace(PLANNED_FEED, allowance=Allowance(current_a=16, feed_a=0)))[2] is Doing.REDUCED_BY_FUSE


def test_a_car_of_which_nothing_is_known_tells_it_before_it_feeds() -> None:
    waits = replace(PLANNED_FEED, soc_pct=None, evce=replace(EVCE, transaction_id=None, status=EvceStatus.PLUGGED))
    assert outcome(waits) == (6 * 690, 0, Doing.FEED_WAITING)
    assert outcome(replace(waits, soc_pct=70.0))[:2] == (0, 5000)


SUN = replace(FINE, goal=replace(FINE.goal, mode=ChargingMode.SOLAR), surplus_w=5200.0)


def test_in_solar_the_measured_surplus_counts_and_not_the_plan() -> None:
    assert outcome(SUN) == (5200, 0, Doing.CHARGING_SOLAR)
    assert outcome(replace(SUN, surplus_w=0.0)) == (0, 0, Doing.WAITING_SOLAR)
    assert outcome(replace(SUN, plan=None)) == (5200, 0, Doing.CHARGING_SOLAR)
    assert outcome(replace(SUN, soc_pct=80.0)) == (0, 0, Doing.CAR_FULL)


def test_below_the_reserve_solar_does_not_wait_for_the_sun() -> None:
    slots = (replace(PLAN.slots[0], reason=SlotReason.FLOOR, power_w=11_000),)
    below = replace(SUN, plan=replace(PLAN, slots=slots), surplus_w=0.0, soc_pct=40.0)
    assert outcome(below) == (11_000, 0, Doing.CHARGING_RESERVE)


def test_what_a_provider_has_promised_does_not_wait_for_the_sun() -> None:
    slots = (replace(PLAN.slots[0], reason=SlotReason.GUARANTEE, power_w=7000),)
    owed = replace(SUN, plan=replace(PLAN, slots=slots), surplus_w=0.0)
    assert outcome(owed) == (7000, 0, Doing.CHARGING_PROMISED)
    assert outcome(replace(owed, surplus_w=9000.0)) == (9000, 0, Doing.CHARGING_PROMISED)
    assert outcome(replace(owed, soc_pct=85.0)) == (7000, 0, Doing.CHARGING_PROMISED)
    assert outcome(replace(owed, goal=replace(SUN.goal, mode=ChargingMode.PAUSE)))[0] == 0


def test_what_is_agreed_to_be_charged_does_not_wait_for_the_sun() -> None:
    slots = (replace(PLAN.slots[0], reason=SlotReason.CHARGE_OFFER, power_w=7000),)
    assert outcome(replace(SUN, plan=replace(PLAN, slots=slots), surplus_w=0.0))[0] == 7000


@pytest.mark.parametrize("planned_w", [0.0, -2000.0])
def test_no_more_is_fed_than_leaves_time_to_charge_what_was_promised(planned_w: float) -> None:
    slots = (replace(PLAN.slots[0], reason=SlotReason.FEED_LESS, power_w=planned_w),)
    held = replace(FINE, commitments=(FEED,), plan=replace(PLAN, slots=slots))
    assert outcome(held) == (0, -planned_w, Doing.FEEDING if planned_w else Doing.FEED_WAITING)
    assert decide(held, 60).abort == ()
    # What the plan says of the car at one charger says nothing of another.
    assert outcome(replace(held, primary=False))[1] == 6000
    agreed = (replace(slots[0], reason=SlotReason.FEED_OFFER),)
    assert outcome(replace(held, plan=replace(PLAN, slots=agreed)))[1] == 6000


@pytest.mark.parametrize(
    ("reason", "doing"),
    [
        (SlotReason.NEEDED, Doing.CHARGING_NEEDED),
        (SlotReason.AFTER_DEADLINE, Doing.CHARGING_LATE),
        (SlotReason.GUARANTEE, Doing.CHARGING_PROMISED),
        (SlotReason.NO_PRICE, Doing.CHARGING_NEEDED),
        (SlotReason.SOLAR, Doing.CHARGING_SOLAR),
        (SlotReason.CHEAP, Doing.CHARGING_CHEAP),
    ],
)
def test_why_it_charges_is_told(reason: SlotReason, doing: Doing) -> None:
    assert outcome(replace(FINE, plan=replace(PLAN, slots=(replace(PLAN.slots[0], reason=reason),))))[2] is doing


@pytest.mark.parametrize(
    ("reason", "doing"),
    [
        (SlotReason.FULL, Doing.CAR_FULL),
        (SlotReason.REDUCED_BY_GRID, Doing.REDUCED_BY_GRID),
        (SlotReason.REDUCED_BY_OFFER, Doing.REDUCED_BY_OFFER),
        (SlotReason.WAIT_CHEAPER, Doing.WAITING_CHEAPER),
    ],
)
def test_why_it_does_not_charge_is_told(reason: SlotReason, doing: Doing) -> None:
    slot = replace(PLAN.slots[0], reason=reason, power_w=0)
    assert outcome(replace(FINE, plan=replace(PLAN, slots=(slot,)))) == (0, 0, doing)


def test_a_car_on_fewer_phases_is_offered_the_current_that_gives_it_what_is_planned() -> None:
    slot = replace(PLAN.slots[0], power_w=3600)
    weak = replace(FINE, plan=replace(PLAN, slots=(slot,)), car_most_w=3600.0)
    assert outcome(weak)[0] == pytest.approx(16 * 690)
    assert outcome(replace(weak, car_most_w=None))[0] == 6 * 690


def test_a_car_that_is_to_be_woken_is_offered_nothing_for_a_moment() -> None:
    assert outcome(replace(FINE, withdrawn=True))[:2] == (0, 0)
