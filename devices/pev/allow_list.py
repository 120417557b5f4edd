"""What the hub may ask of a car: it reads, unless it carries out a signed job that the owner has agreed to.

Services of ISO 14229-1. SecurityAccess (0x27) and Authentication (0x29) are on no list: the hub holds no manufacturer's
keys.
"""

from collections.abc import Mapping

from homeapp.errors import NotSupported

SESSION_CONTROL, READ_DTC, READ_DATA, TESTER_PRESENT = 0x10, 0x19, 0x22, 0x3E
ROUTINE_CONTROL, REQUEST_DOWNLOAD, TRANSFER_DATA, TRANSFER_EXIT = 0x31, 0x34, 0x36, 0x37

DEFAULT_SESSION, EXTENDED_SESSION = 0x01, 0x03
START_ROUTINE = 0x01

Services = Mapping[int, frozenset[int] | None]
"""By service the sub-functions that are allowed, or None for all that it has."""

READING: Services = {
    SESSION_CONTROL: frozenset({DEFAULT_SESSION, EXTENDED_SESSION}),
    READ_DTC: None,
    READ_DATA: None,
    TESTER_PRESENT: frozenset({0x00}),
}
INSTALLING: Services = {
    **READING,
    ROUTINE_CONTROL: frozenset({START_ROUTINE}),
    REQUEST_DOWNLOAD: None,
    TRANSFER_DATA: None,
    TRANSFER_EXIT: None,
}

_SUPPRESS_ANSWER = 0x80


def check(request: bytes, services: Services) -> None:
    """Let ``request`` pass.

    Raises:
        NotSupported: it asks for something that is not among ``services``.
    """
    functions = services.get(request[0], frozenset()) if request else frozenset()
    if functions is None:
        return
    if len(request) < 2 or request[1] & ~_SUPPRESS_ANSWER not in functions:
        raise NotSupported("The hub does not ask this of a car. Nothing was sent to it.")
