"""Sentences about pairing with a provider and enrolment."""

from homeapp.model.pairing import DescriptorView, Enrolment, PairedProvider
from ui import formats, sharing_words
from ui.theme import Tone
from ui.tr import tr
from ui.view import View


def enrolment_words(enrolment: Enrolment) -> tuple[str, Tone]:
    """How it stands with the system operator, in a word, and its colour."""
    return {
        Enrolment.NEEDED: (tr("Not enrolled"), Tone.AMBER),
        Enrolment.VALID: (tr("Enrolled"), Tone.GREEN),
        Enrolment.EXPIRED: (tr("Expired"), Tone.AMBER),
        Enrolment.REVOKED: (tr("Revoked"), Tone.RED),
    }[enrolment]


def enrolment_story(provider: PairedProvider, view: View) -> str:
    """What that means, and what to do."""
    until = "" if provider.not_after is None else formats.day(provider.not_after, view.zone)
    return {
        Enrolment.NEEDED: tr(
            "Paired. The system operator does not know this hub yet: enrol with the user and password that it gave "
            "for this once."
        ),
        Enrolment.VALID: tr("Paired, and enrolled with the system operator until {day}.", day=until)
        if until
        else tr("Paired, and enrolled with the system operator."),
        Enrolment.EXPIRED: tr("The certificate has run out. Enrol again."),
        Enrolment.REVOKED: tr("The system operator has withdrawn the certificate. Ask why, then enrol again."),
    }[provider.enrolment]


def descriptor_facts(descriptor: DescriptorView) -> tuple[str, ...]:
    """What a descriptor says, line by line."""
    kinds = ", ".join(sharing_words.class_words(kind) for kind in descriptor.data) or tr("nothing")
    return (
        tr("Will ask for: {kinds}. Nothing of it leaves before the owner allows it.", kinds=kinds),
        tr("System operator: {operator}", operator=descriptor.operator),
        tr("Its identity there: {ae_id}", ae_id=descriptor.ae_id),
    )


def fingerprint_lines(fingerprint: str) -> str:
    """Its groups with room between them, four in a line, for reading aloud."""
    groups = fingerprint.split("-")
    lines = [groups[at : at + 4] for at in range(0, len(groups), 4)]
    return "\n".join("  ".join(line) for line in lines)


def owners_words() -> str:
    """Whose decision the link is."""
    return tr("Whether there is a link is the owner's word: the owner reads what it means, and switches it on.")
