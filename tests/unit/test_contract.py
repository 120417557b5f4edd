"""The contract's codec: what is encoded is read back, and arbitrary bytes are refused with a reason."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp import api
from homeapp.errors import (
    DataDirectoryBusy,
    EnvironmentProblem,
    HomeappError,
    NotFound,
    PairingPending,
    SettingsInvalid,
    WrongState,
)
from homeapp.model.device import DeviceKind, DeviceLink, DeviceView
from homeapp.model.offer import Binding, Choice, Offer, OfferCase, OfferInterval, OfferKind, OfferState
from homeapp.model.plan import (
    AtDeadline,
    BrokenPromise,
    Departure,
    FeedBudget,
    ForecastStep,
    HomeForecast,
    Plan,
    PlanSlot,
    Promise,
    Schedule,
    SlotReason,
    WeeklyDeparture,
)
from homeapp.model.tariff import PriceSlot, Tariff
from homeapp.model.uplink import BudgetUse, UplinkView

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
OFFER = Offer(
    offer_id="o",
    revision=2,
    sp_id="evc_sp",
    sp_name="EVC provider",
    kind=OfferKind.POWER_FEED,
    binding=Binding.OWNER_DECIDES,
    issued_at=NOW,
    expires_at=NOW,
    intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=1), setpoint_w=-6000.0),),
    title="Sell",
    reward=Decimal("1.92"),
    currency="EUR",
)
CASE = OfferCase(offer=OFFER, digest=OFFER.digest(), state=OfferState.PENDING, updated_at=NOW)
VIEW = DeviceView(
    device_id="ocpp:a",
    kind=DeviceKind.EVCE,
    driver="ocpp",
    name="Charger",
    product="p",
    address="a",
    link=DeviceLink.ONLINE,
    adopted=True,
    properties={"vendor": "v"},
)
UPLINK = UplinkView(
    metered=False,
    use=(BudgetUse(sp_id="evc_sp", data_class=None, messages=3, size_bytes=1200, budget_bytes=None),),
    throttled=("evc_sp",),
)
SCHEDULE = Schedule(
    ready_by="",
    weekly=(WeeklyDeparture(weekdays=(1, 5), time="06:30", target_pct=90.0),),
    once=(Departure(at=NOW, target_pct=100.0),),
    at_deadline=AtDeadline.STOP,
    feed=FeedBudget(cycles_per_day=None, wear_per_kwh=Decimal("0.070")),
)
PLAN = Plan(
    made_at=NOW,
    slots=(
        PlanSlot(
            start=NOW,
            end=NOW + timedelta(minutes=15),
            power_w=-5000.0,
            reason=SlotReason.FEED_PLAN,
            price=Decimal("-0.0100"),
            export_price=Decimal("0.41"),
            price_known=False,
            soc_pct=61.5,
            home_w=400.0,
            pv_w=0.0,
        ),
    ),
    reaches_pct=80.0,
    shortfall_wh=0.0,
    cost=Decimal("1.20"),
    cost_uncontrolled=Decimal("3.40"),
    broken=(BrokenPromise(kind=Promise.DEPARTURE, at=NOW, by_wh=1200.0, sentence="It will be late."),),
    feed_gain=Decimal("0.90"),
    feed_refused="It does not pay.",
    switches=2,
    cycles=0.1,
    forecast=HomeForecast(
        steps=(ForecastStep(start=NOW, low_w=-300.0, middle_w=200.0, high_w=900.0),), days=9, sentence="few days"
    ),
)
TARIFF = Tariff(
    source="s",
    currency="EUR",
    received_at=NOW,
    slots=(PriceSlot(start=NOW, end=NOW + timedelta(minutes=15), import_price=Decimal("0.1870")),),
)


@pytest.mark.parametrize(
    "call",
    [
        api.SayHello(),
        api.Watch(topics=(api.Topic.OFFERS, api.Topic.PLAN)),
        api.DecideOffer(key="evc_sp/o", digest=CASE.digest, choice=Choice.ACCEPT),
        api.AdoptDevice(device_id="ocpp:a"),
        api.SetSchedule(schedule=SCHEDULE),
        api.PreviewOffer(key="evc_sp/o", digest=CASE.digest),
    ],
)
def test_a_call_is_read_back(call: api.Call[Any]) -> None:
    assert api.decode_request(api.encode_call(7, call)) == api.Request(7, call)


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        (api.Topic.OFFERS, (CASE,)),
        (api.Topic.DEVICES, (VIEW,)),
        (api.Topic.TARIFF, TARIFF),
        (api.Topic.PLAN, None),
        (api.Topic.PLAN, PLAN),
        (api.Topic.SCHEDULE, SCHEDULE),
        (api.Topic.UPLINK, UPLINK),
    ],
)
def test_a_notification_is_read_back(topic: api.Topic, value: api.Notification) -> None:
    assert api.decode_incoming(api.encode_notification(topic, value)) == api.Pushed(topic, value)


@pytest.mark.parametrize(
    ("error", "read"),
    [
        (NotFound("a"), NotFound),
        (WrongState("a"), WrongState),
        (PairingPending("a"), PairingPending),
        (SettingsInvalid("a"), SettingsInvalid),
        (DataDirectoryBusy("a"), EnvironmentProblem),
    ],
)
def test_an_error_keeps_its_sentence_and_the_nearest_class(error: HomeappError, read: type[HomeappError]) -> None:
    response = api.decode_incoming(api.encode_error(1, error))
    assert isinstance(response, api.Response)
    assert type(response.error) is read
    assert str(response.error) == "a"


@given(
    st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
)
def test_arbitrary_input_is_refused_with_a_reason(anything: object) -> None:
    line = anything if isinstance(anything, bytes) else json.dumps(anything).encode()
    for decode in (api.decode_request, api.decode_incoming):
        with pytest.raises(api.BadLine):
            decode(line)


def test_every_call_names_its_method_role_and_answer() -> None:
    named = {
        name for name in api.__all__ if isinstance(kind := getattr(api, name), type) and issubclass(kind, api.Call)
    }
    assert named - {"Call"} == {call.__name__ for call in api.CALLS.values()}
    for method, call in api.CALLS.items():
        assert call.method == method
        assert isinstance(call.role, api.Role)
        assert hasattr(call, "answer")


def test_the_digest_covers_what_the_owner_sees() -> None:
    assert OFFER.digest() == CASE.digest
    for name, other in (("reward", Decimal("1.93")), ("title", "Buy"), ("min_soc_pct", 40.0), ("revision", 3)):
        changed = Offer(**{**{field: getattr(OFFER, field) for field in Offer.__slots__}, name: other})
        assert changed.digest() != OFFER.digest(), name


@pytest.mark.parametrize(
    "call",
    [
        api.LogIn(as_role=api.Role.OWNER, pin="271828"),
        api.SetPin(for_role=api.Role.OWNER, pin="271828"),
        api.EnrolProvider(sp_id="evc_sp", user="u", password="271828"),
    ],
)
def test_what_is_secret_in_a_call_does_not_show_where_the_call_does(call: api.Call[Any]) -> None:
    assert "271828" not in repr(call)
