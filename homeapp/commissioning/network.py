"""Why a device is not found: the hub's own side of the local network."""

import ipaddress
import socket
from dataclasses import dataclass

import ifaddr

_GROUP = "224.0.0.251"
"""Multicast DNS over IPv4 (RFC 6762, section 3)."""
_PORT = 5353


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """IPv4 interfaces that the hub may look on.

    Attributes:
        addresses: of all but loopback, or those that the settings name.
        deaf: those of them on which no multicast can be sent, with the system's own words.
    """

    addresses: tuple[str, ...]
    deaf: dict[str, str]


def look_at_network(interfaces: tuple[str, ...]) -> Network:
    """Try each interface with one empty multicast datagram; blocks for no longer than the system calls take.

    Args:
        interfaces: IPv4 addresses as in ``[discovery]``; empty for all but loopback.
    """
    addresses = interfaces or _own_addresses()
    deaf = {address: problem for address in addresses if (problem := _multicast_problem(address))}
    return Network(addresses=addresses, deaf=deaf)


def _own_addresses() -> tuple[str, ...]:
    found = (str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4)
    return tuple(address for address in found if not ipaddress.ip_address(address).is_loopback)


def _multicast_problem(address: str) -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            own = socket.inet_aton(address)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(_GROUP) + own)
            sender.settimeout(1.0)
            sender.sendto(_EMPTY_QUERY, (_GROUP, _PORT))
    except OSError as error:
        return error.strerror or str(error)
    return ""


_EMPTY_QUERY = bytes(12)
"""A DNS message without a question: nobody answers it."""
