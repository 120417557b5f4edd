"""Setup, prices and providers: contract, pairing by fingerprint, enrolment, the owner's word, a request on trial."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import situations
from canned_hub import CannedHub
from commissioning_told import AT_PROVIDERS, CONTRACT, passed, stands, until
from offers_told import PENDING
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import NotAllowed, ProviderRefused, SettingsInvalid, WrongState
from homeapp.model.commissioning import BandAnswer, CheckId, Step, TariffAnswer
from homeapp.model.consent import DataClass
from homeapp.model.offer import Choice, OfferState
from homeapp.model.pairing import DescriptorView, Enrolment
from ui.setup import descriptor_files
from ui.setup.band_sheet import BandSheet
from ui.setup.descriptor_sheet import DescriptorSheet
from ui.setup.steps.providers_step import ProvidersStep
from ui.widgets.buttons import Button
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
_PRINT = "MZXW-6YTB-OI23-JHB2-QWER-TYAA-KLMN-OPQR"
_TEXT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
_DESCRIPTOR = DescriptorView(
    sp_id="pev_sp",
    name="Car service of the valley",
    ae_id="Cpev-sp",
    fingerprint=_PRINT,
    data=(DataClass.IDENTITY, DataClass.HEALTH),
    operator="broker.example:8883",
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(descriptor_files, "places", lambda: (tmp_path,))
    (tmp_path / "car.jws").write_text(_TEXT)
    return tmp_path


def _page(window: Window) -> ProvidersStep:
    window.go("setup")
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    return page


def _click(qtbot: QtBot, button: QWidget) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _sheet(page: ProvidersStep, qtbot: QtBot) -> DescriptorSheet:
    """The sheet, once it has looked for files."""
    _click(qtbot, page.add)
    sheet = page.sheet
    assert sheet is not None
    qtbot.waitUntil(lambda: page.register.files is not None and bool(sheet.files), timeout=5000)
    return sheet


def _asked(hub: CannedHub, kind: type[api.Call[object]]) -> list[object]:
    return [call for call in hub.calls if isinstance(call, kind)]


def test_a_contract_is_entered_by_taps_saved_and_its_price_checked_by_itself(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    tariff = page.tariff
    assert not tariff.price.isVisible(), "a dynamic contract names no price"
    tariff.kind.asked.emit("fixed")
    assert tariff.price.isVisible()
    assert not tariff.bands.isVisible()
    for button in (tariff.price.plus, tariff.fine.minus, tariff.fine.minus, tariff.vat.plus):
        _click(qtbot, button)
    tariff.currency.asked.emit("CHF")
    other = stands(until(Step.PROVIDERS), answers=(CONTRACT,))
    hub.become(replace(situations.SETUP_ALONE, commissioning=other))
    qtbot.waitUntil(lambda: page.flow.known == other, timeout=5000)
    assert tariff.price.value.text() == "0.258 CHF", "news of the hub wipe nothing out"
    entered = TariffAnswer(kind="fixed", currency="CHF", energy="0.258", vat_pct="5")
    kept = stands(until(Step.PROVIDERS), answers=(entered,))
    done = stands(until(Step.PROVIDERS, tariff=passed(CheckId.TARIFF)), answers=(entered,))
    hub.answers |= {api.AnswerStep: lambda _call: kept, api.RunCheck: lambda _call: done}
    assert window.wizard.next.text() == "Save and check"
    _click(qtbot, window.wizard.next)
    qtbot.waitUntil(lambda: bool(_asked(hub, api.RunCheck)), timeout=8000)
    assert _asked(hub, api.AnswerStep) == [api.AnswerStep(step_answer=entered)]
    assert _asked(hub, api.RunCheck)[0] == api.RunCheck(check=CheckId.TARIFF)
    assert not page.unsaved


def _band_sheet(window: Window) -> BandSheet:
    (sheet,) = [sheet for sheet in window.findChildren(BandSheet) if sheet.isVisible()]
    return sheet


@pytest.mark.usecase("W4", "D1")
def test_prices_by_the_clock_are_entered_changed_and_removed(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    tariff = page.tariff
    assert not tariff.hours.isVisible()
    tariff.kind.asked.emit("time_of_use")
    assert tariff.bands.words.text() == "Hours that were written into settings.toml by hand hold besides."
    _click(qtbot, tariff.hours.add)
    sheet = _band_sheet(window)
    assert (sheet.start.value.text(), sheet.end.value.text()) == ("22:00", "06:00")
    assert sheet.meaning.text() == "Over midnight, until the next morning."
    for button in (sheet.end.plus, sheet.price.minus, sheet.fine.minus, sheet.days["sat"], sheet.days["sun"]):
        _click(qtbot, button)
    assert "midnight to 06:30 and 22:00 to midnight" in sheet.meaning.text()
    assert sheet.total.text() == "With VAT: 23.9\u00a0ct per kWh"
    _click(qtbot, sheet.keep)
    _click(qtbot, tariff.hours.add)
    _click(qtbot, _band_sheet(window).keep)
    assert tariff.bands.words.text().startswith("Where hours overlap, the upper ones count.")
    first, second = tariff.hours.rows
    assert (first.hours.text(), first.days.text(), first.price.text()) == ("22:00–06:30", "Sat, Sun", "0.239 EUR")
    assert second.remove.accessibleName() == "Remove 22:00–06:00, every day, 0.250 EUR"
    _click(qtbot, second.change)
    _click(qtbot, _band_sheet(window).start.minus)
    _click(qtbot, _band_sheet(window).keep)
    assert second.hours.text() == "21:30–06:00"
    _click(qtbot, second.change)
    _click(qtbot, _band_sheet(window).start.minus)
    qtbot.keyClick(_band_sheet(window), Qt.Key.Key_Escape)
    assert second.hours.text() == "21:30–06:00", "nothing is entered before Keep is tapped"
    hub.push(api.Topic.COMMISSIONING)
    qtbot.wait(150)
    night = BandAnswer(price="0.239", start="22:00", end="06:30", days=("sat", "sun"))
    late = BandAnswer(price="0.25", start="21:30", end="06:00")
    contract = TariffAnswer(kind="time_of_use", currency="EUR", energy="0.25", bands=(night, late))
    assert page.answer() == contract
    hub.answers[api.AnswerStep] = lambda _call: stands(until(Step.PROVIDERS), answers=(contract,))
    hub.answers[api.RunCheck] = lambda _call: stands(until(Step.PROVIDERS), answers=(contract,))
    _click(qtbot, window.wizard.next)
    qtbot.waitUntil(lambda: not page.unsaved, timeout=5000)
    _click(qtbot, first.remove)
    assert page.unsaved
    assert page.answer().bands == (late,)
    assert not second.isVisible()
    tariff.kind.asked.emit("fixed")
    assert page.answer().bands == ()
    assert not tariff.hours.isVisible()
    tariff.kind.asked.emit("time_of_use")
    assert page.answer().bands == (late,), "who only looks at another kind loses nothing"


def test_at_most_eight_hours_are_entered_at_the_screen(opened: Opener, qtbot: QtBot) -> None:
    bands = tuple(BandAnswer(price="0.1", start=f"{hour:02}:00", end=f"{hour:02}:15") for hour in range(9))
    contract = TariffAnswer(kind="time_of_use", currency="EUR", energy="0.25", bands=bands)
    kept = stands(until(Step.PROVIDERS), answers=(contract,))
    window, _hub = opened(replace(situations.SETUP_ALONE, commissioning=kept))
    hours = _page(window).tariff.hours
    assert len(hours.rows) == 9
    assert not hours.add.isVisible()
    _click(qtbot, hours.rows[8].remove)
    assert not hours.add.isVisible()
    _click(qtbot, hours.rows[0].remove)
    assert hours.add.isVisible()


def test_a_kept_contract_is_shown_as_it_was_entered_and_a_refused_one_says_why(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(
        replace(situations.SETUP_ALONE, commissioning=stands(until(Step.PROVIDERS), answers=(CONTRACT,)))
    )
    page = _page(window)
    assert page.tariff.price.value.text() == "0.214 EUR"
    assert page.answer() == CONTRACT
    assert not page.unsaved
    sentence = "tariff.energy_band: a fixed contract has one price; leave the bands out."
    hub.answers[api.AnswerStep] = lambda _call: SettingsInvalid(sentence)
    _click(qtbot, page.tariff.price.plus)
    assert page.unsaved
    hub.push(api.Topic.SNAPSHOT)
    qtbot.waitUntil(window.wizard.next.isEnabled, timeout=5000)
    _click(qtbot, window.wizard.next)
    qtbot.waitUntil(page.problem.isVisible, timeout=5000)
    assert page.problem.words.text() == sentence
    assert page.tariff.price.value.text() == "0.224 EUR"


@pytest.mark.usecase("A3", "W4", "W9")
def test_a_provider_is_paired_by_its_fingerprint_and_then_enrolled(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    hub.answers[api.ReadDescriptor] = lambda _call: _DESCRIPTOR
    (file,) = _sheet(page, qtbot).files
    assert file.accessibleName() == "Read car.jws"
    _click(qtbot, file)
    comparison = page.pairing.reading
    qtbot.waitUntil(comparison.isVisible, timeout=5000)
    assert page.sheet is None, "it has closed by itself"
    said = " ".join(text.text() for text in comparison.findChildren(Text))
    assert "Car service of the valley" in said
    assert "Car health" in said
    assert "broker.example:8883" in said
    assert comparison.fingerprint.text().split() == _PRINT.split("-")
    assert comparison.fingerprint.font().pixelSize() >= 28
    assert not page.tariff.isVisible(), "one thing at a time"
    new = situations.paired("pev_sp", _DESCRIPTOR.name, Enrolment.NEEDED)
    hub.answers[api.PairProvider] = lambda _call: new
    _click(qtbot, comparison.same)
    qtbot.waitUntil(lambda: "pev_sp" in page.provider_rows, timeout=5000)
    assert _asked(hub, api.PairProvider) == [api.PairProvider(text=_TEXT, fingerprint=_PRINT)]
    assert not page.pairing.isVisible()
    row = page.provider_rows["pev_sp"]
    assert row.enrolment.isVisible()
    row.user.setText("home 7")
    assert not row.enrol.isEnabled()
    row.password.setText("once")
    answers = [ProviderRefused("The operator does not know this user."), replace(new, enrolment=Enrolment.VALID)]
    hub.answers[api.EnrolProvider] = lambda _call: answers.pop(0)
    _click(qtbot, row.enrol)
    qtbot.waitUntil(row.problem.isVisible, timeout=5000)
    assert row.password.text() == "", "it is kept nowhere"
    row.password.setText("once more")
    qtbot.waitUntil(row.enrol.isEnabled, timeout=5000)
    _click(qtbot, row.enrol)
    qtbot.waitUntil(lambda: not row.enrolment.isVisible(), timeout=5000)
    assert _asked(hub, api.EnrolProvider)[1] == api.EnrolProvider(sp_id="pev_sp", user="home 7", password="once more")


@pytest.mark.usecase("W4")
def test_a_fingerprint_that_differs_is_refused_in_words_and_nothing_is_paired(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    hub.answers[api.ReadDescriptor] = lambda _call: _DESCRIPTOR
    refusal = WrongState("The fingerprint is not that of this descriptor. Nothing was changed.")
    hub.answers[api.PairProvider] = lambda _call: refusal
    _click(qtbot, _sheet(page, qtbot).files[0])
    qtbot.waitUntil(page.pairing.reading.isVisible, timeout=5000)
    page.pairing.reading.typed.setText("MZXW-6YTB-0000")
    _click(qtbot, page.pairing.reading.same)
    qtbot.waitUntil(page.pairing.problem.isVisible, timeout=5000)
    assert page.pairing.problem.words.text() == str(refusal)
    assert _asked(hub, api.PairProvider) == [api.PairProvider(text=_TEXT, fingerprint="MZXW-6YTB-0000")]
    assert not page.provider_rows
    _click(qtbot, page.pairing.reading.cancel)
    assert page.register.read is None
    assert not page.pairing.isVisible()
    assert page.tariff.isVisible()


def test_a_file_that_is_none_is_refused_where_it_is(opened: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    sheet = _sheet(page, qtbot)
    assert not sheet.path.isVisible()
    _click(qtbot, sheet.other)
    assert sheet.path.hasFocus()
    assert not sheet.files[0].isVisible()
    assert not sheet.read.isEnabled()
    qtbot.keyClicks(sheet.path, str(tmp_path / "gone.jws"))
    qtbot.keyClick(sheet.path, Qt.Key.Key_Return)
    qtbot.waitUntil(sheet.problem.isVisible, timeout=5000)
    assert "gone.jws cannot be read" in sheet.problem.words.text()
    assert not _asked(hub, api.ReadDescriptor)
    hub.answers[api.ReadDescriptor] = lambda _call: SettingsInvalid("This descriptor cannot be used: it is damaged.")
    _click(qtbot, sheet.other)
    qtbot.waitUntil(sheet.files[0].isEnabled, timeout=5000)
    _click(qtbot, sheet.files[0])
    qtbot.waitUntil(lambda: "damaged" in sheet.problem.words.text(), timeout=5000)
    assert _asked(hub, api.ReadDescriptor) == [api.ReadDescriptor(text=_TEXT)]
    hub.answers[api.ReadDescriptor] = lambda _call: _DESCRIPTOR
    _click(qtbot, sheet.other)
    sheet.path.setText(f"  {tmp_path / 'car.jws'} ")
    qtbot.waitUntil(sheet.read.isEnabled, timeout=5000)
    _click(qtbot, sheet.read)
    qtbot.waitUntil(page.pairing.isVisible, timeout=5000)


def test_the_keyboard_reaches_every_file_and_stays_in_the_sheet(opened: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text("{}")
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    hub.answers[api.ReadDescriptor] = lambda _call: _DESCRIPTOR
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    sheet = _sheet(page, qtbot)
    reached = set()
    for _ in range(10):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        reached.add(window.focusWidget())
    assert reached == {*sheet.files, sheet.cancel, sheet.other}
    row = next(row for row in sheet.files if row.file.path.name == "car.jws")
    assert row.accessibleDescription().startswith(f"{tmp_path} · ")
    row.setFocus()
    qtbot.keyClick(row, Qt.Key.Key_Space)
    qtbot.waitUntil(page.pairing.isVisible, timeout=5000)


def test_whoever_gives_up_gets_no_descriptor_later(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    hub.answers[api.ReadDescriptor] = lambda _call: _DESCRIPTOR
    sheet = _sheet(page, qtbot)
    hub.hold = True
    _click(qtbot, sheet.files[0])
    qtbot.waitUntil(lambda: bool(_asked(hub, api.ReadDescriptor)), timeout=5000)
    qtbot.waitUntil(lambda: sheet.lead.text() == "Reading…", timeout=5000)
    assert not sheet.files[0].isEnabled()
    _click(qtbot, sheet.cancel)
    hub.hold = False
    hub.release()
    qtbot.waitUntil(lambda: not any(state.busy for state in window.view.actions.values()), timeout=5000)
    assert page.register.read is None
    assert not page.pairing.isVisible()
    assert page.tariff.isVisible()


def test_a_home_without_such_a_file_is_told_what_to_do(opened: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "car.jws").unlink()
    window, _hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    _click(qtbot, page.add)
    sheet = page.sheet
    assert sheet is not None
    qtbot.waitUntil(lambda: page.register.files == (), timeout=5000)
    assert "Plug in the stick" in sheet.lead.text()
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert page.sheet is None


@pytest.mark.usecase("W8")
def test_the_link_to_a_provider_is_switched_on_by_the_owner_who_reads_the_words(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_PROVIDERS)
    page = _page(window)
    qtbot.waitUntil(lambda: page.register.paired is not None, timeout=5000)
    row = page.provider_rows["pev_sp"]
    assert page.owner.isVisible()
    hub.answers[api.SetConsent] = lambda _call: situations.shared("pev_sp", "PEV provider", DataClass.IDENTITY)
    _click(qtbot, row.identity.switch)
    (sheet,) = window.findChildren(Sheet)
    allow = next(button for button in sheet.findChildren(Button) if button.text() == "Allow")
    _click(qtbot, allow)
    qtbot.waitUntil(lambda: bool(_asked(hub, api.SetConsent)), timeout=5000)
    (call,) = _asked(hub, api.SetConsent)
    assert isinstance(call, api.SetConsent)
    assert (call.sp_id, call.data_class, call.granted) == ("pev_sp", DataClass.IDENTITY, True)
    evc = page.provider_rows["evc_sp"]
    _click(qtbot, evc.identity.switch)
    stop = [sheet for sheet in window.findChildren(Sheet) if sheet.isVisible()]
    assert len(stop) == 1, "what is on is taken back only after a question"


def test_new_links_are_checked_by_themselves_once_the_price_is_settled(opened: Opener, qtbot: QtBot) -> None:
    settled = stands(until(Step.PROVIDERS, tariff=passed(CheckId.TARIFF)), answers=(CONTRACT,))
    window, hub = opened(replace(situations.SETUP_PROVIDERS, snapshot=situations.EMPTY.snapshot, commissioning=settled))
    page = _page(window)
    qtbot.waitUntil(lambda: page.register.paired is not None, timeout=5000)
    assert not _asked(hub, api.RunCheck)
    linked = stands(
        until(Step.PROVIDERS, tariff=passed(CheckId.TARIFF), providers_linked=passed(CheckId.PROVIDERS_LINKED)),
        answers=(CONTRACT,),
    )
    hub.answers[api.RunCheck] = lambda _call: linked
    hub.become(replace(situations.SETUP_PROVIDERS, commissioning=settled))
    qtbot.waitUntil(lambda: bool(_asked(hub, api.RunCheck)) and not page.flow.checking, timeout=8000)
    assert _asked(hub, api.RunCheck) == [api.RunCheck(check=CheckId.PROVIDERS_LINKED)]


@pytest.mark.usecase("T2")
def test_a_request_on_trial_is_answered_without_leaving_setup(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(replace(situations.SETUP_DRY_RUN, offers=()))
    page = _page(window)
    assert page.trial.waiting.isVisible()
    assert not page.trial.buttons.approve.isVisible()
    hub.become(situations.SETUP_DRY_RUN)
    qtbot.waitUntil(page.trial.buttons.approve.isVisible, timeout=5000)
    assert page.trial.name.text() == PENDING.offer.title
    assert PENDING.offer.sp_name in page.trial.provider.text()
    relayed = replace(PENDING, state=OfferState.RELAYED)
    hub.answers[api.DecideOffer] = lambda _call: relayed
    _click(qtbot, page.trial.buttons.approve)
    qtbot.waitUntil(lambda: page.trial.state.words.text() == "Sent, waiting for the provider", timeout=5000)
    (call,) = _asked(hub, api.DecideOffer)
    assert isinstance(call, api.DecideOffer)
    assert (call.key, call.choice) == (PENDING.offer.key, Choice.ACCEPT)
    hub.become(replace(situations.SETUP_DRY_RUN, commissioning=AT_PROVIDERS))
    qtbot.waitUntil(lambda: not page.trial.isVisible(), timeout=5000)


def test_a_pin_that_is_asked_for_over_the_sheet_leaves_the_page_covered(opened: Opener, qtbot: QtBot) -> None:
    window, hub = opened(situations.SETUP_ALONE)
    page = _page(window)
    sheet = _sheet(page, qtbot)
    pins = (api.Role.OWNER, api.Role.INSTALLER)
    locked = replace(situations.SETUP_ALONE.access, role=api.Role.GUEST, open_role=api.Role.GUEST, pins=pins)
    hub.become(replace(situations.SETUP_ALONE, access=locked))
    hub.answers[api.ReadDescriptor] = lambda _call: NotAllowed("As guest you may not do this.")
    qtbot.waitUntil(lambda: window.view.needs_pin(api.Role.INSTALLER), timeout=5000)
    _click(qtbot, sheet.files[0])
    qtbot.waitUntil(lambda: window.lock.sheet is not None, timeout=5000)
    assert window.lock.sheet is not None
    assert not sheet.isEnabled()
    _click(qtbot, window.lock.sheet.cancel)
    assert sheet.isEnabled()
    assert not page.isEnabled(), "it is still covered by the sheet of files"
    _click(qtbot, sheet.cancel)
    assert page.isEnabled()
