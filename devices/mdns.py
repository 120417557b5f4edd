"""Discovery by multicast DNS (RFC 6762).

What is announced is a hint where a device can be tried, never a sign that it is alive: a device that loses its power
stays announced for over an hour. Goodbyes are not acted upon either.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Mapping

import ifaddr
import zeroconf
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from devices.dns_sd import AnnouncementReader, Sightings, best_address, clean_txt
from devices.meters.homewizard import SERVICES as HOMEWIZARD_SERVICES
from devices.pace import pause
from homeapp.errors import DeviceUnreachable
from homeapp.model.device import Candidate
from homeapp.ports import Clock

logger = logging.getLogger(__name__)

# Devices are on IPv4; one address family keeps the sockets simple, AAAA records are heard over it too.
_FAMILY = IPVersion.V4Only
_RESOLVERS = 4
_MOST_WAITING = 256
_ANSWER_WITHIN_MS = 3000.0
# After a change the old address stays known for the one second of the cache flush (RFC 6762 10.2).
_SETTLED_AFTER_S = 1.2
_RESCAN_S = 15.0


class MdnsDiscoverer:
    """Watches the local network for devices that announce themselves; implements ``ports.Discoverer``.

    Args:
        clock: stamps the candidates.
        interfaces: IPv4 addresses of the interfaces to watch; empty for all but loopback.
        services: the service types to watch and what to make of their TXT records.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        interfaces: tuple[str, ...] = (),
        services: Mapping[str, AnnouncementReader] = HOMEWIZARD_SERVICES,
    ) -> None:
        self._clock = clock
        self._interfaces = interfaces
        self._services = services
        self._loopback = any(_is_loopback(address) for address in interfaces)

    async def run(self, found: Callable[[Candidate], None]) -> None:
        sightings = Sightings()
        while True:
            await self._watch(await self._own_addresses(), sightings, found)
            logger.info("mDNS: the network interfaces have changed, looking again")

    async def _watch(self, addresses: list[str], sightings: Sightings, found: Callable[[Candidate], None]) -> None:
        """Watch until the hub's own addresses change."""
        waiting: asyncio.Queue[_Service] = asyncio.Queue(_MOST_WAITING)

        def seen(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            del zeroconf
            if state_change is not ServiceStateChange.Removed and not waiting.full():
                waiting.put_nowait((service_type, name, state_change is ServiceStateChange.Updated))

        async with (
            _open(addresses) as multicast,
            AsyncServiceBrowser(multicast.zeroconf, list(self._services), handlers=[seen]),
            asyncio.TaskGroup() as group,
        ):
            resolvers = [
                group.create_task(self._resolve(multicast.zeroconf, waiting, sightings, found))
                for _ in range(_RESOLVERS)
            ]
            while await self._present_addresses() == addresses:
                await pause(self._clock, _RESCAN_S, at_least_s=_RESCAN_S)
            for resolver in resolvers:
                resolver.cancel()

    async def _resolve(
        self,
        multicast: Zeroconf,
        waiting: "asyncio.Queue[_Service]",
        sightings: Sightings,
        found: Callable[[Candidate], None],
    ) -> None:
        while True:
            service_type, name, changed = await waiting.get()
            await self._report(multicast, service_type, name, sightings, found)
            if changed:
                await asyncio.sleep(_SETTLED_AFTER_S)
                await self._report(multicast, service_type, name, sightings, found)

    async def _report(
        self,
        multicast: Zeroconf,
        service_type: str,
        name: str,
        sightings: Sightings,
        found: Callable[[Candidate], None],
    ) -> None:
        info = await _service_info(multicast, service_type, name)
        if info is None:
            return
        announcement = self._services[service_type](clean_txt(info.properties))
        address = best_address(info.parsed_scoped_addresses(), info.port, loopback=self._loopback)
        if announcement is None or address is None:
            return
        candidate = sightings.note(announcement, address, self._clock.now())
        if candidate is not None:
            logger.info("%s: announced at %s", candidate.device_id, candidate.address)
            found(candidate)

    async def _own_addresses(self) -> list[str]:
        """The addresses to watch on.

        Raises:
            DeviceUnreachable: there is none.
        """
        addresses = await self._present_addresses()
        if not addresses:
            raise DeviceUnreachable("This hub has no network to look for meters on. Check its cable or its Wi-Fi.")
        return addresses

    async def _present_addresses(self) -> list[str]:
        present = await asyncio.to_thread(_ipv4_addresses)
        if self._interfaces:
            return [address for address in present if address in self._interfaces]
        return [address for address in present if not _is_loopback(address)]


_Service = tuple[str, str, bool]
"""service type, instance name, whether its records have changed"""


def _open(addresses: list[str]) -> AsyncZeroconf:
    try:
        return AsyncZeroconf(interfaces=addresses, ip_version=_FAMILY)
    except (OSError, RuntimeError, zeroconf.Error) as error:
        raise DeviceUnreachable(
            "The hub cannot look for meters: another program keeps the mDNS port 5353, or the network has no "
            "multicast. Enter the meter's address by hand, or stop the other program."
        ) from error


async def _service_info(multicast: Zeroconf, service_type: str, name: str) -> AsyncServiceInfo | None:
    try:
        info = AsyncServiceInfo(service_type, name)
        known = info.load_from_cache(multicast) or await info.async_request(multicast, _ANSWER_WITHIN_MS)
    except (OSError, zeroconf.Error) as error:
        logger.debug("mDNS: %r cannot be resolved: %s", name[:64], error)
        return None
    return info if known else None


def _ipv4_addresses() -> list[str]:
    return sorted({str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4})


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
