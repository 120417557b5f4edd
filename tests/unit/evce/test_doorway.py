"""Who a station says it is at the door."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers

from devices.evce.doorway import Credentials, credentials_of, passwords_meant, station_of


@pytest.mark.parametrize(
    ("path", "station"),
    [
        ("/box", "box"),
        ("/ocpp/box", "box"),
        ("/ocpp/box?token=1", "box"),
        ("/ocpp/A.b_c~d:e-1", "A.b_c~d:e-1"),
        ("/ocpp/a%3Ab", "a:b"),
        ("/" + "x" * 48, "x" * 48),
        ("/" + "x" * 49, None),
        ("/", None),
        ("/ocpp", None),
        ("/ocpp/", None),
        ("/ocpp/a/b", None),
        ("/..", None),
        ("/ocpp/a%20b", None),
        ("/ocpp/a%0Ab", None),
        ("/ocpp/b%C3%B6x", None),
    ],
)
def test_the_identity_in_the_path(path: str, station: str | None) -> None:
    assert station_of(path) == station


def header(user: str, password: str) -> Headers:
    return Headers(Authorization="Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def test_basic_credentials() -> None:
    assert credentials_of(header("box", "secret")) == Credentials("box", "secret")
    assert credentials_of(header("a:b:c", "secret")) == Credentials("a:b:c", "secret")
    assert credentials_of(header("box", "")) == Credentials("box", "")


@pytest.mark.parametrize(
    "value", ["", "Basic", "Basic !!!", "Bearer abc", "Basic " + "A" * 600, "Basic /w==", "Basic YQ=="]
)
def test_what_is_no_basic_header_is_no_credentials(value: str) -> None:
    assert credentials_of(Headers(Authorization=value)) is None


def test_two_headers_are_none() -> None:
    headers = header("box", "a")
    headers["Authorization"] = headers["Authorization"]
    assert credentials_of(headers) is None
    assert credentials_of(Headers()) is None


@given(st.text())
def test_no_path_and_no_header_crashes_it(text: str) -> None:
    station_of(text)
    credentials_of(Headers(Authorization=text.replace("\n", "").replace("\r", "")))


def test_a_key_sent_as_hex_text_is_also_tried_as_its_bytes() -> None:
    assert passwords_meant("abc") == ("abc",)
    assert passwords_meant(b"a-password-of-20-chr".hex()) == (
        b"a-password-of-20-chr".hex(),
        "a-password-of-20-chr",
    )
    assert passwords_meant("ff" * 20) == ("ff" * 20,)
