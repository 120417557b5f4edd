"""Descriptors: what is read, what is refused, and that both sides print the same fingerprint."""

import base64
import json
import ssl
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey

from homeapp.demo.operator import descriptors
from homeapp.demo.operator.descriptors import Company, OperatorAddress
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.demo.operator.signed_message import SigningKey
from homeapp.errors import SettingsInvalid
from homeapp.model.consent import DataClass
from homeapp.pairing.descriptor import (
    MAX_SIZE,
    QR_PREFIX,
    Pairing,
    fingerprint,
    read_descriptor,
    same_fingerprint,
)

AUTHORITY = StreetAuthority()
SIGNING, ENCRYPTION, MAKER = SigningKey().public_jwk, SigningKey().public_jwk, SigningKey().public_jwk
OPERATOR = OperatorAddress(
    broker_host="m2m.example",
    broker_port=8883,
    ca_pem=AUTHORITY.ca_pem.decode(),
    crl_url="http://m2m.example/revoked.crl",
    est_url="https://m2m.example/.well-known/est",
)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def company(sp_id: str = "evc_sp", **changes: Any) -> Company:
    fields: dict[str, Any] = {
        "sp_id": sp_id,
        "name": "Laden – Süd",
        "ae_id": "Cevc-sp",
        "signing_key": SIGNING,
        "encryption_key": ENCRYPTION,
        "hub_ae_id": "Chub-0001-evc",
    }
    return Company(**fields | changes)


GOOD = descriptors.descriptor_json(company(), OPERATOR)


def with_changes(change: Callable[[dict[str, Any]], object], text: str = GOOD) -> str:
    body: dict[str, Any] = json.loads(text)
    change(body)
    return json.dumps(body)


def set_to(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: Any) -> None:
        for name in path[:-1]:
            body = body[name]
        body[path[-1]] = value

    return change


def packed(content: bytes) -> str:
    return QR_PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("=")


def with_bytes(pem: str, old: str, new: str) -> str:
    """The same certificate with other bytes (hex) inside."""
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert bytes.fromhex(old) in der
    return ssl.DER_cert_to_PEM_cert(der.replace(bytes.fromhex(old), bytes.fromhex(new), 1))


@pytest.mark.usecase("W4", "W9")
@pytest.mark.parametrize("sp_id", ["evc_sp", "pev_sp", "fleet"])
def test_file_and_qr_code_say_the_same_and_have_the_fingerprint_that_the_provider_prints(sp_id: str) -> None:
    maker = ("Cmanufacturer", MAKER) if sp_id == "pev_sp" else None
    text = descriptors.descriptor_json(company(sp_id, manufacturer=maker), OPERATOR)
    descriptor = read_descriptor(f"\n {text}\n")
    assert read_descriptor(descriptors.qr_text(text)) == descriptor
    assert same_fingerprint(fingerprint(descriptor), descriptors.printed_fingerprint(text))
    assert descriptor.name == "Laden – Süd"
    assert descriptor.data[0] is DataClass.IDENTITY


def test_the_view_tells_people_what_they_have_to_know() -> None:
    view = read_descriptor(GOOD).view
    assert (view.sp_id, view.name, view.ae_id) == ("evc_sp", "Laden – Süd", "Cevc-sp")
    assert view.operator == "m2m.example:8883"
    assert view.data == (DataClass.IDENTITY, DataClass.CHARGING, DataClass.METERING)
    assert [len(group) for group in view.fingerprint.split("-")] == [4] * 8


def test_fingerprints_are_compared_as_people_write_them() -> None:
    printed = fingerprint(read_descriptor(GOOD))
    assert same_fingerprint(printed, printed.lower().replace("-", "  "))
    assert not same_fingerprint(printed, printed[:-1] + ("A" if printed[-1] != "A" else "B"))
    assert not same_fingerprint(printed, "")


@pytest.mark.parametrize(
    "change",
    [
        set_to("name", value="Another"),
        set_to("keys", 0, value=MAKER | {"use": "sig"}),
        set_to("operator", "broker_port", value=8884),
        set_to("data", value=["identity"]),
        set_to("open_status", value=True),
    ],
)
def test_every_change_changes_the_fingerprint(change: Callable[[dict[str, Any]], object]) -> None:
    changed = with_changes(change)
    assert descriptors.printed_fingerprint(changed) != descriptors.printed_fingerprint(GOOD)
    assert not same_fingerprint(fingerprint(read_descriptor(changed)), fingerprint(read_descriptor(GOOD)))


