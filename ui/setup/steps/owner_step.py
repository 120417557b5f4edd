"""The owner's part: what the car is to do, and what each provider may get."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from homeapp.api import SetConsent
from homeapp.model.commissioning import CheckId, Step
from homeapp.model.consent import ProviderSharing
from ui.actions import Actions, consent_key
from ui.pages.sharing_card import SharingCard
from ui.setup import consent_words
from ui.setup.self_check import SelfCheck
from ui.setup.setup_flow import SetupFlow
from ui.setup.step_page import StepPage
from ui.setup.wishes_card import WishesCard
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets.buttons import Button
from ui.widgets.card import Card
from ui.widgets.icon_line import IconLine


class OwnerStep(StepPage):
    """Wishes, then one card for each provider."""

    def __init__(self, flow: SetupFlow, actions: Actions) -> None:
        super().__init__(Step.OWNER, flow)
        self._actions = actions
        self._view: View | None = None
        self._pad = 20
        self._itself = SelfCheck(Step.OWNER, flow)
        self.wishes = WishesCard()
        self.wishes.stepped.connect(self._again)
        self.leaving = Card(tr("What may leave the home"))
        self.standing = IconLine("shield-lock")
        self.leaving.body.addWidget(self.standing)
        self.providers: dict[str, OwnersWord] = {}
        self._list = QVBoxLayout()
        self.entries.addWidget(self.wishes)
        self.entries.addWidget(self.leaving)
        self.entries.addLayout(self._list)
        actions.schedule_set.connect(self._kept)

    @property
    def unsaved(self) -> bool:
        """The wishes are not what the hub has."""
        return self.wishes.draft.is_changed

    def save(self) -> None:
        """Have the hub keep the wishes."""
        if (schedule := self.wishes.draft.schedule) is not None:
            self._actions.set_schedule(schedule, feed=False)

    def arrange(self, *, compact: bool) -> None:
        """Lay out for the width."""
        super().arrange(compact=compact)
        self._pad = 14 if compact else 20
        self._list.setSpacing(12 if compact else 16)
        for card in (self.wishes, self.leaving, *(word.card for word in self.providers.values())):
            card.set_padding(self._pad)

    def show_view(self, view: View) -> None:
        """Show wishes and consents."""
        self._view = view
        self.wishes.show_view(view)
        super().show_view(view)
        sharing, waiting = view.sharing or (), consent_words.undecided(view.sharing)
        self.standing.say(*_lead(sharing, waiting))
        self._rebuild(sharing)
        for provider in sharing:
            self.providers[provider.sp_id].show_provider(provider, view)
        checks = {check.check: check.state for check in self.flow.step(Step.OWNER).checks}
        decided = view.sharing is not None and bool(sharing) and not waiting
        if checks[CheckId.WISHES].is_settled:
            self._itself.take("decided" if decided else "", view)

    def _rebuild(self, sharing: tuple[ProviderSharing, ...]) -> None:
        wanted = [provider.sp_id for provider in sharing]
        for sp_id in [known for known in self.providers if known not in wanted]:
            word = self.providers.pop(sp_id)
            word.hide()
            word.deleteLater()
        for sp_id in wanted:
            if sp_id not in self.providers:
                self.providers[sp_id] = OwnersWord(self._actions)
                self.providers[sp_id].card.set_padding(self._pad)
                self._list.addWidget(self.providers[sp_id])

    def _kept(self) -> None:
        if self.flow.shown is Step.OWNER:
            self.flow.check(Step.OWNER)

    def _again(self) -> None:
        if self._view is not None:
            self.show_view(self._view)


class OwnersWord(QWidget):
    """All that a provider asks for with its words, and the one tap that it gets nothing."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._provider: ProviderSharing | None = None
        self.card = SharingCard(actions)
        self.nothing = Button(tr("Allow nothing"), "hand-stop", height=60)
        self.nothing.clicked.connect(self._refuse)
        self.card.body.addWidget(self.nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.card)

    def show_provider(self, provider: ProviderSharing, view: View) -> None:
        """Show this one."""
        self._provider = provider
        self.card.show_provider(provider, view)
        entry = consent_words.refusable(provider)
        self.nothing.setVisible(entry is not None and not consent_words.is_decided(provider))
        self.nothing.setAccessibleName(tr("Allow nothing: {name}", name=provider.name))
        busy = entry is not None and view.action(consent_key(provider.sp_id, entry.data_class)).busy
        self.nothing.set_busy(tr("Saving…") if busy else "")
        self.nothing.setEnabled(view.alive and not busy)
        self.nothing.set_locked(locked=view.needs_pin(SetConsent.role))

    def _refuse(self) -> None:
        entry = consent_words.refusable(self._provider) if self._provider is not None else None
        if self._provider is not None and entry is not None:
            self._actions.set_consent(self._provider.sp_id, entry, granted=False)


def _lead(sharing: tuple[ProviderSharing, ...], waiting: tuple[ProviderSharing, ...]) -> tuple[str, str, Tone]:
    if not sharing:
        return "shield-check", tr("No provider asks for anything: nothing leaves the home."), Tone.GREEN
    if waiting:
        names = ", ".join(provider.name for provider in waiting)
        words = tr("The owner has not decided yet about: {names}. To allow nothing is a decision too.", names=names)
        return "shield-lock", words, Tone.AMBER
    return "shield-check", tr("The owner has decided about every provider."), Tone.GREEN
