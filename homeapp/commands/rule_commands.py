"""``homeapp offers rules``: the owner's standing rules, and what one would have done with past requests."""

import argparse
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.errors import SettingsInvalid
from homeapp.model.offer import OfferKind
from homeapp.model.standing_rule import DryRun, RuleAction, RuleView, StandingRule

_KINDS = [kind.value for kind in OfferKind if kind.takes_power]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def add_commands(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """``rules`` with its verbs."""
    rules = verbs.add_parser("rules", help="what is answered without asking you", parents=[common])
    own = rules.add_subparsers(dest="rule_verb", required=True)
    own.add_parser("list", parents=[common]).set_defaults(command=_list, lines=_rules_lines)
    add = own.add_parser("add", help="keep a rule for requests that come from now on", parents=[common])
    add.add_argument("--id", default="", dest="rule_id", help="of the rule that it replaces, as 'list' shows it")
    add.set_defaults(command=_keep, lines=_rule_lines)
    trial = own.add_parser("try", help="say what it would have done with past requests", parents=[common])
    trial.set_defaults(command=_try, lines=_dry_run_lines, rule_id="")
    for parser in (add, trial):
        _add_terms(parser)
    remove = own.add_parser("remove", parents=[common])
    remove.add_argument("rule_id", help="as 'list' shows it")
    remove.set_defaults(command=_remove)


def _add_terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=[action.value for action in RuleAction])
    parser.add_argument("--provider", default="", help="its id, for instance evc_sp; all without")
    parser.add_argument("--kind", choices=_KINDS)
    parser.add_argument("--days", default="", help="on which it begins, for instance mon,tue")
    parser.add_argument("--between", nargs=2, metavar="HH:MM", default=("", ""), help="it lies as a whole within")
    parser.add_argument("--least-per-kwh", help="least reward per kWh")
    parser.add_argument("--least-per-event", help="least reward for the whole of it")
    parser.add_argument("--currency", default="", help="of the two, for instance EUR")
    parser.add_argument("--cycles-per-week", type=float, help="most battery cycles fed within a week")
    parser.add_argument("--least-soc", type=float, help="least charge of the car at departure, percent")


def _rule(arguments: argparse.Namespace) -> StandingRule:
    return StandingRule(
        action=RuleAction(arguments.action),
        rule_id=arguments.rule_id,
        sp_id=arguments.provider,
        kind=None if arguments.kind is None else OfferKind(arguments.kind),
        weekdays=_weekdays(arguments.days),
        not_before=arguments.between[0],
        not_after=arguments.between[1],
        least_per_kwh=_money(arguments.least_per_kwh),
        least_per_event=_money(arguments.least_per_event),
        currency=arguments.currency,
        most_cycles_per_week=arguments.cycles_per_week,
        least_soc_pct=arguments.least_soc,
    )


def _weekdays(told: str) -> tuple[int, ...]:
    names = [name for name in told.lower().split(",") if name]
    if unknown := set(names) - set(_DAYS):
        raise SettingsInvalid(f"There is no day {sorted(unknown)[0]!r}; days are {', '.join(_DAYS)}.")
    return tuple(sorted({_DAYS.index(name) for name in names}))


def _money(told: str | None) -> Decimal | None:
    try:
        return None if told is None else Decimal(told)
    except InvalidOperation as error:
        raise SettingsInvalid(f"{told!r} is no amount of money; write it like 0.30.") from error


async def _list(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListRules())


async def _keep(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.KeepRule(rule=_rule(arguments)))


async def _try(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.DryRunRule(rule=_rule(arguments)))


async def _remove(client: Client, arguments: argparse.Namespace) -> object:
    await client.call(api.RemoveRule(rule_id=arguments.rule_id))
    return None


def _rules_lines(views: tuple[RuleView, ...], zone: ZoneInfo) -> list[str]:
    return [line for view in views for line in _rule_lines(view, zone)]


def _rule_lines(view: RuleView, _zone: ZoneInfo) -> list[str]:
    return [f"{view.rule.rule_id}  {view.sentence}"]


def _dry_run_lines(lines: tuple[DryRun, ...], zone: ZoneInfo) -> list[str]:
    return [f"{_local(line.when, zone)}  {line.would.replace('_', ' ')}  {line.title}: {line.why}" for line in lines]


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
