"""The checks on signed messages: each attack is refused with its own code."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey

from homeapp.errors import MessageRejected, SecretStoreUnavailable, SettingsInvalid
from homeapp.providers.jose import HubSigner, VerifiedMessage, verification_key, verify

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
EC = ECKey.generate_key("P-256")
ED = OKPKey.generate_key("Ed25519")
OTHER = ECKey.generate_key("P-256")
KEYS = (verification_key(EC.as_dict(private=False)), verification_key(ED.as_dict(private=False)))
CLAIMS: dict[str, Any] = {
    "iss": "Cevc-sp",
    "aud": "Chub-0001",
    "jti": "m-1",
    "iat": ISSUED,
    "exp": ISSUED + 3600,
    "offer": {"id": "o-1"},
}


def signed(
    key: Key = EC, alg: str = "ES256", typ: str = "offer+jws", header: dict[str, Any] | None = None, **claims: Any
) -> str:
    payload = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    protected = {"alg": alg, "kid": key.thumbprint(), "typ": typ, **(header or {})}
    return jws.serialize_compact(protected, json.dumps(payload), key, algorithms=[alg])


def check(compact: str, now: datetime = NOW) -> VerifiedMessage:
    return verify(compact, keys=KEYS, allowed_types={"offer+jws"}, issuer="Cevc-sp", audience="Chub-0001", now=now)


def code_of(compact: str, now: datetime = NOW) -> str:
    with pytest.raises(MessageRejected) as caught:
        check(compact, now)
    return caught.value.code


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.usecase("W5", "W6")
@pytest.mark.parametrize(("key", "alg"), [(EC, "ES256"), (ED, "Ed25519")])
def test_a_message_of_the_provider_passes(key: Key, alg: str) -> None:
    message = check(signed(key, alg))
    assert (message.typ, message.jti, message.claims["offer"]) == ("offer+jws", "m-1", {"id": "o-1"})
    assert message.issued_at == NOW
    assert message.expires_at == NOW + timedelta(hours=1)


def test_what_the_hub_signs_can_be_verified_with_its_public_key() -> None:
    pem = OTHER.as_pem(private=True).decode()
    signer = HubSigner(pem)
    public = verification_key(OTHER.as_dict(private=False))
    compact = signer.sign(json.dumps(CLAIMS).encode(), "decision+jws")
    message = verify(
        compact, keys=(public,), allowed_types={"decision+jws"}, issuer="Cevc-sp", audience="Chub-0001", now=NOW
    )
    assert message.jti == "m-1"
    assert signer.key_id == public.key_id
    assert set(json.loads(base64.urlsafe_b64decode(compact.split(".")[0] + "=="))) == {"alg", "kid", "typ"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "Cpev-sp"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "Chub-0002"}, "audience"),
        ({"aud": ["Chub-0001"]}, "audience"),
        ({"exp": ISSUED}, "expired"),
        ({"exp": ISSUED - 1}, "expired"),
        ({"iat": ISSUED + 121, "exp": ISSUED + 200}, "clock"),
        ({"exp": ISSUED + 7 * 86400 + 1}, "expired"),
        ({"exp": None}, "schema"),
        ({"exp": "tomorrow"}, "schema"),
        ({"exp": True}, "schema"),
        ({"exp": 1e300}, "schema"),
        ({"exp": 10**30}, "schema"),
        ({"iat": -1}, "schema"),
        ({"jti": None}, "schema"),
        ({"jti": ""}, "schema"),
        ({"jti": "begun m-1"}, "schema"),
        ({"jti": "x" * 129}, "schema"),
        ({"jti": 7}, "schema"),
    ],
)
def test_wrong_claims_have_their_code(change: dict[str, Any], code: str) -> None:
    assert code_of(signed(**change)) == code


@pytest.mark.parametrize("change", [{"iat": ISSUED + 120, "exp": ISSUED + 121}, {"exp": ISSUED + 7 * 86400}])
def test_the_edges_of_time_are_inside(change: dict[str, Any]) -> None:
    assert check(signed(**change)).jti == "m-1"


def test_hub_time_decides_about_expiry() -> None:
    assert code_of(signed(), NOW + timedelta(hours=1)) == "expired"
    assert check(signed(), NOW + timedelta(minutes=59)).jti == "m-1"


def test_the_first_failing_check_gives_the_code() -> None:
    assert code_of(signed(OTHER, iss="Cx", exp=0)) == "signature"
    assert code_of(signed(typ="order+jws", iss="Cx")) == "schema"
    assert code_of(signed(iss="Cx", aud="Cy", exp=0)) == "issuer"
    assert code_of(signed(aud="Cy", exp=0)) == "audience"


def test_a_forged_signature_is_refused() -> None:
    header, payload, signature = signed().split(".")
    other = b64(json.dumps({**CLAIMS, "jti": "m-2"}).encode())
    assert code_of(f"{header}.{other}.{signature}") == "signature"
    assert code_of(f"{header}.{payload}.{b64(bytes(64))}") == "signature"


def test_a_key_of_somebody_else_is_refused_whatever_kid_it_claims() -> None:
    assert code_of(signed(OTHER)) == "signature"
    assert code_of(signed(OTHER, header={"kid": EC.thumbprint()})) == "signature"
    assert code_of(signed(EC, header={"kid": ED.thumbprint()})) == "signature"


def _none(header: dict[str, Any], payload: str) -> str:
    return f"{b64(json.dumps({**header, 'alg': 'none'}).encode())}.{payload}."


def _none_with_signature(header: dict[str, Any], payload: str) -> str:
    return _none(header, payload) + "AAAA"


def _hmac_with_public_key(header: dict[str, Any], payload: str) -> str:
    start = f"{b64(json.dumps({**header, 'alg': 'HS256'}).encode())}.{payload}"
    return f"{start}.{b64(hmac.new(EC.as_pem(private=False), start.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("forge", [_none, _none_with_signature, _hmac_with_public_key])
def test_algorithm_confusion_is_refused(forge: Callable[[dict[str, Any], str], str]) -> None:
    header = {"kid": EC.thumbprint(), "typ": "offer+jws"}
    compact = forge(header, b64(json.dumps(CLAIMS).encode()))
    assert code_of(compact) in {"signature", "schema"}


@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": OTHER.as_dict(private=False)},
        {"jku": "https://keys.example/"},
        {"x5c": ["AAAA"]},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_a_key_or_an_extension_inside_the_message_is_refused(extra: dict[str, Any]) -> None:
    header = b64(json.dumps({"alg": "ES256", "kid": OTHER.thumbprint(), "typ": "offer+jws", **extra}).encode())
    payload = b64(json.dumps(CLAIMS).encode())
    assert code_of(f"{header}.{payload}.{b64(bytes(64))}") == "schema"


@pytest.mark.parametrize(
    "compact",
    [
        "",
        "a",
        "a.b",
        "a.b.c.d",
        "..",
        ".a.b",
        "a b.c.d",
        "ü.b.c",
        "W10.W10.W10",
        "e30.e30.e30",
        signed() + "=",
        signed() + "\n",
    ],
)
def test_what_is_no_message_is_refused(compact: str) -> None:
    assert code_of(compact) == "schema"


def test_a_payload_that_is_no_object_is_refused() -> None:
    for payload in (b"[]", b"7", b"\xff", b"[" * 5000, b'{"iss": NaN}'):
        header = {"alg": "ES256", "kid": EC.thumbprint(), "typ": "offer+jws"}
        assert code_of(jws.serialize_compact(header, payload, EC, algorithms=["ES256"])) == "schema"


def test_a_message_above_64_kilobytes_is_refused() -> None:
    assert code_of(signed(filler="x" * 50_000)) == "schema"
    assert check(signed(filler="x" * 40_000)).jti == "m-1"


@given(st.text())
def test_arbitrary_text_is_only_ever_rejected(text: str) -> None:
    assert code_of(text) in {"schema", "signature"}


@given(st.binary(), st.binary(), st.binary())
def test_arbitrary_segments_are_only_ever_rejected(first: bytes, second: bytes, third: bytes) -> None:
    assert code_of(f"{b64(first)}.{b64(second)}.{b64(third)}") in {"schema", "signature"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jwk", "crit", "b64"]), _json))
def test_arbitrary_headers_are_only_ever_rejected(header: dict[str, Any]) -> None:
    assert code_of(f"{b64(json.dumps(header).encode())}.e30.AAAA") in {"schema", "signature"}


@given(st.dictionaries(st.sampled_from(["iss", "aud", "jti", "iat", "exp"]), _json))
def test_arbitrary_signed_claims_are_only_ever_rejected(claims: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": EC.thumbprint(), "typ": "offer+jws"}
    compact = jws.serialize_compact(header, json.dumps(claims), EC, algorithms=["ES256"])
    assert code_of(compact) in {"schema", "issuer"}


def test_keys_of_providers_must_be_public_and_of_a_known_kind() -> None:
    rsa = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    secret = {"kty": "oct", "k": "AAAA"}
    private = {name: str(value) for name, value in EC.as_dict(private=True).items()}
    damaged = {**EC.as_dict(private=False), "x": "AAAA"}
    p384 = ECKey.generate_key("P-384").as_dict(private=False)
    for jwk in (rsa, secret, private, damaged, p384, {}):
        with pytest.raises(SettingsInvalid):
            verification_key({name: str(value) for name, value in jwk.items()})


def test_the_hub_signs_with_nothing_but_a_p256_key() -> None:
    for pem in (
        "",
        "nonsense",
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        EC.as_pem(private=False).decode(),
    ):
        with pytest.raises(SecretStoreUnavailable):
            HubSigner(pem)
