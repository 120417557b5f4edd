"""The charger: what to enter in it, its knocking, and its two tests."""

from homeapp.model.commissioning import CheckId, CheckState, Step
from homeapp.model.device import DeviceKind
from ui.actions import Actions
from ui.setup import charger_words, device_words
from ui.setup.adopted_charger import AdoptedCharger
from ui.setup.device_row import DeviceRows
from ui.setup.self_check import SelfCheck
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text

_TESTS = (CheckId.CHARGER_LIMIT, CheckId.CHARGER_FLOOR)


class ChargerStep(StepPage):
    """The address until a charger is online, those that knock, and the adopted one."""

    def __init__(self, flow: SetupFlow, actions: Actions) -> None:
        super().__init__(Step.CHARGER, flow)
        self._wait = charger_words.Wait()
        self._itself = SelfCheck(Step.CHARGER, flow)
        self.enter, self.knocking = Card(tr("Enter this in the charger")), Card(tr("Knocking now"))
        self.adopted = AdoptedCharger()
        self.address = Text("", px=34, weight=600, lines=0)
        self.identity = IconLine("id-badge-2")
        self.authority = IconLine("shield-lock")
        self.waiting = IconLine("clock", "", Tone.BLUE)
        self.adoption = IconLine("info-circle")
        self.list = DeviceRows(actions)
        for line in (self.address, self.waiting, self.identity, self.authority):
            self.enter.body.addWidget(line)
        self.knocking.body.addLayout(self.list)
        self.knocking.body.addWidget(self.adoption)
        for card in (self.knocking, self.adopted, self.enter):
            self.entries.addWidget(card)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        super().arrange(compact=compact)
        for card in (self.enter, self.knocking, self.adopted):
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        """Show what knocks, and how the adopted one stands."""
        super().show_view(view)
        known = device_words.candidates(view, DeviceKind.EVCE)
        self._show_address(view, waiting=known.adopted is None and not known.others)
        self.enter.setVisible(not known.online)
        self.knocking.setVisible(bool(known.others))
        self.list.show_devices(known.others, view, further=known.adopted is not None)
        self.asks_first = known.adopted is None and bool(known.others)
        self.adoption.say("info-circle", charger_words.adoption_words(view.site.safe_current_a))
        self.adopted.setVisible(known.adopted is not None)
        if known.adopted is not None:
            tests = [check for check in self.flow.step(Step.CHARGER).checks if check.check in _TESTS]
            self.adopted.show_charger(
                known.adopted,
                view,
                testing=any(check.state is CheckState.RUNNING for check in tests),
                tested=all(check.state.is_settled for check in tests),
            )
        self._itself.take(known.adopted.device_id if known.adopted is not None and known.online else "", view)

    def _show_address(self, view: View, *, waiting: bool) -> None:
        address = self.flow.known.charger_address if self.flow.known is not None else ""
        self.address.say(address or tr("The address is not known yet."))
        self.address.setAccessibleName(tr("Address for the charger: {address}", address=address))
        self.identity.say("id-badge-2", charger_words.identity_words(address))
        self.authority.say("shield-lock", charger_words.authority_words())
        seconds = self._wait.seconds(view.now, waiting=waiting and view.alive)
        self.waiting.setVisible(waiting and view.alive)
        self.waiting.say("clock", charger_words.waiting_words(seconds), Tone.BLUE)
