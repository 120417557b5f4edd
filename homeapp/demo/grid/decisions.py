"""What the demo grid operator's own application makes of the reports that its VTN receives."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeapp.demo.grid.objects import RETAILER
from homeapp.demo.operator.signed_message import Expected, verify
from homeapp.errors import MessageRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedDecision:
    """A decision as it came in a report.

    Attributes:
        opt_status: ``OPT_IN``, ``OPT_OUT``, or empty for an acknowledgement.
        jws: as it was sent.
        claims: of the JWS where it was verified, else None.
        problem: why it was not verified, or empty.
    """

    report_id: str
    event_id: str
    client_name: str
    decision_id: str
    opt_status: str
    opt_reason: str
    offer_digest: str
    jws: str
    claims: dict[str, Any] | None
    problem: str = ""

    @property
    def is_agreed(self) -> bool:
        """Whether the owner has verifiably accepted."""
        return self.claims is not None and self.opt_status == "OPT_IN"


@dataclass(frozen=True, slots=True)
class TrustedHub:
    """Whose decisions count: ``iss`` and public JWK."""

    hub_id: str
    public_jwk: Mapping[str, str]


def is_decision(report: Mapping[str, Any]) -> bool:
    """Whether a stored report is about an answer, and not about energy, figures, or the arrival of an event."""
    return bool(_payloads(report).keys() & {"DECISION_ID", "DECISION_JWS", "OPT_STATUS"})


def read_decision(report: Mapping[str, Any], hub: TrustedHub | None, now: datetime) -> ReceivedDecision:
    """The decision in a stored report, verified where the hub is known."""
    told = _payloads(report)
    claims, problem = _verified(told, report["eventID"], hub, now)
    return ReceivedDecision(
        report_id=report["id"],
        event_id=report["eventID"],
        client_name=report["clientName"],
        decision_id=told.get("DECISION_ID", ""),
        opt_status=told.get("OPT_STATUS", ""),
        opt_reason=told.get("OPT_REASON", ""),
        offer_digest=told.get("OFFER_DIGEST", ""),
        jws=told.get("DECISION_JWS", ""),
        claims=claims,
        problem=problem,
    )


def _verified(
    told: Mapping[str, str], event_id: str, hub: TrustedHub | None, now: datetime
) -> tuple[dict[str, Any] | None, str]:
    if hub is None:
        return None, "The hub's key is not known."
    wanted = Expected(typ="decision+jws", issuer=hub.hub_id, audience=RETAILER, public_jwk=hub.public_jwk)
    try:
        claims = verify(told.get("DECISION_JWS", ""), wanted, now)
    except MessageRejected as error:
        return None, str(error)
    signed = claims.get("decision")
    outside = (told.get("DECISION_ID"), told.get("OFFER_DIGEST"), event_id, told.get("OPT_STATUS") == "OPT_IN")
    inside = None
    if isinstance(signed, dict):
        accepted = signed.get("choice") == "accept"
        inside = (signed.get("id"), signed.get("offer_digest"), signed.get("offer_id"), accepted)
    if inside != outside:
        return None, "What is signed differs from what the report says."
    return claims, ""


def _payloads(report: Mapping[str, Any]) -> dict[str, str]:
    """The first value of each payload that is a text; anything else is left out."""
    found: dict[str, str] = {}
    for resource in report["resources"]:
        with suppress(KeyError, TypeError, IndexError, AttributeError):
            for interval in resource["intervals"]:
                for item in interval["payloads"]:
                    if isinstance(item["values"][0], str):
                        found.setdefault(str(item["type"]), item["values"][0])
    return found
