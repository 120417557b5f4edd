"""Prices and providers: the contract, pairing, enrolment, the owner's word, and a request on trial."""

from PySide6.QtWidgets import QVBoxLayout

from homeapp.model.commissioning import CheckId, CheckState, Step, TariffAnswer
from homeapp.model.live import LinkState
from ui.actions import Actions
from ui.setup import provider_words
from ui.setup.descriptor_sheet import DescriptorSheet
from ui.setup.dry_run_card import DryRunCard
from ui.setup.pairing_card import PairingCard
from ui.setup.provider_register import ProviderRegister
from ui.setup.provider_row import ProviderRow
from ui.setup.self_check import SelfCheck
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.setup.tariff_card import TariffCard
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Button
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine
from ui.widgets.text import Text


class ProvidersStep(StepPage):
    """The request first while it is tried, then the contract, then the providers."""

    def __init__(self, flow: SetupFlow, actions: Actions) -> None:
        super().__init__(Step.PROVIDERS, flow)
        self._actions = actions
        self._view: View | None = None
        self._itself = SelfCheck(Step.PROVIDERS, flow)
        self.register = ProviderRegister(flow.desk, self)
        self.trial = DryRunCard(actions)
        self.tariff = TariffCard()
        self.providers = Card(tr("Providers"))
        self.none = Text(tr("This home is paired with no provider yet."), px=15, tone=Tone.TEXT2, lines=0)
        self.owner = IconLine("shield-lock", provider_words.owners_words())
        self.provider_rows: dict[str, ProviderRow] = {}
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        self.add = Button(tr("Add a provider"), "plus", height=60)
        self.add.clicked.connect(self._add)
        self.pairing = PairingCard(self.register)
        self.sheet: DescriptorSheet | None = None
        self.register.changed.connect(self._again)
        self.providers.body.addWidget(self.none)
        self.providers.body.addWidget(self.owner)
        self.providers.body.addLayout(self._list)
        self.providers.body.addWidget(self.add)
        for card in (self.trial, self.tariff, self.pairing, self.providers):
            self.entries.addWidget(card)

    def answer(self) -> TariffAnswer:
        """The contract."""
        return self.tariff.answer()

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        super().arrange(compact=compact)
        for card in (self.trial, self.tariff, self.pairing, self.providers):
            card.set_padding(14 if compact else 20)

    def show_view(self, view: View) -> None:
        """Show contract and providers."""
        self._view = view
        answers = self.flow.known.answers if self.flow.known is not None else ()
        self.tariff.take(next((answer for answer in answers if isinstance(answer, TariffAnswer)), None))
        super().show_view(view)
        self.register.take(view)
        found = {check.check: check for check in self.flow.step(Step.PROVIDERS).checks}
        self.trial.show_check(found[CheckId.DRY_RUN], view)
        self._show_providers(view)
        pairing = self.register.read is not None
        self.pairing.setVisible(pairing)
        for card in (self.tariff, self.providers):
            card.setVisible(not pairing)
        self.pairing.show_view(view)
        if self.sheet is not None:
            self.sheet.show_view(view)
        if found[CheckId.TARIFF].state is not CheckState.OPEN:
            up = sorted(link.sp_id for link in view.links if link.state is LinkState.UP)
            self._itself.take(" ".join(up), view)

    def _show_providers(self, view: View) -> None:
        paired = {provider.sp_id: provider for provider in self.register.paired or ()}
        sharing = {provider.sp_id: provider for provider in view.sharing or ()}
        wanted = [*sharing, *(sp_id for sp_id in paired if sp_id not in sharing)]
        self.none.setVisible(not wanted)
        self.owner.setVisible(bool(sharing))
        for sp_id in [known for known in self.provider_rows if known not in wanted]:
            row = self.provider_rows.pop(sp_id)
            row.hide()
            row.deleteLater()
        for sp_id in wanted:
            if sp_id not in self.provider_rows:
                self.provider_rows[sp_id] = ProviderRow(self.register, self._actions)
                self._list.addWidget(self.provider_rows[sp_id])
            self.provider_rows[sp_id].show_provider(paired.get(sp_id), sharing.get(sp_id), view)
            self.provider_rows[sp_id].show()

    def _add(self) -> None:
        self.register.drop()
        self.sheet = DescriptorSheet(self.window(), self.register)
        self.sheet.closed.connect(self._closed)
        if self._view is not None:
            self.sheet.show_view(self._view)
        self.sheet.open_sheet()

    def _closed(self) -> None:
        self.sheet = None
        if self.register.read is None:
            self.register.drop()

    def _again(self) -> None:
        if self._view is not None:
            self.show_view(self._view)
