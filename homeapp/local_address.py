"""Addresses that somebody types in and that the hub then asks: of the local network, and nothing else."""

import ipaddress
import re

from homeapp.errors import NotFound

_LOCAL = tuple(
    map(
        ipaddress.ip_network,
        # RFC 1918, RFC 3927 and loopback; RFC 4193, RFC 4291 2.5.6 and loopback.
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "127.0.0.0/8",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ),
    )
)
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\[\]]{2,60})\]|(?P<four>[0-9.]{7,15}))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_LONGEST = 80
_SCOPE = re.compile(r"[\w.-]{1,15}", re.ASCII)


def local_address(text: str) -> str:
    """``text``, tidied up: a literal IPv4 or IPv6 address of a local network, with ``:port`` where it has one.

    An IPv6 address with a port stands in brackets; a link-local one carries its scope (``fe80::1%eth0``).

    Raises:
        NotFound: it is none; says what is one.
    """
    tidy = text.strip()[:_LONGEST]
    parts = _WITH_PORT.fullmatch(tidy)
    host, port = ((parts["six"] or parts["four"]), int(parts["port"] or 0)) if parts else (tidy, 0)
    address = _literal(host)
    if address is None or port > 65535:
        raise NotFound(
            f"{tidy!r} is no address that can be asked: enter the numbers that the router shows for the meter, such as "
            "192.168.1.20. Names are not looked up."
        )
    if not any(address.version == local.version and address in local for local in _LOCAL):
        raise NotFound(
            f"{address} is no address of the home's own network, so it is not asked. Enter the one that the router "
            "shows for the meter, such as 192.168.1.20."
        )
    if not port:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _literal(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    scope = address.scope_id if address.version == 6 else None
    return address if scope is None or _SCOPE.fullmatch(scope) else None
