"""The owner's decision as a report, and the provider's own word about it as an event.

OpenADR 3.1 has no opt message. In the programs of a profile both are private payload types; in all others a decision is
told by what the standard has: ACK where the home takes part, OPERATING_STATE where it does not.
"""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from homeapp.model.grid_report import OperatingState
from homeapp.model.offer import Choice, OfferKind, Receipt, ReceiptLevel
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp.objects import Event, object_id, plain_text, refused
from homeapp.providers.grid_sp.own_reports import ReportName
from homeapp.providers.grid_sp.report_resources import CAR
from homeapp.providers.grid_sp.terms import bounded

_STATUS = "DECISION_STATUS"
_DECISION = "DECISION_ID"
_REPORT = "REPORT_ID"
_REASON = "DECISION_REASON"
_AGGREGATED = "AGGREGATED_REPORT"
_ENERGY = "DELIVERED_ENERGY"
_AMOUNT = "SETTLEMENT_AMOUNT"
_SETTLED = "SETTLED"
_MOST_KWH = Decimal(1000)
_MOST_MONEY = Decimal(100_000)
_CURRENCY = re.compile(r"[A-Z]{3}")
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
    return f"{ReportName.DECISION}{decision_id}"


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
    committed, descriptors = _committed(message)
    report = _report(message, client_name, client_name, [*payloads, *committed])
    return report | {"payloadDescriptors": descriptors} if descriptors else report


def plain_decision_report(message: DecisionMessage, *, client_name: str) -> dict[str, object]:
    """The same for a program that knows no private terms: ACK [true], or OPERATING_STATE with the opt-out."""
    if message.decision.choice in (Choice.ACCEPT, Choice.ACKNOWLEDGE):
        return _report(message, client_name, _AGGREGATED, [{"type": "ACK", "values": [True]}])
    return _report(message, client_name, CAR, [_values("OPERATING_STATE", OperatingState.IDLE_OPTED_OUT.value)])


def _report(
    message: DecisionMessage, client_name: str, resource: str, payloads: list[dict[str, object]]
) -> dict[str, object]:
    return {
        "eventID": message.offer.offer_id,
        "clientName": client_name,
        "reportName": report_name(message.decision.decision_id),
        "resources": [{"resourceName": resource, "intervals": [{"id": 0, "payloads": payloads}]}],
    }


def _committed(message: DecisionMessage) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """What the home takes upon itself where that is less than asked, feed negative; and in which units."""
    decision = message.decision
    sign = -1 if message.offer.kind is OfferKind.POWER_FEED else 1
    told = [("DISPATCH_SETPOINT", "KW", decision.committed_w), ("USAGE_FORECAST", "KWH", decision.committed_wh)]
    known = [(name, units, value) for name, units, value in told if value is not None]
    payloads: list[dict[str, object]] = [
        {"type": name, "values": [round(sign * value / 1000, 4)]} for name, _, value in known
    ]
    descriptors: list[dict[str, object]] = [
        {"objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": name, "units": units} for name, units, _ in known
    ]
    return payloads, descriptors


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
    if status not in ("CONFIRMED", "REJECTED", _SETTLED):
        raise refused("value", "it neither confirms nor rejects nor settles an answer")
    receipt = Receipt(
        decision_id=told,
        sp_id=sp_id,
        level=ReceiptLevel.BUSINESS,
        received_at=received_at,
        confirmed=status == "CONFIRMED",
        reference=event.event_id,
        reason=plain_text(_first(event, _REASON), 200),
    )
    return receipt if status != _SETTLED else _settlement(receipt, event)


def _settlement(receipt: Receipt, event: Event) -> Receipt:
    """The provider's account: energy that was delivered, and what is paid for it."""
    energy, amount = _first(event, _ENERGY), _first(event, _AMOUNT)
    descriptor = event.descriptors.get(_AMOUNT)
    currency = "" if descriptor is None else descriptor.currency
    if amount is not None and not _CURRENCY.fullmatch(currency):
        raise refused("value", "it names money without a currency")
    return replace(
        receipt,
        level=ReceiptLevel.SETTLEMENT,
        confirmed=True,
        energy_wh=None if energy is None else float(bounded(energy, _MOST_KWH, "energy") * 1000),
        amount=None if amount is None else bounded(amount, _MOST_MONEY, "amount"),
        currency=currency if amount is not None else "",
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
