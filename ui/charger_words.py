"""Sentences about a charger: who controls it, how finely, its software and its cards."""

from homeapp.model.charger import ChargerView, ControlSpan, InControl, TokenView
from homeapp.model.readings import LimitControl, SoftwareStage, SoftwareUpdate
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import View

_BY_PASSWORD = 2


def control_words(charger: ChargerView, view: View) -> tuple[str, str, Tone]:
    """Icon, sentence and colour that say who is in control."""
    held = charger.owner_control
    if charger.in_control is InControl.OWNER and held is not None:
        if held.until is None:
            words = tr("You have control until you give it back. Your charging provider's commands wait.")
        else:
            until = formats.moment(held.until, view.now, view.zone)
            words = tr("You have control until {until}. Your charging provider's commands wait.", until=until)
        return "shield-check", words, Tone.GREEN
    if charger.in_control is InControl.PROVIDER:
        limit_w = charger.provider_limit_w
        if limit_w is not None and limit_w > 0:
            words = tr("Your charging provider limits it to {power} now.", power=formats.kilowatts(limit_w))
        else:
            words = tr("Your charging provider allows no charging now.")
        return "send", words, Tone.AMBER
    if charger.has_provider:
        return "home", tr("Your hub is in control. Your charging provider sets no limit now."), Tone.TEXT2
    return "home", tr("Your hub is in control: it charges by your plan."), Tone.TEXT2


def limits_words(limits: LimitControl) -> str:
    """How finely it can be limited, where that is not as it should be; else nothing."""
    return {
        LimitControl.FULL: "",
        LimitControl.COARSE: tr(
            "Control of it is coarse: it takes a new limit only now and then, and when the hub is gone it keeps its "
            "last one for up to ten minutes."
        ),
        LimitControl.STATIC: tr("Its power cannot be changed while it charges. The hub can only start and stop it."),
        LimitControl.NONE: tr("It cannot be controlled from outside. The hub only watches it."),
    }[limits]


def software_words(update: SoftwareUpdate) -> str:
    """How far it has come with new software."""
    if update.stage is SoftwareStage.FAILED:
        return update.problem or tr("Software {version} could not be installed.", version=update.version)
    return {
        SoftwareStage.REQUESTED: tr("Software {version} was asked for.", version=update.version),
        SoftwareStage.DOWNLOADING: tr("Software {version} is being downloaded.", version=update.version),
        SoftwareStage.DOWNLOADED: tr("Software {version} is downloaded and waits.", version=update.version),
        SoftwareStage.INSTALLING: tr("Software {version} is being installed.", version=update.version),
        SoftwareStage.INSTALLED: tr("Software {version} is installed.", version=update.version),
    }[update.stage]


def can_be_raised(charger: ChargerView) -> bool:
    """It proves itself by a password over TLS (security profile 2), and could by a certificate."""
    return charger.security_profile == _BY_PASSWORD


def added_words(card: TokenView, view: View) -> str:
    """Since when a card may charge."""
    return tr("added {day}", day=formats.day(card.added_at, view.zone))


def span_words(span: ControlSpan, view: View) -> str:
    """For how long control is taken, as a button."""
    if span is ControlSpan.DEPARTURE and view.snapshot is not None:
        ready = formats.moment(view.snapshot.ready_by, view.now, view.zone)
        return tr("Until the car is due, {ready}", ready=ready)
    return {
        ControlSpan.HOUR: tr("For one hour"),
        ControlSpan.DEPARTURE: tr("Until the car is due"),
        ControlSpan.UNTIL_GIVEN_BACK: tr("Until I give it back"),
    }[span]


def stranger_words(charger: ChargerView, view: View) -> str:
    """An unknown card was shown; empty where none was."""
    if charger.unknown_card_at is None:
        return ""
    when = formats.moment(charger.unknown_card_at, view.now, view.zone)
    return tr("An unknown card was shown at {when} and refused. Add it only if it is yours.", when=when)
