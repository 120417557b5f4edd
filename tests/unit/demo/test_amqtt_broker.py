"""The door of the broker that comes with Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("amqtt", reason="the broker that comes with Python is not installed")

from homeapp.demo.operator.amqtt_broker import Connect
from homeapp.demo.operator.mosquitto import connect_packet


def body(packet: bytes) -> bytes:
    return packet[2:]


def test_a_connect_with_a_password_is_read() -> None:
    connect = Connect.parse(body(connect_packet("C::id-in", "cse", "secret")))
    assert connect == Connect(client_id="C::id-in", user="cse", password=b"secret")


def test_a_connect_without_a_password_is_read() -> None:
    assert Connect.parse(body(connect_packet("Cevc-sp"))) == Connect(client_id="Cevc-sp")


def test_a_will_does_not_pass_for_a_user() -> None:
    will = b"\x00\x04MQTT\x04\xc6\x00\x0a\x00\x01a\x00\x03cse\x00\x01x\x00\x04user\x00\x02pw"
    assert Connect.parse(will) == Connect(client_id="a", user="user", password=b"pw")


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_connect_that_ends_early_is_refused(cut: int) -> None:
    whole = body(connect_packet("C::id-in", "cse", "secret"))
    with pytest.raises(ValueError, match=r"not MQTT|too early"):
        Connect.parse(whole[:-cut])


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, begins_well: bool) -> None:
    try:
        connect = Connect.parse(b"\x00\x04MQTT\x04" + data if begins_well else data)
    except ValueError:
        return
    assert isinstance(connect.client_id, str)
