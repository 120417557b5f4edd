"""What is not as it should be, or holds for a while: one line each, the most urgent first."""

from dataclasses import dataclass
from datetime import datetime

from homeapp.model.live import LinkState, Snapshot
from homeapp.model.offer import Binding, OfferCase, OfferState
from ui import formats, offer_words, words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sentence, its colour, and since when it holds."""

    words: str
    tone: Tone
    since: datetime


def lines(snapshot: Snapshot, view: View, shown: OfferCase | None) -> tuple[Line, ...]:
    """Limits in force but for the one that is ``shown`` anyway, notices, providers out of reach."""
    return (*_failsafe(snapshot, view), *_limits(view, shown), *_notices(snapshot), *_links(view))


def _failsafe(snapshot: Snapshot, view: View) -> list[Line]:
    limit = snapshot.grid_limit
    if limit is None or not limit.failsafe:
        return []
    most = formats.kilowatts(limit.value_w)
    sentence = tr(
        "{source} cannot be reached. Until its word is back, your chargers keep to {most} together.",
        source=limit.source,
        most=most,
    )
    if limit.until is not None:
        until = formats.moment(limit.until, view.now, view.zone)
        sentence = tr("{sentence} At the latest this ends at {until}.", sentence=sentence, until=until)
    return [Line(words=sentence, tone=Tone.BLUE, since=limit.since)]


def _limits(view: View, shown: OfferCase | None) -> list[Line]:
    found = []
    for case in view.running:
        if case.offer.binding is Binding.MANDATORY and case.state is OfferState.ACTIVE and shown is not case:
            until = formats.moment(case.offer.end, view.now, view.zone)
            asked = offer_words.asked(case.offer)
            sentence = tr("Grid limit until {until}: {asked}. It must be followed.", until=until, asked=asked)
            found.append(Line(words=sentence, tone=Tone.BLUE, since=case.offer.start))
    return found


def _notices(snapshot: Snapshot) -> list[Line]:
    found = []
    for notice in sorted(snapshot.notices, key=lambda item: item.at, reverse=True):
        times = f" ({notice.count}×)" if notice.count > 1 else ""
        found.append(Line(words=f"{notice.sentence}{times}", tone=Tone.AMBER, since=notice.at))
    return found


def _links(view: View) -> list[Line]:
    down = [link for link in view.links if link.state is LinkState.DOWN]
    return [Line(words=words.provider_words(link, link.name), tone=Tone.AMBER, since=link.since) for link in down]
