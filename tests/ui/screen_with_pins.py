"""A window over a hub that knows PINs, and a finger at it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from canned_hub import CannedHub
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from homeapp import api
from homeapp.api import AccessView, Role
from ui.window import Window

INSTALLERS, OWNERS, HOUSEHOLDS = "902517", "471108", "6283"


class ScreenWithPins:
    """What a hub does about PINs comes with those who use it."""

    def __init__(self, window: Window, hub: CannedHub, qtbot: QtBot) -> None:
        self.window, self.hub, self.qtbot = window, hub, qtbot
        self.pins = {Role.HOUSEHOLD: HOUSEHOLDS, Role.OWNER: OWNERS, Role.INSTALLER: INSTALLERS}
        hub.answers[api.LogOut] = lambda _call: self.becomes(role=self.access.open_role)

    @property
    def access(self) -> AccessView:
        return self.hub.situation.access

    @property
    def sheet(self) -> Any:
        return self.window.lock.sheet

    def becomes(self, **changes: Any) -> AccessView:
        self.hub.situation = replace(self.hub.situation, access=replace(self.access, **changes))
        self.hub.push(api.Topic.ACCESS)
        return self.access

    def click(self, button: QAbstractButton) -> None:
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self, done: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(done()), timeout=5000)

    def asks(self) -> Any:
        self.wait(lambda: self.sheet is not None and self.sheet.isVisible())
        return self.sheet

    def enter(self, pin: str) -> None:
        for digit in pin:
            self.click(self.sheet.pad.keys[digit])
        self.click(self.sheet.pad.enter)

    def acted(self, *kinds: type[api.Call[Any]]) -> list[Any]:
        return [call for call in self.hub.calls if isinstance(call, kinds)]
