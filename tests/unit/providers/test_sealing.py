"""Encryption to a receiver and back: in one way only, refused in every other."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from homeapp.errors import MessageRejected, SecretStoreUnavailable, SettingsInvalid
from homeapp.providers.jose import MAX_SIZE
from homeapp.providers.sealing import MAX_SEALED_SIZE, HubUnsealer, Seal

HUB = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
SIGNER = ECKey.generate_key("P-256")
UNSEALER = HubUnsealer(HUB.as_pem(private=True).decode())
HEADER = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": HUB.thumbprint(), "cty": "offer+jws"}


def public(key: ECKey) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


SEAL = Seal(public(HUB))


def message(filler: int = 0, typ: str = "offer+jws") -> str:
    header = {"alg": "ES256", "kid": SIGNER.thumbprint(), "typ": typ}
    return jws.serialize_compact(header, json.dumps({"jti": "m-1", "x": "x" * filler}), SIGNER, algorithms=["ES256"])


def sealed(
    plaintext: str | bytes | None = None, key: Any = HUB, algorithms: tuple[str, ...] = (), **header: Any
) -> str:
    """By the library itself, so that anything can be wrong."""
    protected = {name: value for name, value in {**HEADER, **header}.items() if value is not None}
    allowed = [protected["alg"], protected["enc"], *algorithms]
    return jwe.encrypt_compact(protected, message() if plaintext is None else plaintext, key, algorithms=allowed)


def code_of(compact: str) -> str:
    with pytest.raises(MessageRejected) as caught:
        UNSEALER.open(compact)
    assert str(caught.value).endswith(".")
    return caught.value.code


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.usecase("W5", "W8")
def test_what_is_sealed_to_the_hub_the_hub_opens() -> None:
    compact = SEAL.seal(message())
    assert UNSEALER.open(compact).split(".")[0] == message().split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(compact.split(".")[0] + "=="))
    assert set(header) == {"alg", "enc", "kid", "epk", "cty"}
    assert (header["alg"], header["enc"], header["cty"]) == ("ECDH-ES", "A256GCM", "offer+jws")
    assert header["kid"] == HUB.thumbprint() == SEAL.key_id == UNSEALER.key_id
    assert SEAL.seal(message()) != SEAL.seal(message())


def test_what_is_not_sealed_comes_back_as_it_is() -> None:
    for text in ("", "a.b.c", message()):
        assert UNSEALER.open(text) == text


def test_the_largest_message_can_be_sealed_and_a_larger_one_cannot() -> None:
    large = message(filler=48_900)
    assert len(large) <= MAX_SIZE
    assert UNSEALER.open(SEAL.seal(large)) == large
    with pytest.raises(MessageRejected):
        SEAL.seal(message(filler=50_000))
    too_large = sealed(b"x" * MAX_SEALED_SIZE)
    assert code_of(too_large) == "schema"


@pytest.mark.usecase("W5")
def test_what_is_for_another_key_is_refused_by_its_name_and_by_its_content() -> None:
    assert code_of(Seal(public(OTHER)).seal(message())) == "sealed"
    assert code_of(sealed(key=OTHER)) == "sealed"
    assert code_of(sealed(kid=OTHER.thumbprint())) == "sealed"


@pytest.mark.usecase("W6")
@pytest.mark.parametrize("part", range(5))
def test_a_changed_part_is_refused(part: int) -> None:
    parts = SEAL.seal(message()).split(".")
    parts[part] = ("B" if parts[part][:1] == "A" else "A") + parts[part][1:]
    assert code_of(".".join(parts)) in {"sealed", "schema"}


def _none(compact: str) -> str:
    return b64(json.dumps({**HEADER, "alg": "none"}).encode()) + compact[compact.index(".") :]


FORGERIES: dict[str, Callable[[], str]] = {
    "dir": lambda: sealed(key=OctKey.generate_key(256), alg="dir"),
    "dir with the public key": lambda: sealed(
        key=OctKey.import_key(base64.urlsafe_b64decode(public(HUB)["x"] + "=")), alg="dir"
    ),
    "RSA-OAEP": lambda: sealed(key=RSAKey.generate_key(2048), alg="RSA-OAEP"),
    "ECDH-ES+A256KW": lambda: sealed(alg="ECDH-ES+A256KW"),
    "A256KW": lambda: sealed(key=OctKey.generate_key(256), alg="A256KW"),
    "PBES2": lambda: sealed(key=OctKey.generate_key(256), alg="PBES2-HS256+A128KW"),
    "A128GCM": lambda: sealed(enc="A128GCM"),
    "A256CBC-HS512": lambda: sealed(enc="A256CBC-HS512"),
    "none": lambda: _none(sealed()),
    "zip": lambda: sealed(algorithms=("DEF",), zip="DEF"),
    "a bomb": lambda: sealed(b"0" * 10_000_000, algorithms=("DEF",), zip="DEF"),
    "apu": lambda: sealed(apu="AAAA"),
    "jku": lambda: sealed(jku="https://keys.example/"),
    "no cty": lambda: sealed(cty=None),
    "no kid": lambda: sealed(kid=None),
    "another cty": lambda: sealed(cty="receipt+jws"),
    "in itself": lambda: sealed(SEAL.seal(message())),
    "a claim": lambda: sealed(b'{"iss": "Cevc-sp"}'),
    "nothing": lambda: sealed(b""),
    "five segments": lambda: message() + ".a.b",
}


@pytest.mark.usecase("W5", "W6")
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("name", FORGERIES)
def test_every_other_way_is_refused(name: str) -> None:
    assert code_of(FORGERIES[name]()) == "schema"


def test_an_ephemeral_key_that_is_not_on_the_curve_is_refused() -> None:
    """An invalid-curve point would leak the hub's key bit by bit."""
    segments = sealed().split(".")
    header = json.loads(base64.urlsafe_b64decode(segments[0] + "=="))
    header["epk"]["y"] = b64(bytes(31) + b"\x07")
    segments[0] = b64(json.dumps(header).encode())
    assert code_of(".".join(segments)) == "sealed"
    header["epk"]["d"] = header["epk"]["x"]
    segments[0] = b64(json.dumps(header).encode())
    assert code_of(".".join(segments)) == "schema"


