"""Standing rules: which requests they are about, what they answer, their words, and what they never agree to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.offer import Binding, Choice, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.standing_rule import ClauseCode, Outcome, RuleAction, StandingRule
from homeapp.offers.dry_run import dry_run
from homeapp.offers.home import HomeFacts
from homeapp.offers.rule_checks import why_no_rule
from homeapp.offers.rule_words import view
from homeapp.offers.rules import choice_of, is_about, ruling
from kit.offer_desk import NOON, make_offer

HOME = HomeFacts(currency="EUR", time_zone="Europe/Amsterdam", soc_pct=80.0, floor_pct=30.0, capacity_wh=50_000.0)
ACCEPT = StandingRule(rule_id="yes", action=RuleAction.ACCEPT)


def pending(offer: Offer, **known: Any) -> OfferCase:
    return OfferCase(offer=offer, digest=offer.digest(), state=OfferState.PENDING, updated_at=NOON, **known)


def shed(**wanted: Any) -> Offer:
    intervals = (OfferInterval(start=NOON + timedelta(hours=1), end=NOON + timedelta(hours=2), max_w=0.0),)
    return make_offer(**{"kind": OfferKind.LOAD_SHED, "intervals": intervals, **wanted})


def outcome(rule: StandingRule, offer: Offer, home: HomeFacts = HOME, **known: Any) -> tuple[Outcome, str]:
    said = ruling((rule,), pending(offer, **known), (), home)
    return said.outcome, said.why


@pytest.mark.parametrize(
    ("fields", "offer", "about"),
    [
        ({}, make_offer(), True),
        ({"sp_id": "evc_sp"}, make_offer(), True),
        ({"sp_id": "grid_sp"}, make_offer(), False),
        ({"kind": OfferKind.LOAD_SHED}, make_offer(), False),
        ({"kind": OfferKind.LOAD_SHED}, shed(), True),
        ({}, make_offer(binding=Binding.MANDATORY, kind=OfferKind.CAPACITY_LIMIT), False),
        ({}, make_offer(kind=OfferKind.HEALTH_CHECK), False),
        ({"action": RuleAction.TAKE_PART, "sp_id": "evc_sp"}, make_offer(), False),
        ({"action": RuleAction.TAKE_PART, "sp_id": "evc_sp"}, make_offer(binding=Binding.OPT_OUT), True),
        # Monday 23 November 2026, 14:00 to 15:00 local time.
        ({"weekdays": (0,)}, make_offer(), True),
        ({"weekdays": (1, 2)}, make_offer(), False),
        ({"not_before": "14:00", "not_after": "15:00"}, make_offer(), True),
        ({"not_before": "14:01", "not_after": "16:00"}, make_offer(), False),
        ({"not_before": "13:00", "not_after": "14:59"}, make_offer(), False),
        ({"not_before": "22:00", "not_after": "06:00"}, make_offer(), False),
        ({"not_before": "22:00", "not_after": "06:00"}, make_offer(begins=NOON + timedelta(hours=10)), True),
        ({"not_before": "22:00", "not_after": "06:00"}, make_offer(begins=NOON + timedelta(hours=14)), True),
        ({"not_before": "22:00", "not_after": "06:00"}, make_offer(begins=NOON + timedelta(hours=16.5)), False),
        ({"not_before": "00:00", "not_after": "23:00"}, make_offer(ends=NOON + timedelta(days=9)), False),
        ({"weekdays": (0,)}, make_offer(ends=datetime.max.replace(tzinfo=UTC)), True),
    ],
)
def test_what_a_rule_is_about(fields: dict[str, Any], offer: Offer, about: bool) -> None:
    assert is_about(replace(ACCEPT, **fields), offer, "Europe/Amsterdam") is about


@pytest.mark.parametrize(
    ("fields", "known", "expected", "says"),
    [
        ({}, {}, Outcome.ACCEPTED, "keeps everything"),
        ({"least_per_event": Decimal(2), "currency": "EUR"}, {}, Outcome.ACCEPTED, ""),
        ({"least_per_event": Decimal(3), "currency": "EUR"}, {}, Outcome.LEFT_TO_YOU, "pays 2.40 EUR per request"),
        ({"least_per_kwh": Decimal("0.48"), "currency": "EUR"}, {}, Outcome.ACCEPTED, ""),
        ({"least_per_kwh": Decimal("0.49"), "currency": "EUR"}, {}, Outcome.LEFT_TO_YOU, "pays 0.48 EUR per kWh"),
        ({"least_per_kwh": Decimal("0.40"), "currency": "GBP"}, {}, Outcome.LEFT_TO_YOU, "pays in EUR"),
        ({"most_cycles_per_week": 0.1}, {}, Outcome.ACCEPTED, ""),
        ({"most_cycles_per_week": 0.09}, {}, Outcome.LEFT_TO_YOU, "0.10 battery cycles"),
        ({"least_soc_pct": 70.0}, {"foreseen_pct": 75.0}, Outcome.ACCEPTED, ""),
        ({"least_soc_pct": 70.0}, {"foreseen_pct": 60.0}, Outcome.LEFT_TO_YOU, "leave with 60 %"),
        ({"least_soc_pct": 70.0}, {}, Outcome.LEFT_TO_YOU, "Nobody can tell how full"),
    ],
)
@pytest.mark.usecase("T2")
def test_a_yes_needs_every_limit_kept(
    fields: dict[str, Any], known: dict[str, Any], expected: Outcome, says: str
) -> None:
    found, why = outcome(replace(ACCEPT, **fields), make_offer(), **known)
    assert (found, says in why) == (expected, True), why


@pytest.mark.parametrize(
    ("fields", "known", "expected"),
    [
        ({}, {}, Outcome.DECLINED),
        ({"least_per_event": Decimal(3), "currency": "EUR"}, {}, Outcome.DECLINED),
        ({"least_per_event": Decimal(2), "currency": "EUR"}, {}, Outcome.LEFT_TO_YOU),
        ({"least_soc_pct": 70.0}, {"foreseen_pct": 60.0}, Outcome.DECLINED),
        ({"least_soc_pct": 70.0}, {}, Outcome.LEFT_TO_YOU),
        ({"least_soc_pct": 70.0}, {"foreseen_pct": 75.0}, Outcome.LEFT_TO_YOU),
    ],
)
def test_a_no_needs_one_limit_broken(fields: dict[str, Any], known: dict[str, Any], expected: Outcome) -> None:
    rule = replace(ACCEPT, action=RuleAction.DECLINE, **fields)
    assert outcome(rule, make_offer(), **known)[0] is expected


@pytest.mark.usecase("T2")
@pytest.mark.parametrize(
    ("wanted", "home", "says"),
    [
        ({"unsupported": ("COLOUR",)}, {}, "COLOUR"),
        ({"currency": "GBP"}, {}, "pays in GBP"),
        ({}, {"charger": False}, "needs a charger"),
        ({}, {"hears": lambda _sp_id: False}, "share nothing"),
        ({}, {"soc_pct": 39.0}, "below your 30 %"),
        ({}, {"soc_pct": None}, "above your 30 %"),
        ({}, {"feed_left_wh": 4999.0}, "more than your budget"),
    ],
)
def test_what_no_rule_agrees_to(wanted: dict[str, Any], home: dict[str, Any], says: str) -> None:
    found, why = outcome(ACCEPT, make_offer(**wanted), replace(HOME, **home))
    assert found is Outcome.LEFT_TO_YOU
    assert says in why


def test_a_provider_that_keeps_the_floor_itself_needs_no_known_charge() -> None:
    assert outcome(ACCEPT, make_offer(min_soc_pct=30.0), replace(HOME, soc_pct=None))[0] is Outcome.ACCEPTED
    assert outcome(ACCEPT, make_offer(min_soc_pct=29.0), replace(HOME, soc_pct=None))[0] is Outcome.LEFT_TO_YOU


def test_no_rule_agrees_to_the_same_power_twice() -> None:
    agreed = replace(pending(make_offer(offer_id="o2", sp_id="grid_sp")), state=OfferState.CONFIRMED)
    said = ruling((ACCEPT,), pending(make_offer()), (agreed,), HOME)
    assert said.outcome is Outcome.LEFT_TO_YOU
    assert "overlaps with" in said.why


def test_cycles_of_the_week_count_what_was_fed_and_what_is_agreed() -> None:
    def other(number: int, days: float, state: OfferState, fed_wh: float | None) -> OfferCase:
        offer = make_offer(offer_id=f"x{number}", begins=NOON - timedelta(days=days))
        return replace(pending(offer), state=state, delivered_wh=None if fed_wh is None else -fed_wh)

    others = (
        other(1, 1, OfferState.COMPLETED, 4000.0),
        other(2, 6, OfferState.PARTIAL, 1000.0),
        other(3, 8, OfferState.COMPLETED, 50_000.0),
        other(4, -0.2, OfferState.SCHEDULED, None),
        other(5, 2, OfferState.DECLINED, None),
    )
    # 4 + 1 + 5 kWh of this one; what lies after it does not count.
    case = pending(make_offer())
    for most, expected in ((0.2, Outcome.ACCEPTED), (0.199, Outcome.LEFT_TO_YOU)):
        said = ruling((replace(ACCEPT, most_cycles_per_week=most),), case, others, HOME)
        assert said.outcome is expected, said.why


def test_the_owners_no_is_stronger_than_a_yes() -> None:
    no = StandingRule(rule_id="no", action=RuleAction.DECLINE, kind=OfferKind.POWER_FEED)
    ask = StandingRule(rule_id="ask", action=RuleAction.ASK, sp_id="evc_sp")
    case = pending(make_offer())
    for rules, expected in (
        ((ACCEPT, no), (Outcome.DECLINED, "no", Choice.DECLINE)),
        ((ACCEPT, ask), (Outcome.LEFT_TO_YOU, "ask", None)),
        ((ACCEPT, ask, no), (Outcome.DECLINED, "no", Choice.DECLINE)),
        ((ACCEPT,), (Outcome.ACCEPTED, "yes", Choice.ACCEPT)),
    ):
        said = ruling(rules, case, (), HOME)
        assert said.rule is not None
        assert (said.outcome, said.rule.rule_id, choice_of(said)) == expected


rules = st.builds(
    StandingRule,
    rule_id=st.just("r"),
    action=st.sampled_from(RuleAction),
    sp_id=st.sampled_from(["", "evc_sp"]),
    kind=st.sampled_from([None, OfferKind.POWER_FEED]),
    least_per_kwh=st.none() | st.decimals(0, 1, places=2),
    currency=st.just("EUR"),
    most_cycles_per_week=st.none() | st.floats(0, 2),
    least_soc_pct=st.none() | st.floats(0, 100),
)
homes = st.builds(
    HomeFacts,
    charger=st.booleans(),
    soc_pct=st.none() | st.floats(0, 100),
    floor_pct=st.floats(0, 100),
    capacity_wh=st.none() | st.floats(1000, 100_000),
    feed_left_wh=st.none() | st.floats(0, 10_000),
)


@given(
    known=st.lists(rules, max_size=4),
    home=homes,
    unsupported=st.sampled_from([(), ("X",)]),
    min_soc=st.none() | st.floats(0, 100),
    foreseen=st.none() | st.floats(0, 100),
    energy_wh=st.floats(100, 20_000),
)
def test_nothing_is_agreed_to_without_the_owner_that_could_hurt(
    known: list[StandingRule],
    home: HomeFacts,
    unsupported: tuple[str, ...],
    min_soc: float | None,
    foreseen: float | None,
    energy_wh: float,
) -> None:
    offer = make_offer(unsupported=unsupported, min_soc_pct=min_soc, max_feed_wh=energy_wh)
    said = ruling(known, pending(offer, foreseen_pct=foreseen), (), home)
    if said.outcome is Outcome.ACCEPTED:
        assert said.rule in known
        assert not unsupported
        assert home.charger
        assert not any(rule.action is RuleAction.ASK and rule.least_per_kwh is None for rule in _without_limits(known))
        assert home.feed_left_wh is None or min(5000.0, energy_wh) <= home.feed_left_wh
        kept = min_soc is not None and min_soc >= home.floor_pct
        if not kept:
            assert home.soc_pct is not None
            assert home.capacity_wh is not None
            assert home.soc_pct - min(5000.0, energy_wh) / home.capacity_wh * 100 >= home.floor_pct


def _without_limits(known: list[StandingRule]) -> list[StandingRule]:
    return [
        rule
        for rule in known
        if (rule.least_per_kwh, rule.most_cycles_per_week, rule.least_soc_pct) == (None, None, None)
    ]


def named(sp_id: str) -> str:
    return {"evc_sp": "Example Charging"}.get(sp_id, sp_id)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (ACCEPT, "Accept all requests for power."),
        (
            StandingRule(
                action=RuleAction.ACCEPT,
                sp_id="evc_sp",
                kind=OfferKind.POWER_FEED,
                weekdays=(0, 4),
                not_before="18:00",
                not_after="22:00",
                least_per_kwh=Decimal("0.30"),
                currency="EUR",
                most_cycles_per_week=2,
                least_soc_pct=70,
            ),
            "Accept power feeds of Example Charging on Monday, Friday between 18:00 and 22:00 that pay at least 0.30 "
            "EUR per kWh and keep it at 2 battery cycles a week and leave at least 70 % at departure.",
        ),
        (
            StandingRule(action=RuleAction.DECLINE, least_per_event=Decimal(1), currency="EUR", least_soc_pct=50),
            "Decline all requests for power that pay less than 1 EUR per request or leave less than 50 % at departure.",
        ),
        (
            StandingRule(action=RuleAction.ASK, kind=OfferKind.LOAD_SHED, most_cycles_per_week=1.5),
            "Always ask me about requests to charge less that take more than 1.5 battery cycles a week.",
        ),
        (
            StandingRule(action=RuleAction.TAKE_PART, sp_id="evc_sp"),
            "Unless I say no, take part in all requests for power of Example Charging.",
        ),
    ],
)
def test_a_rule_in_words(rule: StandingRule, sentence: str) -> None:
    shown = view(rule, named)
    assert shown.sentence == sentence
    assert shown.clauses[0].code.value == rule.action.value


def test_every_clause_has_words_and_every_rule_names_its_provider() -> None:
    from homeapp.offers.rule_words import _WORDS

    assert set(_WORDS) == set(ClauseCode)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rule_id": "a b"}, "id of a rule"),
        ({"kind": OfferKind.PART_ORDER}, "needs your own answer"),
        ({"action": RuleAction.TAKE_PART}, "whose contract"),
        ({"weekdays": (7,)}, "days 0 to 6"),
        ({"not_before": "07:00"}, "both from when and until when"),
        ({"not_before": "07:00", "not_after": "07:00"}, "not the same"),
        ({"not_before": "7", "not_after": "9"}, "like 07:30"),
        ({"least_per_kwh": Decimal("NaN"), "currency": "EUR"}, "no amount of money"),
        ({"least_per_kwh": Decimal(1)}, "needs its currency"),
        ({"currency": "EUR"}, "needs its currency"),
        ({"least_per_kwh": Decimal(1), "currency": "eur"}, "needs its currency"),
        ({"most_cycles_per_week": float("nan")}, "battery cycles"),
        ({"least_soc_pct": 101.0}, "between 0 and 100"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(fields: dict[str, Any], says: str) -> None:
    assert why_no_rule(ACCEPT) is None
    assert says in (why_no_rule(replace(ACCEPT, **fields)) or "")


def test_a_dry_run_says_what_would_have_been() -> None:
    low = make_offer(offer_id="low", reward=Decimal(1), min_soc_pct=40.0)
    good = make_offer(offer_id="good", begins=NOON + timedelta(days=1), expires_at=NOON, min_soc_pct=40.0)
    odd = replace(good, offer_id="odd", intervals=make_offer(begins=NOON + timedelta(days=2)).intervals)
    odd = replace(odd, unsupported=("X",))
    past = [pending(offer) for offer in (low, good, odd, shed(offer_id="shed"))]
    past.append(replace(past[0], state=OfferState.INVALID))
    rule = replace(ACCEPT, kind=OfferKind.POWER_FEED, least_per_event=Decimal(2), currency="EUR")
    lines = dry_run(rule, past, HOME)
    assert [(line.key, line.would) for line in lines] == [
        ("evc_sp/odd", Outcome.LEFT_TO_YOU),
        ("evc_sp/good", Outcome.ACCEPTED),
        ("evc_sp/low", Outcome.LEFT_TO_YOU),
    ]
    assert lines[2].why == "It pays 1.00 EUR per request."
    assert dry_run(replace(rule, action=RuleAction.DECLINE), past, HOME)[2].would is Outcome.DECLINED
