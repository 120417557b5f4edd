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
from homeapp.providers.grid_sp.objects import Event, Program, read_event, read_json, read_program
from homeapp.providers.grid_sp.offers import OfferSource, follows_profile, is_request, read_offer

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
START = NOW + timedelta(hours=6)


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
        "payloadDescriptors": [{"payloadType": "REWARD_FIXED", "currency": "EUR"}],
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
    ("kind", "follows"),
    [
        ("HOMEAPP_DR_OFFER-1.0.0", True),
        ("HOMEAPP_DR_OFFER-1.12.3", True),
        ("HOMEAPP_DR_OFFER-2.0.0", False),
        ("HOMEAPP_DR_OFFER-1.0", False),
        ("XHOMEAPP_DR_OFFER-1.0.0", False),
        (1, False),
    ],
)
def test_only_the_profiles_first_version_is_understood(kind: object, *, follows: bool) -> None:
    assert follows_profile(program(kind)) is follows


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


def test_terms_that_are_not_understood_are_named() -> None:
    offer = offered(event(value("DISPATCH_SETPOINT", 1), value("PENALTY_PER_KWH", 9), value("OFFER_TEXT", "Hello.")))
    assert offer.description == "Hello. Terms that this hub does not support: PENALTY_PER_KWH."


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
        [value("DISPATCH_SETPOINT", 1), value("OFFER_BINDING", "OPT_OUT")],
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


_names = st.sampled_from(
    ["DISPATCH_SETPOINT", "IMPORT_CAPACITY_LIMIT", "OFFER_EXPIRY", "OFFER_BINDING", "REWARD_FIXED", "MIN_SOC", "OTHER"]
)
_values = st.lists(st.floats() | st.text(max_size=8) | st.booleans() | st.none() | st.just("MANDATORY"), max_size=2)
_payloads = st.lists(st.builds(lambda name, told: {"type": name, "values": told}, _names, _values), max_size=5)


@given(st.lists(_payloads, max_size=3), st.booleans())
def test_whatever_is_told_it_is_refused_or_makes_a_sound_request(
    told: list[list[dict[str, Any]]], binding: bool
) -> None:
    try:
        offer = read_offer(
            event(intervals=intervals(*told)),
            program(binding=binding),
            OfferSource(sp_id="grid_sp", sp_name="Grid operator", home="home", known_at=NOW),
        )
    except MessageRejected:
        return
    if offer is not None:
        assert offer.expires_at <= offer.end
        assert len(offer.digest()) == 64
        assert (offer.binding is Binding.MANDATORY) == (offer.kind is OfferKind.CAPACITY_LIMIT)
        assert binding or offer.binding is Binding.OWNER_DECIDES
