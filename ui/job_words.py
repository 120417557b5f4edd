"""Sentences about requests for a piece of work: what is done, where it stands, what leaves the home."""

from urllib.parse import urlsplit

from homeapp.model.offer import Choice, Job, Offer, OfferCase, OfferKind, OfferState
from ui import formats
from ui.theme import Tone
from ui.tr import tr
from ui.view import View

Line = tuple[str, str]
"""An icon and a sentence."""


def badge(kind: OfferKind) -> tuple[str, Tone]:
    """The class of a job, in capitals."""
    return {
        OfferKind.HEALTH_CHECK: (tr("HEALTH CHECK"), Tone.AMBER),
        OfferKind.PART_ORDER: (tr("SPARE PART"), Tone.AMBER),
        OfferKind.CAR_SOFTWARE: (tr("CAR SOFTWARE"), Tone.BLUE),
        OfferKind.CHARGER_SOFTWARE: (tr("CHARGER SOFTWARE"), Tone.BLUE),
    }[kind]


def icon(kind: OfferKind) -> str:
    """Name of the icon that stands for a job."""
    return {
        OfferKind.HEALTH_CHECK: "stethoscope",
        OfferKind.PART_ORDER: "package",
        OfferKind.CAR_SOFTWARE: "car",
        OfferKind.CHARGER_SOFTWARE: "charging-pile",
    }[kind]


def asked(offer: Offer) -> str:
    """What is to be done."""
    job = offer.job or Job()
    return {
        OfferKind.HEALTH_CHECK: tr("Look into your car"),
        OfferKind.PART_ORDER: tr("Order a part: {part}", part=job.part),
        OfferKind.CAR_SOFTWARE: tr("Install software {version} in your car", version=job.version),
        OfferKind.CHARGER_SOFTWARE: tr("Install software {version} in your charger", version=job.version),
    }[offer.kind]


def promise(offer: Offer) -> str:
    """What leaves the home for it."""
    if offer.kind is OfferKind.CHARGER_SOFTWARE:
        return tr("Nothing about you or your car is sent for it.")
    return tr("Nothing about your car is sent unless you share health data with {provider}.", provider=offer.sp_name)


def short_promise() -> str:
    """The same where room is short."""
    return tr("Nothing is sent without your consent")


def steps(offer: Offer) -> tuple[Line, ...]:
    """What will happen, in order."""
    job = offer.job or Job()
    host = urlsplit(job.location).hostname or formats.DASH
    size = formats.size(job.size_bytes)
    match offer.kind:
        case OfferKind.HEALTH_CHECK:
            return (
                ("plug-connected", tr("When the car is plugged in, the hub asks it for stored faults.")),
                ("stethoscope", tr("It only reads. Nothing in the car is changed.")),
            )
        case OfferKind.PART_ORDER:
            return (
                ("package", tr("{provider} orders it from the manufacturer.", provider=offer.sp_name)),
                ("truck-delivery", tr("Home shows how the order goes on.")),
            )
        case OfferKind.CAR_SOFTWARE:
            return (
                ("download", tr("{size} are fetched from {host}.", size=size, host=host)),
                ("shield-check", tr("Hub and car both check that the manufacturer has signed it.")),
                ("plug-connected", tr("It is installed while the car is plugged in; it does not charge meanwhile.")),
            )
        case OfferKind.CHARGER_SOFTWARE:
            return (
                ("download", tr("The charger fetches it from {host} and checks its signature.", host=host)),
                ("charging-pile", tr("It does not charge while it installs.")),
            )
        case _:
            return ()


def state_words(case: OfferCase, view: View) -> tuple[str, Tone] | None:
    """Where a job stands, or None where the words for all requests will do."""
    failed = case.decision is not None and case.decision.choice is Choice.ACCEPT
    if case.state is OfferState.ACTIVE:
        return tr("To be done by {end}", end=formats.moment(case.offer.end, view.now, view.zone)), Tone.BLUE
    if case.state is OfferState.PARTIAL:
        return tr("Not done in time"), Tone.AMBER
    if case.state is OfferState.ABORTED and failed:
        return tr("Could not be done"), Tone.RED
    return None
