"""What the owner does with the home at the screen."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from homeapp import api
from homeapp.model.charger import ControlSpan, TokenView
from homeapp.model.consent import DataClass, ProviderSharing, SharingEntry
from homeapp.model.device import DeviceView
from homeapp.model.offer import Choice, OfferCase
from homeapp.model.plan import ChargingMode, FeedUse, Goal, Schedule
from homeapp.model.standing_rule import RuleView, StandingRule, StopTerms
from ui.calls import Calls
from ui.view import ActionState

MODE = "mode"
SCHEDULE = "schedule"
CARDS = "cards"
"""Key of what is done with the household's cards."""
_MODE_PROBLEM_MS = 20_000
"""How long a refused mode is told in place of what the charger is doing."""


def offer_key(case: OfferCase) -> str:
    """Key of the answer to what was shown; a new revision or state is a new one."""
    return f"offer:{case.offer.key}:{case.digest}:{case.state}"


def device_key(device_id: str) -> str:
    """Key of what is done with a device."""
    return f"device:{device_id}"


def control_key(device_id: str) -> str:
    """Key of taking control of a charger back, or giving it back."""
    return f"control:{device_id}"


def card_key(device_id: str) -> str:
    """Key of adding the unknown card that was shown at a charger."""
    return f"card:{device_id}"


def rule_key(rule_id: str) -> str:
    """Key of what is done with a standing rule; empty for a new one."""
    return f"rule:{rule_id}"


def security_key(device_id: str) -> str:
    """Key of raising a charger's security profile."""
    return f"security:{device_id}"


def consent_key(sp_id: str, data_class: DataClass) -> str:
    """Key of a change of consent."""
    return f"consent:{sp_id}/{data_class}"


class Actions(Calls):
    """What the owner does with the home.

    Signals:
        case_answered: the ``OfferCase`` that an answer has led to.
        mode_set: the ``Goal`` after a change of mode.
        schedule_set: the ``Schedule`` that is kept now.
        cards_listed: the household's cards, a tuple of ``TokenView``.
        consent_set: the ``ProviderSharing`` after a change of consent.
    """

    case_answered = Signal(object)
    mode_set = Signal(object)
    schedule_set = Signal(object)
    cards_listed = Signal(object)
    consent_set = Signal(object)

    def decide(self, case: OfferCase, choice: Choice, committed_w: float | None = None) -> None:
        """Answer a request; ``committed_w`` where a yes is to less power than is asked for."""
        call = api.DecideOffer(key=case.offer.key, digest=case.digest, choice=choice, committed_w=committed_w)
        self.run(offer_key(case), call, choice, self.case_answered.emit)

    def set_mode(self, mode: ChargingMode) -> None:
        """Charge differently."""

        def done(goal: Goal) -> None:
            self.mode_set.emit(goal)

        self.run(MODE, api.SetMode(mode=mode), mode, done)
        QTimer.singleShot(_MODE_PROBLEM_MS, self, self._forget_mode_problem)

    def set_schedule(self, schedule: Schedule, *, feed: bool) -> None:
        """Keep another schedule; ``feed`` where the budget for power feed is another one too."""

        def done(kept: Schedule) -> None:
            self.schedule_set.emit(kept)

        self.run(SCHEDULE, api.SetSchedule(schedule=schedule, feed=feed), "keep", done)

    def ask_stop_price(self, case: OfferCase, then: Callable[[StopTerms | None], None]) -> None:
        """What stopping a request now costs; ``then`` gets None where the hub does not say."""
        self._link.call(api.StopPrice(key=case.offer.key), then, lambda _error: then(None), owner=self)

    def keep_rule(self, rule: StandingRule) -> None:
        """Have the hub answer by this rule from now on."""

        def done(_kept: RuleView) -> None:
            self.changed.emit()

        self.run(rule_key(rule.rule_id), api.KeepRule(rule=rule), "keep", done)

    def remove_rule(self, rule_id: str) -> None:
        """Have the hub forget a rule."""
        self.run(rule_key(rule_id), api.RemoveRule(rule_id=rule_id), "remove")

    def ask_feed_use(self, then: Callable[[FeedUse | None], None], owner: QObject) -> None:
        """What the car has fed; ``then`` gets None where the hub does not say, and nothing once ``owner`` is gone."""
        self._link.call(api.GetFeedBudget(), then, lambda _error: then(None), owner=owner)

    def adopt(self, device: DeviceView) -> None:
        """Make a device part of the home."""
        self.run(device_key(device.device_id), api.AdoptDevice(device_id=device.device_id), "adopt")

    def forget(self, device: DeviceView) -> None:
        """Disconnect a device."""
        self.run(device_key(device.device_id), api.ForgetDevice(device_id=device.device_id), "forget")

    def take_control(self, device: DeviceView, span: ControlSpan) -> None:
        """Put the charging provider's commands out of force for a time."""
        call = api.TakeControl(device_id=device.device_id, span=span)
        self.run(control_key(device.device_id), call, "take")

    def give_control_back(self, device: DeviceView) -> None:
        """Let the charging provider's commands count again."""
        self.run(control_key(device.device_id), api.GiveControlBack(device_id=device.device_id), "give")

    def add_card(self, device: DeviceView) -> None:
        """Let the unknown card charge that was shown last."""
        self.run(card_key(device.device_id), api.AddToken(), "add")

    def list_cards(self) -> None:
        """Show the household's cards."""
        self.run(CARDS, api.ListTokens(), "list", self.cards_listed.emit)

    def remove_card(self, card: TokenView) -> None:
        """Take a card out of use, and show those that are left."""

        def removed(_answer: None) -> None:
            self.list_cards()

        self.run(CARDS, api.RemoveToken(name=card.name), "remove", removed)

    def raise_security(self, device: DeviceView) -> None:
        """Have a charger prove itself by a certificate."""
        call = api.RaiseSecurity(device_id=device.device_id)
        self.run(security_key(device.device_id), call, "raise")

    def see_alert(self, sp_id: str, alert_id: str) -> None:
        """An alert about the car was read."""
        self.run(f"alert:{sp_id}/{alert_id}", api.AlertSeen(sp_id=sp_id, alert_id=alert_id), "seen")

    def set_consent(self, sp_id: str, entry: SharingEntry, *, granted: bool) -> None:
        """Agree to the words that were shown, or take it back."""

        def done(provider: ProviderSharing) -> None:
            self.consent_set.emit(provider)

        call = api.SetConsent(
            sp_id=sp_id, data_class=entry.data_class, granted=granted, text_version=entry.text_version
        )
        self.run(consent_key(sp_id, entry.data_class), call, "allow" if granted else "stop", done)

    def _forget_mode_problem(self) -> None:
        if self.states.get(MODE, ActionState()).problem:
            del self.states[MODE]
            self.changed.emit()
