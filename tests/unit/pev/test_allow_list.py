"""What leaves for the car: reading always, changing only during an installation, keys never."""

import pytest

from devices.pev import allow_list
from homeapp.errors import NotSupported

READS = ("1001", "1003", "1083", "1902FF", "190A", "22F190", "3E00", "3E80")
CHANGES = ("310102010", "3400440000000000000010", "3601AA", "37")


def _allowed(request: str, services: allow_list.Services) -> bool:
    try:
        allow_list.check(bytes.fromhex(request + "0" * (len(request) % 2)), services)
    except NotSupported:
        return False
    return True


@pytest.mark.usecase("W2", "S1")
def test_only_reading_unless_a_job_installs() -> None:
    assert all(_allowed(request, allow_list.READING) for request in READS)
    assert not any(_allowed(request, allow_list.READING) for request in CHANGES)
    assert all(_allowed(request, allow_list.INSTALLING) for request in (*READS, *CHANGES))


@pytest.mark.parametrize("services", [allow_list.READING, allow_list.INSTALLING])
def test_everything_else_is_refused_always(services: allow_list.Services) -> None:
    known = {0x10, 0x19, 0x22, 0x3E, 0x31, 0x34, 0x36, 0x37}
    for service in set(range(256)) - known:
        assert not _allowed(f"{service:02X}0101", services)
    for session in set(range(128)) - {1, 3}:
        assert not _allowed(f"10{session:02X}", services)
    assert not _allowed("310202010", services), "a routine is started, never stopped"
    for short in ("", "10", "3E", "31"):
        assert not _allowed(short, services)