def test_plaintext_that_is_not_ascii_is_refused() -> None:
    assert code_of(sealed("é".encode())) == "sealed"


@given(st.text())
def test_arbitrary_text_is_left_to_the_signature_or_rejected(text: str) -> None:
    if text.count(".") == 4:
        assert code_of(text) == "schema"
    else:
        assert UNSEALER.open(text) == text


@given(st.lists(st.binary(max_size=80), min_size=5, max_size=5))
def test_arbitrary_segments_are_only_ever_rejected(parts: list[bytes]) -> None:
    assert code_of(".".join(map(b64, parts))) in {"schema", "sealed"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_EPK = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}


@given(st.dictionaries(st.sampled_from(["alg", "enc", "kid", "epk", "cty", "zip", "crit", "apu"]), _json))
def test_arbitrary_headers_are_only_ever_rejected(change: dict[str, Any]) -> None:
    header = b64(json.dumps({**HEADER, "epk": _EPK, **change}).encode())
    assert code_of(f"{header}..{'A' * 16}.AAAA.{'A' * 22}") in {"schema", "sealed"}


@given(st.integers(0, 2000), st.characters(codec="ascii"))
def test_a_sealed_message_with_any_letter_changed_is_rejected_or_the_same(place: int, letter: str) -> None:
    good = SEAL.seal(message())
    place %= len(good)
    changed = good[:place] + letter + good[place + 1 :]
    try:
        # The last letter of a Base64 segment carries bits that nobody reads.
        inside = UNSEALER.open(changed)
    except MessageRejected:
        return
    assert inside == UNSEALER.open(good) or changed.count(".") != 4


def test_a_receiver_needs_a_public_p256_key() -> None:
    private = {name: str(value) for name, value in HUB.as_dict(private=True).items()}
    for jwk in (
        {},
        private,
        {**public(HUB), "y": "AAAA"},
        {name: value for name, value in public(HUB).items() if name != "y"},
        public(ECKey.generate_key("P-384")),
        {"kty": "OKP", "crv": "X25519", "x": "AAAA"},
    ):
        with pytest.raises(SettingsInvalid):
            Seal(jwk)


def test_the_hub_opens_with_nothing_but_a_p256_key() -> None:
    for pem in (
        "",
        "nonsense",
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        HUB.as_pem(private=False).decode(),
    ):
        with pytest.raises(SecretStoreUnavailable):
            HubUnsealer(pem)
