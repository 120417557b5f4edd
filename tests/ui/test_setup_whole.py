"""What opens on the pages of setup is named, can be hit, and is nowhere cut off."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import situations
from canned_hub import CannedHub
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.errors import DeviceUnreachable, PairingPending, WrongState
from homeapp.model.commissioning import BandAnswer
from homeapp.model.consent import DataClass
from homeapp.model.pairing import DescriptorView
from ui.setup import descriptor_files
from ui.setup.steps.meter_step import MeterStep
from ui.setup.steps.owner_step import OwnerStep
from ui.setup.steps.providers_step import ProvidersStep
from ui.setup.wishes_draft import Wish
from ui.widgets.chip import Chip
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text
from ui.window import Window

Opener = Callable[..., tuple[Window, CannedHub]]
SIZES = pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (800, 480)], ids=["wide", "tablet", "compact"])
_LONG = "Remote diagnostics and spare parts service of the car's manufacturer"


def _adopt(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, MeterStep)
    next(iter(page.list.rows.values())).adopt.click()


def _address(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, MeterStep)
    page.enter.click()
    page.address.address.setText("192.168.1.40")
    page.address.look.click()


def _help(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, MeterStep)
    page.why.click()


def _by_the_clock(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    page.tariff.kind.asked.emit("time_of_use")
    page.tariff.currency.asked.emit("SEK")


def _hours(window: Window) -> None:
    _by_the_clock(window)
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    days = ("mon", "wed", "fri", "sat", "sun")
    band = BandAnswer(price="12.345", start="22:00", end="06:30", days=days)
    page.tariff.hours.changed.emit(
        replace(page.tariff.draft, bands=(band, *[BandAnswer(price="0.1", start="00:00", end="00:00")] * 7))
    )


def _band(window: Window) -> None:
    _hours(window)
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    page.tariff.hours.rows[0].change.click()


def _source(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    page.add.click()


def _typed_path(window: Window) -> None:
    _source(window)
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    assert page.sheet is not None
    page.sheet.other.click()
    page.register.look_into(Path("/nowhere") / ("stick" * 20))


def _comparison(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, ProvidersStep)
    page.register.look_into(descriptor_files.places()[0] / "car.jws")


def _wishes(window: Window) -> None:
    page = window.wizard.page
    assert isinstance(page, OwnerStep)
    page.wishes.steppers[Wish.FLOOR].plus.click()


_OPENED = {
    "adopt": (situations.SETUP_METER_FOUND, _adopt),
    "address": (situations.SETUP_METER_NONE, _address),
    "help": (situations.SETUP_METER_NONE, _help),
    "by the clock": (situations.SETUP_PROVIDERS, _by_the_clock),
    "hours": (situations.SETUP_PROVIDERS, _hours),
    "band": (situations.SETUP_PROVIDERS, _band),
    "source": (situations.SETUP_PROVIDERS, _source),
    "typed path": (situations.SETUP_PROVIDERS, _typed_path),
    "comparison": (situations.SETUP_ALONE, _comparison),
    "wishes": (situations.SETUP_OWNER, _wishes),
}
_ANSWERS: dict[type[api.Call[object]], object] = {
    api.AdoptDevice: PairingPending("Press the button on the meter briefly, then try again within 30 seconds."),
    api.LookForMeter: DeviceUnreachable("Nothing answers at 192.168.1.40. Check that the meter has power."),
    api.PairProvider: WrongState("The fingerprint is not that of this descriptor. Nothing was changed."),
    api.ReadDescriptor: DescriptorView(
        sp_id="pev_sp",
        name=_LONG,
        ae_id="C0123456789abcdef0123456789abcdef",
        fingerprint="-".join(["WMWM"] * 8),
        data=tuple(DataClass),
        operator="messages.system-operator.example:8883",
    ),
}


def _at_work(window: Window) -> bool:
    page = window.wizard.page
    looks = isinstance(page, ProvidersStep) and page.sheet is not None and page.register.files is None
    reads = isinstance(page, ProvidersStep) and page.register.reading
    return looks or reads or any(state.busy for state in window.view.actions.values())


@SIZES
@pytest.mark.parametrize("which", list(_OPENED))
def test_what_opens_in_setup_is_named_whole_and_within_reach(
    opened: Opener,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    size: tuple[int, int],
    which: str,
) -> None:
    monkeypatch.setattr(descriptor_files, "places", lambda: (tmp_path,))
    (tmp_path / "car.jws").write_text("e30.e30.e30")
    (tmp_path / f"{'descriptor of the ' * 6}car service.json").write_text("{}")
    situation, act = _OPENED[which]
    window, hub = opened(situation, size)
    for kind, answer in _ANSWERS.items():
        hub.answers[kind] = lambda _call, answer=answer: answer
    window.go("setup")
    act(window)
    qtbot.waitUntil(lambda: not _at_work(window), timeout=5000)
    qtbot.wait(150)
    sheets = [sheet for sheet in window.findChildren(Sheet) if sheet.isVisible()]
    place: QWidget = sheets[0] if sheets else window.wizard
    for widget in place.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, QAbstractButton | QLineEdit):
            interface = QAccessible.queryAccessibleInterface(widget)
            assert interface.text(QAccessible.Text.Name), widget
            assert min(widget.width(), widget.height()) >= 60, (widget, widget.size())
            left = widget.mapTo(window, widget.rect().topLeft()).x()
            assert left >= 0, widget
            assert left + widget.width() <= window.width(), widget
        elif isinstance(widget, Text | Chip) and widget.text():
            assert not widget.shortened, widget.text()
