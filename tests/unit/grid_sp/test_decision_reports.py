"""Decisions out, receipts in."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from homeapp.errors import MessageRejected
from homeapp.model.offer import Binding, Choice, Decision, Offer, OfferInterval, OfferKind, ReceiptLevel
from homeapp.ports import DecisionMessage
from homeapp.providers.grid_sp.decisions import (
    decision_of_report,
    decision_report,
    is_receipt,
    plain_decision_report,
    read_receipt,
    report_name,
    reported_id,
)
from homeapp.providers.grid_sp.objects import Event, read_event, read_json

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
DECISION_ID = "0b8f5b62-6f0a-4b1e-9f0e-8f9a1c1f2d3e"


def message(choice: Choice, reason: str = "") -> DecisionMessage:
    offer = Offer(
        offer_id="event-7",
        revision=3,
        sp_id="grid_sp",
        sp_name="Grid operator",
        kind=OfferKind.LOAD_SHED,
        binding=Binding.OWNER_DECIDES,
        issued_at=NOW,
        expires_at=NOW,
        intervals=(OfferInterval(start=NOW, end=NOW + timedelta(hours=1), max_w=0.0),),
        title="Tonight",
    )
    decision = Decision(
        decision_id=DECISION_ID,
        offer_key=offer.key,
        offer_revision=3,
        offer_digest=offer.digest(),
        choice=choice,
        decided_at=NOW,
        decided_by="owner",
        reason=reason,
    )
    return DecisionMessage(decision=decision, offer=offer, not_after=NOW)


def told(report: Any) -> dict[str, list[object]]:
    ((interval,),) = [resource["intervals"] for resource in report["resources"]]
    return {item["type"]: item["values"] for item in interval["payloads"]}


@pytest.mark.parametrize(
    ("choice", "status", "reason"),
    [
        (Choice.ACCEPT, "OPT_IN", "participating"),
        (Choice.DECLINE, "OPT_OUT", "notParticipating"),
        (Choice.WITHDRAW, "OPT_OUT", "overrideStatus"),
        (Choice.NO_RESPONSE, "OPT_OUT", "notParticipating"),
    ],
)
def test_each_answer_in_the_words_of_the_standard(choice: Choice, status: str, reason: str) -> None:
    sent = message(choice)
    report = decision_report(sent, client_name="homeapp", compact_jws="a.b.c")
    assert (report["eventID"], report["clientName"]) == ("event-7", "homeapp")
    assert told(report) == {
        "OPT_STATUS": [status],
        "OPT_REASON": [reason],
        "DECISION_ID": [DECISION_ID],
        "OFFER_DIGEST": [sent.offer.digest()],
        "DECISION_JWS": ["a.b.c"],
    }


def test_an_acknowledgement_opts_for_nothing() -> None:
    report = decision_report(message(Choice.ACKNOWLEDGE), client_name="homeapp", compact_jws="a.b.c")
    assert told(report)["ACK"] == [True]
    assert "OPT_STATUS" not in told(report)


def test_the_reason_that_was_given_is_told() -> None:
    report = decision_report(message(Choice.WITHDRAW, "safety"), client_name="homeapp", compact_jws="a.b.c")
    assert told(report)["OPT_REASON"] == ["safety"]


def test_a_report_leads_back_to_its_decision() -> None:
    assert decision_of_report(report_name(DECISION_ID)) == DECISION_ID
    for other in (None, 5, "usage-1", "decision-", "decision-a b", "xdecision-1"):
        assert decision_of_report(other) is None


def receipt_event(**payloads: object) -> Event:
    values = [{"type": name, "values": [value]} for name, value in payloads.items()]
    raw = {"id": "event-9", "programID": "p", "intervals": [{"id": 0, "payloads": values}]}
    return read_event(read_json(json.dumps(raw).encode()))


@pytest.mark.parametrize(("status", "confirmed"), [("CONFIRMED", True), ("REJECTED", False)])
def test_the_providers_word(status: str, confirmed: bool) -> None:
    event = receipt_event(DECISION_ID=DECISION_ID, DECISION_STATUS=status, DECISION_REASON="Area\nfull")
    assert is_receipt(event)
    assert reported_id(event) is None
    receipt = read_receipt(event, sp_id="grid_sp", decision_id=None, received_at=NOW)
    assert (receipt.decision_id, receipt.confirmed, receipt.level) == (DECISION_ID, confirmed, ReceiptLevel.BUSINESS)
    assert (receipt.reference, receipt.reason) == ("event-9", "Area full")


def test_a_word_about_a_report() -> None:
    event = receipt_event(REPORT_ID="report-1", DECISION_STATUS="CONFIRMED")
    assert reported_id(event) == "report-1"
    assert read_receipt(event, sp_id="grid_sp", decision_id="d", received_at=NOW).decision_id == "d"


@pytest.mark.parametrize("report_id", ["../auth", "a b", 5, None])
def test_a_report_id_that_could_lead_elsewhere_is_refused(report_id: object) -> None:
    with pytest.raises(MessageRejected):
        reported_id(receipt_event(REPORT_ID=report_id, DECISION_STATUS="CONFIRMED"))


@pytest.mark.parametrize(
    "payloads",
    [
        {"DECISION_ID": DECISION_ID, "DECISION_STATUS": "MAYBE"},
        {"DECISION_ID": DECISION_ID, "DECISION_STATUS": True},
        {"DECISION_ID": "a b", "DECISION_STATUS": "CONFIRMED"},
        {"DECISION_ID": 5, "DECISION_STATUS": "CONFIRMED"},
        {"DECISION_STATUS": "CONFIRMED"},
    ],
    ids=str,
)
def test_an_unclear_word_is_refused(payloads: dict[str, object]) -> None:
    with pytest.raises(MessageRejected):
        read_receipt(receipt_event(**payloads), sp_id="grid_sp", decision_id=None, received_at=NOW)


@pytest.mark.parametrize(("kind", "sign"), [(OfferKind.POWER_FEED, -1), (OfferKind.LOAD_SHED, 1)])
def test_less_than_was_asked_is_told_with_its_sign(kind: OfferKind, sign: int) -> None:
    asked = message(Choice.ACCEPT)
    partly = replace(
        asked,
        offer=replace(asked.offer, kind=kind),
        decision=replace(asked.decision, committed_w=2500.0, committed_wh=4000.0),
    )
    report: Any = decision_report(partly, client_name="homeapp", compact_jws="a.b.c")
    assert told(report)["DISPATCH_SETPOINT"] == [sign * 2.5]
    assert told(report)["USAGE_FORECAST"] == [sign * 4.0]
    assert {item["payloadType"]: item["units"] for item in report["payloadDescriptors"]} == {
        "DISPATCH_SETPOINT": "KW",
        "USAGE_FORECAST": "KWH",
    }
    assert "payloadDescriptors" not in decision_report(asked, client_name="homeapp", compact_jws="a.b.c")


@pytest.mark.parametrize(
    ("choice", "payloads"),
    [
        (Choice.ACCEPT, {"ACK": [True]}),
        (Choice.ACKNOWLEDGE, {"ACK": [True]}),
        (Choice.DECLINE, {"OPERATING_STATE": ["IDLE_OPTED_OUT"]}),
        (Choice.WITHDRAW, {"OPERATING_STATE": ["IDLE_OPTED_OUT"]}),
        (Choice.NO_RESPONSE, {"OPERATING_STATE": ["IDLE_OPTED_OUT"]}),
    ],
)
def test_without_a_profile_only_words_of_the_standard_are_used(
    choice: Choice, payloads: dict[str, list[object]]
) -> None:
    report = plain_decision_report(message(choice), client_name="homeapp")
    assert told(report) == payloads
    assert report["reportName"] == report_name(DECISION_ID)


def settlement(amount: object, descriptor: dict[str, str]) -> Event:
    names = {
        "DECISION_ID": DECISION_ID,
        "DECISION_STATUS": "SETTLED",
        "DELIVERED_ENERGY": 5.8,
        "SETTLEMENT_AMOUNT": amount,
    }
    raw = {
        "id": "event-9",
        "programID": "p",
        "payloadDescriptors": [{"payloadType": "SETTLEMENT_AMOUNT", **descriptor}],
        "intervals": [{"id": 0, "payloads": [{"type": name, "values": [value]} for name, value in names.items()]}],
    }
    return read_event(read_json(json.dumps(raw).encode()))


def test_the_providers_account_afterwards() -> None:
    receipt = read_receipt(settlement("1.74", {"currency": "EUR"}), sp_id="grid_sp", decision_id=None, received_at=NOW)
    assert receipt.level is ReceiptLevel.SETTLEMENT
    assert (receipt.energy_wh, receipt.amount, receipt.currency) == (5800.0, Decimal("1.74"), "EUR")


@pytest.mark.parametrize(
    ("amount", "descriptor"), [("1.74", {}), (float("nan"), {"currency": "EUR"}), (-5, {"currency": "EUR"})]
)
def test_an_account_that_cannot_be_meant_is_refused(amount: object, descriptor: dict[str, str]) -> None:
    with pytest.raises(MessageRejected):
        read_receipt(settlement(amount, descriptor), sp_id="grid_sp", decision_id=None, received_at=NOW)
