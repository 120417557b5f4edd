"""The owner's decision as a report, and the provider's own word about it as an event.

OpenADR 3.1 has no opt message: both are private payload types of the profile ``HOMEAPP_DR_OFFER-1``.
"""

import re
from datetime import datetime

from homeapp.model.offer import Choice, Receipt, ReceiptLevel
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp.objects import Event, object_id, plain_text, refused

_STATUS = "DECISION_STATUS"
_DECISION = "DECISION_ID"
_REPORT = "REPORT_ID"
_REASON = "DECISION_REASON"
_REPORT_NAME = re.compile(r"decision-([A-Za-z0-9._~:-]{1,64})")
_DECISION_ID = re.compile(r"[A-Za-z0-9._~:-]{1,64}")

# The reasons of OpenADR 2.0b, the only list that any version has.
_REASONS = {
    Choice.ACCEPT: "participating",
    Choice.DECLINE: "notParticipating",
    Choice.WITHDRAW: "overrideStatus",
    Choice.ACKNOWLEDGE: "mustRun",
    Choice.NO_RESPONSE: "notParticipating",
}


def report_name(decision_id: str) -> str:
    """The reportName by which a decision is found again."""
    return f"decision-{decision_id}"


def decision_of_report(name: object) -> str | None:
    """The decision id in a reportName, or None."""
    found = _REPORT_NAME.fullmatch(name) if isinstance(name, str) else None
    return found[1] if found else None


def decision_report(message: DecisionMessage, *, client_name: str, compact_jws: str) -> dict[str, object]:
    """A reportRequest (OpenADR 3.1) with the decision in one interval.

    An acknowledgement of a mandatory request carries ACK [true] in place of OPT_STATUS: nothing was opted for.
    """
    decision = message.decision
    payloads = [
        _opt_status(decision.choice),
        _values("OPT_REASON", decision.reason or _REASONS[decision.choice]),
        _values("DECISION_ID", decision.decision_id),
        _values("OFFER_DIGEST", decision.offer_digest),
        _values("DECISION_JWS", compact_jws),
    ]
    interval = {"id": 0, "payloads": payloads}
    return {
        "eventID": message.offer.offer_id,
        "clientName": client_name,
        "reportName": report_name(decision.decision_id),
        "resources": [{"resourceName": client_name, "intervals": [interval]}],
    }


def is_receipt(event: Event) -> bool:
    """Whether the event is the provider's word about a decision."""
    return event.has(_STATUS)


def reported_id(event: Event) -> str | None:
    """The report that the event is about, where it does not name the decision itself.

    Raises:
        MessageRejected: ``schema``.
    """
    return None if event.has(_DECISION) else object_id(_first(event, _REPORT))


def read_receipt(event: Event, *, sp_id: str, decision_id: str | None, received_at: datetime) -> Receipt:
    """The provider's word in an event.

    Args:
        event: one that ``is_receipt``.
        sp_id: the provider.
        decision_id: found through its report, or None where the event names it.
        received_at: hub time.

    Raises:
        MessageRejected: ``schema`` or ``value``.
    """
    told = decision_id if decision_id is not None else _first(event, _DECISION)
    if not isinstance(told, str) or not _DECISION_ID.fullmatch(told):
        raise refused("schema", "it does not say which answer it is about")
    status = _first(event, _STATUS)
    if status not in ("CONFIRMED", "REJECTED"):
        raise refused("value", "it neither confirms nor rejects an answer")
    return Receipt(
        decision_id=told,
        sp_id=sp_id,
        level=ReceiptLevel.BUSINESS,
        received_at=received_at,
        confirmed=status == "CONFIRMED",
        reference=event.event_id,
        reason=plain_text(_first(event, _REASON), 200),
    )


def _opt_status(choice: Choice) -> dict[str, object]:
    match choice:
        case Choice.ACCEPT:
            return _values("OPT_STATUS", "OPT_IN")
        case Choice.ACKNOWLEDGE:
            return {"type": "ACK", "values": [True]}
        case _:
            return _values("OPT_STATUS", "OPT_OUT")


def _values(name: str, value: str) -> dict[str, object]:
    return {"type": name, "values": [value]}


def _first(event: Event, name: str) -> object:
    for interval in event.intervals:
        if values := interval.payloads.get(name):
            return values[0]
    return None
