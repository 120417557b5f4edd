"""What is entered and said in commissioning, without a window."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import situations
from commissioning_told import CONTRACT, FAILED, NOTHING_FOUND, passed, running
from hypothesis import given
from hypothesis import strategies as st
from offers_told import NOW

from homeapp.model.charger import ChargerView, InControl
from homeapp.model.commissioning import BandAnswer, CheckId
from homeapp.model.consent import DataClass
from homeapp.model.device import DeviceKind
from homeapp.model.pairing import Enrolment
from homeapp.model.plan import Schedule, WeeklyDeparture
from homeapp.model.readings import EvceStatus, LimitControl
from homeapp.settings import TariffSettings
from ui.setup import (
    band_draft,
    band_words,
    charger_words,
    consent_words,
    device_words,
    meter_words,
    provider_words,
    tariff_draft,
)
from ui.setup.tariff_draft import CURRENCIES, KINDS, VAT_PCT, TariffDraft
from ui.setup.wishes_draft import Wish, WishesDraft
from ui.theme import Tone
from ui.view import Seen, View

_VIEW = View(now=NOW, alive=True, site=situations.SITE, snapshot=situations.SETUP_LIMITING.snapshot)
_SPACE = "\u00a0"


def _seen(value: float | None, *, stale: bool = False) -> Seen:
    return Seen(value, None if value is None else 2.0, stale=stale)


@given(
    st.sampled_from(KINDS),
    st.sampled_from(CURRENCIES),
    st.lists(st.tuples(st.sampled_from(["price", "fine", "vat"]), st.sampled_from([-1, 1])), max_size=40),
    st.lists(st.tuples(st.sampled_from(["start", "end", "price", "fine", "days"]), st.integers(-60, 60)), max_size=10),
)
def test_whatever_is_tapped_the_contract_is_one_that_the_settings_take(
    kind: str, currency: str, taps: list[tuple[str, int]], band_taps: list[tuple[str, int]]
) -> None:
    draft = tariff_draft.with_currency(tariff_draft.with_kind(TariffDraft(), kind), currency)
    for what, steps in taps:
        draft = draft.with_vat(steps) if what == "vat" else draft.with_price(steps, fine=what == "fine")
    draft = replace(draft, bands=(_tapped(band_draft.first(draft.price), band_taps),))
    answer = draft.answer()
    entered = {name: getattr(answer, name) for name in ("kind", "currency", "energy", "vat_pct")}
    kept = msgspec.convert(entered | {"energy_band": msgspec.to_builtins(answer.bands)}, TariffSettings)
    assert kept.fault() is None
    assert kept.contract().vat_pct == draft.vat_pct
    assert bool(answer.energy) is (kind != "dynamic")
    again = tariff_draft.of_answer(answer)
    assert again.answer() == answer, "what was kept is shown as it was entered"


def _tapped(band: BandAnswer, taps: list[tuple[str, int]]) -> BandAnswer:
    for what, steps in taps:
        match what:
            case "start":
                band = band_draft.with_start(band, steps)
            case "end":
                band = band_draft.with_end(band, steps)
            case "days":
                band = band_draft.with_days(band, tuple(day for n, day in enumerate(band_draft.DAYS) if steps & 1 << n))
            case _:
                band = band_draft.with_price(band, steps, fine=what == "fine")
    return band


def test_hours_go_around_the_clock_in_half_hours() -> None:
    band = BandAnswer(price="0.1", start="23:30", end="00:15")
    assert band_draft.with_start(band, 1).start == "00:00"
    assert band_draft.with_start(band, -1).start == "23:00"
    assert (band_draft.with_end(band, 1).end, band_draft.with_end(band, -1).end) == ("00:30", "00:00")
    assert band_draft.goes_over_midnight(band)
    assert not band_draft.goes_over_midnight(band_draft.with_end(band, -1)), "it ends at midnight"
    assert band_draft.with_days(band, band_draft.DAYS).days == ()


def test_hours_in_words() -> None:
    band = BandAnswer(price="0.1", start="07:00", end="09:00", days=("sun", "tue", "mon", "thu", "wed", "sat"))
    assert band_words.summary(band, "EUR") == "07:00–09:00, Mon–Thu, Sat, Sun, 0.100 EUR"
    assert band_words.meaning(band) == ""
    assert (
        band_words.summary(BandAnswer(price="1", start="00:00", end="00:00"), "SEK") == "All day, every day, 1.000 SEK"
    )
    all_day = BandAnswer(price="1", start="05:00", end="05:00")
    assert "midnight to midnight" in band_words.meaning(all_day)
    assert "Of each of these days" in band_words.meaning(
        BandAnswer(price="1", start="22:00", end="06:00", days=("mon",))
    )


def test_a_price_is_stepped_in_cents_and_in_tenths_and_never_below_nothing() -> None:
    draft = tariff_draft.of_answer(CONTRACT)
    assert (draft.price, draft.vat_pct) == (Decimal("0.214"), Decimal(21))
    assert draft.with_price(1, fine=False).price == Decimal("0.224")
    assert draft.with_price(-1, fine=True).price == Decimal("0.213")
    assert replace(draft, price=Decimal("0.005")).with_price(-1, fine=False).price == 0
    assert band_words.price_words(draft.price, draft.currency) == "0.214 EUR"
    assert band_words.last_digit(draft.price) == "4"
    said = band_words.with_vat_words(draft.price, draft.vat_pct, draft.currency)
    assert said == f"With VAT: 25.9{_SPACE}ct per kWh"


def test_vat_goes_from_rate_to_rate_and_stops_at_the_ends() -> None:
    draft = TariffDraft(vat_pct=Decimal(8))
    assert draft.with_vat(1).vat_pct == Decimal("8.1")
    assert draft.with_vat(-1).vat_pct == 7
    assert replace(draft, vat_pct=VAT_PCT[-1]).with_vat(1).vat_pct == VAT_PCT[-1]
    assert replace(draft, vat_pct=VAT_PCT[0]).with_vat(-1).vat_pct == VAT_PCT[0]
    odd = replace(draft, vat_pct=Decimal("7.7"))
    assert (odd.with_vat(-1).vat_pct, odd.with_vat(1).vat_pct) == (7, 8)
    assert list(VAT_PCT) == sorted(VAT_PCT)
    assert [band_draft.plain(Decimal(text)) for text in ("0.2140", "20", "0.0", "1E+1")] == ["0.214", "20", "0", "10"]


def test_wishes_keep_what_was_changed_over_news_of_the_hub_and_leave_the_rest_alone() -> None:
    weekly = (WeeklyDeparture(weekdays=(1, 2), time="06:30", target_pct=90),)
    kept = Schedule(target_pct=80, floor_pct=50, ready_by="07:00", weekly=weekly)
    draft = WishesDraft()
    assert draft.schedule is None
    draft.step(Wish.FLOOR, 1)
    assert not draft.is_changed
    draft.take(kept)
    draft.step(Wish.TARGET, 2)
    draft.step(Wish.READY_BY, -1)
    assert draft.schedule == replace(kept, target_pct=90, ready_by="06:45")
    draft.take(replace(kept, floor_pct=30, target_pct=85))
    assert draft.schedule == replace(kept, floor_pct=30, target_pct=90, ready_by="06:45")
    draft.step(Wish.READY_BY, 1)
    draft.take(replace(kept, floor_pct=30, target_pct=90))
    assert not draft.is_changed, "the hub has all of it now"
    draft.step(Wish.TARGET, 50)
    assert draft.schedule.target_pct == 100
    draft.step(Wish.FLOOR, -50)
    assert draft.schedule.floor_pct == 0
    draft.forget()
    assert draft.schedule == replace(kept, floor_pct=30, target_pct=90)


def test_the_change_of_power_counts_from_the_first_fresh_reading_of_the_check() -> None:
    rise = meter_words.Rise()
    rise.take(_seen(900), running=False)
    assert rise.change_w is None
    rise.take(_seen(900, stale=True), running=True)
    rise.take(_seen(None), running=True)
    assert rise.change_w is None
    for value, change in ((1000.0, 0.0), (3200.0, 2200.0), (400.0, -600.0)):
        rise.take(_seen(value), running=True)
        assert rise.change_w == change
    rise.take(_seen(400), running=False)
    rise.take(_seen(400), running=True)
    assert rise.change_w == 0.0, "another run begins anew"


def test_directions_are_said_in_words() -> None:
    said = [meter_words.direction_words(_seen(value)) for value in (500.0, -500.0, 0.0)]
    assert len(set(said)) == 3
    assert "import" in said[0]
    assert "export" in said[1]
    assert meter_words.direction_words(_seen(None)) == ""
    assert meter_words.watts(-12345.4) == f"12\u202f345{_SPACE}W"
    told = tuple(_seen(value) for value in (2900.0, -300.0, None))
    assert meter_words.phase_words(told) == f"L1 2\u202f900{_SPACE}W · L2 −300{_SPACE}W · L3 – · minus is into the grid"
    assert meter_words.phase_words(told[:1]) == meter_words.phase_words(()) == ""
    assert meter_words.change_words(2200.0)[0] == f"+2\u202f200{_SPACE}W"
    assert meter_words.change_words(2200.0)[2] is Tone.GREEN
    assert meter_words.change_words(-800.0)[0].startswith("−")
    assert meter_words.change_words(-800.0)[2] is Tone.AMBER
    assert meter_words.change_words(20.0)[2] is meter_words.change_words(None)[2] is Tone.TEXT2


def test_the_last_look_for_a_meter_is_told_only_where_there_was_one() -> None:
    nothing = next(check for step in NOTHING_FOUND.steps for check in step.checks if check.advice)
    assert meter_words.check_words(nothing) == (nothing.tried, nothing.seen, nothing.advice)
    assert meter_words.check_words(FAILED)[1] == FAILED.seen
    assert meter_words.check_words(running(CheckId.METER_FOUND)) == ()
    assert meter_words.check_words(passed(CheckId.METER_FOUND, "It is there."))[1:] == ("It is there.",)


def test_an_online_device_goes_before_one_that_is_offline() -> None:
    offline = replace(situations.OFFLINE, device_id="ocpp:OLD")
    view = replace(_VIEW, devices=(offline, situations.METER, situations.CHARGER, situations.KNOCKING))
    known = device_words.candidates(view, DeviceKind.EVCE)
    assert known.adopted == situations.CHARGER
    assert known.others == (situations.KNOCKING,)
    assert known.online
    alone = device_words.candidates(replace(view, devices=(offline,)), DeviceKind.EVCE)
    assert (alone.adopted, alone.online) == (offline, False)
    assert device_words.candidates(replace(view, devices=None), DeviceKind.METER).adopted is None


def test_particulars_tell_what_is_not_said_already() -> None:
    (knocks,) = [device for device in situations.SETUP_KNOCKING.devices if device.kind is DeviceKind.EVCE]
    said = device_words.particulars(knocks)
    assert said == ("Wallbox Duo 22 · identity SN2001 · serial number ACE0000001 · OCPP 2.0.1 · 192.168.1.77:50110")
    same = replace(knocks, properties={"vendor": "Wallbox", "model": "Duo 22", "serial": "SN2001"})
    assert "serial" not in device_words.particulars(same)
    assert device_words.particulars(situations.FOUND) == "192.168.1.52:443"
    assert device_words.heard(replace(knocks, seen_age_s=None), _VIEW) == ""


def test_what_the_charger_says_of_its_plug() -> None:
    live = situations.SETUP_LIMITING.snapshot.chargers[0]
    said = {status: charger_words.plug_words(replace(live, status=status)) for status in EvceStatus}
    assert "Plug in" in said[EvceStatus.AVAILABLE][1]
    assert said[EvceStatus.FAULTED][2] is Tone.RED
    assert said[EvceStatus.CHARGING][2] is said[EvceStatus.PLUGGED][2] is Tone.GREEN
    assert said[EvceStatus.OFFLINE] == charger_words.plug_words(None)


def test_control_floor_and_security_are_said_as_they_are() -> None:
    charger = ChargerView(in_control=InControl.HUB, limits=LimitControl.FULL, security_profile=2)
    control = [charger_words.control_words(replace(charger, limits=limits)) for limits in LimitControl]
    assert all(control)
    assert len({*control, charger_words.control_words(None)}) == len(LimitControl) + 1
    profiles = [charger_words.security_words(replace(charger, security_profile=n), "OCPP 2.1") for n in (1, 2, 3)]
    assert len(set(profiles)) == 3
    assert "without encryption" in profiles[0]
    assert charger_words.security_words(None, "OCPP 1.6") == "OCPP 1.6"
    assert charger_words.security_words(None, "") == "Its protocol is not known yet."
    assert "stops" in charger_words.floor_words(0, online=True)
    assert "6 A" in charger_words.floor_words(6, online=True)
    assert "installed" not in charger_words.floor_words(6, online=False)
    assert "a stop" in charger_words.adoption_words(0)
    assert charger_words.power_note(6.0, -1400.0) == f"1.40{_SPACE}kW out of the car"
    assert charger_words.power_note(None, 1400.0) == "into the car"
    assert charger_words.power_note(0.0, 0.0) == ""
    assert charger_words.amount(6.04, 1400.0) == f"6.0{_SPACE}A"
    assert charger_words.amount(None, 1400.0) == f"1.40{_SPACE}kW"
    assert charger_words.limit_seen(None, None, 1, alive=True).value is None
    assert charger_words.limit_seen(None, 1380.0, 1, alive=False).stale
    live = situations.SETUP_LIMITING.snapshot.chargers[0]
    assert charger_words.limit_seen(live, 1380.0, 1, alive=True) == Seen(6.0, 1, stale=False)
    assert charger_words.kilowatts(1380) == f"1.38{_SPACE}kW"


def test_waiting_counts_from_when_it_began() -> None:
    wait = charger_words.Wait()
    assert wait.seconds(NOW, waiting=True) == 0
    assert wait.seconds(NOW + timedelta(seconds=130), waiting=True) == 130
    assert wait.seconds(NOW + timedelta(seconds=140), waiting=False) == 0
    assert wait.seconds(NOW + timedelta(seconds=150), waiting=True) == 0
    assert wait.seconds(NOW, waiting=True) == 0, "the hub's clock was set back"
    assert charger_words.waiting_words(130).endswith("2 min 10 s")
    assert charger_words.waiting_words(9).endswith(" 9 s")


def test_a_provider_is_decided_about_once_the_owner_has_said_anything() -> None:
    sharing = situations.SHARING
    assert [provider.sp_id for provider in consent_words.undecided(sharing)] == ["pev_sp", "fleet"]
    assert consent_words.undecided(None) == ()
    assert consent_words.refusable(sharing[2]).data_class is DataClass.IDENTITY
    refused = replace(sharing[2], entries=(replace(sharing[2].entries[0], changed_at=NOW), *sharing[2].entries[1:]))
    assert consent_words.is_decided(refused)
    assert consent_words.refusable(replace(sharing[2], entries=())) is None


def test_enrolment_and_fingerprint_in_words() -> None:
    told = [situations.paired("pev_sp", "P", enrolment) for enrolment in Enrolment]
    assert len({provider_words.enrolment_words(one.enrolment)[0] for one in told}) == len(told)
    assert len({provider_words.enrolment_story(one, _VIEW) for one in told}) == len(told)
    assert provider_words.fingerprint_lines("AAAA-BBBB-CCCC-DDDD-EEEE") == "AAAA  BBBB  CCCC  DDDD\nEEEE"
