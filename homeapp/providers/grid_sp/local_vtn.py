"""VTNs that announce themselves in the home (OpenADR 3.1 Definition, "Discovery and Configuration of Local VTNs").

Anybody on the network can announce anything, so a finding is shown to the installer and used by nobody: the hub follows
a VTN only where one is entered in its settings, over TLS.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import ifaddr
import zeroconf
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from homeapp.errors import EnvironmentProblem
from homeapp.model.local_vtn import FoundVtn
from homeapp.providers.grid_sp.objects import plain_text

logger = logging.getLogger(__name__)

SERVICE_TYPE = "_openadr3._tcp.local."
MOST_FOUND = 16
LISTEN_S = 3.0
"""Real seconds."""

_ANSWER_WITHIN_MS = 2000.0
_LONGEST = 255
_MOST_PROGRAMS = 50


async def find_vtns(interfaces: tuple[str, ...] = (), listen_s: float = LISTEN_S) -> tuple[FoundVtn, ...]:
    """Listen for a while and tell who has announced a VTN, by name.

    Args:
        interfaces: IPv4 addresses to listen on; empty for all but loopback.
        listen_s: real time.

    Raises:
        EnvironmentProblem: there is no network, or it does not let the hub listen.
    """
    names: dict[str, None] = {}

    def seen(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf, service_type
        if state_change is not ServiceStateChange.Removed and len(names) < MOST_FOUND:
            names[name] = None

    addresses = await asyncio.to_thread(_own_addresses, interfaces)
    try:
        async with (
            AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only) as multicast,
            AsyncServiceBrowser(multicast.zeroconf, SERVICE_TYPE, handlers=[seen]),
        ):
            await asyncio.sleep(listen_s)
            found = [await _resolved(multicast.zeroconf, name) for name in sorted(names)]
    except (OSError, RuntimeError, zeroconf.Error) as error:
        raise EnvironmentProblem(
            "The hub cannot listen for servers in the home: another program keeps the mDNS port 5353, or the network "
            "has no multicast. Ask the provider for the server's address and enter it."
        ) from error
    return tuple(vtn for vtn in found if vtn is not None)


def read_announcement(
    name: str, addresses: Iterable[str], port: int | None, txt: Mapping[bytes, bytes | None]
) -> FoundVtn | None:
    """What a service record and its TXT record say; None where it cannot be reached by it.

    Args:
        name: of the instance, with or without the service type.
        addresses: of the service.
        port: of the service.
        txt: ``version``, ``base_path``, ``local_url``, ``program_names``, ``requires_auth``.
    """
    address = next(iter(addresses), "")
    if not address or port is None or not 0 < port < 65536:
        return None
    told = _texts(txt)
    programs = tuple(text for part in told.get("program_names", "").split(",") if (text := part.strip()))
    login = told.get("requires_auth", "").lower()
    return FoundVtn(
        name=plain_text(name.removesuffix(f".{SERVICE_TYPE}"), 64),
        url=_url(told, address, port),
        address=f"{address}:{port}",
        version=told.get("version", "")[:32],
        programs=programs[:_MOST_PROGRAMS],
        needs_login={"true": True, "false": False}.get(login),
    )


def _url(told: Mapping[str, str], address: str, port: int) -> str:
    """``local_url``, else made of the parts; empty where it is not over HTTPS."""
    url = told.get("local_url") or f"https://{address}:{port}/{told.get('base_path', '').strip('/')}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return ""
    return url.rstrip("/") if usable and url.isascii() and " " not in url else ""


def _texts(txt: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """Keys in lower case (RFC 6763, 6.4)."""
    told: dict[str, str] = {}
    for key, value in txt.items():
        name = plain_text(key.decode("utf-8", "replace"), 32).lower()
        told.setdefault(name, plain_text((value or b"").decode("utf-8", "replace"), _LONGEST))
    return told


async def _resolved(multicast: Zeroconf, name: str) -> FoundVtn | None:
    try:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if not (info.load_from_cache(multicast) or await info.async_request(multicast, _ANSWER_WITHIN_MS)):
            return None
    except zeroconf.Error as error:
        logger.debug("mDNS: %r cannot be resolved: %s", name[:64], error)
        return None
    return read_announcement(name, info.parsed_addresses(IPVersion.V4Only), info.port, info.properties)


def _own_addresses(interfaces: tuple[str, ...]) -> list[str]:
    present = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
    wanted = present & set(interfaces) if interfaces else {one for one in present if not one.startswith("127.")}
    if not wanted:
        raise EnvironmentProblem("This hub has no network to look for servers on. Check its cable or its Wi-Fi.")
    return sorted(wanted)
