"""What a provider is told of a decision."""

import json
from datetime import datetime, timedelta

import pytest

from homeapp.model.offer import Choice, Decision
from homeapp.ports import DecisionMessage
from homeapp.providers import outbound
from homeapp.store.offer_rows import decision_fields
from kit.provider_letters import NOW, offer


@pytest.mark.parametrize("part", [{}, {"committed_w": 2000.0}, {"committed_w": 2000.0, "committed_wh": 900.0}])
def test_a_part_is_told_only_where_there_is_one(part: dict[str, float]) -> None:
    told = offer()
    decision = Decision(
        decision_id="d-1",
        offer_key=told.key,
        offer_revision=2,
        offer_digest=told.digest(),
        choice=Choice.ACCEPT,
        decided_at=NOW,
        decided_by="owner",
        **part,
    )
    letter = DecisionMessage(decision=decision, offer=told, not_after=NOW + timedelta(hours=1))
    claims = json.loads(outbound.decision_payload(letter, issuer="Chub", audience="Cevc", now=NOW))
    assert {name: claims["decision"][name] for name in claims["decision"] if name.startswith("committed")} == part
    assert set(claims["decision"]) == set(decision_fields(decision))


def decision(not_after: datetime) -> DecisionMessage:
    made = Decision(
        decision_id="dec-1",
        offer_key=offer().key,
        offer_revision=2,
        offer_digest=offer().digest(),
        choice=Choice.ACCEPT,
        decided_at=NOW,
        decided_by="owner",
    )
    return DecisionMessage(decision=made, offer=offer(), not_after=not_after)


def test_a_decision_tells_the_provider_what_was_decided_about_what() -> None:
    payload = outbound.decision_payload(
        decision(NOW + timedelta(hours=2)), issuer="Chub-0001", audience="Cevc-sp", now=NOW
    )
    assert json.loads(payload) == {
        "iss": "Chub-0001",
        "aud": "Cevc-sp",
        "jti": "dec-1",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 7200,
        "decision": {
            "id": "dec-1",
            "offer_id": "o-1",
            "offer_revision": 2,
            "offer_digest": offer().digest(),
            "choice": "accept",
            "decided_at": "2026-01-15T12:00:00Z",
            "decided_by": "owner",
            "reason": "",
        },
    }


def test_a_decision_never_claims_to_hold_for_more_than_seven_days() -> None:
    payload = outbound.decision_payload(decision(NOW + timedelta(days=30)), issuer="a", audience="b", now=NOW)
    assert json.loads(payload)["exp"] == int((NOW + timedelta(days=7)).timestamp())
