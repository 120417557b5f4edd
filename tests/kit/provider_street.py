"""The whole way in one process: a demo station, the hub's endpoint with its way up, and the provider's demo CSMS."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices.evce.charger import OcppEvce
from devices.evce.endpoint import OcppEndpoint
from devices.evce.upstream.csms_link import CsmsAccess
from devices.evce.upstream.station_way import Surroundings
from devices.evce.upstream.upstreams import Upstreams
from homeapp.clock import SharedClock
from homeapp.demo.operator.pki import StreetAuthority
from homeapp.store.database import Database
from homeapp.store.station_outbox import StoredStationOutbox
from kit.evce_street import LIMITS, Register
from kit.raw_csms import Way


class HubInProcess:
    """The hub's endpoint for these stations (passwords by name), and its way to a CSMS; ``run`` again is a restart.

    Attributes:
        register: what it knows of the stations.
        trust: whom its stations and it itself trust.
        way: what is let out, and what was told of the links.
    """

    endpoint: OcppEndpoint

    def __init__(
        self,
        clock: SharedClock,
        directory: Path,
        authority: StreetAuthority,
        csms_url: str,
        csms_password: str,
        stations: Mapping[str, str],
        **around: Any,
    ) -> None:
        self.register = Register()
        self.register.passwords.update({f"ocpp:{name}": password for name, password in stations.items()})
        self.way = Way()
        self._clock = clock
        self._directory = directory
        self._tls = authority.server_context()
        self._port = 0
        self._csms_url = csms_url
        self._csms_password = csms_password
        self.trust: ssl.SSLContext = authority.client_context()
        self._around = around
        self._up = asyncio.Event()

    @property
    def url(self) -> str:
        """Of its endpoint, without the identity of a station."""
        return f"wss://127.0.0.1:{self._port}/ocpp"

    def evce(self, name: str) -> OcppEvce:
        evce = self.endpoint.evce(f"ocpp:{name}")
        assert evce is not None
        return evce

    async def started(self) -> None:
        await self._up.wait()

    async def run(self) -> None:
        async with Database(self._directory) as database:
            outbox = StoredStationOutbox(database, self._clock, self._csms_url, notice=self.way.notice)
            around = Surroundings(access=self._access(), outbox=outbox, clock=self._clock, **self._around)
            upstreams = Upstreams(around)
            self.endpoint = OcppEndpoint(
                host="127.0.0.1",
                port=self._port,
                tls=self._tls,
                clock=self._clock,
                limits=LIMITS,
                lease_s=60.0,
                upstreams=upstreams,
            )
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(upstreams.run(self.way))
                    tasks.create_task(self.endpoint.run(self.register))
                    await self.endpoint.started()
                    self._port = self.endpoint.port
                    self._up.set()
            finally:
                self._up.clear()

    def _access(self) -> CsmsAccess:
        async def password() -> str | None:
            return self._csms_password

        async def tls() -> ssl.SSLContext | None:
            return self.trust

        return CsmsAccess(
            name="Example Charging",
            url=self._csms_url,
            tls=tls,
            password=password,
            how_to_mend="Enter another password.",
        )
