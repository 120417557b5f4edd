"""Addresses that are typed in: literal ones of the home's network, nothing that is looked up or outside."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import NotFound
from homeapp.local_address import local_address


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (" 192.168.1.20\n", "192.168.1.20"),
        ("10.0.0.7:8443", "10.0.0.7:8443"),
        ("172.31.255.1", "172.31.255.1"),
        ("169.254.7.7", "169.254.7.7"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("FD00::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("[fd00::1]:443", "[fd00::1]:443"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%eth0]:443", "[fe80::1%eth0]:443"),
        ("::1", "::1"),
    ],
)
def test_an_address_of_the_home_is_asked(typed: str, asked: str) -> None:
    assert local_address(typed) == asked
    assert local_address(asked) == asked


@pytest.mark.usecase("W4", "W6")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("8.8.8.8", "no address of the home's own network"),
        ("192.0.2.1", "no address of the home's own network"),
        ("172.32.0.1", "no address of the home's own network"),
        ("2001:db8::1", "no address of the home's own network"),
        ("::ffff:8.8.8.8", "no address of the home's own network"),
        ("::ffff:192.168.1.20", "no address of the home's own network"),
        ("0.0.0.1", "no address of the home's own network"),
        ("224.0.0.251", "no address of the home's own network"),
        ("meter.local", "Names are not looked up"),
        ("192.168.1", "Names are not looked up"),
        ("192.168.1.20:0x50", "Names are not looked up"),
        ("192.168.1.20:70000", "Names are not looked up"),
        ("192.168.1.20/24", "Names are not looked up"),
        ("http://192.168.1.20", "Names are not looked up"),
        ("192.168.1.20@8.8.8.8", "Names are not looked up"),
        ("fe80::1%e]:1/x", "Names are not looked up"),
        ("[fd00::1", "Names are not looked up"),
        ("", "Names are not looked up"),
    ],
)
def test_anything_else_is_refused_with_what_to_enter(typed: str, words: str) -> None:
    with pytest.raises(NotFound, match=words) as refused:
        local_address(typed)
    assert "192.168.1.20" in str(refused.value)


@given(st.one_of(st.text(), st.ip_addresses().map(str), st.ip_addresses().map(lambda ip: f"[{ip}]:1")))
def test_whatever_comes_out_is_a_literal_address_that_is_not_of_the_internet(typed: str) -> None:
    try:
        asked = local_address(typed)
    except NotFound:
        return
    host = asked[1:].partition("]")[0] if asked.startswith("[") else asked
    host = host.rpartition(":")[0] if host.count(":") == 1 else host
    assert not ipaddress.ip_address(host).is_global
