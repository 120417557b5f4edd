"""Every state has its own words, and only what is confirmed is called confirmed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import offers_told
import pytest
import situations
from offers_told import NOW

from homeapp.model.charger import ChargerView, ControlSpan, InControl, OwnerControl
from homeapp.model.device import DeviceKind, DeviceLink
from homeapp.model.health import OrderStatus, Severity
from homeapp.model.live import Activity, Doing, LinkState, ProviderLink
from homeapp.model.offer import Binding, Choice, OfferKind, OfferState, ReceiptLevel
from homeapp.model.plan import ChargingMode, SlotReason
from homeapp.model.readings import EvceStatus, LimitControl, SoftwareStage, SoftwareUpdate
from ui import charger_words, formats, job_words, offer_words, words
from ui.view import View, is_running, waits_for_owner
from ui.widgets.alert_card import order_for, ranked

VIEW = View(now=NOW, alive=True, site=situations.SITE, snapshot=situations.CHARGING.snapshot)


def _distinct(sentences: list[str]) -> bool:
    return all(sentences) and len(set(sentences)) == len(sentences)


def test_every_enum_has_its_own_words() -> None:
    assert _distinct([words.doing_words(doing) for doing in Doing])
    assert _distinct([words.link_words(link)[0] for link in DeviceLink])
    assert _distinct([words.severity_words(severity)[0] for severity in Severity])
    assert _distinct([words.mode_words(mode) for mode in ChargingMode])
    spans = [charger_words.span_words(span, VIEW) for span in ControlSpan]
    assert _distinct([*spans, charger_words.span_words(ControlSpan.DEPARTURE, replace(VIEW, snapshot=None))])
    assert _distinct([charger_words.limits_words(limits) for limits in LimitControl if limits is not LimitControl.FULL])
    updates = [SoftwareUpdate(version="1.4", stage=stage, at=NOW) for stage in SoftwareStage]
    assert _distinct([charger_words.software_words(update) for update in updates])
    assert _distinct([words.reason_words(reason) for reason in SlotReason])
    assert _distinct([words.kind_words(kind) for kind in DeviceKind])
    assert _distinct([offer_words.choice_words(choice) for choice in Choice])
    cases = [offers_told.case(offers_told.offer(binding=binding), OfferState.PENDING) for binding in Binding]
    ruled = replace(offers_told.PENDING_BEYOND, rule="evening")
    assert _distinct([offer_words.binding_words(case) for case in (*cases, ruled)])
    assert _distinct([offer_words.badge(offers_told.offer(kind))[0] for kind in OfferKind])
    jobs = [case.offer for case in situations.JOBS.offers]
    assert len({offer.kind for offer in jobs}) == len([kind for kind in OfferKind if kind.is_job])
    assert _distinct([job_words.icon(kind) for kind in OfferKind if kind.is_job])
    assert all(job_words.steps(offer) and offer_words.asked(offer) and job_words.promise(offer) for offer in jobs)
    assert _distinct([words.order_words(replace(situations.ORDER, status=status), VIEW) for status in OrderStatus])
    assert all(words.status_words(status) for status in EvceStatus)
    assert all(isinstance(words.link_advice(replace(situations.METER, link=link)), str) for link in DeviceLink)


@pytest.mark.parametrize("doing", list(Doing))
def test_activity_with_and_without_end(doing: Doing) -> None:
    for until in (None, NOW + timedelta(hours=2)):
        snapshot = replace(VIEW.snapshot, activity=Activity(doing=doing, until=until))
        assert words.activity(snapshot, VIEW)
        assert "{" not in words.activity(snapshot, VIEW)


def test_activity_says_state_reason_and_until_when() -> None:
    assert words.activity(VIEW.snapshot, VIEW) == "Charging – cheapest hours until 04:15"
    evening = NOW.replace(hour=22, minute=0)
    waiting = replace(VIEW.snapshot, activity=Activity(doing=Doing.WAITING_CHEAPER, until=evening))
    assert words.activity(waiting, VIEW) == "Waiting – price falls at 23:00"
    feeding = situations.FEEDING.snapshot
    assert words.activity(feeding, VIEW) == "Feeding 6.0\u00a0kW – your car stays above 50\u00a0%"


def test_offer_states_have_words_and_only_the_provider_confirms() -> None:
    said = {
        state: offer_words.state_words(offers_told.case(offers_told.offer(), state), VIEW)[0] for state in OfferState
    }
    assert _distinct(list(said.values()))
    assert said[OfferState.RELAYED] == "Sent, waiting for the provider"
    confirming = {state for state, sentence in said.items() if "onfirmed" in sentence}
    assert confirming == {OfferState.CONFIRMED}


def test_a_transport_receipt_never_reads_like_a_confirmation() -> None:
    request = offers_told.offer()
    handed_over = offer_words.transport_words(offers_told.receipt(request, ReceiptLevel.TRANSPORT))
    assert "not yet" in handed_over
    assert "onfirmed" not in handed_over
    assert "Confirmed" in offer_words.business_words(offers_told.receipt(request, ReceiptLevel.BUSINESS), "P")
    refused = offers_told.receipt(request, ReceiptLevel.BUSINESS, confirmed=False, reason="too late")
    assert offer_words.business_words(refused, "P") == "P said no: too late"


def test_asked_says_what_the_offer_wants() -> None:
    assert offer_words.asked(offers_told.offer()) == "Feed 3.0\u00a0kW from your car, 6.0\u00a0kWh at most"
    assert offer_words.asked(offers_told.PENDING_SHED.offer) == "Charge with 1.4\u00a0kW at most"
    assert offer_words.asked(offers_told.LIMIT.offer) == "Draw 4.2\u00a0kW at most"
    assert offer_words.earn_line(offers_told.offer()) == "Earn €1.92 · car stays above 50\u00a0%"


def test_the_words_of_a_job() -> None:
    offer = offers_told.CHECK.offer
    assert offer_words.when(offer, VIEW) == "By\u00a0Tue\u00a012:00"
    ahead = replace(offer, intervals=(replace(offer.intervals[0], start=NOW + timedelta(hours=1)),))
    assert offer_words.when(ahead, VIEW) == "17:24–12:00"
    assert offer_words.earn_line(offer) == "Look into your car · Nothing is sent without your consent"
    assert "will not be done" in offer_words.withdraw_question(offer)
    assert "lose what you would earn" in offer_words.withdraw_question(offers_told.offer())
    said = {state: offer_words.state_words(replace(offers_told.FAILED, state=state), VIEW)[0] for state in OfferState}
    assert _distinct(list(said.values()))
    assert said[OfferState.PARTIAL] == "Not done in time"
    withdrawn = replace(offers_told.FAILED, decision=offers_told.decision(offer, Choice.WITHDRAW))
    assert offer_words.state_words(withdrawn, VIEW)[0] == "Stopped early"


def test_a_defect_that_the_provider_tells_of_too_is_shown_once() -> None:
    own, told = situations.OWN_ALERT, situations.ALERT
    assert ranked((own, told)) == [told]
    critical = replace(own, severity=Severity.CRITICAL)
    assert ranked((told, critical)) == [critical, told], "never taken less seriously than the car takes it"
    assert ranked((own, replace(told, cleared_at=NOW)))[0] == own
    assert ranked((own, replace(told, code="P0A80"))) == [own, replace(told, code="P0A80")]
    assert ranked((replace(own, code=""), replace(told, code="")))


@pytest.mark.usecase("F11", "F12")
def test_the_newest_order_for_an_alert() -> None:
    alert, order = situations.ALERT, situations.ORDER
    assert order_for(alert, (replace(order, alert_id="other"), replace(order, sp_id="x"), order)) == order
    assert order_for(alert, ()) is None


def test_every_offer_is_in_exactly_one_section() -> None:
    for state in OfferState:
        for binding in Binding:
            case = offers_told.case(offers_told.offer(binding=binding), state)
            assert not (waits_for_owner(case) and is_running(case))
            if binding is Binding.MANDATORY:
                assert not waits_for_owner(case)


def test_provider_links() -> None:
    for state in LinkState:
        link = ProviderLink(sp_id="evc_sp", name="EVC provider", state=state, since=NOW, waiting=2)
        assert "EVC provider" in words.provider_words(link, link.name)
    down = ProviderLink(sp_id="x", name="X", state=LinkState.DOWN, since=NOW, problem="Refused.", waiting=1)
    assert words.provider_words(down, "X") == "X: Refused. 1 answer waits."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s old"), (59, "59 s old"), (190, "3 min old"), (7300, "2 h old"), (900000, "10 days old")],
)
def test_age(seconds: float, said: str) -> None:
    assert formats.age(seconds) == said


def test_left() -> None:
    assert [formats.left(value) for value in (-1, 42, 740, 7140, 300000)] == [
        "time is up",
        "42 s left",
        "12 min left",
        "1 h 59 min left",
        "3 days left",
    ]


def test_money_and_prices() -> None:
    assert formats.money(Decimal("1.925"), "EUR") == "€1.93"
    assert formats.money(Decimal("-0.5"), "GBP") == "−£0.50"
    assert formats.money(Decimal(3), "XTS") == "XTS 3.00"
    assert formats.money(None, "EUR") == "–"
    assert formats.price(Decimal("-0.0123"), "EUR") == "−1.2\u00a0ct"
    assert formats.kilowatts(None) == "–"
    assert formats.kilowatts(-6049) == "6.0\u00a0kW"


def test_local_time_over_the_change_of_clocks() -> None:
    zone = VIEW.zone
    before = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert formats.clock(before, zone) == "02:30"
    assert formats.clock(before + timedelta(hours=1), zone) == "02:30"
    assert formats.moment(NOW + timedelta(hours=30), NOW, zone) == "Tue 22:24"
    assert formats.moment(NOW + timedelta(hours=14), NOW, zone) == "06:24"


def test_who_controls_a_charger_has_words_of_its_own() -> None:
    plain = ChargerView(in_control=InControl.HUB, limits=LimitControl.FULL)
    held = OwnerControl(since=NOW, until=NOW + timedelta(hours=1), by="household")
    chargers = [
        plain,
        replace(plain, has_provider=True),
        replace(plain, in_control=InControl.PROVIDER, provider_limit_w=5000.0),
        replace(plain, in_control=InControl.PROVIDER, provider_limit_w=0.0),
        replace(plain, in_control=InControl.OWNER, owner_control=held),
        replace(plain, in_control=InControl.OWNER, owner_control=replace(held, until=None)),
    ]
    assert _distinct([charger_words.control_words(charger, VIEW)[1] for charger in chargers])
