"""The owner's standing rules in words, from the parts that the hub gives."""

from decimal import Decimal

from homeapp.model.offer import OfferKind
from homeapp.model.standing_rule import Clause, ClauseCode, DryRun, Outcome, RuleAction, RuleView
from ui import formats, plan_words
from ui.theme import Tone
from ui.tr import tr

_NEGATIVE = (RuleAction.DECLINE, RuleAction.ASK)


def sentence(view: RuleView) -> str:
    """The whole rule as one sentence."""
    selection = [words for clause in view.clauses if clause.code not in _LIMITS and (words := _clause(clause))]
    limits = [_clause(clause) for clause in view.clauses if clause.code in _LIMITS]
    text = " ".join(selection)
    if not limits:
        return f"{text}."
    joint = tr(" or ") if view.rule.action in _NEGATIVE else tr(" and ")
    return tr("{rule} that {limits}.", rule=text, limits=joint.join(limits))


def action_words(action: RuleAction) -> str:
    """What a rule does, as a button."""
    return {
        RuleAction.ACCEPT: tr("Accept"),
        RuleAction.TAKE_PART: tr("Take part"),
        RuleAction.DECLINE: tr("Decline"),
        RuleAction.ASK: tr("Ask me"),
    }[action]


def kind_words(kind: OfferKind | None) -> str:
    """What a rule is about."""
    return {
        None: tr("all requests for power"),
        OfferKind.POWER_FEED: tr("power feeds"),
        OfferKind.LOAD_SHED: tr("requests to charge less"),
        OfferKind.LOAD_SHIFT: tr("requests to charge at another time"),
        OfferKind.CHARGE_BOOST: tr("requests to charge now"),
    }[kind]


def outcome_words(outcome: Outcome) -> tuple[str, Tone]:
    """What a rule would have led to, and its colour."""
    return {
        Outcome.ACCEPTED: (tr("Accepted"), Tone.GREEN),
        Outcome.DECLINED: (tr("Declined"), Tone.TEXT2),
        Outcome.LEFT_TO_YOU: (tr("Left to you"), Tone.BLUE),
    }[outcome]


def dry_run_summary(runs: tuple[DryRun, ...]) -> str:
    """What it would have done with everything so far."""
    if not runs:
        return tr("There has been no request yet that it could have answered.")
    accepted, declined = (sum(run.would is outcome for run in runs) for outcome in (Outcome.ACCEPTED, Outcome.DECLINED))
    return tr(
        "Of {count} requests so far it would have accepted {accepted} and declined {declined}; the rest is left to "
        "you.",
        count=len(runs),
        accepted=accepted,
        declined=declined,
    )


def _clause(clause: Clause) -> str:
    values = clause.values
    match clause.code:
        case ClauseCode.KIND:
            return kind_words(OfferKind(values["kind"]))
        case ClauseCode.PROVIDER:
            return tr("of {provider}", provider=values["provider"])
        case ClauseCode.WEEKDAYS:
            days = tuple(int(day) + 1 for day in values["days"].split(","))
            return tr("on {days}", days=plan_words.days_words(days))
        case ClauseCode.HOURS:
            return tr("between {start} and {end}", start=values["from"], end=values["to"])
        case _:
            return _fixed(clause.code) or _limit(clause)


def _fixed(code: ClauseCode) -> str:
    return {
        ClauseCode.ACCEPT: tr("Accept"),
        ClauseCode.TAKE_PART: tr("Unless I say no, take part in"),
        ClauseCode.DECLINE: tr("Decline"),
        ClauseCode.ASK: tr("Always ask me about"),
        ClauseCode.ANY_KIND: kind_words(None),
    }.get(code, "")


def _limit(clause: Clause) -> str:
    values = clause.values
    match clause.code:
        case ClauseCode.PAYS_AT_LEAST:
            return tr("pay at least {money}", money=_money(clause))
        case ClauseCode.PAYS_LESS:
            return tr("pay less than {money}", money=_money(clause))
        case ClauseCode.CYCLES_AT_MOST:
            return tr("keep it at {cycles} battery cycles a week", cycles=values["cycles"])
        case ClauseCode.CYCLES_MORE:
            return tr("take more than {cycles} battery cycles a week", cycles=values["cycles"])
        case ClauseCode.SOC_AT_LEAST:
            return tr("leave at least {soc} % at departure", soc=values["soc_pct"])
        case ClauseCode.SOC_LESS:
            return tr("leave less than {soc} % at departure", soc=values["soc_pct"])
        case _:
            return ""


def _money(clause: Clause) -> str:
    money = formats.money(Decimal(clause.values["amount"]), clause.values["currency"])
    return tr("{money} per kWh", money=money) if clause.values["per"] == "kwh" else tr("{money} each", money=money)


_LIMITS = (
    ClauseCode.PAYS_AT_LEAST,
    ClauseCode.PAYS_LESS,
    ClauseCode.CYCLES_AT_MOST,
    ClauseCode.CYCLES_MORE,
    ClauseCode.SOC_AT_LEAST,
    ClauseCode.SOC_LESS,
)
