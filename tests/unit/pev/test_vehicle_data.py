"""What a car says, parsed; arbitrary bytes raise nothing but ProtocolError."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.pev import vehicle_data
from homeapp.errors import ProtocolError
from homeapp.model.health import Defect

HEADER = bytes([0x02, 0x2F])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("0A1F00", "P0A1F"),
        ("0AA716", "P0AA7-16"),
        ("52FF00", "C12FF"),
        ("9A1200", "B1A12"),
        ("C10000", "U0100"),
        ("3FFFFF", "P3FFF-FF"),
    ],
)
def test_three_bytes_as_a_trouble_code(raw: str, code: str) -> None:
    assert vehicle_data.trouble_code(bytes.fromhex(raw)) == code


@pytest.mark.usecase("F8-9")
def test_a_defect_is_confirmed_by_bit_three_alone() -> None:
    records = {0x2F: "0A1F00", 0x08: "0AA716", 0x04: "C10000", 0x01: "0A0F00", 0x50: "0A9400"}
    data = HEADER + b"".join(bytes.fromhex(code) + bytes([status]) for status, code in records.items())
    assert vehicle_data.defects(data) == (
        Defect(code="P0A1F", confirmed=True),
        Defect(code="P0AA7-16", confirmed=True),
        Defect(code="U0100", confirmed=False),
        Defect(code="P0A0F", confirmed=False),
    ), "the last one only says that its test has not run"


def test_padding_and_repeats_are_no_defects() -> None:
    twice = bytes.fromhex("0A1F0004") + bytes.fromhex("0A1F0008")
    assert vehicle_data.defects(HEADER + twice + bytes(7)) == (Defect(code="P0A1F", confirmed=True),)
    assert vehicle_data.defects(HEADER) == ()


@pytest.mark.parametrize(
    "data", [b"", b"\x02", b"\x01\x2f\x00\x00", HEADER + b"\x0a\x1f", HEADER + bytes.fromhex("0A1F0008") * 501]
)
def test_what_is_no_list_of_defects(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        vehicle_data.defects(data)


def test_numbers_have_bounds_and_may_be_unknown() -> None:
    assert vehicle_data.number(bytes.fromhex("18CE"), vehicle_data.SOC_PCT) == 63.5
    assert vehicle_data.number(bytes.fromhex("313B"), vehicle_data.LOW_VOLTAGE_V) == 12.603
    assert vehicle_data.number(b"\xff\xff", vehicle_data.SOH_PCT) is None
    for wrong in (b"\x27\x11", b"\x27", b"\x00\x27\x10"):
        with pytest.raises(ProtocolError):
            vehicle_data.number(wrong, vehicle_data.SOC_PCT)


def test_identity_version_and_place() -> None:
    assert vehicle_data.vin(b"WHADEM0PEV0000001") == "WHADEM0PEV0000001"
    assert vehicle_data.software_version(b"2.1 beta\x00\x00  ") == "2.1 beta"
    assert vehicle_data.angles(struct.pack(">ii", 520907000, -51214000)) == (52.0907, -5.1214)
    assert vehicle_data.angles(struct.pack(">ii", 0x7FFFFFFF, 0)) is None
    for wrong in (b"WHADEM0PEV000000", b"WHADEM0PEVO000001", b"\x00" * 17):
        with pytest.raises(ProtocolError):
            vehicle_data.vin(wrong)
    for wrong in (b"", b"\x00", b"2.1\x1b[31m", b"v" * 33, "2·1".encode()):
        with pytest.raises(ProtocolError):
            vehicle_data.software_version(wrong)
    with pytest.raises(ProtocolError):
        vehicle_data.angles(struct.pack(">ii", 900000001, 0))


def test_an_answer_to_another_question_is_refused() -> None:
    assert vehicle_data.identified(b"\xf1\x90abc", 0xF190) == b"abc"
    for wrong in (b"", b"\xf1\x90", b"\xf1\x89abc"):
        with pytest.raises(ProtocolError):
            vehicle_data.identified(wrong, 0xF190)


def test_block_size() -> None:
    assert vehicle_data.block_size(bytes.fromhex("200202")) == 512
    for wrong in ("", "00", "20", "2002", "1002", "500000000202"):
        with pytest.raises(ProtocolError):
            vehicle_data.block_size(bytes.fromhex(wrong))


@pytest.mark.usecase("W6")
@given(st.binary(max_size=64), st.integers(0, 0xFFFF))
def test_arbitrary_bytes_raise_only_protocol_errors(data: bytes, did: int) -> None:
    for parse in (
        vehicle_data.vin,
        vehicle_data.software_version,
        vehicle_data.angles,
        vehicle_data.defects,
        vehicle_data.block_size,
        lambda value: vehicle_data.identified(value, did),
        lambda value: vehicle_data.number(value, vehicle_data.SOC_PCT),
    ):
        with suppress(ProtocolError):
            parse(data)
