"""The terms of a request beyond time and power, one sentence each, and what speaks against it."""

from collections.abc import Iterator

from homeapp.model.offer import FollowUp, Offer, OfferCase
from homeapp.model.offer_terms import Penalty, PenaltyBasis, Reward, RewardBasis, WearUnit
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import View

Line = tuple[str, str, Tone]
"""An icon, a sentence, and the icon's colour."""


def against(case: OfferCase, view: View) -> tuple[Line, ...]:
    """Why it cannot or should not be approved as it is."""
    titles = {other.offer.key: other.offer.title for other in view.offers or ()}
    lines = [("alert-circle", sentence, Tone.AMBER) for sentence in case.ineligible]
    for key in case.clashes:
        words = tr("At the same time as “{title}”: only one of them can have the power.", title=titles.get(key, key))
        lines.append(("scale", words, Tone.AMBER))
    if case.offer.unsupported:
        names = ", ".join(case.offer.unsupported)
        words = tr("It has terms that this hub does not understand: {names}. Ask the provider first.", names=names)
        lines.append(("alert-circle", words, Tone.AMBER))
    return tuple(lines)


def terms(offer: Offer, view: View) -> tuple[Line, ...]:
    """What else is part of it."""
    return tuple((icon, words, Tone.TEXT2) for icon, words in _terms(offer, view))


def follow_up(case: OfferCase) -> tuple[Line, ...]:
    """What came of it, against what was promised."""
    told = case.follow_up
    return () if told is None else tuple(_follow_up(told))


def _terms(offer: Offer, view: View) -> Iterator[tuple[str, str]]:
    for reward in offer.rewards:
        yield "coins", _reward(reward, offer.currency)
    if offer.penalty is not None:
        yield "scale", _penalty(offer.penalty, offer.currency)
    yield from _battery(offer, view)
    yield from _cancellation(offer, view)
    if offer.randomize_start:
        minutes = round(offer.randomize_start.total_seconds() / 60)
        yield "clock", tr("Homes begin up to {minutes} min earlier or later than each other.", minutes=minutes)
    if offer.data_shared:
        yield "shield-lock", tr("The provider gets to know: {names}.", names=", ".join(offer.data_shared))
    if offer.terms_url:
        yield "info-circle", tr("Its terms: {address}", address=offer.terms_url)


def _reward(reward: Reward, currency: str) -> str:
    money = formats.money(reward.amount, currency)
    words = {
        RewardBasis.PER_EVENT: tr("{money} for the whole of it", money=money),
        RewardBasis.PER_KWH: tr("{money} for each kWh", money=money),
        RewardBasis.PER_HOUR: tr("{money} for each hour that you are ready", money=money),
        RewardBasis.PER_CYCLE: tr("{money} for each battery cycle", money=money),
        RewardBasis.POINTS: tr("{points} points of the provider's own scheme", points=f"{reward.amount:f}"),
    }[reward.basis]
    if reward.cap is None:
        return f"{words}."
    return tr("{words}, at most {cap}.", words=words, cap=formats.money(reward.cap, currency))


def _penalty(penalty: Penalty, currency: str) -> str:
    money = formats.money(penalty.amount, currency)
    words = {
        PenaltyBasis.PER_KWH_SHORTFALL: tr("If less is delivered you pay {money} for each kWh", money=money),
        PenaltyBasis.FIXED: tr("If less is delivered you pay {money}", money=money),
        PenaltyBasis.FORFEIT_REWARD: tr("If less is delivered you get nothing, and pay nothing"),
    }[penalty.basis]
    if penalty.tolerance_pct <= 0:
        return f"{words}."
    return tr("{words}; {part} may be missing.", words=words, part=formats.percent(penalty.tolerance_pct))


def _battery(offer: Offer, view: View) -> Iterator[tuple[str, str]]:
    battery = offer.battery
    if battery is None:
        return
    if battery.guaranteed_soc_pct is not None:
        soc = formats.percent(battery.guaranteed_soc_pct)
        if battery.ready_by is None:
            yield "battery-2", tr("Your car has {soc} again afterwards.", soc=soc)
        else:
            when = formats.moment(battery.ready_by, view.now, view.zone)
            yield "battery-2", tr("Your car has {soc} again at {when}.", soc=soc, when=when)
    if battery.max_feed_cycles is not None:
        yield "battery-2", tr("It takes {cycles} battery cycles at most.", cycles=f"{battery.max_feed_cycles:g}")
    wear = battery.wear_compensation
    if wear is not None:
        money = formats.money(wear.amount, offer.currency)
        if wear.per is WearUnit.KWH:
            yield "coins", tr("{money} for each kWh for the battery's wear.", money=money)
        else:
            yield "coins", tr("{money} for each cycle for the battery's wear.", money=money)


def _cancellation(offer: Offer, view: View) -> Iterator[tuple[str, str]]:
    terms = offer.cancellation
    if terms is None:
        return
    if terms.owner_until is not None:
        until = formats.moment(terms.owner_until, view.now, view.zone)
        yield "arrow-back-up", tr("You can back out for nothing until {until}.", until=until)
    if terms.owner_fee is not None:
        money = formats.money(terms.owner_fee, offer.currency)
        yield "arrow-back-up", tr("Backing out later costs {money}.", money=money)
    if terms.provider_until is not None:
        until = formats.moment(terms.provider_until, view.now, view.zone)
        yield "arrow-back-up", tr("The provider may take it back until {until}.", until=until)


def _follow_up(told: FollowUp) -> Iterator[Line]:
    if told.measured_wh is not None:
        measured = formats.kilowatt_hours(told.measured_wh)
        if told.promised_wh is None:
            yield "gauge", tr("Measured here: {measured}.", measured=measured), Tone.TEXT2
        else:
            promised = formats.kilowatt_hours(told.promised_wh)
            words = tr("Measured here: {measured} of {promised} promised.", measured=measured, promised=promised)
            yield "gauge", words, Tone.TEXT2
    if told.earned_money is not None:
        earned = formats.money(told.earned_money, told.currency)
        if told.promised_money is None:
            yield "coins", tr("Earned by the terms: {earned}.", earned=earned), Tone.GREEN
        else:
            promised = formats.money(told.promised_money, told.currency)
            words = tr("Earned by the terms: {earned} of {promised}.", earned=earned, promised=promised)
            yield "coins", words, Tone.GREEN
    if told.receipt:
        yield "circle-check" if told.settled else "clock", told.receipt, Tone.GREEN if told.settled else Tone.AMBER
