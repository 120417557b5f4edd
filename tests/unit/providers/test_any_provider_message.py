"""Whatever a provider signs is read or refused."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import MessageRejected
from homeapp.providers import inbound, offer_messages
from kit.provider_letters import JOBS, NOW, OFFER, SOFTWARE, job_offer, message, offer

_members = st.sampled_from(
    [
        *OFFER,
        *SOFTWARE,
        "job",
        "part",
        "manifest",
        "setpoint_w",
        "max_w",
        "start",
        "end",
        "confirmed",
        "decision_id",
        "found_at",
    ]
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["o-1", "2026-01-15T18:00:00Z"]),
    lambda inner: st.lists(inner) | st.dictionaries(_members, inner),
)


@given(st.dictionaries(st.sampled_from(["offer", "offer_id", "receipt", "defect", "order", "keys", "proof"]), _json))
def test_arbitrary_content_is_read_or_rejected(claims: dict[str, Any]) -> None:
    told = message(**claims)
    with suppress(MessageRejected):
        offer_messages.offer(told, sp_id="a", sp_name="b", now=NOW)
    with suppress(MessageRejected):
        inbound.cancelled_offer_id(told)
    with suppress(MessageRejected):
        inbound.receipt(told, sp_id="a", now=NOW)
    with suppress(MessageRejected):
        inbound.health_alert(told, sp_id="a")
    with suppress(MessageRejected):
        inbound.part_order(told, sp_id="a")
    with pytest.raises(MessageRejected):
        inbound.key_roll_over(told, now=NOW)


@given(st.sampled_from(list(JOBS)), st.dictionaries(_members, _json))
def test_arbitrary_changes_of_a_job_are_read_or_rejected(kind: str, change: dict[str, Any]) -> None:
    with suppress(MessageRejected):
        assert job_offer(kind, {**JOBS[kind], **change}).job is not None


@given(st.dictionaries(_members, _json))
def test_arbitrary_changes_of_an_offer_are_read_or_rejected(change: dict[str, Any]) -> None:
    with suppress(MessageRejected):
        assert offer(**change).intervals
