"""``homeapp offers``: requests, the answers to them, and what stopping one costs."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo

from homeapp import api
from homeapp.client import Client
from homeapp.commands import rule_commands
from homeapp.errors import WrongState
from homeapp.model.offer import Choice, FollowUp, Offer, OfferCase
from homeapp.model.standing_rule import StopTerms

_DIGEST_SHOWN = 12
_INDENT = " " * 11


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """``offers`` with its verbs."""
    offers = commands.add_parser("offers", help="list, show, approve or decline requests; your rules", parents=[common])
    verbs = offers.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common]).set_defaults(command=_list, lines=_offers_lines)
    _about_one(verbs, common, "show").set_defaults(command=_show, lines=_shown_lines)
    approve = _about_one(verbs, common, "approve")
    approve.add_argument("--power-w", type=float, help="promise less than what is asked for, W")
    approve.add_argument("--energy-wh", type=float, help="feed no more than this, Wh")
    approve.set_defaults(command=_approve)
    _about_one(verbs, common, "decline").set_defaults(command=_decline)
    stop = _about_one(verbs, common, "stop", help="take your yes back; 'stop-price' says what that costs")
    stop.set_defaults(command=_stop)
    for verb in (approve, verbs.choices["decline"], stop):
        verb.add_argument("--digest", default="", help="as 'offers show' told it: refuse if changed since")
        verb.set_defaults(lines=_offer_lines)
    price = _about_one(verbs, common, "stop-price", help="say what stopping it now costs")
    price.set_defaults(command=_stop_price, lines=_stop_lines)
    rule_commands.add_commands(verbs, common)


def _about_one(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    verb: str,
    help: str | None = None,  # noqa: A002 - argparse's own word
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(verb, parents=[common], help=help)
    parser.add_argument("key", help="as 'offers list' shows it, for instance evc_sp/1234")
    return parser


async def _list(client: Client, _arguments: argparse.Namespace) -> object:
    return await client.call(api.ListOffers())


async def _show(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.ShowOffer(key=arguments.key))


async def _approve(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.ACCEPT)


async def _decline(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.DECLINE)


async def _stop(client: Client, arguments: argparse.Namespace) -> object:
    return await _decide(client, arguments, Choice.WITHDRAW)


async def _stop_price(client: Client, arguments: argparse.Namespace) -> object:
    return await client.call(api.StopPrice(key=arguments.key))


async def _decide(client: Client, arguments: argparse.Namespace, choice: Choice) -> OfferCase:
    case = await client.call(api.ShowOffer(key=arguments.key))
    if not case.digest.startswith(arguments.digest):
        raise WrongState("This request has changed since you saw it. Look at it again: homeapp offers show")
    return await client.call(
        api.DecideOffer(
            key=arguments.key,
            digest=case.digest,
            choice=choice,
            committed_w=getattr(arguments, "power_w", None),
            committed_wh=getattr(arguments, "energy_wh", None),
        )
    )


def _offers_lines(cases: tuple[OfferCase, ...], zone: ZoneInfo) -> list[str]:
    return [line for case in cases for line in _offer_lines(case, zone)]


def _offer_lines(case: OfferCase, zone: ZoneInfo) -> list[str]:
    offer = case.offer
    reward = f"  earns {offer.reward} {offer.currency}" if offer.reward is not None else ""
    told = [*([case.problem] if case.problem else []), *case.ineligible]
    span = f"{_local(offer.start, zone)} to {_local(offer.end, zone)}"
    first = f"{offer.key}  {case.state}  {offer.title}  ({offer.sp_name}, {span}){reward}"
    return [first, *(f"{_INDENT}-> {sentence}" for sentence in told)]


def _shown_lines(case: OfferCase, zone: ZoneInfo) -> list[str]:
    offer = case.offer
    lines = [offer.description] if offer.description else []
    for item in offer.intervals:
        asked = "" if item.setpoint_w is None else f"  {item.setpoint_w:+.0f} W"
        most = "" if item.max_w is None else f"  at most {item.max_w:.0f} W"
        lines.append(f"{_local(item.start, zone)} to {_local(item.end, zone)}{asked}{most}")
    lines += _terms_lines(offer, zone)
    lines += [f"cannot stand beside {key}" for key in case.clashes]
    lines += [f"answered by your rule {case.rule}"] if case.rule and case.decision is not None else []
    lines += [] if case.follow_up is None else _follow_up_lines(case.follow_up)
    lines += [f"answer before {_local(offer.expires_at, zone)}", f"digest {case.digest[:_DIGEST_SHOWN]}"]
    return [*_offer_lines(case, zone), *(_INDENT + line for line in lines)]


def _terms_lines(offer: Offer, zone: ZoneInfo) -> list[str]:
    lines = [f"pays {item.amount} {offer.currency} {item.basis.replace('_', ' ')}" for item in offer.rewards]
    if offer.min_soc_pct is not None:
        lines.append(f"not below {offer.min_soc_pct:.0f} % of the battery")
    if offer.max_feed_wh is not None:
        lines.append(f"at most {offer.max_feed_wh:.0f} Wh")
    if (
        offer.battery is not None
        and offer.battery.guaranteed_soc_pct is not None
        and offer.battery.ready_by is not None
    ):
        lines.append(f"{offer.battery.guaranteed_soc_pct:.0f} % again by {_local(offer.battery.ready_by, zone)}")
    if offer.penalty is not None:
        lines.append(f"less than agreed costs: {offer.penalty.basis.replace('_', ' ')} {offer.penalty.amount}")
    if offer.cancellation is not None and offer.cancellation.owner_until is not None:
        lines.append(f"free to stop until {_local(offer.cancellation.owner_until, zone)}")
    lines += [f"it gets to know: {text}" for text in offer.data_shared]
    lines += [f"terms: {offer.terms_url}"] if offer.terms_url else []
    lines += [f"a term that this hub does not understand: {name}" for name in offer.unsupported]
    return lines


def _follow_up_lines(follow_up: FollowUp) -> list[str]:
    lines = []
    if follow_up.promised_wh is not None:
        lines.append(f"{(follow_up.measured_wh or 0.0) / 1000:.2f} of {follow_up.promised_wh / 1000:.2f} kWh")
    if follow_up.promised_money is not None and follow_up.earned_money is not None:
        lines.append(f"{follow_up.earned_money} of {follow_up.promised_money} {follow_up.currency}")
    return [*lines, follow_up.receipt]


def _stop_lines(terms: StopTerms, _zone: ZoneInfo) -> list[str]:
    return [terms.sentence]


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %H:%M}"
