"""The car's diagnostic server (ISO 14229-1): sessions, trouble codes, data, software."""

import struct
from collections.abc import Callable, Mapping

from homeapp.demo.pev.software_package import PackageRefused, checked_version
from homeapp.demo.pev.vehicle import Vehicle

BLOCK_LENGTH = 514
"""Of a TransferData request, service and sequence number included."""
_LARGEST_PACKAGE = 16 * 1024 * 1024
_ACTIVATE = 0x0201
_ADDRESS_AND_SIZE = 0x44
_READ_BY_MASK = 0x02
_DTC_STATUS = 0x2F
"""The status bits that this car keeps."""

SERVICE_NOT_SUPPORTED = 0x11
SUBFUNCTION_NOT_SUPPORTED = 0x12
INCORRECT_LENGTH = 0x13
CONDITIONS_NOT_CORRECT = 0x22
REQUEST_SEQUENCE_ERROR = 0x24
REQUEST_OUT_OF_RANGE = 0x31
SECURITY_ACCESS_DENIED = 0x33
PROGRAMMING_FAILED = 0x72
WRONG_BLOCK = 0x73
PENDING = 0x78
NOT_IN_THIS_SESSION = 0x7F


class Refused(Exception):
    """A negative response.

    Attributes:
        code: annex A.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"negative response 0x{code:02X}")
        self.code = code


class Diagnostics:
    """One tester's connection to the car; a transfer that is not finished ends with it."""

    def __init__(self, vehicle: Vehicle) -> None:
        self._vehicle = vehicle
        self._extended = False
        self._expected: int | None = None
        self._received = bytearray()
        self._blocks = 0
        self._complete = False
        self._services: Mapping[int, Callable[[bytes], bytes]] = {
            0x10: self._session,
            0x19: self._read_dtc,
            0x22: self._read_data,
            0x31: self._routine,
            0x34: self._request_download,
            0x36: self._transfer,
            0x37: self._transfer_exit,
            0x3E: self._tester_present,
        }

    def answer(self, request: bytes) -> bytes:
        """The positive response, or the negative one."""
        service = request[0] if request else 0
        try:
            if service not in self._services:
                raise Refused(SERVICE_NOT_SUPPORTED)
            return bytes([service | 0x40]) + self._services[service](request[1:])
        except Refused as refused:
            return bytes([0x7F, service, refused.code])

    def _session(self, data: bytes) -> bytes:
        function = _only(data, 1)[0] & 0x7F
        if function not in (0x01, 0x03):
            raise Refused(SUBFUNCTION_NOT_SUPPORTED)
        self._extended = function == 0x03
        # P2 50 ms, P2* 5 s.
        return bytes([function]) + struct.pack(">HH", 50, 500)

    def _tester_present(self, data: bytes) -> bytes:
        if _only(data, 1)[0] & 0x7F:
            raise Refused(SUBFUNCTION_NOT_SUPPORTED)
        return b"\x00"

    def _read_dtc(self, data: bytes) -> bytes:
        if not data or data[0] & 0x7F != _READ_BY_MASK:
            raise Refused(SUBFUNCTION_NOT_SUPPORTED)
        mask = _only(data, 2)[1]
        held = (code + bytes([status]) for code, status in self._vehicle.trouble_codes() if status & mask)
        return bytes([_READ_BY_MASK, _DTC_STATUS]) + b"".join(held)

    def _read_data(self, data: bytes) -> bytes:
        did = int.from_bytes(_only(data, 2), "big")
        value = self._vehicle.data().get(did)
        if value is None:
            raise Refused(REQUEST_OUT_OF_RANGE)
        return data + value

    def _request_download(self, data: bytes) -> bytes:
        self._check_may_change()
        form, lengths, _address, size = struct.unpack(">BBII", _only(data, 10))
        if (form, lengths) != (0x00, _ADDRESS_AND_SIZE) or not 0 < size <= _LARGEST_PACKAGE:
            raise Refused(REQUEST_OUT_OF_RANGE)
        self._expected, self._blocks, self._complete = size, 0, False
        self._received.clear()
        return b"\x20" + BLOCK_LENGTH.to_bytes(2, "big")

    def _transfer(self, data: bytes) -> bytes:
        if self._expected is None:
            raise Refused(REQUEST_SEQUENCE_ERROR)
        if not 1 < len(data) < BLOCK_LENGTH or len(self._received) + len(data) - 1 > self._expected:
            raise Refused(REQUEST_OUT_OF_RANGE)
        if data[0] != (self._blocks + 1) & 0xFF:
            raise Refused(WRONG_BLOCK)
        self._blocks += 1
        self._received += data[1:]
        return data[:1]

    def _transfer_exit(self, _data: bytes) -> bytes:
        if self._expected is None or len(self._received) != self._expected:
            raise Refused(REQUEST_SEQUENCE_ERROR)
        self._expected, self._complete = None, True
        return b""

    def _routine(self, data: bytes) -> bytes:
        self._check_may_change()
        if data[0] & 0x7F != 0x01:
            raise Refused(SUBFUNCTION_NOT_SUPPORTED)
        if int.from_bytes(data[1:3], "big") != _ACTIVATE:
            raise Refused(REQUEST_OUT_OF_RANGE)
        if not self._complete:
            raise Refused(REQUEST_SEQUENCE_ERROR)
        try:
            version = checked_version(bytes(self._received), self._vehicle.manufacturer_key)
        except PackageRefused as error:
            raise Refused(PROGRAMMING_FAILED) from error
        finally:
            self._complete = False
            self._received.clear()
        self._vehicle.activate(version)
        return data[:3] + b"\x00"

    def _check_may_change(self) -> None:
        if not self._extended:
            raise Refused(NOT_IN_THIS_SESSION)
        if self._vehicle.locked:
            raise Refused(SECURITY_ACCESS_DENIED)
        if self._vehicle.moving:
            raise Refused(CONDITIONS_NOT_CORRECT)


def _only(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise Refused(INCORRECT_LENGTH)
    return data
