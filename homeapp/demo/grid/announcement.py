"""A VTN in the home announces itself by mDNS (OpenADR 3.1, "Discovery and Configuration of Local VTNs")."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE_TYPE = "_openadr3._tcp.local."
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalVtn:
    """What is announced.

    Attributes:
        name: of the service instance; another one is taken where it is not free.
        host: in ``local_url``; the server's certificate has to be for it. Not every machine resolves names that end
            in ``.local``, so it may be another name or an address.
        interface: address to announce on and to be reached at.
        requires_auth: whether a token is needed.
    """

    name: str = "Demo VTN"
    host: str = _LOOPBACK
    interface: str = _LOOPBACK
    requires_auth: bool = True

    async def announce(self, port: int, base_path: str, version: str, program_names: Sequence[str]) -> None:
        """Announce the VTN until cancelled."""
        path = base_path.strip("/")
        info = AsyncServiceInfo(
            SERVICE_TYPE,
            f"{self.name}.{SERVICE_TYPE}",
            port=port,
            properties={
                "version": version,
                "base_path": path,
                "local_url": f"https://{self.host}:{port}/{path}",
                "program_names": ",".join(program_names),
                "requires_auth": str(self.requires_auth),
            },
            server=f"{self.name.replace(' ', '-').lower()}.local.",
            parsed_addresses=[self.interface],
        )
        async with AsyncZeroconf(interfaces=[self.interface], ip_version=IPVersion.V4Only) as multicast:
            await (await multicast.async_register_service(info, allow_name_change=True))
            await asyncio.Event().wait()
