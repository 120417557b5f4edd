"""Messages that are wrong in themselves: each is refused and told, and the next honest one has its effect."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from homeapp import identity
from homeapp.demo.operator.broker import BrokerProgram, installed_broker
from homeapp.demo.operator.sealed_message import EncryptionKey, seal
from homeapp.demo.operator.signed_message import SigningKey
from kit.attacked_street import Street, foreign_key_under_its_name, private
from kit.own_loop import OwnLoop

pytest.importorskip("acmecse", reason="the CSE of the demo street is not installed")


if installed_broker() is not BrokerProgram.MOSQUITTO:
    pytest.skip("mosquitto is not installed", allow_module_level=True)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public(jwk: Mapping[str, str]) -> ECKey:
    return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})


def good(street: Street) -> str:
    """What would pass, were it not for what the test does to it."""
    return street.evc.sign("offer+jws", street.evc.envelope(), street.body())


def with_header(street: Street, signature: Callable[[bytes], bytes], **header: str) -> str:
    claims = {**street.evc.envelope().claims(), **street.body()}
    kid = private(street.evc._key).thumbprint()
    protected = b64(json.dumps({"kid": kid, "typ": "offer+jws", **header}).encode())
    signing_input = f"{protected}.{b64(json.dumps(claims).encode())}"
    return f"{signing_input}.{b64(signature(signing_input.encode()))}"


def hmac_with_the_public_key(street: Street) -> str:
    secret = public(street.evc.public_jwk).as_pem(private=False)
    return with_header(street, lambda text: hmac.new(secret, text, hashlib.sha256).digest(), alg="HS256")


def es256_as_ed25519(street: Street) -> str:
    compact = good(street)
    signature = base64.urlsafe_b64decode(compact.rpartition(".")[2] + "==")
    return with_header(street, lambda _: signature, alg="Ed25519")


def in_envelope(**changes: Any) -> "Forge":
    def forge(street: Street) -> str:
        now = street.clock.now()
        spans = {name: now + span for name, span in changes.items() if isinstance(span, timedelta)}
        return street.evc.sign("offer+jws", replace(street.evc.envelope(), **{**changes, **spans}), street.body())

    return forge


def sealed(key: Callable[[Street], Any], **header: str) -> "Forge":
    def forge(street: Street) -> str:
        jwk = identity.public_jwk(street.enc_key_pem)
        protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": jwk["kid"], "cty": "offer+jws", **header}
        return jwe.encrypt_compact(
            protected, good(street), key(street), algorithms=[protected["alg"], protected["enc"]]
        )

    return forge


def hub_key(street: Street) -> ECKey:
    return public(identity.public_jwk(street.enc_key_pem))


def deeply_nested(street: Street) -> str:
    claims = json.dumps(street.evc.envelope().claims())
    payload = claims[:-1] + ', "offer": ' + "[" * 20_000 + "]" * 20_000 + "}"
    key = private(street.evc._key)
    header = {"alg": "ES256", "kid": key.thumbprint(), "typ": "offer+jws"}
    return jws.serialize_compact(header, payload, key, algorithms=["ES256"])


def oversized(street: Street) -> str:
    body = street.body()
    return street.evc.sign("offer+jws", street.evc.envelope(), {**body, "filler": "x" * 60_000})


def not_its_purpose(street: Street) -> str:
    offer = {**street.body()["offer"], "kind": "health_check"}
    offer["intervals"] = [{name: offer["intervals"][0][name] for name in ("start", "end")}]
    return street.evc.sign("offer+jws", street.evc.envelope(), {"offer": offer})


def not_its_type(street: Street) -> str:
    body = {"id": "d", "severity": "critical", "title": "x", "found_at": "2027-01-15T12:00:00Z"}
    return street.evc.sign("defect+jws", street.evc.envelope(), {"defect": body})


Forge = Callable[[Street], str]
FORGERIES: dict[str, tuple[Forge, str]] = {
    "alg none": (lambda street: with_header(street, lambda _: b"", alg="none"), "schema"),
    "alg none, signed": (lambda street: with_header(street, lambda _: b"x" * 64, alg="none"), "signature"),
    "HS256 with the public key": (hmac_with_the_public_key, "signature"),
    "ES256 key as Ed25519": (es256_as_ed25519, "signature"),
    "foreign key": (foreign_key_under_its_name, "signature"),
    "for another hub": (in_envelope(audience="Chub-0002-evc"), "audience"),
    "for this hub's other flow": (in_envelope(audience="Chub-0001-pev"), "audience"),
    "another sender": (in_envelope(issuer="Cpev-sp"), "issuer"),
    "expired": (in_envelope(issued_at=timedelta(hours=-2), expires_at=timedelta(hours=-1)), "expired"),
    "from the future": (in_envelope(issued_at=timedelta(hours=1)), "clock"),
    "for eight days": (in_envelope(expires_at=timedelta(days=8)), "expired"),
    "oversized": (oversized, "schema"),
    "deeply nested": (deeply_nested, "schema"),
    "not its purpose": (not_its_purpose, "purpose"),
    "not its type": (not_its_type, "schema"),
    "JWE to another key": (lambda street: seal(good(street), EncryptionKey().public_jwk), "sealed"),
    "JWE to another key under the hub's name": (sealed(lambda _: private(SigningKey())), "sealed"),
    "JWE with dir": (sealed(lambda _: OctKey.generate_key(256), alg="dir"), "schema"),
    "JWE with RSA": (sealed(lambda _: RSAKey.generate_key(2048), alg="RSA-OAEP"), "schema"),
    "JWE of another type": (sealed(hub_key, cty="receipt+jws"), "schema"),
    "JWE in a JWE": (
        lambda street: seal(street.evc.seal(good(street)), identity.public_jwk(street.enc_key_pem)),
        "schema",
    ),
    "sealed forgery": (lambda street: street.evc.seal(foreign_key_under_its_name(street)), "signature"),
    "no message": (lambda _: "<script>", "schema"),
}


@pytest.mark.usecase("W5", "W6", "W7")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_message_that_is_wrong_in_itself(
    running: OwnLoop, street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    forge, code = FORGERIES[name]

    async def body() -> None:
        async with street.home(tmp_path) as home:
            await street.evc.send_raw(forge(street))
            assert await home.notices_up_to_now(await street.offer()) == [code]
            assert f"evc_sp: message rejected ({code})" in caplog.text
            assert "o-bad" not in home.offers

    running.run(body())


def test_the_same_message_without_anything_wrong_has_its_effect(
    running: OwnLoop, street: Street, tmp_path: Path
) -> None:
    """Otherwise the test before could not fail."""

    async def body() -> None:
        async with street.home(tmp_path) as home:
            await street.evc.send_raw(good(street))
            await home.until(lambda: "o-bad" in home.offers)
            assert home.notices == []

    running.run(body())
