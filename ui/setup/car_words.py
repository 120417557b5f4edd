"""What is known of the car now, and from where."""

from ui import formats
from ui.setup.car_draft import Source
from ui.theme import Tone
from ui.tr import tr
from ui.view import Seen, View
from ui.words import status_words

Line = tuple[str, str, Tone]


def source_words(source: Source) -> str:
    """On its button."""
    return {
        Source.CERTIFICATE: tr("Papers"),
        Source.OWNER: tr("Owner"),
        Source.SCREEN: tr("Car's screen"),
    }[source]


def known(view: View) -> tuple[Line, ...]:
    """A line for each thing that charger and data link may tell; grey where it is not known or old."""
    snapshot = view.snapshot
    if snapshot is None:
        return (("plug-connected", tr("Nothing has been heard of the charger yet."), Tone.TEXT2),)
    return (
        _plug(view),
        _figure(
            "battery-2",
            tr("State of charge"),
            view.seen(snapshot.soc_pct),
            formats.percent(snapshot.soc_pct.value),
            tr("neither charger nor data link tells it"),
        ),
        _figure(
            "bolt",
            tr("Charged since it was plugged in"),
            view.seen(snapshot.session_wh),
            formats.kilowatt_hours(snapshot.session_wh.value),
            tr("the charger tells nothing"),
        ),
        ("car", tr("Which car it is: neither charger nor data link tells it."), Tone.TEXT3),
    )


def _plug(view: View) -> Line:
    snapshot = view.snapshot
    if snapshot is None or snapshot.evce_status is None:
        return "plug-connected", tr("Plugged in: no charger is part of the home yet."), Tone.TEXT3
    if not view.alive or not snapshot.evce_online:
        return "plug-connected", tr("Plugged in: unknown, the charger does not answer."), Tone.TEXT3
    told = tr("The charger tells: {state}.", state=status_words(snapshot.evce_status))
    return "plug-connected", told, Tone.GREEN if snapshot.evce_status.car_present else Tone.TEXT2


def _figure(icon: str, name: str, seen: Seen, value: str, unknown: str) -> Line:
    if seen.value is None or seen.age_s is None:
        return icon, f"{name}: {formats.DASH} ({unknown}).", Tone.TEXT3
    told = f"{name}: {value}, {formats.age(seen.age_s)}."
    return icon, told, Tone.TEXT3 if seen.stale else Tone.GREEN
