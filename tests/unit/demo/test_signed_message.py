"""Signed messages between the providers of the street and a hub."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.demo.operator.signed_message import Envelope, Expected, SigningKey, verify
from homeapp.errors import MessageRejected

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
KEY = SigningKey()
ENVELOPE = Envelope(
    issuer="Chub-0001", audience="Cevc-sp", issued_at=NOW, expires_at=NOW + timedelta(hours=1), message_id="m-1"
)
EXPECTED = Expected(typ="decision+jws", issuer="Chub-0001", audience="Cevc-sp", public_jwk=KEY.public_jwk)


def signed(envelope: Envelope = ENVELOPE, typ: str = "decision+jws", key: SigningKey = KEY) -> str:
    return key.sign(typ, {**envelope.claims(), "decision": {"id": "d-1"}})


def test_a_good_message_passes_with_all_its_claims() -> None:
    claims = verify(signed(), EXPECTED, NOW)
    assert claims == {**ENVELOPE.claims(), "decision": {"id": "d-1"}}


def test_the_header_names_the_key_by_its_thumbprint() -> None:
    header = json.loads(base64.urlsafe_b64decode(signed().split(".")[0] + "=="))
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], len(header["kid"])) == ("ES256", 43)
    assert "d" not in KEY.public_jwk


@pytest.mark.usecase("W5", "W6")
@pytest.mark.parametrize(
    ("compact", "code"),
    [
        (signed(key=SigningKey()), "signature"),
        (signed(typ="receipt+jws"), "schema"),
        (signed(replace(ENVELOPE, issuer="Cevc-sp")), "issuer"),
        (signed(replace(ENVELOPE, audience="Cpev-sp")), "audience"),
        (signed(replace(ENVELOPE, expires_at=NOW)), "expired"),
        (signed(replace(ENVELOPE, issued_at=NOW + timedelta(seconds=121))), "expired"),
        (KEY.sign("decision+jws", {"iss": "Chub-0001", "aud": "Cevc-sp"}), "schema"),
        ("eyJhbGciOiJub25lIn0." + signed().split(".")[1] + ".", "signature"),
        ("x" * 70_000, "schema"),
        ("", "signature"),
    ],
    ids=["key", "type", "issuer", "audience", "expired", "future", "no times", "alg none", "large", "empty"],
)
def test_a_message_that_fails_a_check_is_rejected_with_its_code(compact: str, code: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        verify(compact, EXPECTED, NOW)
    assert caught.value.code == code


@given(st.integers(0, len(signed()) - 1), st.characters(codec="utf-8"))
def test_a_message_with_any_letter_changed_is_rejected(place: int, letter: str) -> None:
    good = signed()
    changed = good[:place] + letter + good[place + 1 :]
    # The last letter of base64 carries bits that nobody reads.
    if changed != good and place != len(good) - 1:
        with pytest.raises(MessageRejected):
            verify(changed, EXPECTED, NOW)


@given(st.text(max_size=200))
def test_any_text_is_rejected_and_never_crashes(text: str) -> None:
    with pytest.raises(MessageRejected):
        verify(text, EXPECTED, NOW)
