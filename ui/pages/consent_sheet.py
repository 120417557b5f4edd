"""The words of a consent in full, before it is given and whenever somebody wants to read them again."""

from PySide6.QtWidgets import QWidget

from homeapp.api import SetConsent
from homeapp.model.consent import DataClass, ProviderSharing, SharingEntry
from ui import sharing_words
from ui.actions import Actions
from ui.theme import Tone
from ui.tr import tr
from ui.view import View, may_know_home
from ui.widgets.buttons import Button, Look
from ui.widgets.sheet import Sheet, confirm
from ui.widgets.text import Text


def open_consent(
    window: QWidget, provider: ProviderSharing, entry: SharingEntry, view: View, actions: Actions
) -> Sheet:
    """Show the words, what may be in it, and what has left; allow it, or take it back."""
    name = sharing_words.class_words(entry.data_class)
    sheet = Sheet(window, tr("{kind} for {name}", kind=name, name=provider.name))
    sheet.body.addWidget(Text(sharing_words.summary(entry), px=20, weight=600, lines=0))
    if entry.outdated:
        sheet.body.addWidget(Text(sharing_words.outdated_words(), px=16, weight=600, tone=Tone.AMBER, lines=0))
    for paragraph in sharing_words.particulars(entry):
        sheet.body.addWidget(Text(paragraph, px=16, tone=Tone.TEXT2, lines=0))
    _add(sheet, tr("What can be in it"), sharing_words.field_words(entry.fields))
    if entry.disclosed is not None:
        _add(sheet, tr("What was in it so far"), sharing_words.field_words(entry.disclosed.fields))
    _add(sheet, tr("What has left"), f"{sharing_words.disclosed_words(entry, view)}.")
    _add(sheet, tr("Your decision"), _decision(provider, entry, view))
    sheet.body.addStretch(1)
    for button in _deciding(sheet, window, provider, entry, view, actions):
        button.set_locked(locked=view.needs_pin(SetConsent.role))
    sheet.open_sheet()
    return sheet


def ask_to_stop(window: QWidget, provider: ProviderSharing, entry: SharingEntry, view: View, actions: Actions) -> None:
    """Ask once, say what happens, then take it back."""
    confirm(
        window,
        sharing_words.stop_title(provider, entry.data_class),
        sharing_words.stop_question(provider, entry.data_class),
        (_stop_verb(entry.data_class), "hand-stop"),
        lambda: actions.set_consent(provider.sp_id, entry, granted=False),
        locked=view.needs_pin(SetConsent.role),
    )


def needs_identity(provider: ProviderSharing, entry: SharingEntry) -> bool:
    """Nothing else can be allowed before the provider may know this home as a customer."""
    if entry.data_class is DataClass.IDENTITY:
        return False
    return not may_know_home(provider)


def _deciding(
    sheet: Sheet, window: QWidget, provider: ProviderSharing, entry: SharingEntry, view: View, actions: Actions
) -> list[Button]:
    """Add the buttons; those of them that change something."""
    undecided = not entry.granted and not entry.outdated
    blocked = needs_identity(provider, entry)
    sheet.add_button(tr("Do not allow") if undecided and not blocked else tr("Close"), "x", Look.TONAL)
    found = []
    if not undecided:
        verb = _stop_verb(entry.data_class)
        found.append(
            sheet.add_button(
                verb, "hand-stop", Look.DANGER, lambda: ask_to_stop(window, provider, entry, view, actions)
            )
        )
    if not entry.granted and not blocked:
        found.append(
            sheet.add_button(
                tr("Allow"), "check", Look.FILLED, lambda: actions.set_consent(provider.sp_id, entry, granted=True)
            )
        )
    return found


def _decision(provider: ProviderSharing, entry: SharingEntry, view: View) -> str:
    words = sharing_words.decided_words(entry, view)
    if not needs_identity(provider, entry):
        return words
    first = sharing_words.class_words(DataClass.IDENTITY)
    return f"{words} {tr('To allow it, first allow: {kind}.', kind=first)}"


def _stop_verb(data_class: DataClass) -> str:
    return tr("Stop everything") if data_class is DataClass.IDENTITY else tr("Stop sharing")


def _add(sheet: Sheet, title: str, words: str) -> None:
    sheet.body.addSpacing(8)
    sheet.body.addWidget(Text(title, px=15, weight=600))
    sheet.body.addWidget(Text(words, px=15, tone=Tone.TEXT2, lines=0))
