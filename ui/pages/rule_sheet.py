"""The sheet in which a rule is made: four choices, a few limits, and what it would have done so far."""

from dataclasses import replace
from decimal import Decimal

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from homeapp.api import KeepRule
from homeapp.model.offer import OfferKind
from homeapp.model.standing_rule import DryRun, RuleAction, StandingRule
from ui import formats, rule_words, schedule_edits
from ui.actions import Actions
from ui.rule_draft import RuleDraft
from ui.theme import Tone
from ui.tr import tr
from ui.view import View
from ui.widgets import paint
from ui.widgets.buttons import Look
from ui.widgets.segmented import Segmented
from ui.widgets.sheet import Sheet
from ui.widgets.stepper import Stepper
from ui.widgets.text import Text
from ui.widgets.toggle import Toggle

_KINDS: tuple[OfferKind | None, ...] = (None, OfferKind.POWER_FEED, OfferKind.LOAD_SHED)
_MOST_RUNS = 6
_MONEY_STEP, _CYCLE_STEP, _SOC_STEP = Decimal("0.05"), 0.5, 5.0


class RuleSheet(Sheet):
    """Nothing is kept before Keep is tapped."""

    def __init__(self, window: QWidget, draft: RuleDraft, rule: StandingRule, view: View, actions: Actions) -> None:
        super().__init__(window, tr("Change the rule") if rule.rule_id else tr("New rule"))
        self._draft = draft
        currency = view.snapshot.currency if view.snapshot else "EUR"
        self._currency = rule.currency or currency or "EUR"
        self.actions_choice = Segmented(
            tr("What it does"), [(action.value, rule_words.action_words(action)) for action in RuleAction]
        )
        self.kinds = Segmented(tr("About"), [(kind or "", rule_words.kind_words(kind)) for kind in _KINDS])
        self.days = [Toggle(formats.day_name(number)) for number in range(1, 8)]
        self.start, self.end = Stepper(tr("Not before")), Stepper(tr("Not after"))
        self.money, self.cycles = Stepper(tr("Least per kWh")), Stepper(tr("Cycles a week"))
        self.charge = Stepper(tr("Left at departure"))
        self.tried, self.problem = Text("", tone=Tone.TEXT2, lines=0), Text("", tone=Tone.RED, lines=0)
        self.runs = [_RunLine() for _ in range(_MOST_RUNS)]
        self._build()
        self._connect()
        self.add_button(tr("Cancel"), "x", Look.TONAL)
        self.keep = self.add_button(tr("Keep"), "check", Look.FILLED, lambda: actions.keep_rule(draft.rule))
        self.keep.set_locked(locked=view.needs_pin(KeepRule.role))
        draft.edit(rule)

    def _build(self) -> None:
        week = QHBoxLayout()
        week.setSpacing(6)
        for toggle in self.days:
            week.addWidget(toggle, 1)
        grid = QGridLayout()
        grid.setSpacing(10)
        for index, stepper in enumerate((self.start, self.end, self.money, self.cycles, self.charge)):
            grid.addWidget(stepper, index // 2, index % 2)
        self.body.addWidget(self.actions_choice)
        self.body.addWidget(self.kinds)
        self.body.addWidget(Text(tr("Only on these days (none: all)"), weight=600))
        self.body.addLayout(week)
        self.body.addLayout(grid)
        self.body.addWidget(self.problem)
        self.body.addWidget(Text(tr("What it would have done"), weight=600))
        self.body.addWidget(self.tried)
        lines = QVBoxLayout()
        lines.setSpacing(2)
        for line in self.runs:
            lines.addWidget(line)
        self.body.addLayout(lines)

    def _connect(self) -> None:
        self._draft.changed.connect(self._show)
        self.actions_choice.asked.connect(lambda value: self._edit(action=RuleAction(value)))
        self.kinds.asked.connect(lambda value: self._edit(kind=OfferKind(value) if value else None))
        for toggle in self.days:
            toggle.clicked.connect(self._choose_days)
        self.start.stepped.connect(lambda steps: self._step_hours("not_before", steps))
        self.end.stepped.connect(lambda steps: self._step_hours("not_after", steps))
        self.money.stepped.connect(self._step_money)
        self.cycles.stepped.connect(lambda steps: self._step_number("most_cycles_per_week", _CYCLE_STEP, 14.0, steps))
        self.charge.stepped.connect(lambda steps: self._step_number("least_soc_pct", _SOC_STEP, 100.0, steps))

    def close_sheet(self) -> None:
        self._draft.changed.disconnect(self._show)
        super().close_sheet()

    def _edit(self, **changes: object) -> None:
        changed: StandingRule = replace(self._draft.rule, **changes)  # type: ignore[arg-type]
        self._draft.edit(changed)

    def _choose_days(self) -> None:
        self._edit(weekdays=tuple(number for number, toggle in enumerate(self.days) if toggle.isChecked()))

    def _step_hours(self, field: str, steps: int) -> None:
        rule = self._draft.rule
        hours = {"not_before": rule.not_before or "17:00", "not_after": rule.not_after or "21:00"}
        if rule.not_before:
            hours[field] = schedule_edits.stepped_time(hours[field], 2 * steps)
        same = hours["not_before"] == hours["not_after"]
        self._edit(**({"not_before": "", "not_after": ""} if same else hours))

    def _step_money(self, steps: int) -> None:
        now = self._draft.rule.least_per_kwh
        wanted = (Decimal(0) if now is None else now) + _MONEY_STEP * steps
        kept = None if wanted <= 0 else wanted
        paid = kept is not None or self._draft.rule.least_per_event is not None
        self._edit(least_per_kwh=kept, currency=self._currency if paid else "")

    def _step_number(self, field: str, step: float, most: float, steps: int) -> None:
        now: float | None = getattr(self._draft.rule, field)
        wanted = (0.0 if now is None else now) + step * steps
        self._edit(**{field: None if wanted <= 0 else min(most, wanted)})

    def _show(self) -> None:
        rule, none = self._draft.rule, tr("any")
        self.actions_choice.choose(rule.action.value)
        self.kinds.choose(rule.kind or "")
        for number, toggle in enumerate(self.days):
            toggle.setChecked(number in rule.weekdays)
        self.start.show_value(rule.not_before or none)
        self.end.show_value(rule.not_after or none)
        money = none if rule.least_per_kwh is None else formats.money(rule.least_per_kwh, self._currency)
        self.money.show_value(money, less=rule.least_per_kwh is not None)
        cycles = none if rule.most_cycles_per_week is None else f"{rule.most_cycles_per_week:g}"
        self.cycles.show_value(cycles, less=rule.most_cycles_per_week is not None)
        self.charge.show_value(formats.percent(rule.least_soc_pct) if rule.least_soc_pct else none)
        self.problem.say(self._draft.problem)
        self.problem.setVisible(bool(self._draft.problem))
        self.keep.setEnabled(not self._draft.problem)
        self._show_runs(self._draft.runs)

    def _show_runs(self, runs: tuple[DryRun, ...] | None) -> None:
        self.tried.say(tr("Trying it on the past…") if runs is None else rule_words.dry_run_summary(runs))
        for line, run in zip(self.runs, [*(runs or ()), *[None] * _MOST_RUNS], strict=False):
            line.setVisible(run is not None)
            if run is not None:
                line.show_run(run)


class _RunLine(QWidget):
    """One request of the past: its title, what would have happened, and why."""

    def __init__(self) -> None:
        super().__init__()
        self._title, self._outcome = Text("", px=15), Text("", px=15, weight=600, align=paint.RIGHT)
        self._why = Text("", px=13, tone=Tone.TEXT2, lines=0)
        top = QHBoxLayout()
        top.addWidget(self._title, 3)
        top.addWidget(self._outcome, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._why)

    def show_run(self, run: DryRun) -> None:
        """Show what would have become of this request."""
        self._title.say(run.title)
        self._outcome.say(*rule_words.outcome_words(run.would))
        self._why.say(run.why)
