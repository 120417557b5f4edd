"""The timeline of decisions in words."""

from homeapp.model.offer import OfferState
from homeapp.model.why import Circumstances, WhyEntry, WhyTopic
from ui import formats, plan_words, words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View


def icon(entry: WhyEntry) -> tuple[str, Tone]:
    """A picture of what an entry is about, and its colour."""
    match entry.topic:
        case WhyTopic.MODE:
            return plan_words.MODE_ICONS[entry.mode] if entry.mode else "adjustments", Tone.TEXT
        case WhyTopic.REQUEST:
            return "inbox", Tone.BLUE
        case WhyTopic.CHARGER:
            if entry.power_w is not None and entry.power_w < 0:
                return "arrow-back-up", Tone.VIOLET
            charging = entry.power_w is not None and entry.power_w > 0
            return "charging-pile", Tone.GREEN if charging else Tone.TEXT2


def title(entry: WhyEntry, view: View) -> str:
    """What happened."""
    match entry.topic:
        case WhyTopic.MODE:
            return tr("You chose: {mode}", mode=words.mode_words(entry.mode)) if entry.mode else ""
        case WhyTopic.REQUEST:
            return tr("{request}: {state}", request=entry.name, state=_state_words(entry))
        case WhyTopic.CHARGER:
            said = words.doing_words(entry.doing) if entry.doing else ""
            if entry.until is not None:
                until = formats.moment(entry.until, view.now, view.zone)
                said = tr("{said}, until {until}", said=said, until=until)
            return tr("{name}: {said}", name=entry.name, said=said) if entry.name else said


def seen_words(entry: WhyEntry) -> str:
    """What the hub saw then, the most telling first; empty where it saw nothing."""
    seen = entry.seen
    parts = [
        _price(seen),
        tr("plan: {why}", why=words.reason_words(seen.slot)) if seen.slot and entry.topic is WhyTopic.CHARGER else "",
        "" if seen.soc_pct is None else tr("car at {soc}", soc=formats.percent(seen.soc_pct)),
        _fuse(seen),
        _grid(seen),
    ]
    return " · ".join(part for part in parts if part)


def _state_words(entry: WhyEntry) -> str:
    by_rule = entry.decided_by.startswith("rule:")
    return {
        OfferState.RELAYED: tr("agreed by your rule") if by_rule else tr("you agreed"),
        OfferState.DECLINED: tr("declined by your rule") if by_rule else tr("you declined"),
        OfferState.PENDING: tr("waits for you"),
        OfferState.EXPIRED: tr("not answered in time"),
        OfferState.CONFIRMED: tr("confirmed by the provider"),
        OfferState.REJECTED: tr("the provider said no"),
        OfferState.SCHEDULED: tr("will run"),
        OfferState.ACTIVE: tr("began"),
        OfferState.COMPLETED: tr("done"),
        OfferState.PARTIAL: tr("done in part"),
        OfferState.ABORTED: tr("ended early"),
        OfferState.CANCELLED: tr("taken back by the provider"),
        OfferState.SUPERSEDED: tr("changed by the provider"),
    }.get(entry.state or OfferState.RECEIVED, "")


def _price(seen: Circumstances) -> str:
    return "" if seen.price is None else formats.price(seen.price, seen.currency)


def _fuse(seen: Circumstances) -> str:
    if seen.phase_a is None:
        return ""
    return tr("main fuse {phase} of {fuse} A", phase=f"{seen.phase_a:.1f}", fuse=f"{seen.fuse_a:.0f}")


def _grid(seen: Circumstances) -> str:
    if seen.grid_w is None:
        return ""
    power = formats.kilowatts(seen.grid_w)
    return tr("selling {power}", power=power) if seen.grid_w < 0 else tr("buying {power}", power=power)
