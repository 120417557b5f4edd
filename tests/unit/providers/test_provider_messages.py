"""What is inside signed messages: mapped to the model strictly, refused where a value makes no sense."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from homeapp.errors import MessageRejected
from homeapp.model.health import OrderStatus, PartOrder, Severity
from homeapp.model.offer import Receipt, ReceiptLevel
from homeapp.providers import inbound
from kit.provider_letters import NOW, message

ORDER: dict[str, Any] = {
    "id": "po-1",
    "alert_id": "d-1",
    "part": "Coolant pump",
    "status": "shipped",
    "updated_at": "2026-01-15T11:00:00+01:00",
    "note": "Arrives on Friday.",
}
DEFECT: dict[str, Any] = {
    "id": "d-1",
    "code": "P0A1F",
    "severity": "critical",
    "title": "Battery control module",
    "advice": "See a workshop.",
    "found_at": "2026-01-15T11:00:00Z",
}


def test_the_providers_account_is_no_confirmation() -> None:
    def read(**settled: Any) -> Receipt:
        body = {"id": "r", "decision_id": "d", "confirmed": True, "settled": settled}
        return inbound.receipt(message(receipt=body), sp_id="evc_sp", now=NOW)

    told = read(energy_wh=4700, amount="-0.25", currency="EUR")
    assert (told.level, told.energy_wh, told.amount, told.currency) == (
        ReceiptLevel.SETTLEMENT,
        4700.0,
        Decimal("-0.25"),
        "EUR",
    )
    assert (read().level, read().amount) == (ReceiptLevel.SETTLEMENT, None)
    for wrong in ({"amount": "1"}, {"currency": "EUR"}, {"energy_wh": -1}, {"amount": 1, "currency": "EUR"}):
        with pytest.raises(MessageRejected):
            read(**wrong)
    refusal = {"id": "r", "decision_id": "d", "confirmed": False, "settled": {}}
    with pytest.raises(MessageRejected):
        inbound.receipt(message(receipt=refusal), sp_id="evc_sp", now=NOW)


@pytest.mark.usecase("F11", "F12", "S2")
def test_how_a_part_order_stands_is_mapped_member_by_member() -> None:
    assert inbound.part_order(message(order=ORDER), sp_id="pev_sp") == PartOrder(
        order_id="po-1",
        sp_id="pev_sp",
        alert_id="d-1",
        part="Coolant pump",
        status=OrderStatus.SHIPPED,
        updated_at=datetime(2026, 1, 15, 10, tzinfo=UTC),
        note="Arrives on Friday.",
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "lost"}, "schema"),
        ({"part": ""}, "schema"),
        ({"id": "a/b"}, "schema"),
        ({"note": "x" * 201}, "schema"),
        ({"updated_at": "2026-01-15T11:00:00"}, "schema"),
        ({"updated_at": "9999-01-15T11:00:00Z"}, "value"),
        ({"part": "Fan\x07"}, "value"),
        ({"note": "\u2066"}, "value"),
    ],
)
def test_an_order_of_the_wrong_form_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        inbound.part_order(message(order={**ORDER, **change}), sp_id="pev_sp")
    assert caught.value.code == code


def test_a_cancellation_names_the_offer() -> None:
    assert inbound.cancelled_offer_id(message(offer_id="o-1")) == "o-1"
    for wrong in ({}, {"offer_id": 7}, {"offer_id": "a b"}):
        with pytest.raises(MessageRejected):
            inbound.cancelled_offer_id(message(**wrong))


def test_a_receipt_is_the_providers_own_word() -> None:
    body = {"id": "r-1", "decision_id": "d-1", "confirmed": False, "reason": "too late"}
    receipt = inbound.receipt(message(receipt=body), sp_id="evc_sp", now=NOW)
    assert (receipt.level, receipt.confirmed, receipt.reason) == (ReceiptLevel.BUSINESS, False, "too late")
    assert (receipt.decision_id, receipt.reference, receipt.received_at) == ("d-1", "r-1", NOW)
    for wrong in ({"confirmed": "yes"}, {"confirmed": 1}, {"decision_id": ""}, {"reason": "x" * 201}):
        with pytest.raises(MessageRejected):
            inbound.receipt(message(receipt={**body, **wrong}), sp_id="evc_sp", now=NOW)


@pytest.mark.usecase("F10", "S2")
def test_a_defect_and_its_repair_become_a_health_alert() -> None:
    alert = inbound.health_alert(message(defect=DEFECT), sp_id="pev_sp")
    assert (alert.alert_id, alert.code, alert.severity, alert.cleared_at) == ("d-1", "P0A1F", Severity.CRITICAL, None)
    assert alert.raised_at == datetime(2026, 1, 15, 11, tzinfo=UTC)
    assert not alert.seen_by_owner
    mended = inbound.health_alert(message(defect={**DEFECT, "cleared_at": "2026-01-15T12:00:00Z"}), sp_id="pev_sp")
    assert mended.cleared_at == NOW


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"severity": "deadly"}, "schema"),
        ({"code": "<b>"}, "schema"),
        ({"title": ""}, "schema"),
        ({"found_at": None}, "schema"),
        ({"cleared_at": "2026-01-15T10:00:00Z"}, "value"),
        ({"advice": "\u2067"}, "value"),
    ],
)
def test_a_defect_of_the_wrong_form_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        inbound.health_alert(message(defect={**DEFECT, **change}), sp_id="pev_sp")
    assert caught.value.code == code