ED25519 = {name: str(value) for name, value in OKPKey.generate_key("Ed25519").as_dict(private=False).items()}
P384 = {name: str(value) for name, value in ECKey.generate_key("P-384").as_dict(private=False).items()}
PRIVATE = {name: str(value) for name, value in ECKey.generate_key("P-256").as_dict(private=True).items()}
TWICE = with_bytes(AUTHORITY.ca_pem.decode(), "0603551d0f", "0603551d13")
"""A certificate with two extensions of one kind."""
LEAF = AUTHORITY.issue_client("Cx").certificate_pem.decode()


def test_ed25519_may_sign() -> None:
    text = with_changes(set_to("keys", 0, value=ED25519 | {"use": "sig"}))
    assert read_descriptor(text).keys[0]["crv"] == "Ed25519"


@pytest.mark.usecase("A6")
def test_an_operator_without_a_broker_is_reached_over_http() -> None:
    address = replace(OPERATOR, broker_host="", http_url="https://m2m.example/cse", reconnect_spread_s=5)
    text = descriptors.descriptor_json(company(), address)
    descriptor = read_descriptor(text)
    assert descriptor.view.operator == "https://m2m.example/cse"
    assert descriptor.operator.reconnect_spread_s == 5
    assert same_fingerprint(fingerprint(descriptor), descriptors.printed_fingerprint(text))


