"""Encrypted messages between the providers of the street and a hub: two implementations that understand each other."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.signed_message import SigningKey, type_of
from homeapp.errors import MessageRejected
from homeapp.providers.sealing import HubUnsealer, Seal

KEY = EncryptionKey()
MESSAGE = SigningKey().sign("decision+jws", {"jti": "d-1"})


def code_of(compact: str) -> str:
    with pytest.raises(MessageRejected) as caught:
        KEY.open(compact)
    return caught.value.code


def sealed(plaintext: str = MESSAGE, key: Any = None, algorithms: tuple[str, ...] = (), **header: Any) -> str:
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": KEY.key_id, "cty": "decision+jws", **header}
    receiver = key or ECKey.import_key(dict(KEY.public_jwk))
    allowed = [protected["alg"], protected["enc"], *algorithms]
    return jwe.encrypt_compact(protected, plaintext, receiver, algorithms=allowed)


@pytest.mark.usecase("W8")
def test_what_is_sealed_is_opened_by_its_receiver_alone() -> None:
    compact = seal(MESSAGE, KEY.public_jwk)
    assert KEY.open(compact) == MESSAGE
    assert "d" not in KEY.public_jwk
    with pytest.raises(MessageRejected) as caught:
        EncryptionKey().open(compact)
    assert caught.value.code == "sealed"


@pytest.mark.usecase("W8")
def test_the_street_and_the_hub_open_what_the_other_has_sealed() -> None:
    assert KEY.open(Seal(KEY.public_jwk).seal(MESSAGE)) == MESSAGE
    hub = ECKey.generate_key("P-256")
    jwk = {name: str(value) for name, value in hub.as_dict(private=False).items()}
    assert HubUnsealer(hub.as_pem(private=True).decode()).open(seal(MESSAGE, {**jwk, "use": "enc"})) == MESSAGE


@pytest.mark.parametrize(
    ("compact", "code"),
    [
        (MESSAGE, "schema"),
        ("", "schema"),
        ("....", "sealed"),
        ("x" * 70_000, "schema"),
        (sealed(zip="DEF", algorithms=("DEF",)), "sealed"),
        (sealed(apu="AAAA"), "schema"),
        (sealed(kid="another"), "schema"),
        (sealed(cty="receipt+jws"), "schema"),
        (sealed("no message"), "schema"),
        (sealed(key=OctKey.generate_key(256), alg="dir"), "sealed"),
        (sealed(enc="A128GCM"), "sealed"),
    ],
)
def test_what_is_not_sealed_in_the_agreed_way_is_rejected(compact: str, code: str) -> None:
    assert code_of(compact) == code


@given(st.text(max_size=200))
def test_any_text_is_rejected_and_never_crashes(text: str) -> None:
    assert code_of(text) in {"schema", "sealed"}
    assert isinstance(type_of(text), str)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["alg", "enc", "kid", "epk", "cty"]), _json) | _json)
def test_any_header_is_rejected_and_never_crashes(header: Any) -> None:
    segment = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    assert code_of(f"{segment}..{'A' * 16}.AAAA.{'A' * 22}") in {"schema", "sealed"}
    assert isinstance(type_of(f"{segment}.AAAA.AAAA"), str)


def test_a_type_is_read_without_believing_it() -> None:
    assert type_of(MESSAGE) == "decision+jws"
    assert type_of("") == type_of("a.b.c") == type_of("W10.W10.W10") == ""
