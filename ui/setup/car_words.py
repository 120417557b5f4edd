"""What is known of the car now, and from where."""

from dataclasses import dataclass

from homeapp.model.device import DeviceKind
from ui import formats
from ui.setup.car_draft import Source
from ui.tr import tr
from ui.view import Seen, View
from ui.words import status_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A sentence; grey where it is old, or not known."""

    icon: str
    words: str
    fresh: bool


def source_words(source: Source) -> str:
    """On its button."""
    return {
        Source.CERTIFICATE: tr("Papers"),
        Source.OWNER: tr("Owner"),
        Source.SCREEN: tr("Car's screen"),
    }[source]


def known(view: View) -> tuple[Fact, ...]:
    """A fact for each thing that charger and data link may tell."""
    snapshot = view.snapshot
    if snapshot is None:
        return (Fact(icon="plug-connected", words=tr("The hub has told nothing of the charger yet."), fresh=False),)
    soc, session = view.seen(snapshot.soc_pct), view.seen(snapshot.session_wh)
    return (
        _plug(view),
        _figure(
            "battery-2",
            tr("State of charge, as the charger or the data link tells it"),
            soc,
            formats.percent(soc.value),
        ),
        _figure(
            "bolt",
            tr("Charged since it was plugged in, as the charger tells it"),
            session,
            formats.kilowatt_hours(session.value),
        ),
        Fact(icon="car", words=tr("Which car it is: neither charger nor data link tells that."), fresh=False),
    )


def _plug(view: View) -> Fact:
    snapshot = view.snapshot
    if not any(device.adopted and device.kind is DeviceKind.EVCE for device in view.devices or ()):
        words, fresh = tr("Plugged in: no charger belongs to the home yet."), False
    elif not view.alive or snapshot is None or snapshot.evce_status is None or not snapshot.evce_online:
        words, fresh = tr("Plugged in: not known, the charger does not answer."), False
    else:
        words, fresh = tr("The charger says: {state}.", state=status_words(snapshot.evce_status)), True
    return Fact(icon="plug-connected", words=words, fresh=fresh)


def _figure(icon: str, name: str, seen: Seen, value: str) -> Fact:
    age = formats.age(seen.age_s) if seen.age_s is not None else tr("not known")
    return Fact(icon=icon, words=f"{name}: {value}, {age}.", fresh=not seen.stale)
