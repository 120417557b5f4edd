"""The field of a transaction's id is changed where it stands, and no other byte."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.evce.upstream.transaction_ids import TransactionIds, transaction_in, with_transaction

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("transactionId"), inner, max_size=4)
    ),
    max_leaves=12,
)
_OBJECT = st.dictionaries(st.text() | st.just("transactionId"), _JSON, max_size=6)
_SPACE = st.sampled_from([None, 0, 1, 3])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"transactionId":7}', b'{"transactionId":42}'),
        (b'{ "a":"}{\\"" , "transactionId" : 7 ,"b":[1]}', b'{ "a":"}{\\"" , "transactionId" : 42 ,"b":[1]}'),
        (b'{"x":{"transactionId":7},"transactionId":-1\n}', b'{"x":{"transactionId":7},"transactionId":42\n}'),
        (b'{"transaction\\u0049d":7}', b'{"transaction\\u0049d":42}'),
        (b'{"x":"transactionId","y":7}', b'{"x":"transactionId","y":7}'),
        (b"{}", b"{}"),
    ],
)
def test_examples(before: bytes, after: bytes) -> None:
    assert with_transaction(before, 42) == after


@settings(max_examples=50)
@given(value=_OBJECT, indent=_SPACE, ascii_only=st.booleans())
def test_only_the_field_changes(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    changed = json.loads(with_transaction(raw, 42).decode("utf-8", "surrogatepass"))
    assert changed == value | ({"transactionId": 42} if "transactionId" in value else {})
    assert with_transaction(with_transaction(raw, 42), 7) == with_transaction(raw, 7)


@settings(max_examples=50)
@given(value=_OBJECT)
def test_the_field_is_found(value: dict[str, Any]) -> None:
    wanted = value.get("transactionId")
    is_number = isinstance(wanted, int) and not isinstance(wanted, bool)
    assert transaction_in(json.dumps(value).encode()) == (wanted if is_number else None)


def test_both_ways() -> None:
    ids = TransactionIds()
    assert ids.to_csms(b'{"transactionId": 5}') == b'{"transactionId": 5}'
    ids.learn({5: 9})
    assert ids.to_csms(b'{"transactionId": 5}') == b'{"transactionId": 9}'
    assert ids.to_station(b'{"transactionId": 9}') == b'{"transactionId": 5}'
    assert ids.to_station(b'{"transactionId": 5}') == b'{"transactionId": 5}'
    assert ids.of_station(9) == 5