@pytest.mark.usecase("W4")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_to("version", value=2), "form"),
        (set_to("sp_id", value="grid_sp"), "form"),
        (set_to("name", value=""), "form"),
        (set_to("name", value="a\u202eb"), "plain"),
        (set_to("name", value="a\nb"), "plain"),
        (set_to("name", value="x" * 65), "form"),
        (set_to("ae_id", value="Cevc/#"), "form"),
        (set_to("ae_id", value="Chub-0001-evc"), "own AE-ID"),
        (set_to("hub_ae_id", value="C+"), "form"),
        (set_to("hub_ae_id", value="C" + "x" * 64), "form"),
        (set_to("extra", value=1), "form"),
        (set_to("operator", "extra", value=1), "form"),
        (set_to("manufacturer", value=None), "form"),
        (set_to("manufacturer", value={"ae_id": "Cm", "key": MAKER}), "manufacturer"),
        (set_to("keys", value=[SIGNING | {"use": "sig"}, MAKER | {"use": "sig"}]), "one key for signing"),
        (set_to("keys", value=[SIGNING | {"use": "enc"}, MAKER | {"use": "enc"}]), "one key for signing"),
        (set_to("keys", 0, "use", value="other"), "neither"),
        (set_to("keys", 0, value=SIGNING), "neither"),
        (set_to("keys", 0, value=PRIVATE | {"use": "sig"}), "private"),
        (set_to("keys", 0, value=P384 | {"use": "sig"}), "damaged"),
        (set_to("keys", 1, value=ED25519 | {"use": "enc"}), "encryption"),
        (set_to("keys", 0, "y", value=MAKER["y"]), "damaged"),
        (set_to("keys", 0, "x5u", value="https://example"), "members"),
        (set_to("data", value=["charging"]), "who the customer is"),
        (set_to("data", value=["identity", "health"]), "may not have"),
        (set_to("data", value=["identity", "location"]), "may not have"),
        (set_to("data", value=["identity", "identity"]), "twice"),
        (set_to("data", value=["identity", "thoughts"]), "form"),
        (set_to("purposes", value=["defect"]), "may not send"),
        (set_to("purposes", value=["command"]), "may not send"),
        (set_to("operator", "broker_port", value=0), "form"),
        (set_to("operator", "broker_port", value="8883"), "form"),
        (set_to("operator", "broker_host", value="a b"), "form"),
        (set_to("operator", "broker_host", value=""), "neither a broker"),
        (set_to("operator", "reconnect_spread_s", value=0), "form"),
        (set_to("operator", "reconnect_spread_s", value=3600), "form"),
        (set_to("operator", "est_url", value="http://m2m.example/est"), "addresses"),
        (set_to("operator", "est_url", value="https://user@m2m.example/est"), "addresses"),
        (set_to("operator", "est_url", value="https://"), "addresses"),
        (set_to("operator", "crl_url", value="file:///etc/passwd"), "addresses"),
        (set_to("operator", "crl_url", value="http://m2m.example:x/"), "addresses"),
        (set_to("operator", "http_url", value="http://m2m.example"), "addresses"),
        (set_to("operator", "ca_pem", value=""), "certificate"),
        (set_to("operator", "ca_pem", value="nonsense"), "certificate"),
        (set_to("operator", "ca_pem", value=LEAF), "not that of an authority"),
        (set_to("operator", "ca_pem", value=TWICE), "damaged"),
        (set_to("operator", "est_url", value="https://xn--/est"), "addresses"),
        (set_to("open_status", value="yes"), "form"),
    ],
)
def test_what_is_not_as_agreed_is_refused(change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        read_descriptor(with_changes(change))


@pytest.mark.parametrize("member", sorted(json.loads(GOOD)))
def test_nothing_may_be_left_out(member: str) -> None:
    with pytest.raises(SettingsInvalid):
        read_descriptor(with_changes(lambda body: body.pop(member)))


def test_the_car_software_comes_from_a_manufacturer_whose_key_is_public() -> None:
    text = descriptors.descriptor_json(company("pev_sp", manufacturer=("Cmanufacturer", MAKER)), OPERATOR)
    assert read_descriptor(text).manufacturer
    with pytest.raises(SettingsInvalid, match="private"):
        read_descriptor(with_changes(set_to("manufacturer", "key", value=PRIVATE), text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 50_000,
        "{" * 1000,
        "\ud800",
        "x" * (MAX_SIZE + 1),
        json.dumps({"version": 1, "padding": "é" * 40_000}),
        QR_PREFIX,
        QR_PREFIX + "?",
        packed(b"nonsense"),
        packed(zlib.compress(GOOD.encode())[:-8]),
        packed(zlib.compress(GOOD.encode()) + b"more"),
        packed(zlib.compress(b" " * 100_000_000, 9)),
    ],
    ids=[
        "empty",
        "arrays",
        "objects",
        "surrogate",
        "too large",
        "too large as bytes",
        "prefix",
        "no packing",
        "nonsense",
        "cut off",
        "more behind",
        "bomb",
    ],
)
def test_damaged_texts_and_bombs_are_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_descriptor(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_what_is_larger_than_it_may_be_is_refused_though_it_is_proper() -> None:
    padded = GOOD.replace("{", "{" + " " * MAX_SIZE, 1)
    assert read_descriptor(GOOD.replace("{", "{" + " " * 50_000, 1)) == read_descriptor(GOOD)
    for text in (padded, packed(zlib.compress(padded.encode()))):
        with pytest.raises(SettingsInvalid, match="64 kB"):
            read_descriptor(text)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_and_never_crash(content: bytes) -> None:
    for text in (content.decode("latin-1"), content.decode(errors="replace"), packed(content)):
        with pytest.raises(SettingsInvalid):
            read_descriptor(text)
    with pytest.raises(SettingsInvalid):
        read_descriptor(packed(zlib.compress(content)))


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.sampled_from(sorted(json.loads(GOOD))), _VALUES)
def test_any_value_in_any_place_is_read_or_refused(member: str, value: object) -> None:
    changed = with_changes(set_to(member, value=value))
    try:
        descriptor = read_descriptor(changed)
    except SettingsInvalid:
        return
    assert same_fingerprint(fingerprint(descriptor), descriptors.printed_fingerprint(changed))


def test_old_keys_count_until_their_time_is_over() -> None:
    descriptor = read_descriptor(GOOD)
    newer = (SigningKey().public_jwk | {"use": "sig"}, SigningKey().public_jwk | {"use": "enc"})
    until = NOW + timedelta(days=1)
    first = Pairing(descriptor=descriptor, paired_at=NOW, keys=descriptor.keys)
    pairing = Pairing(descriptor=descriptor, paired_at=NOW, keys=newer, old_keys=descriptor.keys, old_keys_until=until)
    (old,), new = first.key_ids(NOW), pairing.key_ids(until)
    assert pairing.key_ids(NOW) == (*new, old)
    assert len(new) == 1
    assert old not in new
