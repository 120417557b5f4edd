"""The car's pseudonyms."""

import base64
import hashlib
import hmac
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeapp.errors import SecretStoreUnavailable
from homeapp.reporting.pseudonym import KEY_NAME, pseudonym, pseudonym_key
from kit.secret_store import MemorySecrets

KEY = bytes(range(32))


@pytest.mark.usecase("W8")
def test_each_provider_and_home_has_its_own_number_for_the_same_car() -> None:
    told = {
        pseudonym(key, sp_id, "WVWZZZ1JZXW000001") for key, sp_id in product((KEY, KEY[::-1]), ("evc_sp", "pev_sp"))
    }
    assert len(told) == 4
    assert pseudonym(KEY, "evc_sp", "WVWZZZ1JZXW000001") in told


def test_it_is_the_keyed_hash_that_providers_are_told_of() -> None:
    wanted = hmac.new(KEY, b"evc_sp\0WVWZZZ1JZXW000001", hashlib.sha256).hexdigest()[:16]
    assert pseudonym(KEY, "evc_sp", "WVWZZZ1JZXW000001") == wanted


@given(st.text(max_size=30), st.text(max_size=30))
def test_another_car_is_another_number(one: str, other: str) -> None:
    first, second = pseudonym(KEY, "evc_sp", one), pseudonym(KEY, "evc_sp", other)
    assert (first == second) is (one == other)
    assert len(first) == 16
    assert set(first) <= set("0123456789abcdef")


def test_the_key_is_made_once() -> None:
    store = MemorySecrets()
    key = pseudonym_key(store)
    assert len(key) == 32
    assert pseudonym_key(store) == key
    assert base64.b64decode(store.kept[KEY_NAME]) == key
    assert pseudonym_key(MemorySecrets()) != key


@pytest.mark.parametrize("kept", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_damaged_key_is_told_and_not_replaced(kept: str) -> None:
    store = MemorySecrets()
    store.kept[KEY_NAME] = kept
    with pytest.raises(SecretStoreUnavailable, match="damaged"):
        pseudonym_key(store)
    assert store.kept[KEY_NAME] == kept
