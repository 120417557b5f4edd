"""Secrets do not get into the log, in whatever form."""

import base64
import io
import logging
import sys
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from homeapp import identity, redaction
from homeapp.redaction import MARK, SecretFilter, redact, redacted


@pytest.fixture(autouse=True)
def _fresh_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_REGISTER", redaction._Register())


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(SecretFilter())
    logger = logging.getLogger("tests.redaction")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, written
    logger.removeHandler(handler)


SECRET = "pa/ss w+örd&7"


def test_messages_arguments_and_tracebacks_are_clean(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    redact(SECRET)
    logger.warning("token %s sent to %s", SECRET, "host")
    logger.warning("as it is: " + SECRET)
    logger.warning("in a dict: %s", {"password": SECRET})
    try:
        raise ValueError(SECRET)
    except ValueError:
        logger.exception("failed")
    text = written.getvalue()
    assert SECRET not in text
    assert text.count(MARK) == 4
    assert f"token {MARK} sent to host" in text
    assert "Traceback" in text


@pytest.mark.parametrize(
    "form",
    [quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), '"pa/ss w+\\u00f6rd&7"'],
)
def test_quoted_forms_are_clean(form: str) -> None:
    redact(SECRET)
    assert redacted(f"GET https://host/?token={form}").startswith("GET https://host/?token=")
    assert MARK in redacted(form)
    assert "rd&7" not in redacted(form)
    assert "rd%267" not in redacted(form)


@given(
    user=st.text(max_size=12),
    secret=st.text(min_size=6, max_size=40).filter(lambda text: text.isprintable()),
    safe_for_urls=st.booleans(),
)
def test_basic_credentials_are_clean_whoever_the_user_is(user: str, secret: str, *, safe_for_urls: bool) -> None:
    redact(secret)
    encode = base64.urlsafe_b64encode if safe_for_urls else base64.b64encode
    token = encode(f"{user}:{secret}".encode()).decode()
    clean = redacted(f"Authorization: Basic {token} end")
    assert token.rstrip("=") not in clean
    assert MARK in clean


@pytest.mark.parametrize("form", [SECRET.encode().hex(), SECRET.encode().hex().upper()])
def test_hexadecimal_forms_are_clean(form: str) -> None:
    """OCPP 1.6 carries a charger's password so."""
    redact(SECRET)
    assert redacted(f"AuthorizationKey={form}") == f"AuthorizationKey={MARK}"


def test_a_key_is_clean_outside_of_its_pem_too() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    redact(pem)
    identity.public_jwk(pem)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    jwk_member = base64.urlsafe_b64encode(scalar).decode().rstrip("=")
    for form in (jwk_member, scalar.hex(), scalar.hex().upper(), "".join(pem.splitlines()[1:-1])):
        assert form not in redacted(f"key {form} end")


def test_a_line_that_cannot_be_put_together_never_stops_who_logs_it(log: tuple[logging.Logger, io.StringIO]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise AttributeError("gone")

    logger, written = log
    for arguments in (("%c", 1 << 40), ("%s", Broken()), ("%(a)s", {"b": 1})):
        logger.warning(*arguments)
    assert written.getvalue().count("left out") == 3


def test_each_line_of_a_key_counts_by_itself() -> None:
    body = ["MIGHAgEAMBMGByqGSM49AgEGCCqGSM49", "AwEHBG0wawIBAQQgabcdefghijklmnop"]
    redact("-----BEGIN PRIVATE KEY-----\n" + "\n".join(body) + "\n-----END PRIVATE KEY-----\n")
    for line in body:
        assert line not in redacted(f"x {line} y")
    assert redacted("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_other_text_stays_as_it_is() -> None:
    line = "evc_sp: has decision 0f8fad5b-d9cb-469f-a165-70867728950e, aGVsbG8gd29ybGQ="
    assert redacted(line) == line, "with nothing registered"
    redact("short")
    redact("a different secret")
    assert redacted(line + " short") == line + " short"


def test_a_line_whose_arguments_do_not_fit_is_left_out(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    redact(SECRET)
    arguments = (SECRET,)
    logger.warning("one %s two %s", *arguments)
    assert SECRET not in written.getvalue()
    assert "left out" in written.getvalue()


def test_installing_covers_the_handlers_of_the_root_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root, handler = logging.getLogger(), logging.StreamHandler(io.StringIO())
    root.addHandler(handler)
    try:
        redaction.install()
        redaction.install()
        assert sum(isinstance(present, SecretFilter) for present in handler.filters) == 1
    finally:
        for covered in root.handlers:
            for present in [present for present in covered.filters if isinstance(present, SecretFilter)]:
                covered.removeFilter(present)
        root.removeHandler(handler)
