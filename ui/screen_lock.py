"""The lock of this screen: asks for a PIN where one is needed, and locks by itself when nobody is there."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from homeapp.api import AccessView, LogOut, Role
from ui import words
from ui.actions import Actions
from ui.hub_link import HubLink
from ui.idle import Idle
from ui.pages.pin_sheet import PinSheet
from ui.pin_flows import Login, NewPin, pin_wanted
from ui.theme import Tone
from ui.tr import tr
from ui.widgets.buttons import Look
from ui.widgets.navigation import LockButton
from ui.widgets.sheet import Sheet
from ui.widgets.text import Text

AWAY_MS = 60_000
PATIENT_MS = 600_000
"""Who sets a home up walks to the meter and back."""


class ScreenLock(QObject):
    """What may be done is decided by the hub; this only asks the person, and gives the role back.

    Signals:
        left: nobody has touched the screen for a while, in a home with PINs.

    Attributes:
        stays: whether something goes on that nobody is to be taken away from.
    """

    left = Signal()

    def __init__(self, window: QWidget, link: HubLink, actions: Actions, button: LockButton) -> None:
        super().__init__(window)
        self._window = window
        self._link = link
        self._button = button
        self._access: AccessView | None = None
        self._flow: Login | NewPin | None = None
        self.sheet: PinSheet | None = None
        self.stays: Callable[[], bool] = lambda: False
        self.idle = Idle(AWAY_MS, self)
        self.idle.away.connect(self._leave)
        link.access.connect(self._take)
        actions.pin_needed.connect(self.ask)
        button.clicked.connect(self._tapped)

    def ask(self, needed: Role, then: Callable[[], None]) -> None:
        """Ask for a PIN that is good for ``needed``, and go on with ``then`` when it was right."""
        access = self._access
        if access is None:
            return
        roles = [role for role in access.pins if role.covers(needed) and not access.role.covers(role)]
        if roles:
            purpose = words.pin_purpose(roles[0]) if len(roles) == 1 else tr("This needs a PIN.")
            self._ask(access, roles, roles[0], purpose, then)
        else:
            told = tr("The installer has no PIN yet. The owner can set one.")
            sheet = self._explain(tr("This is for the installer"), told)
            sheet.add_button(
                tr("Set a PIN"), "lock", Look.FILLED, lambda: self.set_pin(Role.INSTALLER, then, stay=True)
            )

    def set_first_pin(self) -> None:
        """Have the owner's PIN set, in a home that has none."""
        self.set_pin(Role.OWNER, _nothing)

    def set_pin(self, role: Role, then: Callable[[], None], *, stay: bool = False) -> None:
        """Have the PIN of ``role`` set or changed, and go on with ``then``; ``stay`` logged in with it."""
        access = self._access
        if access is None:
            return
        needed = Role.INSTALLER if role is Role.INSTALLER and role in access.pins else Role.OWNER
        if not access.role.covers(needed):
            self.ask(needed, lambda: self.set_pin(role, then, stay=stay))
            return
        sheet = PinSheet(self._window, words.pin_title(role), pin_wanted(role), [role], role)
        self._open(sheet, NewPin(sheet, self._link, access, then, stay=stay))

    def _take(self, access: AccessView) -> None:
        self._access = access
        self._button.show_access(access)
        if self._flow is not None:
            self._flow.show_access(access)

    def _tapped(self) -> None:
        access = self._access
        if access is None:
            return
        if not access.pins:
            self._offer_first_pin()
        elif access.role is not access.open_role:
            self._log_out()
        else:
            roles = [role for role in access.pins if not access.open_role.covers(role)]
            role = Role.OWNER if Role.OWNER in roles else roles[-1]
            self._ask(access, roles, role, tr("The screen locks itself when nobody is there."), _nothing)

    def _ask(self, access: AccessView, roles: list[Role], role: Role, purpose: str, then: Callable[[], None]) -> None:
        sheet = PinSheet(self._window, tr("Enter the PIN"), purpose, roles, role)
        self._open(sheet, Login(sheet, self._link, access, then))

    def _offer_first_pin(self) -> None:
        told = tr("Everybody at this screen can approve requests and change devices. A PIN keeps that to the owner.")
        sheet = self._explain(tr("This home has no PIN yet"), told)
        sheet.add_button(tr("Set a PIN"), "lock", Look.FILLED, self.set_first_pin)

    def _explain(self, title: str, told: str) -> Sheet:
        sheet = Sheet(self._window, title)
        sheet.body.addWidget(Text(told, px=17, lines=0, tone=Tone.TEXT2))
        sheet.body.addStretch(1)
        sheet.add_button(tr("Close"), "x", Look.TONAL)
        sheet.open_sheet()
        return sheet

    def _open(self, sheet: PinSheet, flow: Login | NewPin) -> None:
        if self.sheet is not None:
            self.sheet.close_sheet()
        self.sheet, self._flow = sheet, flow
        sheet.closed.connect(self._closed)
        sheet.open_sheet()

    def _closed(self) -> None:
        self.sheet = self._flow = None

    def _leave(self) -> None:
        access = self._access
        if access is None or not access.pins:
            return
        if self.stays():
            self.idle.wait_again()
            return
        for sheet in self._window.findChildren(Sheet):
            sheet.close_sheet()
        if access.role is not access.open_role:
            self.idle.swallow_next()
            self._log_out()
        self.left.emit()

    def _log_out(self) -> None:
        self._link.call(LogOut(), self._take, lambda _error: None)


def _nothing() -> None:
    """Whoever only wants to be let in, or to set a PIN, wants no more."""
