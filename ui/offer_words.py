"""Sentences about requests: what is asked, where it stands, what was answered."""

from datetime import datetime
from decimal import Decimal

from homeapp.api import Role
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferCase, OfferKind, OfferState, Receipt
from ui import formats, job_words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View, waits_for_owner


def badge(offer: Offer) -> tuple[str, Tone]:
    """The class of a request, in capitals."""
    if offer.kind.is_job:
        return job_words.badge(offer.kind)
    return {
        OfferKind.POWER_FEED: (tr("POWER FEED OFFER"), Tone.VIOLET),
        OfferKind.LOAD_SHED: (tr("REDUCE CHARGING"), Tone.GREEN),
        OfferKind.LOAD_SHIFT: (tr("CHARGE LATER"), Tone.GREEN),
        OfferKind.CHARGE_BOOST: (tr("CHARGE NOW"), Tone.GREEN),
        OfferKind.ALERT: (tr("GRID NEWS"), Tone.AMBER),
        OfferKind.CAPACITY_LIMIT: (tr("GRID LIMIT"), Tone.BLUE),
    }[offer.kind]


def binding_words(case: OfferCase) -> str:
    """Whose decision it is."""
    if case.binding is Binding.OPT_OUT and case.rule:
        return tr("Part of your contract. By your rule you take part unless you decline.")
    return {
        Binding.MANDATORY: tr("Must be followed – nothing to decide."),
        Binding.OWNER_DECIDES: tr("You decide. No answer means no."),
        Binding.OPT_OUT: tr("The provider speaks of a contract. No rule of yours says so: no answer means no."),
        Binding.MY_RULE: tr("Covered by your own rule."),
    }[case.binding]


def answer_words(case: OfferCase) -> str:
    """Whose decision it is, or what the owner has decided."""
    if case.binding in (Binding.OWNER_DECIDES, Binding.OPT_OUT) and case.decision is not None:
        return tr("Your answer: {answer}.", answer=choice_words(case.decision.choice))
    return binding_words(case)


def state_words(case: OfferCase, view: View) -> tuple[str, Tone]:
    """Where a request stands; only what the provider itself has confirmed is called confirmed."""
    offer = case.offer
    of_job = job_words.state_words(case, view) if offer.kind.is_job else None
    if of_job is not None:
        return of_job
    if case.state is OfferState.SCHEDULED:
        start = formats.moment(offer.start, view.now, view.zone)
        return tr("Planned for {start}", start=start), Tone.BLUE
    if case.state is OfferState.ACTIVE:
        return tr("Running until {end}", end=formats.moment(offer.end, view.now, view.zone)), badge(offer)[1]
    if case.state is OfferState.PENDING and not waits_for_owner(case):
        return tr("Received"), Tone.BLUE
    return {
        OfferState.RECEIVED: (tr("Being checked"), Tone.BLUE),
        OfferState.INVALID: (tr("Turned away – it failed a check"), Tone.RED),
        OfferState.PENDING: (tr("Waiting for your answer"), Tone.AMBER),
        OfferState.ACCEPTED: (tr("Approved – being sent"), Tone.BLUE),
        OfferState.DECLINED: (tr("Declined"), Tone.TEXT2),
        OfferState.EXPIRED: (tr("Expired without an answer"), Tone.TEXT2),
        OfferState.RELAYED: (tr("Sent, waiting for the provider"), Tone.BLUE),
        OfferState.CONFIRMED: (tr("Confirmed by the provider"), Tone.GREEN),
        OfferState.REJECTED: (tr("The provider said no"), Tone.RED),
        OfferState.COMPLETED: (tr("Done"), Tone.GREEN),
        OfferState.PARTIAL: (tr("Partly done"), Tone.AMBER),
        OfferState.ABORTED: (tr("Stopped early"), Tone.AMBER),
        OfferState.CANCELLED: (tr("Taken back"), Tone.TEXT2),
        OfferState.SUPERSEDED: (tr("Replaced by a newer one"), Tone.TEXT2),
    }[case.state]


