"""A standing rule as a sentence: its parts as codes and values for the screen, and the whole in English."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from homeapp.model.offer import OfferKind
from homeapp.model.standing_rule import ALL_DAYS, Clause, ClauseCode, RuleAction, RuleView, StandingRule

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KINDS = {
    OfferKind.POWER_FEED: "power feeds",
    OfferKind.LOAD_SHED: "requests to charge less",
    OfferKind.LOAD_SHIFT: "requests to charge at another time",
    OfferKind.CHARGE_BOOST: "requests to charge now",
}
RULE_KINDS = tuple(_KINDS)
"""What a rule can be about."""
_NEGATIVE = frozenset({RuleAction.DECLINE, RuleAction.ASK})
_LIMITS = frozenset(
    {
        ClauseCode.PAYS_AT_LEAST,
        ClauseCode.PAYS_LESS,
        ClauseCode.CYCLES_AT_MOST,
        ClauseCode.CYCLES_MORE,
        ClauseCode.SOC_AT_LEAST,
        ClauseCode.SOC_LESS,
    }
)


def view(rule: StandingRule, name_of: Callable[[str], str]) -> RuleView:
    """``rule`` as it is shown; ``name_of`` gives a provider's name for people."""
    said = (*_selection(rule, name_of), *_limits(rule))
    return RuleView(rule=rule, clauses=said, sentence=_sentence(said, asks_all=rule.action not in _NEGATIVE))


def _selection(rule: StandingRule, name_of: Callable[[str], str]) -> tuple[Clause, ...]:
    said = [Clause(code=ClauseCode(rule.action.value))]
    said.append(
        Clause(code=ClauseCode.ANY_KIND)
        if rule.kind is None
        else Clause(code=ClauseCode.KIND, values={"kind": rule.kind.value})
    )
    said.append(
        Clause(code=ClauseCode.PROVIDER, values={"provider": name_of(rule.sp_id)})
        if rule.sp_id
        else Clause(code=ClauseCode.ANY_PROVIDER)
    )
    if rule.weekdays and set(rule.weekdays) != set(ALL_DAYS):
        said.append(Clause(code=ClauseCode.WEEKDAYS, values={"days": ",".join(map(str, sorted(rule.weekdays)))}))
    if rule.not_before:
        said.append(Clause(code=ClauseCode.HOURS, values={"from": rule.not_before, "to": rule.not_after}))
    return tuple(said)


def _limits(rule: StandingRule) -> tuple[Clause, ...]:
    negative, said = rule.action in _NEGATIVE, []
    for amount, per in ((rule.least_per_kwh, "kwh"), (rule.least_per_event, "event")):
        if amount is not None:
            code = ClauseCode.PAYS_LESS if negative else ClauseCode.PAYS_AT_LEAST
            said.append(Clause(code=code, values={"amount": _plain(amount), "currency": rule.currency, "per": per}))
    if rule.most_cycles_per_week is not None:
        code = ClauseCode.CYCLES_MORE if negative else ClauseCode.CYCLES_AT_MOST
        said.append(Clause(code=code, values={"cycles": f"{rule.most_cycles_per_week:g}"}))
    if rule.least_soc_pct is not None:
        code = ClauseCode.SOC_LESS if negative else ClauseCode.SOC_AT_LEAST
        said.append(Clause(code=code, values={"soc_pct": f"{rule.least_soc_pct:g}"}))
    return tuple(said)


def _sentence(clauses: tuple[Clause, ...], *, asks_all: bool) -> str:
    limits = [_english(clause) for clause in clauses if clause.code in _LIMITS]
    text = " ".join(filter(None, (_english(clause) for clause in clauses if clause.code not in _LIMITS)))
    joined = (" and " if asks_all else " or ").join(limits)
    return f"{text}{' that ' if joined else ''}{joined}."


def _english(clause: Clause) -> str:
    return _WORDS[clause.code](clause.values)


def _days(values: Mapping[str, str]) -> str:
    return "on " + ", ".join(_DAYS[int(day)] for day in values["days"].split(","))


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _money(values: Mapping[str, str]) -> str:
    per = "kWh" if values["per"] == "kwh" else "request"
    return f"{values['amount']} {values['currency']} per {per}"


_WORDS: Mapping[ClauseCode, Callable[[Mapping[str, str]], str]] = {
    ClauseCode.ACCEPT: lambda _: "Accept",
    ClauseCode.TAKE_PART: lambda _: "Unless I say no, take part in",
    ClauseCode.DECLINE: lambda _: "Decline",
    ClauseCode.ASK: lambda _: "Always ask me about",
    ClauseCode.KIND: lambda values: _KINDS[OfferKind(values["kind"])],
    ClauseCode.ANY_KIND: lambda _: "all requests for power",
    ClauseCode.PROVIDER: lambda values: f"of {values['provider']}",
    ClauseCode.ANY_PROVIDER: lambda _: "",
    ClauseCode.WEEKDAYS: _days,
    ClauseCode.HOURS: lambda values: f"between {values['from']} and {values['to']}",
    ClauseCode.PAYS_AT_LEAST: lambda values: f"pay at least {_money(values)}",
    ClauseCode.PAYS_LESS: lambda values: f"pay less than {_money(values)}",
    ClauseCode.CYCLES_AT_MOST: lambda values: f"keep it at {values['cycles']} battery cycles a week",
    ClauseCode.CYCLES_MORE: lambda values: f"take more than {values['cycles']} battery cycles a week",
    ClauseCode.SOC_AT_LEAST: lambda values: f"leave at least {values['soc_pct']} % at departure",
    ClauseCode.SOC_LESS: lambda values: f"leave less than {values['soc_pct']} % at departure",
}
