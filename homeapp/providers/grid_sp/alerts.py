"""Alerts (OpenADR 3.1 User Guide 8.1): a free text for the people in the home, for as long as it holds."""

from homeapp.model.offer import Binding, Offer, OfferInterval, OfferKind
from homeapp.providers.grid_sp.intervals import Window, timed_intervals
from homeapp.providers.grid_sp.objects import Event, plain_text
from homeapp.providers.grid_sp.offers import AROUND, OfferSource

_PREFIX = "ALERT_"
_TITLES = {
    "ALERT_GRID_EMERGENCY": "Emergency in the grid",
    "ALERT_BLACK_START": "The grid is being started again",
    "ALERT_POSSIBLE_OUTAGE": "The power may fail",
    "ALERT_FLEX_ALERT": "Power is scarce, please use less",
    "ALERT_FIRE": "Fire",
    "ALERT_FREEZING": "Frost",
    "ALERT_WIND": "Storm",
    "ALERT_TSUNAMI": "Tsunami",
    "ALERT_AIR_QUALITY": "Bad air",
}
_OTHER = "Notice of the grid operator"
_LONGEST_TEXT = 2000


def is_alert(event: Event) -> bool:
    """Whether the event is a text for people and asks for nothing."""
    return any(name.startswith(_PREFIX) for name in event.payload_types)


def read_alert(event: Event, source: OfferSource) -> Offer | None:
    """The alert as something to know, on which no power hangs; None where it has no length, which takes it back.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    window = Window(source.known_at - AROUND, source.known_at + AROUND)
    timed = timed_intervals(event, now=source.known_at, window=window)
    told = [
        (name, value)
        for item in timed
        for name, values in sorted(item.payloads.items())
        if name.startswith(_PREFIX)
        for value in values
    ]
    if not told:
        return None
    texts = dict.fromkeys(text for _, value in told if (text := plain_text(value, _LONGEST_TEXT)))
    start, end = min(item.start for item in timed), max(item.end for item in timed)
    return Offer(
        offer_id=event.event_id,
        revision=event.revision,
        sp_id=source.sp_id,
        sp_name=source.sp_name,
        kind=OfferKind.ALERT,
        binding=Binding.MANDATORY,
        issued_at=event.changed_at or source.known_at,
        expires_at=end,
        intervals=(OfferInterval(start=start, end=end),),
        title=_TITLES.get(told[0][0], _OTHER),
        description=" ".join(texts)[:_LONGEST_TEXT],
        priority=event.priority,
    )
