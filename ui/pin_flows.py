"""What becomes of the digits that a person enters: a login, or a new PIN."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from homeapp.api import AccessView, LogIn, LogOut, Role, SetPin
from homeapp.errors import HomeappError
from ui.hub_link import HubLink
from ui.pages.pin_sheet import PinSheet
from ui.theme import Tone
from ui.tr import tr

_TICK_MS = 250


class Login(QObject):
    """Asks until a PIN is right or the person gives up; counts a pause down.

    Args:
        then: goes on where the PIN was right.
    """

    def __init__(self, sheet: PinSheet, link: HubLink, access: AccessView, then: Callable[[], None]) -> None:
        super().__init__(sheet)
        self._sheet = sheet
        self._link = link
        self._access = access
        self._then = then
        self._open = True
        self._busy = False
        self._problem = ""
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._tell)
        self._tick.start()
        sheet.entered.connect(self._enter)
        sheet.chosen.connect(self._chosen)
        sheet.closed.connect(self._closed)
        self._tell()

    def show_access(self, access: AccessView) -> None:
        """The hub has told what may be done, and until when it looks at no PIN."""
        self._access = access
        self._tell()

    def _enter(self, role: Role, pin: str) -> None:
        self._busy = True
        self._tell()
        self._link.call(LogIn(as_role=role, pin=pin), self._right, self._wrong)

    def _right(self, _access: AccessView) -> None:
        if not self._open:
            # Whoever gave up meanwhile does not want to leave the screen unlocked.
            self._link.call(LogOut(), lambda _access: None, lambda _error: None)
            return
        self._sheet.close_sheet()
        self._then()

    def _wrong(self, error: HomeappError) -> None:
        self._busy, self._problem = False, str(error)
        if self._open:
            self._tell()

    def _chosen(self, _role: Role) -> None:
        self._problem = ""
        self._tell()

    def _closed(self) -> None:
        self._open = False
        self._tick.stop()

    def _tell(self) -> None:
        until = self._access.locked.get(self._sheet.role)
        left = 0.0 if until is None else (until - self._link.now()).total_seconds()
        if self._busy:
            self._sheet.tell(tr("Checking…"), Tone.TEXT2, usable=False)
        elif left > 0:
            clock = f"{int(left // 60)}:{int(left % 60):02}"
            self._sheet.tell(tr("Too many wrong PINs. Wait {left}.", left=clock), Tone.AMBER, usable=False)
        else:
            self._sheet.tell(self._problem, usable=True)


class NewPin(QObject):
    """Takes a PIN that is to hold from now on, twice.

    Args:
        then: goes on where it is set.
        stay: log in with it, so that whoever has set it can go on. It is kept nowhere beyond that.
    """

    def __init__(
        self, sheet: PinSheet, link: HubLink, access: AccessView, then: Callable[[], None], *, stay: bool = False
    ) -> None:
        super().__init__(sheet)
        self._sheet = sheet
        self._link = link
        self._then = then
        self._stay = stay
        self._pins = access.pins
        self._first = ""
        self._open = True
        self._setting = False
        sheet.entered.connect(self._enter)
        sheet.closed.connect(self._closed)

    def show_access(self, access: AccessView) -> None:
        """Somebody else was quicker."""
        if self._open and not self._setting and self._sheet.role in access.pins and self._sheet.role not in self._pins:
            self._sheet.close_sheet()

    def _enter(self, role: Role, pin: str) -> None:
        if not self._first:
            self._first = pin
            self._sheet.ask_again(tr("Enter the same PIN again."))
            return
        same, self._first = pin == self._first, ""
        if not same:
            self._begin_again(tr("The two were different. Begin again."))
            return
        self._setting = True
        self._sheet.tell(tr("Setting the PIN…"), Tone.TEXT2, usable=False)
        self._link.call(SetPin(for_role=role, pin=pin), lambda access: self._set(access, role, pin), self._refused)

    def _set(self, access: AccessView, role: Role, pin: str) -> None:
        if self._open and self._stay and not access.role.covers(role):
            self._link.call(LogIn(as_role=role, pin=pin), self._done, lambda _error: self._end())
        else:
            self._end()

    def _done(self, _access: AccessView) -> None:
        if not self._open:
            # Whoever gave up meanwhile does not want to leave the screen unlocked.
            self._link.call(LogOut(), lambda _access: None, lambda _error: None)
        self._end()

    def _end(self) -> None:
        if self._open:
            self._sheet.close_sheet()
            self._then()

    def _refused(self, error: HomeappError) -> None:
        self._setting = False
        if self._open:
            self._begin_again(str(error))

    def _begin_again(self, sentence: str) -> None:
        self._sheet.ask_again(pin_wanted(self._sheet.role))
        self._sheet.tell(sentence, usable=True)

    def _closed(self) -> None:
        self._open = False
        self._first = ""


def pin_wanted(role: Role) -> str:
    """What the PIN of this role has to be like."""
    if role is Role.HOUSEHOLD:
        return tr("Choose a PIN of 4 to 12 digits.")
    return tr("Choose a PIN of 6 to 12 digits.")
