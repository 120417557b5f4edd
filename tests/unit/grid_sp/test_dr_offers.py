"""From demand response events to requests."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.model.offer import Binding, Offer, OfferKind
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
from homeapp.providers.grid_sp.objects import Event, Program, read_event, read_json, read_program
from homeapp.providers.grid_sp.offers import OfferSource, is_request, read_offer
from homeapp.providers.grid_sp.profile import profile_of
from homeapp.providers.grid_sp.signals import Signal
from homeapp.providers.grid_sp.terms import Term

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
START = NOW + timedelta(hours=6)
MONEY = ("REWARD_FIXED", "EXPORT_PRICE", "PENALTY_PER_KWH", "WEAR_COMPENSATION")


def program(kind: object = "HOMEAPP_DR_OFFER-1.0.0", *, binding: object = False) -> Program:
    attributes = [{"type": "PROGRAM_TYPE", "values": [kind]}, {"type": "BINDING_EVENTS", "values": [binding]}]
    return read_program({"id": "p", "programName": "Flex", "attributes": attributes})


def value(name: str, *values: object) -> dict[str, Any]:
    return {"type": name, "values": list(values)}


def event(*payloads: dict[str, Any], **parts: object) -> Event:
    told = {
        "id": "event-1",
        "programID": "p",
        "modificationDateTime": "2027-01-15T11:00:00Z",
        "eventName": "Tonight",
        "payloadDescriptors": [{"payloadType": name, "currency": "EUR"} for name in MONEY],
        "intervalPeriod": {"start": "2027-01-15T18:00:00Z", "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": list(payloads)}],
    }
    return read_event(read_json(json.dumps(told | parts).encode()))


def offered(told: Event, frame: Program | None = None, home: str = "home") -> Offer:
    source = OfferSource(sp_id="grid_sp", sp_name="Grid operator", home=home, known_at=NOW)
    offer = read_offer(told, frame or program(), source)
    assert offer is not None
    return offer


def refusal(told: Event, frame: Program | None = None) -> str:
    with pytest.raises(MessageRejected) as caught:
        offered(told, frame)
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "private_terms", "confirms"),
    [
        ("HOMEAPP_DR_OFFER-1.0.0", True, False),
        ("HOMEAPP_DR_OFFER-1.12.3", True, False),
        ("V2G_OFFER-1.0.0", True, True),
        ("V2G_OFFER-2.0.0", False, False),
        ("HOMEAPP_DR_OFFER-2.0.0", False, False),
        ("HOMEAPP_DR_OFFER-1.0", False, False),
        ("XHOMEAPP_DR_OFFER-1.0.0", False, False),
        (1, False, False),
    ],
)
def test_only_the_profiles_first_version_is_understood(kind: object, *, private_terms: bool, confirms: bool) -> None:
    told = profile_of(program(kind))
    assert (told.private_terms, told.confirms) == (private_terms, confirms)
    assert offered(event(value("DISPATCH_SETPOINT", 1)), program(kind)).confirms is confirms


def test_less_charging_by_setpoint_and_by_limit() -> None:
    for told in (value("DISPATCH_SETPOINT", 1.4), value("IMPORT_CAPACITY_LIMIT", 1.4)):
        offer = offered(event(told))
        assert (offer.kind, offer.binding) == (OfferKind.LOAD_SHED, Binding.OWNER_DECIDES)
        (interval,) = offer.intervals
        assert (interval.start, interval.end, interval.setpoint_w, interval.max_w) == (
            START,
            START + timedelta(hours=1),
            None,
            1400.0,
        )
    both = offered(event(value("DISPATCH_SETPOINT", 3), value("IMPORT_CAPACITY_LIMIT", 2)))
    assert both.intervals[0].max_w == 2000.0


def test_a_power_feed_with_all_its_terms() -> None:
    offer = offered(
        event(
            value("DISPATCH_SETPOINT", -5.5),
            value("OFFER_EXPIRY", "2027-01-15T18:30:00+01:00"),
            value("OFFER_BINDING", "OWNER_DECIDES"),
            value("OFFER_TEXT", "Dear\nowner"),
            value("REWARD_FIXED", "1.92"),
            value("MIN_SOC", 0.5),
            value("MAX_FEED_ENERGY", 6.1),
        )
    )
    assert (offer.kind, offer.intervals[0].setpoint_w) == (OfferKind.POWER_FEED, -5500.0)
    assert offer.expires_at == datetime(2027, 1, 15, 17, 30, tzinfo=UTC)
    assert (offer.reward, offer.currency, offer.min_soc_pct, offer.max_feed_wh) == (
        Decimal("1.92"),
        "EUR",
        50.0,
        6100.0,
    )
    assert (offer.title, offer.description, offer.issued_at) == ("Tonight", "Dear owner", NOW - timedelta(hours=1))
    assert offer.revision == int(offer.issued_at.timestamp())


def test_without_terms_the_answer_is_due_at_the_start_and_the_title_is_ours() -> None:
    offer = offered(event(value("DISPATCH_SETPOINT", 0), eventName=None))
    assert (offer.expires_at, offer.reward, offer.currency) == (START, None, "")
    assert offer.title == "Charge less for a while"


def test_an_answer_is_never_due_after_the_end() -> None:
    offer = offered(event(value("DISPATCH_SETPOINT", 0), value("OFFER_EXPIRY", "2027-01-16T00:00:00Z")))
    assert offer.expires_at == offer.end


@pytest.mark.usecase("T1", "A1")
def test_a_mandatory_limit_needs_a_binding_program() -> None:
    told = event(value("IMPORT_CAPACITY_LIMIT", 4.2), value("OFFER_BINDING", "MANDATORY"))
    offer = offered(told, program(binding=True))
    assert (offer.kind, offer.binding, offer.intervals[0].max_w) == (
        OfferKind.CAPACITY_LIMIT,
        Binding.MANDATORY,
        4200.0,
    )
    assert offer.expires_at == offer.end
    assert refusal(told, program(binding=False)) == "value"


@pytest.mark.parametrize("power", [-3, 3])
def test_nobody_can_be_ordered_to_feed_or_to_charge_at_a_setpoint(power: int) -> None:
    told = event(value("DISPATCH_SETPOINT", power), value("OFFER_BINDING", "MANDATORY"))
    assert refusal(told, program(binding=True)) == "value"


def test_a_limit_until_further_notice_does_not_lapse_soon() -> None:
    told = event(
        value("IMPORT_CAPACITY_LIMIT", 4.2),
        value("OFFER_BINDING", "MANDATORY"),
        intervalPeriod={"start": "0001-01-01T00:00:00Z", "duration": "P9999Y"},
    )
    offer = offered(told, program(binding=True))
    assert offer.start == NOW
    assert offer.end - NOW > timedelta(days=3650)


@pytest.mark.parametrize(
    ("told", "units", "percent"),
    [(0.5, "PERCENT", 50.0), (50, "PERCENT", 50.0), (1, "PERCENT", 100.0), (1, "PERCENTAGE", 1.0), (0.2, None, 20.0)],
)
def test_percent_in_both_ways(told: float, units: str | None, percent: float) -> None:
    descriptors = [{"payloadType": "MIN_SOC", "units": units}]
    offer = offered(event(value("DISPATCH_SETPOINT", -1), value("MIN_SOC", told), payloadDescriptors=descriptors))
    assert offer.min_soc_pct == percent


def test_terms_that_are_not_understood_are_kept_as_they_came() -> None:
    told = event(
        value("DISPATCH_SETPOINT", 1), value("SHIFT_BACK_WITHIN", "PT4H", 2.5), value("CURVE", {"x": 1}), value("OLS")
    )
    offer = offered(told)
    assert offer.unsupported == ('CURVE: {"x": "1"}', "OLS:", "SHIFT_BACK_WITHIN: PT4H, 2.5")
    assert offered(event(value("DISPATCH_SETPOINT", 1))).unsupported == ()


def test_private_terms_of_an_unknown_profile_mean_nothing_and_are_named() -> None:
    told = event(value("DISPATCH_SETPOINT", 1), value("REWARD_FIXED", 5), value("OFFER_BINDING", "MANDATORY"))
    offer = offered(told, program("HOMEAPP_DR_OFFER-2.0.0", binding=True))
    assert (offer.binding, offer.reward) == (Binding.OWNER_DECIDES, None)
    assert offer.unsupported == ("OFFER_BINDING: MANDATORY", "REWARD_FIXED: 5")


def descriptor(name: str, units: str | None = None, currency: str | None = None) -> dict[str, Any]:
    return {"payloadType": name, "units": units, "currency": currency}


def test_money_promises_about_the_car_and_backing_out() -> None:
    offer = offered(
        event(
            value("DISPATCH_SETPOINT", -5),
            value("EXPORT_PRICE", "0.41"),
            value("PENALTY_PER_KWH", 0.05),
            value("GUARANTEED_SOC", 0.8),
            value("READY_BY", "2027-01-16T07:00:00+01:00"),
            value("MAX_FEED_CYCLES", 0.5),
            value("WEAR_COMPENSATION", 0.03),
            value("OWNER_CANCEL_UNTIL", "2027-01-15T17:30:00Z"),
            value("OWNER_CANCEL_FEE", 2),
            value("DATA_SHARED", "Energy per quarter hour", "State of charge"),
            payloadDescriptors=[descriptor("EXPORT_PRICE", "KWH", "EUR"), descriptor("PENALTY_PER_KWH", "KWH", "EUR")],
            priority=2,
        )
    )
    assert offer.rewards == (Reward(basis=RewardBasis.PER_KWH, amount=Decimal("0.41")),)
    assert offer.penalty == Penalty(basis=PenaltyBasis.PER_KWH_SHORTFALL, amount=Decimal("0.05"))
    assert offer.battery == BatteryTerms(
        guaranteed_soc_pct=80.0,
        ready_by=datetime(2027, 1, 16, 6, tzinfo=UTC),
        max_feed_cycles=0.5,
        wear_compensation=WearCompensation(amount=Decimal("0.03"), per=WearUnit.KWH),
    )
    assert offer.cancellation == Cancellation(owner_until=START - timedelta(minutes=30), owner_fee=Decimal(2))
    assert offer.data_shared == ("Energy per quarter hour", "State of charge")
    assert (offer.currency, offer.priority, offer.unsupported) == ("EUR", 2, ())


def test_of_several_prices_the_lowest_is_what_one_gets_at_least() -> None:
    two = intervals(
        [value("DISPATCH_SETPOINT", -2), value("EXPORT_PRICE", 0.5)],
        [value("DISPATCH_SETPOINT", -1), value("EXPORT_PRICE", 0.3)],
    )
    offer = offered(event(intervals=two, payloadDescriptors=[descriptor("EXPORT_PRICE", None, "EUR")]))
    assert [reward.amount for reward in offer.rewards] == [Decimal("0.3")]


@pytest.mark.parametrize(("units", "per"), [(None, WearUnit.KWH), ("KWH", WearUnit.KWH), ("CYCLE", WearUnit.CYCLE)])
def test_wear_is_compensated_per_energy_or_per_cycle(units: str | None, per: WearUnit) -> None:
    told = event(
        value("DISPATCH_SETPOINT", -1),
        value("WEAR_COMPENSATION", 1),
        payloadDescriptors=[descriptor("WEAR_COMPENSATION", units, "EUR")],
    )
    battery = offered(told).battery
    assert battery is not None
    assert battery.wear_compensation == WearCompensation(amount=Decimal(1), per=per)


@pytest.mark.parametrize(
    "descriptors",
    [
        [descriptor("EXPORT_PRICE", "MWH", "EUR")],
        [descriptor("EXPORT_PRICE", "KWH", "EUR"), descriptor("WEAR_COMPENSATION", "KWH", "USD")],
        [descriptor("EXPORT_PRICE", "KWH", "EUR"), descriptor("WEAR_COMPENSATION", "MILES", "EUR")],
    ],
    ids=str,
)
def test_money_that_cannot_be_compared_is_refused(descriptors: list[dict[str, Any]]) -> None:
    told = [value("DISPATCH_SETPOINT", -1), value("EXPORT_PRICE", 1), value("WEAR_COMPENSATION", 1)]
    assert refusal(event(*told, payloadDescriptors=descriptors)) == "value"


def test_two_prices_for_the_same_energy_are_refused() -> None:
    told = [value("DISPATCH_SETPOINT", -1), value("EXPORT_PRICE", 1), value("PRICE", 1)]
    assert refusal(event(*told, payloadDescriptors=[descriptor("PRICE", "KWH", "EUR")])) == "value"


def test_terms_page_region_and_spread_come_from_program_and_period() -> None:
    frame = read_program(
        {
            "id": "p",
            "programName": "Flex",
            "attributes": [
                value("PROGRAM_TYPE", "V2G_OFFER-1.0.0"),
                value("COUNTRY", "nl"),
                value("PRINCIPAL_SUBDIVISION", "GE"),
            ],
            "programDescriptions": [{"URL": "javascript:alert(1)"}, {"URL": "https://grid.example/terms"}],
        }
    )
    told = event(
        value("DISPATCH_SETPOINT", 1),
        intervalPeriod={"start": "2027-01-15T18:00:00Z", "duration": "PT1H", "randomizeStart": "PT10M"},
    )
    offer = offered(told, frame)
    assert (offer.terms_url, offer.region) == ("https://grid.example/terms", "NL-GE")
    assert offer.randomize_start == timedelta(minutes=10)


@pytest.mark.parametrize("name", ["IMPORT_CAPACITY_LIMIT", "EXPORT_CAPACITY_LIMIT"])
@pytest.mark.parametrize("kind", ["DYNAMIC_OPERATING_ENVELOPE", "HOMEAPP_DR_OFFER-1.0.0"])
@pytest.mark.usecase("T1", "A1")
def test_a_bare_limit_of_a_binding_program_is_mandatory(name: str, kind: str) -> None:
    offer = offered(event(value(name, 4.2)), program(kind, binding=True))
    assert (offer.kind, offer.binding) == (OfferKind.CAPACITY_LIMIT, Binding.MANDATORY)
    (interval,) = offer.intervals
    imported = name == "IMPORT_CAPACITY_LIMIT"
    assert (interval.max_w, interval.max_feed_w) == ((4200.0, None) if imported else (None, 4200.0))
    assert offered(event(value(name, 4.2)), program(kind)).binding is Binding.OWNER_DECIDES


def test_a_binding_program_does_not_make_a_setpoint_mandatory() -> None:
    told = event(value("DISPATCH_SETPOINT", 1))
    assert offered(told, program("DISPATCH", binding=True)).binding is Binding.OWNER_DECIDES


@pytest.mark.parametrize(("binding", "read"), [("OPT_OUT", Binding.OPT_OUT), ("OWNER_DECIDES", Binding.OWNER_DECIDES)])
def test_whose_decision_it_is(binding: str, read: Binding) -> None:
    assert offered(event(value("DISPATCH_SETPOINT", 1), value("OFFER_BINDING", binding))).binding is read


@pytest.mark.parametrize(("level", "max_w"), [(1, 5500.0), (2, 2750.0), (3, 0.0)])
def test_levels_are_parts_of_what_the_charger_can_draw(level: int, max_w: float) -> None:
    offer = offered(event(value("SIMPLE", level)), program("SHED"))
    assert (offer.kind, offer.binding) == (OfferKind.LOAD_SHED, Binding.OWNER_DECIDES)
    assert [item.max_w for item in offer.intervals] == [max_w]


def test_normal_operation_asks_for_nothing() -> None:
    told = event(intervals=intervals([value("SIMPLE", 0)], [value("SIMPLE", 1)], [value("SIMPLE", 0)]))
    offer = offered(told, program("SHED"))
    assert [(item.start, item.end) for item in offer.intervals] == [
        (START + timedelta(hours=1), START + timedelta(hours=2))
    ]
    source = OfferSource(sp_id="grid_sp", sp_name="Grid operator", home="home", known_at=NOW)
    assert read_offer(event(value("SIMPLE", 0)), program("SHED"), source) is None


@pytest.mark.parametrize("level", [4, -1, 0.5, "1", float("nan")])
def test_levels_that_do_not_exist_are_refused(level: object) -> None:
    assert refusal(event(value("SIMPLE", level)), program("SHED")) == "value"


def test_less_than_otherwise_is_read_from_what_the_charger_can_draw() -> None:
    offer = offered(event(value("DISPATCH_SETPOINT_RELATIVE", -3)), program("SHED"))
    assert (offer.kind, offer.intervals[0].max_w) == (OfferKind.LOAD_SHED, 8000.0)
    assert offered(event(value("DISPATCH_SETPOINT_RELATIVE", -30)), program("SHED")).intervals[0].max_w == 0.0


def test_more_than_otherwise_is_a_boost() -> None:
    offer = offered(event(value("DISPATCH_SETPOINT_RELATIVE", 3)), program("BOOST"))
    assert (offer.kind, offer.intervals[0].setpoint_w, offer.intervals[0].max_w) == (
        OfferKind.CHARGE_BOOST,
        3000.0,
        None,
    )
    both = intervals([value("DISPATCH_SETPOINT_RELATIVE", 3)], [value("DISPATCH_SETPOINT_RELATIVE", -3)])
    assert refusal(event(intervals=both), program("BOOST")) == "value"


@pytest.mark.parametrize(("told", "units", "percent"), [(0.8, "PERCENT", 80.0), (80, "PERCENTAGE", 80.0)])
def test_a_state_of_charge_that_is_asked_for_is_due_at_the_end(told: float, units: str, percent: float) -> None:
    asked = event(value("CHARGE_STATE_SETPOINT", told), payloadDescriptors=[descriptor("CHARGE_STATE_SETPOINT", units)])
    offer = offered(asked, program("BOOST"))
    assert offer.kind is OfferKind.CHARGE_BOOST
    assert offer.battery == BatteryTerms(guaranteed_soc_pct=percent, ready_by=START + timedelta(hours=1))
    unusable = [descriptor("CHARGE_STATE_SETPOINT", "KWH")]
    assert refusal(event(value("CHARGE_STATE_SETPOINT", 5), payloadDescriptors=unusable)) == "value"


def test_what_has_begun_before_it_was_known_can_be_answered_until_its_end() -> None:
    offer = offered(event(value("SIMPLE", 1), intervalPeriod={"start": "0001-01-01", "duration": "PT4H"}))
    assert offer.expires_at == offer.end


@pytest.mark.parametrize(
    "payloads",
    [
        [value("DISPATCH_SETPOINT", "1")],
        [value("DISPATCH_SETPOINT", float("nan"))],
        [value("DISPATCH_SETPOINT", float("-inf"))],
        [value("DISPATCH_SETPOINT", 100.1)],
        [value("DISPATCH_SETPOINT", -100.1)],
        [value("DISPATCH_SETPOINT")],
        [value("DISPATCH_SETPOINT", 1, 2)],
        [value("IMPORT_CAPACITY_LIMIT", -1)],
        [value("DISPATCH_SETPOINT", 1), value("OFFER_BINDING", "MY_RULE")],
        [value("DISPATCH_SETPOINT", -1), value("PENALTY_PER_KWH", 101)],
        [value("DISPATCH_SETPOINT", -1), value("MAX_FEED_CYCLES", -1)],
        [value("DISPATCH_SETPOINT", -1), value("WEAR_COMPENSATION", "none")],
        [value("DISPATCH_SETPOINT", -1), value("EXPORT_PRICE", float("nan"))],
        [value("DISPATCH_SETPOINT", -1), value("OWNER_CANCEL_UNTIL", "2027-01-15T17:00:00")],
        [value("DISPATCH_SETPOINT", -1), value("CHARGE_STATE_SETPOINT", 2.5e9)],
        [value("EXPORT_CAPACITY_LIMIT", -1)],
        [value("DISPATCH_SETPOINT", 1), value("OFFER_EXPIRY", "2027-01-15T17:00:00")],
        [value("DISPATCH_SETPOINT", 1), value("OFFER_EXPIRY", 5)],
        [value("DISPATCH_SETPOINT", 1), value("OFFER_EXPIRY", "1999-01-15T17:00:00Z")],
        [value("DISPATCH_SETPOINT", 1), value("REWARD_FIXED", "1,92")],
        [value("DISPATCH_SETPOINT", 1), value("REWARD_FIXED", -1)],
        [value("DISPATCH_SETPOINT", 1), value("REWARD_FIXED", 1e9)],
        [value("DISPATCH_SETPOINT", 1), value("REWARD_FIXED", 1, 2)],
        [value("DISPATCH_SETPOINT", -1), value("MIN_SOC", 101)],
        [value("DISPATCH_SETPOINT", -1), value("MAX_FEED_ENERGY", float("nan"))],
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(payloads: list[dict[str, Any]]) -> None:
    assert refusal(event(*payloads)) == "value"


@pytest.mark.parametrize("name", ["DISPATCH_SETPOINT", "IMPORT_CAPACITY_LIMIT", "REWARD_FIXED", "MIN_SOC"])
@pytest.mark.parametrize("number", ["1e9999999", "-1e9999999", "1" + "0" * 5000])
def test_numbers_beyond_all_bounds_are_refused(name: str, number: str) -> None:
    terms = {"DISPATCH_SETPOINT": 1, name: "HERE"}
    raw = json.dumps(
        {
            "id": "e",
            "programID": "p",
            "intervalPeriod": {"start": "2027-01-15T18:00:00Z", "duration": "PT1H"},
            "payloadDescriptors": [{"payloadType": "REWARD_FIXED", "currency": "EUR"}],
            "intervals": [{"payloads": [value(name, told) for name, told in terms.items()]}],
        }
    ).replace('"HERE"', number)
    assert refusal(read_event(read_json(raw.encode()))) == "value"


def test_a_reward_needs_a_currency() -> None:
    assert refusal(event(value("DISPATCH_SETPOINT", 1), value("REWARD_FIXED", 1), payloadDescriptors=None)) == "value"


def test_power_in_other_units_is_refused() -> None:
    descriptors = [{"payloadType": "DISPATCH_SETPOINT", "units": "AMPS"}]
    assert refusal(event(value("DISPATCH_SETPOINT", 1), payloadDescriptors=descriptors)) == "value"


def intervals(*payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": index, "payloads": item} for index, item in enumerate(payloads)]


def test_several_intervals_state_each_term_once() -> None:
    terms = [value("REWARD_FIXED", 2), value("MIN_SOC", 0.5)]
    told = event(intervals=intervals([value("DISPATCH_SETPOINT", -2), *terms], [value("DISPATCH_SETPOINT", -1)]))
    assert [item.setpoint_w for item in offered(told).intervals] == [-2000.0, -1000.0]
    twice = [value("DISPATCH_SETPOINT", -1), value("REWARD_FIXED", 3)]
    assert refusal(event(intervals=intervals([value("DISPATCH_SETPOINT", -2), *terms], twice))) == "value"


def test_feeding_and_charging_in_one_request_are_refused() -> None:
    told = event(intervals=intervals([value("DISPATCH_SETPOINT", -2)], [value("DISPATCH_SETPOINT", 2)]))
    assert refusal(told) == "value"


def test_an_interval_that_asks_for_nothing_is_refused() -> None:
    assert refusal(event(intervals=intervals([value("DISPATCH_SETPOINT", 2)], [value("OFFER_TEXT", "x")]))) == "value"


def test_times_that_overlap_are_refused() -> None:
    told = intervals([value("DISPATCH_SETPOINT", 2)], [value("DISPATCH_SETPOINT", 1)])
    told[1]["intervalPeriod"] = {"start": "2027-01-15T18:30:00Z"}
    assert refusal(event(intervals=told)) == "value"


def test_too_many_intervals_are_refused() -> None:
    assert refusal(event(intervals=intervals(*[[value("DISPATCH_SETPOINT", 2)]] * 501))) == "value"


def test_no_length_is_a_cancellation() -> None:
    told = event(value("DISPATCH_SETPOINT", 1), intervalPeriod={"start": "0001-01-01T00:00:00Z", "duration": "PT0S"})
    assert is_request(told)
    source = OfferSource(sp_id="grid_sp", sp_name="Grid operator", home="home", known_at=NOW)
    assert read_offer(told, program(), source) is None


def test_homes_begin_at_different_times_but_each_always_at_the_same() -> None:
    told = event(
        value("DISPATCH_SETPOINT", 1),
        intervalPeriod={"start": "2027-01-15T18:00:00Z", "duration": "PT1H", "randomizeStart": "PT10M"},
    )
    starts = [offered(told, home=f"home-{index}").start for index in range(200)]
    assert starts == [offered(told, home=f"home-{index}").start for index in range(200)]
    assert all(abs(start - START) <= timedelta(minutes=10) for start in starts)
    assert len(set(starts)) == 200
    assert any(start < START - timedelta(minutes=5) for start in starts)
    assert any(start > START + timedelta(minutes=5) for start in starts)


_names = st.sampled_from([*Signal, *Term, "OTHER"])
_values = st.lists(
    st.floats()
    | st.integers(-2, 4)
    | st.text(max_size=8)
    | st.booleans()
    | st.none()
    | st.sampled_from(["MANDATORY", "OPT_OUT", "2027-01-15T17:00:00Z"]),
    max_size=2,
)
_payloads = st.lists(st.builds(lambda name, told: {"type": name, "values": told}, _names, _values), max_size=5)


@given(st.lists(_payloads, max_size=3), st.booleans(), st.booleans())
def test_whatever_is_told_it_is_refused_or_makes_a_sound_request(
    told: list[list[dict[str, Any]]], binding: bool, profile: bool
) -> None:
    try:
        offer = read_offer(
            event(intervals=intervals(*told)),
            program("V2G_OFFER-1.0.0" if profile else "SHED", binding=binding),
            OfferSource(sp_id="grid_sp", sp_name="Grid operator", home="home", known_at=NOW),
        )
    except MessageRejected:
        return
    if offer is not None:
        assert offer.expires_at <= offer.end
        assert len(offer.digest()) == 64
        assert offer.binding is not Binding.MANDATORY or (offer.kind is OfferKind.CAPACITY_LIMIT and binding)
        powers = [power for item in offer.intervals for power in (item.setpoint_w, item.max_w, item.max_feed_w)]
        assert all(abs(power) <= 100_000 for power in powers if power is not None)
        assert all(any(x is not None for x in (i.setpoint_w, i.max_w, i.max_feed_w)) for i in offer.intervals)
        assert (offer.kind is OfferKind.POWER_FEED) == any((item.setpoint_w or 0) < 0 for item in offer.intervals)
        assert "OTHER" in {name for item in told for name in (p["type"] for p in item)} or not any(
            text.startswith("OTHER") for text in offer.unsupported
        )
