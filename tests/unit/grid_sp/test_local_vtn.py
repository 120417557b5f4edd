"""What a VTN announces on the home's network: read with care, and used by nobody."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.model.local_vtn import FoundVtn
from homeapp.providers.grid_sp.local_vtn import SERVICE_TYPE, read_announcement

TXT: dict[bytes, bytes | None] = {
    b"version": b"3.1.1",
    b"base_path": b"openadr3/3.1.1",
    b"local_url": b"https://vtn.local:8443/openadr3/3.1.1/",
    b"program_names": b"HomeTariff, HomeFlex",
    b"requires_auth": b"True",
}


def read(changes: dict[bytes, bytes | None] | None = None, port: int | None = 8443) -> FoundVtn | None:
    txt = {key: value for key, value in {**TXT, **(changes or {})}.items() if value != b"-"}
    return read_announcement(f"Grid.{SERVICE_TYPE}", ["192.168.1.9"], port, txt)


def test_an_announcement_as_the_standard_has_it() -> None:
    assert read() == FoundVtn(
        name="Grid",
        url="https://vtn.local:8443/openadr3/3.1.1",
        address="192.168.1.9:8443",
        version="3.1.1",
        programs=("HomeTariff", "HomeFlex"),
        needs_login=True,
    )


def test_without_a_url_of_its_own_it_is_made_of_the_parts() -> None:
    found = read({b"local_url": b"-"})
    assert found is not None
    assert found.url == "https://192.168.1.9:8443/openadr3/3.1.1"
    bare = read({b"local_url": None, b"base_path": b"-", b"requires_auth": b"-", b"program_names": b"-"})
    assert bare is not None
    assert (bare.url, bare.needs_login, bare.programs) == ("https://192.168.1.9:8443", None, ())


@pytest.mark.usecase("W4")
@pytest.mark.parametrize(
    "url",
    [
        b"http://vtn.local/x",
        b"javascript:x",
        b"https://",
        b"https://u:p@h/",
        b"https://[",
        b"https://h:0/",
        b"https://h\xc3\xbc/",
    ],
)
def test_an_address_that_is_not_safe_is_not_shown_as_one(url: bytes) -> None:
    found = read({b"local_url": url})
    assert found is not None
    assert found.url == ""


@pytest.mark.parametrize("port", [None, 0, 65_536])
def test_a_service_that_cannot_be_reached_is_no_finding(port: int | None) -> None:
    assert read(port=port) is None
    assert read_announcement("x", [], 80, TXT) is None


@given(
    st.dictionaries(
        st.sampled_from([*TXT, b"\xff", b"VERSION"]) | st.binary(max_size=8),
        st.none() | st.binary(max_size=300),
        max_size=8,
    ),
    st.text(max_size=80),
)
def test_whatever_is_announced_is_short_plain_text(txt: dict[bytes, bytes | None], name: str) -> None:
    found = read_announcement(name, ["192.168.1.9"], 443, txt)
    assert found is not None
    texts = (found.name, found.version, *found.programs, found.url)
    assert all(text.isprintable() or not any(ord(sign) < 32 for sign in text) for text in texts)
    assert len(found.name) <= 64
    assert not found.url or urlsplit(found.url).scheme == "https"
