"""What a car says, as values of the model: identifiers, trouble codes, status bytes. No I/O.

Data identifiers of ISO 14229-1 annex C where there are such; the others are the vehicle manufacturer's own.
"""

import re
import struct
from dataclasses import dataclass
from typing import NoReturn

from homeapp.errors import ProtocolError
from homeapp.model.health import Defect

MOST_DEFECTS = 500

STATUS_MASK = 0x0D
"""Trouble codes to ask for by status (annex D): testFailed, pendingDTC, confirmedDTC."""
_CONFIRMED = 0x08


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number behind a data identifier: unsigned, most significant byte first; all bits set mean "not known".

    Attributes:
        unit: what one bit is worth.
        most: the largest value that makes sense.
    """

    did: int
    size: int
    unit: float
    most: float


VIN_DID = 0xF190
SOFTWARE_VERSION_DID = 0xF189
POSITION_DID = 0x0104
"""Latitude and longitude, signed 32 bit each, in units of 1e-7 degree WGS 84."""
SOC_PCT = Quantity(did=0x0101, size=2, unit=0.01, most=100.0)
SOH_PCT = Quantity(did=0x0102, size=2, unit=0.01, most=100.0)
LOW_VOLTAGE_V = Quantity(did=0x0103, size=2, unit=0.001, most=60.0)

_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_VERSION = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?")
_UNKNOWN_ANGLE = 0x7FFFFFFF


def identified(data: bytes, did: int) -> bytes:
    """The value in the data of an answer to ReadDataByIdentifier (0x22).

    Raises:
        ProtocolError: it is the answer to another question.
    """
    if len(data) < 3 or int.from_bytes(data[:2], "big") != did:
        _garbage("it answers a question that was not asked")
    return data[2:]


def vin(value: bytes) -> str:
    """The vehicle identification number (ISO 3779).

    Raises:
        ProtocolError: it is none.
    """
    text = value.decode("ascii", "replace")
    if not _VIN.fullmatch(text):
        _garbage("its identification number is none")
    return text


def software_version(value: bytes) -> str:
    """The version, without padding.

    Raises:
        ProtocolError: it is no short printable text.
    """
    text = value.rstrip(b"\x00 ").decode("ascii", "replace")
    if not _VERSION.fullmatch(text):
        _garbage("its software version is unreadable")
    return text


def number(value: bytes, quantity: Quantity) -> float | None:
    """The number in the quantity's unit, or None where the car does not know it.

    Raises:
        ProtocolError: it has the wrong size or makes no sense.
    """
    if len(value) != quantity.size:
        _garbage("a value has the wrong size")
    if value == b"\xff" * quantity.size:
        return None
    result = int.from_bytes(value, "big") * quantity.unit
    if result > quantity.most:
        _garbage("a value is out of its range")
    return round(result, 4)


def angles(value: bytes) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, or None where the car does not know them.

    Raises:
        ProtocolError: they are no place on earth.
    """
    if len(value) != 8:
        _garbage("its position has the wrong size")
    latitude, longitude = struct.unpack(">ii", value)
    if _UNKNOWN_ANGLE in (latitude, longitude):
        return None
    if abs(latitude) > 90e7 or abs(longitude) > 180e7:
        _garbage("its position is not on earth")
    return latitude / 1e7, longitude / 1e7


def defects(data: bytes) -> tuple[Defect, ...]:
    """The trouble codes in the data of an answer to reportDTCByStatusMask (0x19 02), each once.

    Raises:
        ProtocolError: it does not hold whole records, or too many of them.
    """
    if len(data) < 2 or data[0] != 0x02:
        _garbage("it answers a question that was not asked")
    records = data[2:]
    whole, rest = divmod(len(records), 4)
    if any(records[whole * 4 :]) or whole > MOST_DEFECTS:
        _garbage(f"its list of defects has {whole} entries and {rest} bytes")
    found: dict[str, bool] = {}
    for start in range(0, whole * 4, 4):
        code, status = records[start : start + 3], records[start + 3]
        # Some cars pad with zeros, some do not filter by the mask.
        if any(code) and status & STATUS_MASK:
            name = trouble_code(code)
            found[name] = found.get(name, False) or bool(status & _CONFIRMED)
    return tuple(Defect(code=code, confirmed=confirmed) for code, confirmed in found.items())


def trouble_code(code: bytes) -> str:
    """A three-byte code as SAE J2012-DA writes it: ``P0A1F``; with a failure type ``P0AA7-16``."""
    high, low, failure_type = code
    name = f"{'PCBU'[high >> 6]}{high >> 4 & 0x3:X}{high & 0xF:X}{low:02X}"
    return f"{name}-{failure_type:02X}" if failure_type else name


def block_size(data: bytes) -> int:
    """Bytes of package that fit into one TransferData, from the data of an answer to RequestDownload (0x34).

    Raises:
        ProtocolError: it names no size, or none that leaves room for data.
    """
    size = data[0] >> 4 if data else 0
    if not 1 <= size <= 4 or len(data) < 1 + size:
        _garbage("it does not say how much it takes at once")
    longest = int.from_bytes(data[1 : 1 + size], "big")
    # Service and sequence number take a byte each.
    if longest < 3:
        _garbage("it does not say how much it takes at once")
    return longest - 2


def _garbage(because: str) -> NoReturn:
    raise ProtocolError(f"What the car says cannot be understood: {because}. Have it looked at by a garage.")