def asked(offer: Offer) -> str:
    """What is asked for, in numbers where there are any."""
    if offer.kind.is_job:
        return job_words.asked(offer)
    setpoints = [item.setpoint_w for item in offer.intervals if item.setpoint_w is not None]
    limits = [item.max_w for item in offer.intervals if item.max_w is not None]
    if offer.kind is OfferKind.POWER_FEED:
        power = formats.kilowatts(min(setpoints, default=None))
        if offer.max_feed_wh is None:
            return tr("Feed {power} from your car", power=power)
        energy = formats.kilowatt_hours(offer.max_feed_wh)
        return tr("Feed {power} from your car, {energy} at most", power=power, energy=energy)
    if offer.kind is OfferKind.ALERT:
        return tr("Nothing to do")
    if offer.kind is OfferKind.CHARGE_BOOST and setpoints:
        return tr("Charge with {power} then", power=formats.kilowatts(max(setpoints)))
    limit = min([*limits, *(max(0.0, value) for value in setpoints)], default=None)
    if limit == 0:
        return tr("Pause charging")
    if offer.kind is OfferKind.CAPACITY_LIMIT:
        return tr("Draw {power} at most", power=formats.kilowatts(limit))
    return tr("Charge with {power} at most", power=formats.kilowatts(limit))


def when(offer: Offer, view: View) -> str:
    """The span of time that is asked for; of a job that may be done already, its end."""
    if offer.kind.is_job and offer.start <= view.now:
        return tr("By {end}", end=formats.moment(offer.end, view.now, view.zone)).replace(" ", "\u00a0")
    return formats.window(offer.start, offer.end, view.now, view.zone)


def reward(offer: Offer) -> str:
    """What the owner gets."""
    return formats.money(offer.reward, offer.currency)


def earn_line(offer: Offer) -> str:
    """Money first, then the car: one line; of a job what it is and what leaves the home."""
    parts = [asked(offer), job_words.short_promise()] if offer.kind.is_job else []
    if offer.reward is not None and offer.reward > Decimal(0):
        parts.append(tr("Earn {money}", money=reward(offer)))
    if offer.min_soc_pct is not None:
        parts.append(tr("car stays above {floor}", floor=formats.percent(offer.min_soc_pct)))
    return " · ".join(parts) or asked(offer)


def strip_line(offer: Offer, view: View) -> str:
    """The same with the time, where room is short; of a job what leaves the home is a line of its own."""
    if offer.kind.is_job:
        return f"{asked(offer)} · {when(offer, view)}\n{job_words.short_promise()}"
    return f"{earn_line(offer)} · {when(offer, view)}"


def deadline(offer: Offer, now: datetime) -> str:
    """What remains to decide."""
    return formats.left((offer.expires_at - now).total_seconds())


def withdraw_question(offer: Offer) -> str:
    """What to consider before an approval is taken back."""
    if offer.kind.is_job:
        return tr("You approved this. If you take it back it will not be done.")
    return tr("You approved this. If you take it back you may lose what you would earn.")


def choice_words(choice: Choice) -> str:
    """What was answered."""
    return {
        Choice.ACCEPT: tr("Approved"),
        Choice.DECLINE: tr("Declined"),
        Choice.WITHDRAW: tr("Withdrawn"),
        Choice.ACKNOWLEDGE: tr("Seen"),
        Choice.NO_RESPONSE: tr("No answer in time"),
    }[choice]


def decision_words(decision: Decision) -> str:
    """What was answered and by whom."""
    words = choice_words(decision.choice)
    if decision.decided_by.startswith("rule:"):
        return tr("{answer} by your rule", answer=words)
    return tr("{answer} by you", answer=words) if decision.decided_by in set(Role) else words


def transport_words(receipt: Receipt) -> str:
    """The answer was handed over; this is not yet the provider's own word."""
    return tr("Handed over – not yet the provider's word") if receipt.confirmed else tr("Could not be handed over")


def business_words(receipt: Receipt, provider: str) -> str:
    """The provider's own word."""
    if receipt.confirmed:
        return tr("Confirmed by {provider}", provider=provider)
    words = tr("{provider} said no", provider=provider)
    return f"{words}: {receipt.reason}" if receipt.reason else words


def delivered(case: OfferCase) -> str:
    """Energy moved for a request so far."""
    energy = formats.kilowatt_hours(case.delivered_wh)
    if case.delivered_wh is not None and case.delivered_wh > 0:
        return tr("{energy} charged meanwhile", energy=energy)
    return tr("{energy} fed", energy=energy)
